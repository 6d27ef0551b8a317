"""Figure 8: how new questions are answered from a compressed context (a drawing of our own)."""

import argparse
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from sightline import cli
from sightline.studies.drawing import INK, MUTED, PALETTE, new_figure, save_figure

SYSTEM, IMAGE, QUERY = PALETTE["sky"], PALETTE["blue"], PALETTE["orange"]
GENERATED, NEW = PALETTE["purple"], PALETTE["green"]
PAPER, DROPPED = "#F6F7F8", "#DDE2E7"
KEPT = ((2, 7, 10), (4, 5, 10), (5, 8, 11))
"""Image tokens kept in each drawn layer, top layer last: they differ."""
TOKENS, STEP, SIDE = 14, 0.135, 0.105


def draw() -> Figure:
    """Look once on the left, keep a little in the middle, answer on the right."""
    with new_figure(columns=2, height=2.45) as (figure, axes):
        axes.set_xlim(0, 6.9)
        axes.set_ylim(0, 2.45)
        axes.axis("off")
        axes.grid(False)
        _look(axes)
        _context(axes)
        _questions(axes)
    return figure


def _look(axes: Axes) -> None:
    _title(axes, 0.05, "1", "Describe the image once")
    x = 0.42
    for layer in range(3):
        y = 1.28 + 0.3 * layer
        axes.text(
            x - 0.08,
            y + SIDE / 2,
            f"layer {layer + 1}",
            ha="right",
            va="center",
            fontsize=5,
            color=MUTED,
        )
        for n in range(2):
            _token(axes, x + STEP * n, y, SYSTEM)
        for n in range(TOKENS):
            _token(axes, x + STEP * (n + 2), y, IMAGE, 1.0 if n in KEPT[layer] else 0.3)
        for n in range(3):
            _token(axes, x + STEP * (n + TOKENS + 2), y, QUERY)
    first, last = x + STEP * 2, x + STEP * (TOKENS + 2)
    axes.text(
        (first + last) / 2,
        1.16,
        "image tokens, dark = most attended",
        ha="center",
        va="center",
        fontsize=5.4,
        color=MUTED,
    )
    axes.text(x + STEP * 0.9, 1.16, "system", ha="center", va="center", fontsize=5.4, color=MUTED)
    axes.text(last + STEP * 1.5, 1.16, "query", ha="center", va="center", fontsize=5.4, color=MUTED)
    axes.text(1.55, 0.82, "“Describe this image.”", ha="center", fontsize=6.4)
    _arrow(axes, (1.55, 0.76), (1.55, 0.6))
    for n, word in enumerate(("a", "room", "with", "a", "big", "red", "mug", "…")):
        axes.text(
            0.42 + 0.31 * n,
            0.46,
            word,
            ha="center",
            va="center",
            fontsize=5.8,
            color="white",
            bbox={"boxstyle": "round,pad=0.25", "facecolor": GENERATED, "edgecolor": "none"},
        )
    axes.text(
        0.3,
        0.2,
        "its attention scores the image tokens, layer by layer;\nthe text itself is not kept",
        fontsize=5.6,
        color=MUTED,
        va="center",
        linespacing=1.3,
    )
    _arrow(axes, (3.1, 1.63), (3.42, 1.63))


def _context(axes: Axes) -> None:
    _title(axes, 3.36, "2", "Keep a small context")
    x = 3.58
    axes.add_patch(
        FancyBboxPatch(
            (x - 0.1, 1.17),
            STEP * 8 + 0.17,
            0.88,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=PAPER,
            edgecolor=INK,
            lw=0.8,
        )
    )
    for layer in range(3):
        y = 1.28 + 0.3 * layer
        for n in range(2):
            _token(axes, x + STEP * n, y, SYSTEM)
        for n, token in enumerate(KEPT[layer]):
            _token(axes, x + STEP * (n + 2), y, IMAGE)
            axes.text(
                x + STEP * (n + 2) + SIDE / 2,
                y - 0.045,
                str(token + 2),
                ha="center",
                va="center",
                fontsize=4.2,
                color=MUTED,
            )
        for n in range(3):
            _token(axes, x + STEP * (n + 5), y, QUERY)
    axes.text(
        x - 0.1,
        0.78,
        "keys and values of system, query\nand the top K % of image tokens,\n"
        "different ones in each layer,\nat the positions they had",
        fontsize=5.6,
        color=MUTED,
        va="center",
        linespacing=1.35,
    )
    _arrow(axes, (4.8, 1.63), (5.1, 1.63))


def _questions(axes: Axes) -> None:
    _title(axes, 5.06, "3", "Ask without the image")
    asked = (
        ("Is there a mug in this image?", "yes"),
        ("Is the car red?", "no"),
        ("Is this place a beach?", "no"),
    )
    for number, (question, answer) in enumerate(asked):
        y = 1.88 - 0.36 * number
        axes.text(
            5.14,
            y,
            question,
            fontsize=5.6,
            va="center",
            color=INK,
            bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": NEW, "lw": 0.8},
        )
        axes.text(
            6.72, y, answer, fontsize=6.2, va="center", ha="center", fontweight="bold", color=NEW
        )
    axes.text(
        5.08,
        0.78,
        "each question goes on behind the\nlargest position kept; the next one\nstarts from the same context",
        fontsize=5.6,
        color=MUTED,
        va="center",
        linespacing=1.35,
    )


def _title(axes: Axes, x: float, number: str, text: str) -> None:
    axes.text(
        x + 0.08,
        2.3,
        number,
        ha="center",
        va="center",
        fontsize=6,
        color="white",
        fontweight="bold",
        bbox={"boxstyle": "circle,pad=0.25", "facecolor": INK, "edgecolor": "none"},
    )
    axes.text(x + 0.24, 2.3, text, va="center", fontsize=7, fontweight="bold")


def _token(axes: Axes, x: float, y: float, colour: str, alpha: float = 1.0) -> None:
    axes.add_patch(Rectangle((x, y), SIDE, SIDE, facecolor=colour, alpha=alpha, lw=0))


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=7,
            color=MUTED,
            lw=0.9,
            shrinkA=0,
            shrinkB=0,
        )
    )


def main(options: argparse.Namespace) -> None:
    """Draw it."""
    save_figure(draw(), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
