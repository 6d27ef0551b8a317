"""Figure 8: how questions are answered from a compressed context, with tokens, sizes and answers of the run.

python -m sightline.studies.kaduri2025.reprompt.scheme --page explorer_tables/MODEL --answers reprompt/MODEL.parquet \
    --mme data/mme --out fig8
"""

import argparse
import re
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from sightline import cli
from sightline.studies.drawing import INK, MUTED, save_figure
from sightline.studies.kaduri2025.attention.measurements import IMAGE
from sightline.studies.kaduri2025.looks import COMPARED, TOKENS
from sightline.studies.kaduri2025.reprompt import methods
from sightline.studies.kaduri2025.reprompt.measurements import read_answers
from sightline.studies.kaduri2025.reprompt.scheme_case import (
    Look,
    choose_answers,
    context_rows,
    picture_of,
    read_look,
    shown_methods,
)
from sightline.studies.shapes import arrow, badge, box, canvas, pixels_of, show_image

KEPT = TOKENS[IMAGE]["color"]
RIGHT, WRONG = COMPARED["tp"], COMPARED["fp"]
MARKS = {True: "✓", False: "✗"}
"""Beside the colours, for readers who cannot tell them apart."""
HEIGHT, TITLE = 2.6, 2.42
LOOK, CONTEXT, ASK = 0.08, 2.92, 4.64
"""Left edges of the three parts."""
COLUMN = 0.46
"""Width of a column of answers."""
PLEA = re.compile(r"\s*please answer yes or no\.?", re.IGNORECASE)
"""What all questions end with."""


def draw(look: Look, contexts: pd.DataFrame, answers: pd.DataFrame, picture: Image.Image) -> Figure:
    """Look once on the left, keep a little in the middle, answer on the right."""
    with canvas(HEIGHT) as (figure, axes):
        _look(axes, look)
        _contexts(axes, contexts)
        _questions(axes, answers, picture)
    return figure


def _look(axes: Axes, look: Look) -> None:
    _title(axes, LOOK, "1", "Describe the image once")
    rows, columns = look.grid
    pixels = pixels_of(look.picture)
    wide, tall = min(1, columns / rows), min(1, rows / columns)
    show_image(axes, (LOOK, 1.3 + 0.45 * (1 - tall), 0.9 * wide, 0.9 * tall), pixels)
    axes.text(LOOK, 1.26, f"image {look.image_id}", fontsize=5.4, color=MUTED, va="top")
    faint = (255 - (255 - pixels.astype(float)) * 0.45).astype(np.uint8)
    for number, (layer, tokens) in enumerate(look.kept.items()):
        place = (1.1 + 0.56 * number, 1.5, 0.5 * wide, 0.5 * tall)
        show_image(axes, place, faint)
        _tiles(axes, place, look.grid, tokens)
        axes.text(
            place[0] + place[2] / 2, 1.46, f"layer {layer}", ha="center", va="top", fontsize=5.4,
            color=MUTED,
        )  # fmt: skip
    kept = len(next(iter(look.kept.values())))
    axes.text(
        1.1, 2.14, f"top {look.share:g} %: {kept} of {rows * columns} tokens", fontsize=5.6,
        color=KEPT, va="bottom",
    )  # fmt: skip
    lines = textwrap.wrap(look.text, 56)
    lines = lines if len(lines) <= 3 else [*lines[:2], f"{lines[2]} …"]
    box(axes, LOOK, 0.48, 2.65, 0.5)
    axes.text(
        LOOK + 0.08, 0.73, "\n".join(lines), fontsize=5.6, va="center", linespacing=1.3,
        color=INK,
    )  # fmt: skip
    axes.text(LOOK, 1.04, f"“{look.question}”", fontsize=5.8, fontweight="bold", va="bottom")
    arrow(axes, (2.1, 1.0), (2.1, 1.32), KEPT)
    axes.text(
        LOOK, 0.41, "the attention of its tokens scores the image tokens, layer by layer;\n"
        "the text itself is not kept", fontsize=5.4, color=MUTED, va="top", linespacing=1.3,
    )  # fmt: skip


def _tiles(
    axes: Axes, place: tuple[float, float, float, float], grid: tuple[int, int], tokens: list[int]
) -> None:
    """Kept tokens as tiles over the picture, which stays in sight."""
    left, bottom, width, height = place
    wide, high = width / grid[1], height / grid[0]
    for token in tokens:
        row, column = divmod(token, grid[1])
        corner = (left + column * wide, bottom + height - (row + 1) * high)
        axes.add_patch(
            Rectangle(corner, wide, high, facecolor=KEPT, edgecolor="white", lw=0.3, zorder=3)
        )


def _contexts(axes: Axes, contexts: pd.DataFrame) -> None:
    _title(axes, CONTEXT, "2", "Keep a small context")
    longest = contexts["context_tokens"].max()
    step = 1.5 / max(4, len(contexts))
    for number, row in enumerate(contexts.to_dict("records")):
        y = 2.06 - step * number
        axes.text(CONTEXT, y, row["method"], fontsize=5.8, fontweight="bold", va="bottom")
        length = 0.95 * row["context_tokens"] / longest
        axes.add_patch(Rectangle((CONTEXT, y - 0.12), length, 0.09, facecolor=KEPT, lw=0))
        axes.text(
            CONTEXT + length + 0.04, y - 0.08, f"{row['context_tokens']:.0f}", fontsize=5.6,
            va="center",
        )  # fmt: skip
        axes.text(
            CONTEXT + 1.55, y - 0.08, f"{row['right']:.0f} %", fontsize=6, va="center", ha="right",
            color=RIGHT, fontweight="bold",
        )  # fmt: skip
    axes.text(CONTEXT, 2.2, "tokens", fontsize=5.4, color=MUTED, va="bottom")
    axes.text(CONTEXT + 1.55, 2.2, "right", fontsize=5.4, color=RIGHT, va="bottom", ha="right")
    number = int(contexts["questions"].iloc[0])
    axes.text(
        CONTEXT, 0.41, "keys and values stay where they were,\n"
        f"other tokens in each layer; {number} questions", fontsize=5.4, color=MUTED, va="top",
        linespacing=1.3,
    )  # fmt: skip


def _questions(axes: Axes, answers: pd.DataFrame, picture: Image.Image) -> None:
    _title(axes, ASK, "3", "Ask without the image")
    wide, tall = picture.size
    scale = 0.42 / max(wide, tall)
    show_image(axes, (ASK, 1.86, wide * scale, tall * scale), np.asarray(picture.convert("RGB")))
    axes.text(
        ASK + 0.48,
        2.07,
        "another\npicture",
        fontsize=5.4,
        color=MUTED,
        va="center",
        linespacing=1.2,
    )
    listed = _columns(answers)
    places = {one.name: 6.63 - COLUMN * (len(listed) - 1 - n) for n, one in enumerate(listed)}
    for one in listed:
        # Two words to a line at most: the heads are those of the contexts in step 2.
        head = textwrap.fill(one.name, 7)
        axes.text(
            places[one.name], 1.84, head, fontsize=5.4, fontweight="bold", ha="center",
            va="bottom", linespacing=1.2,
        )  # fmt: skip
    asked = list(dict.fromkeys(answers["question"]))
    for number, question in enumerate(asked):
        y = 1.7 - 0.27 * number
        lines = textwrap.wrap(PLEA.sub("", question), 22)
        lines = lines if len(lines) <= 2 else [lines[0], f"{lines[1][:19]} …"]
        axes.text(ASK, y, "\n".join(lines), fontsize=5.3, va="center", linespacing=1.15)
        for one in listed:
            here = answers[(answers["question"] == question) & (answers["method"] == one.name)]
            for row in here.to_dict("records")[:1]:
                axes.text(
                    places[one.name], y, f"{MARKS[bool(row['correct'])]} {_short(row['answer'])}",
                    fontsize=5.4, va="center", ha="center", fontweight="bold",
                    color=RIGHT if row["correct"] else WRONG,
                )  # fmt: skip
    axes.text(
        ASK, 0.41, "each question starts from its column's context alone,\n"
        f"behind its largest position; {MARKS[True]} right, {MARKS[False]} wrong",
        fontsize=5.4, color=MUTED, va="top", linespacing=1.3,
    )  # fmt: skip


def _columns(answers: pd.DataFrame) -> list[methods.Method]:
    """Full access, the largest share of tokens, the query alone."""
    listed = shown_methods(answers)
    both = next(one for one in listed if one.kind == methods.BOTH)
    return [one for one in listed if one.kind != methods.BOTH or one == both]


def _short(answer: str) -> str:
    """An answer that is neither yes nor no may be long."""
    return (answer if len(answer) <= 6 else f"{answer[:5].strip()}…") or "-"


def _title(axes: Axes, x: float, number: str, text: str) -> None:
    badge(axes, x + 0.08, TITLE, number, INK)
    axes.text(x + 0.24, TITLE, text, va="center", fontsize=7, fontweight="bold")


def main(options: argparse.Namespace) -> None:
    """Draw the figure, and write its answers and sizes beside it."""
    answers = read_answers([options.answers])
    contexts, chosen = context_rows(answers), choose_answers(answers)
    share = next(one.share for one in shown_methods(answers) if one.kind == methods.BOTH)
    picture = picture_of(options.mme, chosen["picture"].iloc[0])
    figure = draw(read_look(options.page, share), contexts, chosen, picture)
    written = pd.concat([contexts.assign(part="contexts"), chosen.assign(part="answers")])
    save_figure(figure, options.out, written)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, required=True, help="tables of the page of routes")
    parser.add_argument("--answers", type=Path, required=True, help="of re-prompting")
    parser.add_argument("--mme", type=Path, required=True, help="folder of MME")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
