"""Figure 3, how two descriptions become a number, and the project page's worked case; drawings of our own.

The case is the one that the authors show: an old man in a kitchen, three objects found, six missed, three invented.
What the judge says of it is computed, so the drawing cannot show other numbers than the code gives.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from sightline import cli
from sightline.studies.drawing import INK, MUTED, PALETTE, new_figure, published_marks, save_figure
from sightline.studies.judging.comparison import Comparison
from sightline.studies.published import find_published, load_published

FOUND, MISSED, INVENTED = PALETTE["green"], PALETTE["orange"], PALETTE["vermilion"]
PAPER = "#F6F7F8"
REFERENCE = (
    "man",
    "glasses",
    "hat",
    "jacket",
    "cabinets",
    "countertop",
    "window",
    "curtains",
    "chair",
)
PREDICTION = ("man", "glasses", "hat", "beard", "mustache", "trees")
CASE = Comparison.of_sets(REFERENCE, PREDICTION)
FULL_TEXT = (
    "An old {man} with {glasses} and a {hat} sits in a",
    "kitchen. He wears a {jacket}; behind him are",
    "{cabinets}, a {countertop} and a {window} with",
    "{curtains}. A {chair} stands beside him.",
)
CUT_TEXT = (
    "An old {man} with a {beard}, a {mustache},",
    "{glasses} and a {hat} stands outside",
    "in front of {trees}.",
)


def draw_protocol() -> Figure:
    """Figure 3: two texts, their objects, three groups, three numbers."""
    with new_figure(columns=2, height=2.55) as (figure, axes):
        _blank(axes, 6.9, 2.55)
        # Words are placed by their width, which is known once the layout is.
        figure.draw_without_rendering()
        _text_box(axes, 0.05, 1.42, 2.5, 1.0, "without knockout (reference)", FULL_TEXT)
        _text_box(axes, 0.05, 0.12, 2.5, 0.86, "with knockout (prediction)", CUT_TEXT)
        _box(axes, 2.98, 1.02, 0.82, 0.5, "judge", bold=True)
        axes.text(
            3.39,
            0.93,
            "lists objects,\nmatches synonyms",
            ha="center",
            va="top",
            fontsize=5.6,
            color=MUTED,
            linespacing=1.3,
        )
        _arrow(axes, (2.58, 1.85), (2.95, 1.42))
        _arrow(axes, (2.58, 0.6), (2.95, 1.12))
        groups = (
            ("in both: true positives", CASE.tp, FOUND, 1.82),
            ("only in the reference: missed", CASE.fn, MISSED, 0.98),
            ("only in the prediction: invented", CASE.fp, INVENTED, 0.14),
        )
        for title, names, colour, y in groups:
            _group(axes, 4.2, y, title, names, colour)
            _arrow(axes, (3.83, 1.27), (4.17, y + 0.28))
        _numbers(axes)
    return figure


def _numbers(axes: Axes) -> None:
    tp, fn, fp = len(CASE.tp), len(CASE.fn), len(CASE.fp)
    lines = (
        ("precision", f"{tp} / ({tp} + {fp})", CASE.precision, 1.95),
        ("recall", f"{tp} / ({tp} + {fn})", CASE.recall, 1.25),
        ("F1", "2PR / (P + R)", CASE.f1, 0.5),
    )
    for name, formula, value, y in lines:
        axes.text(6.45, y + 0.2, name, ha="center", fontsize=6.2, color=MUTED)
        axes.text(6.45, y, f"{value:.2f}", ha="center", fontsize=10, fontweight="bold")
        axes.text(6.45, y - 0.15, formula, ha="center", fontsize=5.6, color=MUTED)


def _group(axes: Axes, x: float, y: float, title: str, names: Sequence[str], colour: str) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            1.72,
            0.58,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="white",
            edgecolor=colour,
            lw=1,
        )
    )
    axes.text(
        x + 0.07,
        y + 0.44,
        f"{title} ({len(names)})",
        fontsize=5.8,
        color=colour,
        fontweight="bold",
        va="center",
    )
    half = (len(names) + 1) // 2
    lines = [names] if len(names) < 4 else [names[:half], names[half:]]
    text = ",\n".join(", ".join(line) for line in lines)
    axes.text(x + 0.07, y + 0.17, text, fontsize=5.8, va="center", linespacing=1.3)


def _text_box(
    axes: Axes, x: float, y: float, width: float, height: float, title: str, lines: Sequence[str]
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=PAPER,
            edgecolor=MUTED,
            lw=0.6,
        )
    )
    axes.text(x + 0.08, y + height - 0.13, title, fontsize=6.5, fontweight="bold", va="center")
    for number, line in enumerate(lines):
        _coloured(axes, x + 0.08, y + height - 0.34 - 0.17 * number, line)


def _coloured(axes: Axes, x: float, y: float, line: str) -> None:
    """One line of text, the objects in it in the colour of their group."""
    renderer = axes.figure.canvas.get_renderer()
    to_data = axes.transData.inverted()
    for piece in line.replace("{", "\0{").replace("}", "\0").split("\0"):
        name = piece.removeprefix("{")
        colour = INK
        if piece.startswith("{"):
            colour = FOUND if name in CASE.tp else MISSED if name in CASE.fn else INVENTED
        weight = "bold" if piece.startswith("{") else "normal"
        drawn = axes.text(x, y, name, fontsize=6, color=colour, fontweight=weight, va="center")
        # Trailing blanks have no extent of their own: they are measured with a letter behind them.
        probe = axes.text(x, y, f"{name}.", fontsize=6, fontweight=weight)
        dot = axes.text(x, y, ".", fontsize=6, fontweight=weight)
        ends = [
            to_data.transform((one.get_window_extent(renderer).width, 0))[0]
            - to_data.transform((0, 0))[0]
            for one in (probe, dot)
        ]
        probe.remove()
        dot.remove()
        x += ends[0] - ends[1] if name else 0
        drawn.set_clip_on(False)


def draw_worked_case() -> Figure:
    """The worked case of the project page: counts and numbers, computed beside printed."""
    numbers = worked_case()
    with new_figure(columns=1, height=2.0, columns_of_axes=2, width_ratios=(3, 3)) as (
        figure,
        axes,
    ):
        for panel, names, limit, title in (
            (axes[0], ("tp", "fn", "fp"), 8, "objects"),
            (axes[1], ("precision", "recall", "f1"), 1, "score"),
        ):
            rows = numbers.set_index("quantity").loc[list(names)]
            labels = {"tp": "in both", "fn": "missed", "fp": "invented", "f1": "F1"}
            places = np.arange(3)
            colours = [FOUND, MISSED, INVENTED] if panel is axes[0] else [MUTED] * 3
            panel.bar(places, rows["computed"], width=0.6, color=colours)
            published_marks(panel, places, rows["published"], label="project page")
            for place, value in zip(places, rows["computed"], strict=True):
                panel.text(place, value + limit * 0.06, f"{value:.2g}", ha="center", fontsize=6.5)
            panel.set_xticks(places, [labels.get(name, name) for name in names])
            panel.set_ylim(0, limit)
            panel.set_ylabel(title)
        axes[1].legend(loc="upper right")
    return figure


def worked_case() -> pd.DataFrame:
    """One row per quantity: computed by the judge's own arithmetic, and as printed."""
    published = load_published("kaduri2025")
    computed = {"tp": len(CASE.tp), "fn": len(CASE.fn), "fp": len(CASE.fp)} | {
        name: getattr(CASE, name) for name in ("precision", "recall", "f1")
    }
    return pd.DataFrame(
        [
            {
                "quantity": name,
                "computed": value,
                "published": find_published(published, "page2", "", "worked example", name).value,
            }
            for name, value in computed.items()
        ]
    )


def _blank(axes: Axes, width: float, height: float) -> None:
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    axes.grid(False)


def _box(
    axes: Axes, x: float, y: float, width: float, height: float, text: str, bold: bool = False
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=PAPER,
            edgecolor=INK,
            lw=0.8,
        )
    )
    axes.text(
        x + width / 2,
        y + height / 2,
        text,
        ha="center",
        va="center",
        fontsize=7,
        fontweight="bold" if bold else "normal",
    )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=6,
            color=MUTED,
            lw=0.8,
            shrinkA=0,
            shrinkB=0,
        )
    )


def main(options: argparse.Namespace) -> None:
    """Draw one figure."""
    if options.figure == "fig3":
        save_figure(draw_protocol(), options.out)
    else:
        save_figure(draw_worked_case(), options.out, data=worked_case())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", choices=("fig3", "page2"), required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
