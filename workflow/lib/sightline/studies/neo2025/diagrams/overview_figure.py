"""Figure 1: from an image of the run to words, and the paper's three findings as they were measured.

Above, one object: its tokens on the image, what the lens reads along a row of them, layer by layer, and the layers in
which cutting its tokens off from the last position costs most. Below, the measured numbers of the three findings.

python -m sightline.studies.neo2025.diagrams.overview_figure --page lens_page/MODEL --words lens/MODEL/words.json \
    --effects effects.csv --curves lens/curves.csv --knockout knockout_effects.csv --model MODEL --out fig1
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from sightline import cli
from sightline.studies.drawing import (
    MUTED,
    PALETTE,
    WIDTHS,
    error_bars,
    light_grid,
    save_figure,
)
from sightline.studies.neo2025.diagrams import overview_numbers as numbers_of
from sightline.studies.neo2025.diagrams.overview_case import ELSEWHERE, OTHER, OWN, Case, read_case
from sightline.studies.neo2025.effects import read_effects
from sightline.studies.neo2025.knockout.effects import read_effects as read_knockout
from sightline.studies.shapes import (
    PLAIN,
    arrow,
    badge,
    box,
    canvas,
    frame_cells,
    pixels_of,
    show_image,
)

OBJECT, TEXT, CUT, LENS = (PALETTE[name] for name in ("blue", "orange", "vermilion", "green"))
COLORS = {OWN: PALETTE["blue"], ELSEWHERE: PALETTE["sky"], OTHER: PLAIN}
HEIGHT = 4.3
BOTTOM, TOP = 2.27, 3.79
TITLE = 4.15
"""Of the states that are drawn."""
STRIP, STEP = 14, 0.135
MOST_STATES = 13
"""Rows of words that stay legible."""


def draw(case: Case, numbers: pd.DataFrame) -> Figure:
    """The object above, the three findings below."""
    with canvas(HEIGHT) as (figure, panel):
        _image(panel, case)
        _model(panel, case, numbers_of.strongest_cut(numbers))
        _findings(figure, panel, numbers)
    return figure


def _image(panel: Axes, case: Case) -> None:
    """The picture with the object's tokens framed, and the way into the language model."""
    rows, columns = case.grid
    width = 1.32 * min(1, columns / rows)
    place = (0.1, 2.42, width, width * rows / columns)
    panel.text(0.1, TITLE, f"image {case.image_id}", fontsize=7, fontweight="bold")
    show_image(panel, place, pixels_of(case.picture))
    frame_cells(panel, place, case.grid, dict.fromkeys(case.tokens, OBJECT), filled=False)
    text = f"{rows} by {columns} tokens, {len(case.tokens)} on the {case.category}"
    panel.text(0.1, place[1] - 0.05, text, va="top", fontsize=5.6, color=OBJECT)
    for x, word in ((1.6, "vision\ntower"), (2.13, "projector")):
        box(panel, x, 2.67, 0.45, 0.72, word)
    arrow(panel, (0.13 + width, 3.03), (1.58, 3.03))
    arrow(panel, (2.06, 3.03), (2.12, 3.03))


def _model(panel: Axes, case: Case, cut: pd.Series | None) -> None:
    """Positions from left to right, states from bottom to top; words where the lens reads them."""
    shown = np.unique(np.linspace(0, case.states - 1, MOST_STATES).round().astype(int))
    left = 3.5
    question = case.question.split()
    end = left + STEP * STRIP + 0.2 + 0.2 * len(question)
    panel.text(2.75, TITLE, "language model, read by the lens", fontsize=7, fontweight="bold")
    heights = np.linspace(BOTTOM, TOP, case.states)
    box(panel, left - 0.1, BOTTOM - 0.1, end - left + 0.22, TOP - BOTTOM + 0.2)
    if cut is not None:
        # Layer n lies between the states n and n + 1.
        low, high = heights[int(cut["first"])], heights[int(cut["last"]) + 1]
        band = Rectangle((left - 0.1, low), end - left + 0.22, high - low, lw=0)
        band.set(facecolor=CUT, alpha=0.1, zorder=0.5)
        panel.add_patch(band)
        _edge(panel, left, end, case, (low + high) / 2, cut)
    arrow(panel, (2.59, 3.03), (left - 0.68, 3.03))
    for place, token in enumerate(case.strip):
        x = left + STEP * place
        own = token in case.tokens
        for state, y in enumerate(heights):
            if state in shown:
                _dot(panel, x, y, COLORS[case.kinds[state, place]])
        _square(panel, x, OBJECT if own else PLAIN)
    x = left + STEP * case.strip.index(case.token)
    panel.plot([x, x], [BOTTOM - 0.06, TOP + 0.06], color=LENS, lw=4.5, alpha=0.25, zorder=0.8)
    for state in shown:
        color = {OWN: OBJECT, ELSEWHERE: PALETTE["sky"], OTHER: MUTED}[
            case.kinds[state, case.strip.index(case.token)]
        ]
        weight = "bold" if color == OBJECT else "normal"
        text = _short(case.texts[state])
        y = heights[state]
        panel.text(left - 0.3, y, text, ha="right", va="center", fontsize=5.2, color=color,
                   fontweight=weight)  # fmt: skip
        panel.text(left - 0.16, y, str(state), ha="center", va="center", fontsize=4.4, color=MUTED)
        panel.text(end + 0.16, y, _short(case.answers[state]), va="center", fontsize=5.2,
                   color=TEXT, fontweight="bold" if state == shown[-1] else "normal")  # fmt: skip
        _dot(panel, end, y, TEXT)
    for place, word in enumerate(question):
        x = end - 0.2 * (len(question) - 1 - place)
        _square(panel, x, TEXT)
        panel.text(x, BOTTOM - 0.29, word, rotation=90, ha="center", va="top", fontsize=5)
    middle = left + STEP * (len(case.strip) - 1) / 2
    panel.text(middle, BOTTOM - 0.3, "image tokens: a row of the grid", ha="center", va="top",
               fontsize=5.6)  # fmt: skip
    _key(panel, left - 0.1, case.category)
    for x, word, side in ((left - 0.12, "state", "right"), (end + 0.16, "next word", "left")):
        panel.text(x, TOP + 0.12, word, fontsize=4.8, color=MUTED, va="bottom", ha=side)
    badge(panel, left + STEP * len(case.strip) + 0.04, BOTTOM - 0.22, "1", OBJECT)
    badge(panel, left + STEP * case.strip.index(case.token), TOP + 0.1, "2", LENS)


def _edge(panel: Axes, left: float, end: float, case: Case, y: float, cut: pd.Series) -> None:
    """The attention that is cut: from the object's tokens to the last position."""
    own = [place for place, token in enumerate(case.strip) if token in case.tokens]
    start = left + STEP * max(own) + 0.06
    panel.add_patch(
        FancyArrowPatch(
            (start, y), (end - 0.06, y), arrowstyle="-|>", mutation_scale=7, color=CUT, lw=1.1,
            shrinkA=0, shrinkB=0, zorder=2, linestyle=(0, (3, 2)),
        )
    )  # fmt: skip
    x = (max(start, left + STEP * len(case.strip)) + end) / 2
    panel.plot(x, y, "x", color=CUT, markersize=6, markeredgewidth=1.6, zorder=4)
    badge(panel, x, y + 0.2, "3", CUT)


def _key(panel: Axes, left: float, category: str) -> None:
    """What the dots' colours mean."""
    x, y = left, TOP + 0.26
    words = {OWN: f"says {category}", ELSEWHERE: ELSEWHERE, OTHER: OTHER}
    for kind, text in words.items():
        _dot(panel, x + 0.04, y, COLORS[kind])
        panel.text(x + 0.12, y, text, va="center", fontsize=5.2)
        x += 0.24 + 0.042 * len(text)


def _dot(panel: Axes, x: float, y: float, color: str) -> None:
    panel.add_patch(Circle((x, y), 0.042, facecolor=color, edgecolor="white", lw=0.3, zorder=3))


def _square(panel: Axes, x: float, color: str) -> None:
    panel.add_patch(Rectangle((x - 0.05, BOTTOM - 0.27), 0.1, 0.1, facecolor=color, lw=0))


def _short(text: str) -> str:
    """Long entries of a vocabulary would run into their neighbours."""
    return text if len(text) <= 8 else f"{text[:7]}…"


def _findings(figure: Figure, panel: Axes, numbers: pd.DataFrame) -> None:
    parts = (
        ("1", OBJECT, "Where is the object?", numbers_of.ABLATION, _lost),
        ("2", LENS, "What do its tokens say?", numbers_of.LENS, _read),
        ("3", CUT, "When is it read?", numbers_of.KNOCKOUT, _cut),
    )
    width = WIDTHS[2] / len(parts)
    for number, (name, color, title, finding, chart) in enumerate(parts):
        x = 0.1 + width * number
        panel.plot([x, x + width - 0.2], [1.62, 1.62], color=color, lw=1.2)
        badge(panel, x + 0.08, 1.47, name, color)
        panel.text(x + 0.22, 1.47, title, fontsize=7, fontweight="bold", va="center")
        inset = 0.82 if finding == numbers_of.ABLATION else 0.36
        axes = figure.add_axes(
            (
                (x + inset) / WIDTHS[2], 0.4 / HEIGHT,
                (width - 0.28 - inset) / WIDTHS[2], 0.86 / HEIGHT,
            )
        )  # fmt: skip
        chart(axes, numbers[numbers["finding"] == finding])


def _lost(axes: Axes, here: pd.DataFrame) -> None:
    y = np.arange(len(here))[::-1]
    colors = [OBJECT if label.startswith("object") else MUTED for label in here["label"]]
    axes.barh(y, here["value"], height=0.6, color=colors)
    error_bars(axes, here["value"], y, here["ci_low"], here["ci_high"], horizontal=True)
    labels = [label.replace(" (", "\n(") for label in here["label"]]
    axes.set_yticks(y, labels, fontsize=5.6)
    axes.set_xlim(0, 102)
    axes.tick_params(axis="x", labelsize=5.6)
    axes.set_xlabel("answers lost when replaced (%)", fontsize=5.8)
    light_grid(axes, "x")


def _read(axes: Axes, here: pd.DataFrame) -> None:
    for (_, label), color, dash in zip(numbers_of.READ, (OBJECT, MUTED), ("-", "--"), strict=True):
        line = here[here["label"] == label]
        axes.plot(line["first"], line["value"], dash, color=color, label=label, lw=1.1)
        axes.fill_between(line["first"], line["ci_low"], line["ci_high"], color=color, alpha=0.15,
                          lw=0)  # fmt: skip
    axes.set_ylim(0, None)
    axes.tick_params(labelsize=5.6)
    axes.set_xlabel("state", fontsize=5.8)
    axes.set_ylabel("decode to the class (%)", fontsize=5.8)
    axes.legend(loc="upper left", fontsize=5.4, handlelength=1.4, borderaxespad=0.2)
    light_grid(axes)


def _cut(axes: Axes, here: pd.DataFrame) -> None:
    windows = here[["first", "last"]].drop_duplicates().sort_values(["first", "last"])
    places = {window: number for number, window in enumerate(windows.itertuples(index=False))}
    looks = zip(numbers_of.CUT, (CUT, MUTED), ("o-", "s--"), strict=True)
    for (_, label), color, dash in looks:
        line = here[here["label"] == label]
        x = [places[window] for window in line[["first", "last"]].itertuples(index=False)]
        axes.plot(x, line["value"], dash, color=color, label=label, lw=1.1, markersize=2.8)
        error_bars(axes, x, line["value"], line["ci_low"], line["ci_high"], color)
    axes.set_xticks(range(len(places)), [f"{first}-{last}" for first, last in places], fontsize=5.6)
    axes.tick_params(axis="y", labelsize=5.6)
    axes.set_xlim(-0.3, max(len(places), 1) - 0.7)
    axes.set_ylim(-2, 102)
    axes.set_xlabel("attention cut in layers", fontsize=5.8)
    axes.set_ylabel("answers lost (%)", fontsize=5.8)
    axes.legend(loc="best", fontsize=5.4, handlelength=1.8, borderaxespad=0.2)
    light_grid(axes)


def words_read(case: Case) -> pd.DataFrame:
    """What the lens reads at the shown token and at the last position, state by state."""
    return pd.DataFrame(
        {"image_id": case.image_id, "token": case.token, "state": range(case.states),
         "object": case.category, "text": case.texts, "last_position": case.answers}
    )  # fmt: skip


def main(options: argparse.Namespace) -> None:
    """Draw the figure, and write the numbers and words in it beside it."""
    case = read_case(options.page, options.words, STRIP)
    numbers = numbers_of.collect(
        options.model, read_effects(options.effects), pd.read_csv(options.curves),
        read_knockout(options.knockout),
    )  # fmt: skip
    written = pd.concat([numbers, words_read(case).assign(finding="example")], ignore_index=True)
    save_figure(draw(case, numbers), options.out, written)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, required=True, help="tables of the lens page")
    parser.add_argument("--words", type=Path, required=True, help="beside the stored read-outs")
    parser.add_argument("--effects", type=Path, required=True, help="of the ablation")
    parser.add_argument("--curves", type=Path, required=True, help="of the lens")
    parser.add_argument("--knockout", type=Path, required=True, help="effects of the knockout")
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
