"""Fig. 2 (a) to (d): which ways from the image to the text stay open under each knockout."""

import argparse
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from sightline import cli
from sightline.studies.drawing import INK, MUTED, PALETTE, WIDTHS, new_figure, save_figure
from sightline.studies.kaduri2025.knockout.conditions import (
    BOTH,
    GENERATED,
    NONE,
    PAPER_LABELS,
    QUERY,
)

HEIGHT = 1.75
SIDE, GAP = 0.092, 0.018
IMAGE, TEXT, NEW = PALETTE["blue"], PALETTE["purple"], PALETTE["green"]
CUT = PALETTE["vermilion"]
GROUPS = {"image": (5, IMAGE), "query": (3, TEXT), "generated": (3, NEW)}
WAYS = {("image", "query"): 0.3, ("query", "generated"): 0.3, ("image", "generated"): 0.62}
"""Rise of the arrow between two groups, in inches."""
PANELS = {
    NONE: ("a", "no knockout", (), "everything is seen"),
    GENERATED: (
        "b", PAPER_LABELS[GENERATED], (("image", "generated"),),
        "what the query holds\nof the image is left",
    ),
    QUERY: (
        "c", PAPER_LABELS[QUERY], (("image", "query"),),
        "generated tokens look\nfor themselves",
    ),
    BOTH: (
        "d", PAPER_LABELS[BOTH], (("image", "query"), ("image", "generated")),
        "the image is seen by\nitself alone",
    ),
}  # fmt: skip
"""Letter, title, cut ways and meaning of each panel."""


def draw() -> Figure:
    """Draw the four panels side by side; one inch is one unit."""
    with new_figure(columns=2, height=HEIGHT) as (figure, axes):
        figure.set_layout_engine("none")
        axes.set_position((0, 0, 1, 1))
        axes.set_xlim(0, WIDTHS[2])
        axes.set_ylim(0, HEIGHT)
        axes.axis("off")
        width = WIDTHS[2] / len(PANELS)
        for number, (letter, title, cut, meaning) in enumerate(PANELS.values()):
            _draw_panel(axes, number * width + 0.05, width - 0.1, letter, title, cut, meaning)
    return figure


def _draw_panel(
    axes: Axes, x: float, width: float, letter: str, title: str, cut: tuple, meaning: str
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x + 0.02, 0.04), width - 0.04, HEIGHT - 0.08,
            boxstyle="round,pad=0,rounding_size=0.06", facecolor="#F6F7F8", edgecolor="none",
        )
    )  # fmt: skip
    axes.text(x + 0.08, HEIGHT - 0.18, letter, fontsize=9, fontweight="bold", va="center")
    axes.text(x + 0.24, HEIGHT - 0.18, title, fontsize=8, fontweight="bold", va="center")
    base = 0.62
    spaces = 0.14
    tokens = sum(count for count, _ in GROUPS.values())
    left = x + (width - tokens * (SIDE + GAP) - 2 * spaces) / 2
    middles = {}
    for name, (count, colour) in GROUPS.items():
        for place in range(count):
            axes.add_patch(
                Rectangle((left + place * (SIDE + GAP), base), SIDE, SIDE, facecolor=colour, lw=0)
            )
        middles[name] = left + (count * (SIDE + GAP) - GAP) / 2
        axes.text(
            middles[name], base - 0.06, name, ha="center", va="top", fontsize=5.6, color=colour
        )
        left += count * (SIDE + GAP) + spaces
    for way, rise in WAYS.items():
        start, end = middles[way[0]], middles[way[1]]
        # Two arrows never leave or reach a group at one point.
        if way == ("image", "generated"):
            start, end = start - 0.12, end + 0.06
        if way == ("query", "generated"):
            start, end = start + 0.06, end - 0.1
        if way == ("image", "query"):
            start, end = start + 0.1, end - 0.08
        _draw_way(axes, start, end, base + SIDE + 0.02, rise, way in cut)
    axes.text(
        x + width / 2, 0.38, meaning, ha="center", va="top", fontsize=6, color=INK, linespacing=1.2
    )


def _draw_way(
    axes: Axes, start: float, end: float, base: float, rise: float, blocked: bool
) -> None:
    colour = CUT if blocked else MUTED
    # An arc's height is half its bend times its length.
    axes.add_patch(
        FancyArrowPatch(
            (start, base), (end, base), connectionstyle=f"arc3,rad={-2 * rise / (end - start):.4f}",
            arrowstyle="-|>", mutation_scale=7, color=colour, linewidth=1.1, shrinkA=0, shrinkB=0,
            linestyle=(0, (3, 2)) if blocked else "-", alpha=0.75 if blocked else 1,
        )
    )  # fmt: skip
    if blocked:
        axes.plot(
            (start + end) / 2, base + rise, "x", color=CUT, markersize=6, markeredgewidth=1.8,
            zorder=5,
        )  # fmt: skip


def main(options: argparse.Namespace) -> None:
    """Draw the diagram."""
    save_figure(draw(), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
