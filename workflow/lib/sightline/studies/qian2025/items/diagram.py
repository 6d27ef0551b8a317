"""Figure 2 as a diagram of our own: from image and question to a mask, with the similarity map as points beside [SEG].

Nothing here is measured.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from sightline import cli
from sightline.studies.drawing import INK, MUTED, PALETTE, WIDTHS, new_figure, save_figure

FROZEN, TRAINED = "#E4EAF0", "#FBE3D3"
SEG, IMAGE = PALETTE["vermilion"], PALETTE["blue"]
HEIGHT = 3.1
SIDE = 7


def draw() -> Figure:
    """The wiring from left to right, the map below it, what is frozen and what is trained by colour."""
    with _canvas() as (figure, panel):
        _tokens(panel)
        _map(panel)
        _points(panel)
        _decoder(panel)
        _legend(panel)
    return figure


@contextmanager
def _canvas() -> Iterator[tuple[Figure, Axes]]:
    with new_figure(columns=2, height=HEIGHT) as (figure, panel):
        panel.set_xlim(0, WIDTHS[2])
        panel.set_ylim(0, HEIGHT)
        panel.set_aspect("equal")
        panel.axis("off")
        yield figure, panel


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


def _arrow(
    panel: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = MUTED
) -> None:
    panel.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=7,
            color=colour,
            lw=1.0,
            shrinkA=0,
            shrinkB=0,
        )
    )


def _tokens(panel: Axes) -> None:
    """Tower, language model, answer."""
    panel.text(0.05, 2.9, "image, question and answer", fontsize=6.5, fontweight="bold")
    _box(panel, 0.05, 2.15, 0.62, 0.5, "vision tower,\nprojector", FROZEN)
    _arrow(panel, (0.69, 2.4), (0.98, 2.4), IMAGE)
    panel.add_patch(
        FancyBboxPatch(
            (1.0, 2.05), 2.1, 0.7, boxstyle="round,pad=0,rounding_size=0.05", facecolor=FROZEN,
            edgecolor=MUTED, lw=0.6,
        )
    )  # fmt: skip
    panel.add_patch(Rectangle((1.06, 2.11), 1.98, 0.14, facecolor=TRAINED, lw=0))
    panel.text(2.05, 2.18, "LoRA on queries and values", ha="center", va="center", fontsize=5.2)
    panel.text(2.05, 2.5, "language model", ha="center", va="center", fontsize=6.5)
    for number in range(6):
        panel.add_patch(
            Rectangle((1.1 + 0.15 * number, 1.82), 0.11, 0.11, facecolor=IMAGE, lw=0, alpha=0.8)
        )
    for number, word in enumerate(("sure", ",", "[SEG]")):
        colour = SEG if word == "[SEG]" else MUTED
        x = 2.35 + 0.3 * number
        panel.add_patch(Rectangle((x, 1.82), 0.11, 0.11, facecolor=colour, lw=0))
        panel.text(x + 0.055, 1.94, word, ha="center", va="bottom", fontsize=5.2, color=colour)
    panel.text(1.1, 1.72, "last states of image tokens", fontsize=5.2, color=IMAGE, va="top")
    panel.text(3.1, 1.72, "last state of [SEG]", fontsize=5.2, color=SEG, va="top", ha="right")


def _map(panel: Axes) -> None:
    """Dot products as a grid of heat."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    heat = np.exp(-((rows - 2.2) ** 2 + (columns - 4.1) ** 2) / 3.0)
    panel.imshow(heat, extent=(1.35, 2.35, 0.3, 1.3), cmap="inferno", origin="upper", zorder=2)
    panel.text(
        1.85,
        0.22,
        "similarity map\nS = H$_{image}$ · h$_{SEG}$",
        fontsize=5.6,
        ha="center",
        va="top",
    )
    _arrow(panel, (1.5, 1.55), (1.65, 1.33), IMAGE)
    _arrow(panel, (2.98, 1.58), (2.37, 1.1), SEG)


def _points(panel: Axes) -> None:
    """Positive where the map is high, negative where it is low, then continuous."""
    _arrow(panel, (2.4, 0.8), (2.75, 0.8))
    panel.add_patch(Rectangle((2.8, 0.3), 1.0, 1.0, facecolor="#F6F7F8", edgecolor=MUTED, lw=0.5))
    for x, y in ((3.38, 0.98), (3.5, 0.98), (3.38, 0.86)):
        panel.plot(x, y, "o", color=PALETTE["green"], markersize=3.6)
    for x, y in ((2.9, 0.42), (3.05, 0.42), (2.9, 0.57), (3.7, 0.4)):
        panel.plot(x, y, "X", color=IMAGE, markersize=3.6)
    panel.text(
        3.3, 0.22, "points: high → positive,\nlow → negative", fontsize=5.6, ha="center", va="top"
    )
    _arrow(panel, (3.84, 0.8), (4.12, 0.8))
    _box(panel, 4.15, 0.5, 0.85, 0.6, "discrete to\ncontinuous:\nweighted mean\nof places", "white")
    panel.text(
        4.57, 0.42, "lets a gradient through", fontsize=5.2, ha="center", va="top", color=MUTED
    )
    _arrow(panel, (5.02, 0.85), (5.32, 1.12), PALETTE["green"])


def _decoder(panel: Axes) -> None:
    """Projection, prompt encoder, mask decoder, mask."""
    _box(panel, 3.45, 1.68, 0.75, 0.36, "projection", TRAINED)
    _arrow(panel, (3.12, 1.88), (3.43, 1.88), SEG)
    _arrow(panel, (4.22, 1.84), (5.18, 1.45), SEG)
    _box(panel, 5.2, 1.12, 0.72, 0.4, "prompt\nencoder", FROZEN)
    _box(panel, 3.45, 2.35, 0.75, 0.4, "SAM image\nencoder", FROZEN)
    _arrow(panel, (4.22, 2.55), (5.18, 2.42), IMAGE)
    _box(panel, 5.2, 2.15, 0.72, 0.5, "mask\ndecoder", TRAINED)
    _arrow(panel, (5.56, 1.54), (5.56, 2.13))
    _arrow(panel, (5.94, 2.4), (6.14, 2.4))
    mask = np.zeros((SIDE, SIDE))
    mask[1:4, 3:6] = 1
    panel.imshow(
        mask, extent=(6.17, 6.82, 2.08, 2.73), cmap="Greys", vmax=1.4, origin="upper", zorder=2
    )
    panel.add_patch(
        Rectangle((6.17, 2.08), 0.65, 0.65, fill=False, edgecolor=MUTED, lw=0.6, zorder=3)
    )
    panel.set_xlim(0, WIDTHS[2])
    panel.set_ylim(0, HEIGHT)
    panel.text(6.5, 2.02, "mask", fontsize=6, ha="center", va="top", color=INK)


def _legend(panel: Axes) -> None:
    kinds = ((FROZEN, "frozen"), (TRAINED, "trained"), ("white", "no weights"))
    for place, (colour, text) in enumerate(kinds):
        x, y = 5.2, 0.62 - 0.2 * place
        panel.add_patch(
            Rectangle((x + 0.25, y), 0.16, 0.12, facecolor=colour, edgecolor=MUTED, lw=0.5)
        )
        panel.text(x + 0.47, y + 0.06, text, fontsize=5.6, va="center")


def main(options: argparse.Namespace) -> None:
    """Draw the diagram."""
    save_figure(draw(), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
