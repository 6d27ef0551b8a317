"""Figure 2: the paper's wiring from image and question to a mask, with one query of the run along it.

Picture, similarity map, points, masks and their overlaps are measured; the boxes are the wiring. The query is the
typical one of the gallery: its two masks overlap the target about as much as the middle ones.

python -m sightline.studies.qian2025.items.diagram --measurements measurements/MODEL --protocol qian2025.json --out fig2
"""

import argparse
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from sightline import cli
from sightline.studies.drawing import MUTED, PALETTE, WIDTHS, save_figure
from sightline.studies.qian2025.items.overlay import draw_image, draw_map, draw_mask, draw_points
from sightline.studies.qian2025.items.shown import (
    Shown,
    intersection_over_union,
    read_shown,
    scores_of,
)
from sightline.studies.qian2025.masks.names import OWN, OWN_WITH_POINTS, PUBLISHED
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.shapes import arrow, canvas

FROZEN, TRAINED, BARE = "#E4EAF0", "#FBE3D3", "white"
SEG, IMAGE, POINTS = PALETTE["vermilion"], PALETTE["blue"], PALETTE["green"]
HEIGHT = 3.1
SIDE = 0.98
"""Inches of a picture's longer side."""
BOTTOM = 0.5
"""Of the pictures in the lower row."""


@dataclass(frozen=True, eq=False)
class Example:
    """One query of the run.

    Attributes:
        shown: its pictures.
        answer: words that the model is made to say, the token that asks for a mask among them.
        token: that token.
        taught: whether its own masks take points beside the token.
        ious: overlap with the target of its mask from the token alone, and with points beside it, as measured.
    """

    shown: Shown
    answer: list[str]
    token: str
    taught: bool
    ious: dict[str, float]


def read_example(folder: Path, protocol: Protocol) -> Example:
    """The typical query of a model's gallery."""
    shown = read_shown(folder)
    overlaps = np.array(
        [[intersection_over_union(one, name) for name in ("own", "clicked")] for one in shown]
    )
    middle = np.quantile(overlaps, 0.5, axis=0, method="lower")
    one = shown[int(np.abs(overlaps - middle).sum(1).argmin())]
    queries, masks = (pd.read_parquet(folder / f"{name}.parquet") for name in ("queries", "masks"))
    # The gallery is drawn from the first split.
    here = masks[
        (masks["query"] == one.query)
        & (masks["split"] == queries["split"].iloc[0])
        & (masks["variant"] == PUBLISHED)
    ].set_index("method")
    ious = {
        method: float(here.loc[method, "intersection"] / max(1, here.loc[method, "union"]))
        for method in (OWN, OWN_WITH_POINTS)
    }
    words = protocol.wording.answer.split()
    return Example(one, words, protocol.token, one.model in protocol.taught_points, ious)


def draw(example: Example) -> Figure:
    """The wiring from left to right, the map and its points below it, what is frozen and what is trained by colour."""
    with canvas(HEIGHT) as (figure, panel):
        _question(figure, panel, example)
        _model(panel, example)
        _map(figure, panel, example)
        _decoder(figure, panel, example)
        _legend(panel)
    return figure


def _picture(figure: Figure, left: float, bottom: float, shown: Shown) -> Axes:
    """Axes for a picture, in the middle of a square of SIDE."""
    tall, wide = shown.image.shape[:2]
    width, height = (SIDE * one / max(tall, wide) for one in (wide, tall))
    place = (left + (SIDE - width) / 2, bottom + (SIDE - height) / 2, width, height)
    axes = figure.add_axes(
        (place[0] / WIDTHS[2], place[1] / HEIGHT, place[2] / WIDTHS[2], place[3] / HEIGHT)
    )
    return axes


def _box(
    panel: Axes, x: float, y: float, width: float, height: float, text: str, colour: str
) -> None:
    panel.add_patch(
        FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.05", facecolor=colour,
            edgecolor=MUTED, lw=0.6,
        )
    )  # fmt: skip
    panel.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=6)


def _question(figure: Figure, panel: Axes, example: Example) -> None:
    axes = _picture(figure, 0.08, 1.86, example.shown)
    draw_image(axes, example.shown.image)
    lines = textwrap.wrap(f"“{example.shown.text}”", 24)
    lines = lines if len(lines) <= 4 else [*lines[:3], f"{lines[3]} …"]
    panel.text(
        0.08, 1.8, "\n".join(lines), fontsize=5.8, fontweight="bold", va="top", linespacing=1.25
    )
    panel.text(0.08, 2.94, f"query {example.shown.query}, {example.shown.model}", fontsize=5.4,
               color=MUTED)  # fmt: skip


def _model(panel: Axes, example: Example) -> None:
    """Tower, language model, answer."""
    _box(panel, 1.2, 2.2, 0.63, 0.46, "vision tower,\nprojector", FROZEN)
    arrow(panel, (1.07, 2.43), (1.18, 2.43), IMAGE)
    arrow(panel, (1.84, 2.43), (1.95, 2.43), IMAGE)
    _box(panel, 1.97, 2.1, 1.75, 0.66, "", FROZEN)
    panel.add_patch(Rectangle((2.03, 2.16), 1.63, 0.14, facecolor=TRAINED, lw=0))
    panel.text(2.845, 2.23, "LoRA on queries and values", ha="center", va="center", fontsize=5.2)
    panel.text(2.845, 2.54, "language model", ha="center", va="center", fontsize=6.5)
    for number in range(5):
        panel.add_patch(Rectangle((2.03 + 0.13 * number, 1.89), 0.1, 0.1, facecolor=IMAGE, lw=0))
    panel.text(2.03, 1.83, "last states of\nimage tokens", fontsize=5.2, color=IMAGE, va="top")
    asking = next(n for n, word in enumerate(example.answer) if example.token in word)
    # The longest answers of published wordings have room for their last words alone.
    words = example.answer[max(0, asking - 2) : asking + 1]
    for number, word in enumerate(words):
        last = number == len(words) - 1
        x = 3.5 - 0.33 * (len(words) - 1 - number)
        colour = SEG if last else MUTED
        panel.add_patch(Rectangle((x - 0.05, 1.89), 0.1, 0.1, facecolor=colour, lw=0))
        panel.text(x, 2.0, word, ha="center", va="bottom", fontsize=5, color=colour)
    panel.text(3.6, 1.83, f"last state of {example.token}", fontsize=5.2, color=SEG, va="top",
               ha="right")  # fmt: skip


def _map(figure: Figure, panel: Axes, example: Example) -> None:
    """The similarity map and the points that it gives, then continuous."""
    axes = _picture(figure, 1.62, BOTTOM, example.shown)
    draw_map(axes, example.shown, "map")
    panel.text(2.11, BOTTOM - 0.06, "similarity map\nS = H$_{image}$ · h$_{SEG}$", fontsize=5.6,
               ha="center", va="top")  # fmt: skip
    arrow(panel, (2.2, 1.62), (2.14, BOTTOM + SIDE + 0.02), IMAGE)
    arrow(panel, (3.2, 1.72), (2.62, BOTTOM + SIDE - 0.1), SEG)
    axes = _picture(figure, 2.84, BOTTOM, example.shown)
    draw_image(axes, example.shown.image)
    draw_points(axes, example.shown, 3.4)
    labels = example.shown.arrays["labels"]
    words = (f"{(labels == 1).sum()} positive", f"{(labels == 0).sum()} negative")
    for y, word, colour in zip((0, 0.1), words, ("#008A3E", "#2E75FF"), strict=True):
        panel.text(3.33, BOTTOM - 0.06 - y, word, fontsize=5.6, ha="center", va="top", color=colour)
    arrow(panel, (2.62, BOTTOM + SIDE / 2), (2.82, BOTTOM + SIDE / 2))


def _decoder(figure: Figure, panel: Axes, example: Example) -> None:
    """Projection, prompt encoder, mask decoder; both masks."""
    shown, right = example.shown, WIDTHS[2] - SIDE - 0.05
    _box(panel, 4.1, 2.36, 0.66, 0.36, "SAM image\nencoder", FROZEN)
    arrow(panel, (4.78, 2.54), (4.96, 2.54), IMAGE)
    _box(panel, 4.98, 2.32, 0.66, 0.44, "mask\ndecoder", TRAINED)
    arrow(panel, (5.66, 2.54), (right - 0.02, 2.54))
    _box(panel, 4.1, 1.76, 0.66, 0.34, "projection", TRAINED)
    arrow(panel, (3.62, 1.93), (4.08, 1.93), SEG)
    arrow(panel, (4.78, 1.93), (4.96, 1.93), SEG)
    _box(panel, 4.98, 1.73, 0.66, 0.4, "prompt\nencoder", FROZEN)
    arrow(panel, (5.31, 2.15), (5.31, 2.3))
    _box(panel, 4.1, 1.06, 0.78, 0.42, "discrete to\ncontinuous:\nweighted mean", BARE)
    arrow(panel, (3.84, BOTTOM + 0.66), (4.08, 1.24), POINTS)
    arrow(panel, (4.9, 1.36), (5.2, 1.71), POINTS)
    _box(panel, 4.1, 0.56, 0.78, 0.34, "unmodified\nSAM", FROZEN)
    arrow(panel, (3.84, BOTTOM + 0.3), (4.08, 0.74), POINTS)
    arrow(panel, (4.9, 0.73), (right - 0.02, 0.86), POINTS)
    for bottom, name in ((1.99, "own"), (BOTTOM, "clicked")):
        axes = _picture(figure, right, bottom, shown)
        draw_mask(axes, shown, name)
    middle = right + SIDE / 2
    beside, without = f"{example.token} and points", f"{example.token} alone"
    scores = {without: example.ious[OWN], beside: example.ious[OWN_WITH_POINTS]}
    # The picture is of the model's own way, the other one is a number.
    drawn, other = (beside, without) if example.taught else (without, beside)
    panel.text(
        middle, 1.94, f"mask of {drawn}\nIoU {scores[drawn]:.2f}\n({other}: {scores[other]:.2f})",
        fontsize=5.2, ha="center", va="top", linespacing=1.25,
    )  # fmt: skip
    clicked = intersection_over_union(shown, "clicked")
    panel.text(
        middle, BOTTOM - 0.06, f"unmodified SAM,\npoints of the map\nIoU {clicked:.2f}", fontsize=5.2,
        ha="center", va="top", linespacing=1.25,
    )  # fmt: skip


def _legend(panel: Axes) -> None:
    kinds = ((FROZEN, "frozen"), (TRAINED, "trained"), (BARE, "no weights"))
    for place, (colour, text) in enumerate(kinds):
        y = 0.62 - 0.18 * place
        panel.add_patch(Rectangle((0.1, y), 0.16, 0.11, facecolor=colour, edgecolor=MUTED, lw=0.5))
        panel.text(0.32, y + 0.055, text, fontsize=5.6, va="center")


def main(options: argparse.Namespace) -> None:
    """Draw the diagram, and write the numbers in it beside it."""
    example = read_example(options.measurements, Protocol.read(options.protocol))
    named = {"own_alone": example.ious[OWN], "own_with_points": example.ious[OWN_WITH_POINTS]}
    save_figure(draw(example), options.out, scores_of([example.shown]).assign(**named))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, required=True, help="folder of a model")
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
