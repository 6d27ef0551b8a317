"""Figures 1 and 2 as diagrams of our own: what is asked of image tokens, and how they are ablated.

Nothing here is measured: the drawings say what the study does, and in which numbers to look.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse, FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle

from sightline import cli
from sightline.studies.drawing import INK, MUTED, PALETTE, WIDTHS, new_figure, save_figure

OBJECT = PALETTE["blue"]
RING = PALETTE["sky"]
TEXT = PALETTE["orange"]
LENS = PALETTE["green"]
ANSWER = PALETTE["vermilion"]
PLAIN = "#D9DEE3"
PAPER = "#F6F7F8"
SIDE = 6
"""Patches along a side of the drawn image."""
BOAT = ((2, 2), (2, 3), (3, 2), (3, 3), (4, 2), (4, 3))
"""Row and column of the patches under the boat."""


def draw_overview() -> Figure:
    """Figure 1: from the image to words, with the three questions of the study."""
    with _canvas(3.0) as (figure, panel):
        _scene(panel, 0.08, 1.55, 1.2, object_frame=True)
        panel.text(0.08, 2.82, "image", fontsize=7, fontweight="bold")
        _box(panel, 1.5, 1.72, 0.5, 0.86, "vision\ntower")
        _box(panel, 2.2, 1.72, 0.5, 0.86, "projector")
        _arrow(panel, (1.3, 2.15), (1.48, 2.15))
        _arrow(panel, (2.02, 2.15), (2.18, 2.15))
        _language_model(panel)
        _findings(panel)
    return figure


def _language_model(panel: Axes) -> None:
    """States as dots: positions from left to right, layers from bottom to top."""
    left, bottom, step, rise, layers = 3.22, 1.42, 0.185, 0.27, 5
    own = (3, 4, 5)
    text = ["What", "is", "on", "the", "sea", "?", "It", "is", "a"]
    places = [left + step * n for n in range(9)]
    words = [places[-1] + 0.26 + step * n for n in range(len(text))]
    panel.add_patch(
        FancyBboxPatch(
            (left - 0.14, bottom - 0.13), words[-1] - left + 0.28, rise * (layers - 1) + 0.26,
            boxstyle="round,pad=0,rounding_size=0.06", facecolor=PAPER, edgecolor=MUTED, lw=0.6,
        )
    )  # fmt: skip
    panel.text(left - 0.14, 2.82, "language model", fontsize=7, fontweight="bold")
    panel.annotate(
        "", (words[-1] + 0.25, 2.58), (words[-1] + 0.25, bottom - 0.05),
        arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 0.7},
    )  # fmt: skip
    panel.text(words[-1] + 0.3, 1.97, "layers", rotation=90, va="center", fontsize=6, color=MUTED)
    for number, x in enumerate(places):
        color = OBJECT if number in own else PLAIN
        panel.add_patch(Rectangle((x - 0.065, 1.04), 0.13, 0.13, facecolor=color, lw=0))
        _states(panel, x, bottom, rise, layers, OBJECT if number in own else None)
    for word, x in zip(text, words, strict=True):
        last = x == words[-1]
        panel.add_patch(Rectangle((x - 0.065, 1.04), 0.13, 0.13, facecolor=TEXT, lw=0, alpha=0.8))
        panel.text(x, 1.0, word, rotation=90, ha="center", va="top", fontsize=5.2, color=INK)
        _states(panel, x, bottom, rise, layers, ANSWER if last else None)
    panel.text(
        (places[0] + places[-1]) / 2, 0.98, "image tokens", ha="center", va="top", fontsize=6
    )
    panel.text(
        (places[0] + places[-1]) / 2, 0.86, "soft prompts: near no word", ha="center", va="top",
        fontsize=5.2, color=MUTED,
    )  # fmt: skip
    panel.add_patch(
        FancyArrowPatch(
            (2.72, 2.15), (places[0] - 0.08, 1.1), arrowstyle="-|>", mutation_scale=6, color=MUTED,
            lw=0.8, connectionstyle="angle3,angleA=0,angleB=100", shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
    for level, word in ((0, "…"), (2, "sail"), (4, "boat")):
        _tag(panel, places[4], bottom + rise * level, word)
    for level in (2, 3):
        panel.add_patch(
            FancyArrowPatch(
                (places[5] + 0.05, bottom + rise * level),
                (words[-1] - 0.05, bottom + rise * (level + 0.9)),
                arrowstyle="-|>", mutation_scale=7, color=ANSWER, lw=1.1,
                connectionstyle="arc3,rad=-0.12",
            )
        )  # fmt: skip
    panel.text(words[-1], 2.72, "boat", ha="center", fontsize=6.5, color=ANSWER, fontweight="bold")
    _badge(panel, places[4] - 0.0, 1.255, "1", OBJECT)
    _badge(panel, places[0], bottom + rise * 4, "2", LENS)
    _badge(panel, words[2], bottom + rise * 3.15, "3", ANSWER)


def _states(
    panel: Axes, x: float, bottom: float, rise: float, layers: int, color: str | None
) -> None:
    for level in range(layers):
        share = 0.25 + 0.75 * level / (layers - 1)
        tone = PLAIN if color is None else tuple(1 - share * (1 - c) for c in to_rgb(color))
        panel.add_patch(
            Circle((x, bottom + rise * level), 0.045, facecolor=tone, edgecolor="white", lw=0.4)
        )


def _tag(panel: Axes, x: float, y: float, word: str) -> None:
    panel.text(
        x - 0.34, y, word, ha="right", va="center", fontsize=5.6, color="white", fontweight="bold",
        bbox={"boxstyle": "round,pad=0.22", "facecolor": LENS, "edgecolor": "none"},
    )  # fmt: skip
    panel.plot([x - 0.33, x - 0.24], [y, y], color=LENS, lw=0.9)


def _findings(panel: Axes) -> None:
    parts = (
        ("1", OBJECT, "Where is the object?",
         "Replace tokens by the mean token\nand see which answers are lost.", "Table 1, Figure 2"),
        ("2", LENS, "What do the states say?",
         "Read every state with the model's\nown vocabulary (logit lens).", "Figure 3, number 1"),
        ("3", ANSWER, "Who reads it, and when?",
         "Cut attention between token groups\nin a window of layers.", "Table 2"),
    )  # fmt: skip
    for number, (name, color, title, text, where) in enumerate(parts):
        x = 0.1 + 2.28 * number
        panel.plot([x, x + 2.1], [0.6, 0.6], color=color, lw=1.2)
        _badge(panel, x + 0.08, 0.47, name, color)
        panel.text(x + 0.22, 0.47, title, fontsize=7, fontweight="bold", va="center")
        panel.text(x + 0.22, 0.36, text, fontsize=6, va="top", color=INK, linespacing=1.25)
        panel.text(x + 0.22, 0.07, where, fontsize=5.2, va="center", color=MUTED)


def draw_ablation() -> Figure:
    """Figure 2: replace tokens, ask, count what is lost."""
    with _canvas(3.1) as (figure, panel):
        _step(panel, 0.08, "1", "Replace image tokens", 2.55)
        _step(panel, 2.88, "2", "Ask again", 1.95)
        _step(panel, 5.08, "3", "Count what is lost", 1.75)
        _replacing(panel)
        _asking(panel)
        _counting(panel)
    return figure


def _step(panel: Axes, x: float, number: str, title: str, width: float) -> None:
    panel.plot([x, x + width], [2.72, 2.72], color=MUTED, lw=0.8)
    _badge(panel, x + 0.1, 2.9, number, INK)
    panel.text(x + 0.25, 2.9, title, fontsize=7.5, fontweight="bold", va="center")


def _replacing(panel: Axes) -> None:
    _scene(panel, 0.1, 1.5, 1.05, object_frame=True)
    _arrow(panel, (1.2, 2.02), (1.42, 2.02))
    own, ring = set(BOAT), _ring(BOAT)
    _grid(panel, 1.48, 1.5, 1.05, {**dict.fromkeys(ring, RING), **dict.fromkeys(own, OBJECT)})
    rng = np.random.default_rng(3)
    scattered = {(int(a), int(b)) for a, b in rng.integers(0, SIDE, (9, 2))}
    gradients = {(2, 2), (3, 3), (4, 2), (0, 5), (5, 0), (3, 5), (1, 1)}
    kinds = (
        ("object", dict.fromkeys(own, OBJECT)),
        ("+ 1 ring", {**dict.fromkeys(ring, RING), **dict.fromkeys(own, OBJECT)}),
        ("large norm", dict.fromkeys({(0, 2), (1, 5), (5, 4)}, PALETTE["purple"])),
        ("gradients", dict.fromkeys(gradients, PALETTE["orange"])),
        ("random", dict.fromkeys(scattered, PALETTE["green"])),
    )
    for number, (name, cells) in enumerate(kinds):
        x = 0.1 + 0.5 * number
        _grid(panel, x, 0.78, 0.43, cells)
        panel.text(x + 0.215, 0.72, name, ha="center", va="top", fontsize=5.4)
    panel.text(
        0.1, 1.33, "one set of tokens at a time, also as many random as object tokens:",
        fontsize=5.4, color=MUTED, va="center",
    )  # fmt: skip
    panel.text(
        0.1, 0.4, "each becomes the mean token of many images,\n"
        "before the first layer; the others stay as they are",
        fontsize=6, va="top", linespacing=1.3,
    )  # fmt: skip


def _asking(panel: Axes) -> None:
    asked = (
        ("Describe this image.", "… a red boat …", "… a wide sea …", "generative"),
        ("Is there a boat in this image?", "Yes", "No", "polling"),
        ("What is on the sea? It is a", "boat", "bird", "VQA"),
    )
    for number, (question, before, after, name) in enumerate(asked):
        y = 2.42 - 0.72 * number
        panel.text(2.9, y + 0.13, name, fontsize=5.2, color=MUTED, va="center")
        _bubble(panel, 2.9, y - 0.12, 1.92, 0.2, question, PAPER, INK)
        _bubble(panel, 2.9, y - 0.38, 0.93, 0.2, before, _pale(OBJECT), INK)
        _bubble(panel, 3.89, y - 0.38, 0.93, 0.2, after, _pale(ANSWER), INK)
    panel.text(3.36, 0.42, "nothing replaced", fontsize=5.4, ha="center", color=OBJECT)
    panel.text(4.36, 0.42, "tokens replaced", fontsize=5.4, ha="center", color=ANSWER)


def _counting(panel: Axes) -> None:
    right, lost = 12, {1, 2, 4, 5, 7, 8, 10, 11}
    for row, (label, wrong) in enumerate((("before", set()), ("after", lost))):
        y = 2.3 - 0.62 * row
        panel.text(5.1, y + 0.24, label, fontsize=5.4, color=MUTED)
        for place in range(right):
            x = 5.16 + 0.14 * place
            bad = place in wrong
            color = ANSWER if bad else OBJECT
            panel.add_patch(
                Circle((x, y + 0.1), 0.055, facecolor=color, alpha=0.95 if bad else 0.75, lw=0)
            )
            panel.text(
                x, y + 0.096, "✕" if bad else "✓", fontsize=4.6, color="white", ha="center",
                va="center",
            )  # fmt: skip
    panel.text(5.1, 1.5, "images answered correctly at first", fontsize=5.4, color=MUTED)
    panel.text(5.1, 1.0, "decrease  =", fontsize=7, va="center")
    panel.text(5.72, 1.1, "wrong after", fontsize=6.4, color=ANSWER, va="center")
    panel.plot([5.72, 6.42], [1.0, 1.0], color=INK, lw=0.7)
    panel.text(5.72, 0.9, "right before", fontsize=6.4, color=OBJECT, va="center")
    panel.text(
        5.1, 0.62, "A large decrease means that the\nreplaced tokens held the object.",
        fontsize=6, va="top", linespacing=1.3,
    )  # fmt: skip


def _scene(panel: Axes, x: float, y: float, size: float, object_frame: bool) -> None:
    """A boat on the sea under a sun, with the grid of patches."""
    clip = Rectangle((x, y), size, size, facecolor="#CFE4F2", lw=0)
    panel.add_patch(clip)

    def place(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x + size * a, y + size * b) for a, b in points]

    shapes = [
        Ellipse((x + size * 0.8, y + size * 0.82), size * 0.17, size * 0.17, facecolor="#F4C542"),
        Polygon(place([(0, 0), (1, 0), (1, 0.27), (0, 0.31)]), facecolor="#5B9BC8"),
        Polygon(place([(0.49, 0.33), (0.49, 0.66), (0.36, 0.36)]), facecolor="#FFFFFF"),
        Polygon(place([(0.51, 0.33), (0.51, 0.66), (0.65, 0.36)]), facecolor="#E8E8E8"),
        Polygon(place([(0.34, 0.3), (0.66, 0.3), (0.6, 0.18), (0.41, 0.18)]), facecolor="#C8442F"),
    ]
    for shape in shapes:
        shape.set_linewidth(0)
        panel.add_patch(shape)
        shape.set_clip_path(clip)
    for line in range(1, SIDE):
        at = size * line / SIDE
        panel.plot([x + at, x + at], [y, y + size], color="white", lw=0.4, alpha=0.8)
        panel.plot([x, x + size], [y + at, y + at], color="white", lw=0.4, alpha=0.8)
    if object_frame:
        cell = size / SIDE
        rows, columns = zip(*BOAT, strict=True)
        panel.add_patch(
            Rectangle(
                (x + min(columns) * cell, y + size - (max(rows) + 1) * cell),
                cell * (max(columns) - min(columns) + 1), cell * (max(rows) - min(rows) + 1),
                fill=False, edgecolor=OBJECT, lw=1.4,
            )
        )  # fmt: skip


def _grid(panel: Axes, x: float, y: float, size: float, cells: dict[tuple[int, int], str]) -> None:
    """Tokens as squares, those that are replaced in colour."""
    cell = size / SIDE
    for row in range(SIDE):
        for column in range(SIDE):
            color = cells.get((row, column))
            left, low = x + column * cell, y + size - (row + 1) * cell
            panel.add_patch(
                Rectangle(
                    (left + cell * 0.07, low + cell * 0.07), cell * 0.86, cell * 0.86,
                    facecolor=color or PLAIN, lw=0,
                )
            )  # fmt: skip


def _ring(cells: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    around = {(r + i, c + j) for r, c in cells for i in (-1, 0, 1) for j in (-1, 0, 1)}
    return {(r, c) for r, c in around if 0 <= r < SIDE and 0 <= c < SIDE} - set(cells)


def _box(panel: Axes, x: float, y: float, width: float, height: float, text: str) -> None:
    panel.add_patch(
        FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.06", facecolor=PAPER,
            edgecolor=MUTED, lw=0.6,
        )
    )  # fmt: skip
    panel.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=6.2)


def _bubble(
    panel: Axes, x: float, y: float, width: float, height: float, text: str, color: str, ink: str
) -> None:
    panel.add_patch(
        FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.07", facecolor=color, lw=0
        )
    )
    panel.text(x + 0.07, y + height / 2, text, va="center", fontsize=6, color=ink)


def _badge(panel: Axes, x: float, y: float, text: str, color: str) -> None:
    panel.add_patch(Circle((x, y), 0.082, facecolor=color, edgecolor="white", lw=0.8, zorder=5))
    panel.text(
        x, y - 0.004, text, ha="center", va="center", fontsize=6.2, color="white",
        fontweight="bold", zorder=6, path_effects=[effects.Normal()],
    )  # fmt: skip


def _arrow(panel: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    panel.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=6, color=MUTED, lw=0.8, shrinkA=0,
            shrinkB=0,
        )
    )  # fmt: skip


def _pale(color: str) -> tuple[float, float, float]:
    red, green, blue = (1 - 0.18 * (1 - part) for part in to_rgb(color))
    return red, green, blue


class _canvas:
    """A figure over two columns whose data unit is one inch."""

    def __init__(self, height: float) -> None:
        self._figure = new_figure(columns=2, height=height)
        self._height = height

    def __enter__(self) -> tuple[Figure, Axes]:
        figure, panel = self._figure.__enter__()
        figure.set_layout_engine("none")
        panel.set_position((0, 0, 1, 1))
        panel.set_xlim(0, WIDTHS[2])
        panel.set_ylim(0, self._height)
        panel.axis("off")
        return figure, panel

    def __exit__(self, *error: object) -> None:
        self._figure.__exit__(*error)


DIAGRAMS: dict[str, Callable[[], Figure]] = {"fig1": draw_overview, "fig2": draw_ablation}


def main(options: argparse.Namespace) -> None:
    """Draw one diagram."""
    save_figure(DIAGRAMS[options.figure](), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", choices=sorted(DIAGRAMS), required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
