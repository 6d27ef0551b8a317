"""Figures 1 and 3 and the gallery: maps, points and masks on images that were drawn by the seed, whatever they show.

python -m sightline.studies.qian2025.items.pictures --figure fig1 --measurements m/demo-llava \
    --nouns m/demo-llava/nouns.parquet --out fig1
"""

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.studies.drawing import WIDTHS, new_figure, panel_letter, save_figure
from sightline.studies.qian2025.items.overlay import draw_image, draw_map, draw_mask, draw_points
from sightline.studies.qian2025.items.shown import (
    Shown,
    intersection_over_union,
    read_shown,
    scores_of,
    with_nouns,
)

FIG3_ROWS = 6
MAPS = {
    "input": "[SEG] on what enters\nthe language model",
    "map": "[SEG] in the\nlast layer",
    "best": "the layer best\non val",
    "sam": "[SEG] in the\nmask decoder",
}


CLICKED, POINTS = "unmodified SAM", "points of the map"
"""The mask of a SAM that knows points alone, and where those come from."""

# Inches in the gallery: a picture, from one to the next, the margin on the left; a row, a query's words, heads, legend.
_PICTURE, _PITCH, _MARGIN = 0.8, 0.84, 0.2
_ROW, _TEXT, _HEADS, _BELOW = 0.97, 0.16, 0.42, 0.3
_UNDER_HEADS = 4
"""Queries after which the heads come again."""


def title_of(one: Shown, name: str) -> str:
    """What a map shows."""
    return f'the name "{one.noun}" in\n{one.encoder}' if name == "noun" else MAPS[name]


def draw_fig1(shown: Sequence[Shown]) -> Figure:
    """Mask from points, and three maps, of one query per model."""
    first = list({one.model: one for one in reversed(shown)}.values())[::-1]
    with new_figure(
        columns=2, height=0.45 + 1.95 * len(first), rows_of_axes=len(first), columns_of_axes=4,
        squeeze=False,
    ) as (figure, panels):  # fmt: skip
        for row, one in zip(panels, first, strict=True):
            draw_mask(row[0], one, "clicked")
            draw_points(row[0], one)
            iou = intersection_over_union(one, "clicked")
            row[0].set_title(f"{CLICKED}, points of (c)\nIoU {iou:.2f}", fontsize=6.5, loc="center")
            second = "noun" if one.noun else "input"
            for axes, name in zip(row[1:], (second, "map", "sam"), strict=True):
                draw_map(axes, one, name)
                axes.set_title(title_of(one, name), fontsize=6.5, loc="center")
            for letter, axes in zip("abcd", row, strict=True):
                panel_letter(axes, letter)
            row[0].set_xlabel("\n".join(textwrap.wrap(f"{one.model}: {one.text}", 30)), fontsize=6)
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def draw_fig3(shown: Sequence[Shown]) -> Figure:
    """Ground truth and the masks of every model on the same queries."""
    models = list(dict.fromkeys(one.model for one in shown))
    queries = list(dict.fromkeys(one.query for one in shown))[:FIG3_ROWS]
    found = {(one.model, one.query): one for one in shown}
    with new_figure(
        columns=2, height=0.3 + 1.35 * len(queries), rows_of_axes=len(queries),
        columns_of_axes=2 + 2 * len(models), squeeze=False,
    ) as (figure, panels):  # fmt: skip
        for place, (row, query) in enumerate(zip(panels, queries, strict=True)):
            here = [found[model, query] for model in models]
            draw_image(row[0], here[0].image)
            row[0].set_xlabel("\n".join(textwrap.wrap(here[0].text, 22)), fontsize=5.5)
            draw_mask(row[1], here[0], "target", "#FFFFFF")
            for column, one in enumerate(here):
                for offset, name in enumerate(("own", "clicked")):
                    axes = row[2 + 2 * column + offset]
                    draw_mask(axes, one, name)
                    axes.set_xlabel(f"IoU {intersection_over_union(one, name):.2f}", fontsize=5.5)
                    if place == 0:
                        kind = "own mask" if name == "own" else f"{CLICKED},\n{POINTS}"
                        axes.set_title(f"{one.model}\n{kind}", fontsize=6, loc="center")
        panels[0][0].set_title("image", fontsize=6, loc="center")
        panels[0][1].set_title("ground truth", fontsize=6, loc="center")
    return figure


def draw_gallery(shown: Sequence[Shown]) -> Figure:
    """Queries one below the other, in the columns of the authors' dashboard, the best layer beside; a row per model."""
    queries = list(dict.fromkeys(one.query for one in shown))
    blocks = [[one for one in shown if one.query == query] for query in queries]
    height = _BELOW + sum(
        _HEADS * (place % _UNDER_HEADS == 0) + _TEXT + _ROW * len(rows)
        for place, rows in enumerate(blocks)
    )
    with new_figure(
        columns=2, height=height, rows_of_axes=len(shown), columns_of_axes=8, squeeze=False
    ) as (figure, panels):
        # Of so many panels alike the places are known; to work them out would take half a minute.
        figure.set_layout_engine("none")
        lines, top = iter(panels), height
        for place, rows in enumerate(blocks):
            with_heads = place % _UNDER_HEADS == 0
            top -= _TEXT + _HEADS * with_heads
            for number, one in enumerate(rows):
                line = next(lines)
                for column, axes in enumerate(line):
                    left = (_MARGIN + column * _PITCH) / WIDTHS[2]
                    sides = _PICTURE / WIDTHS[2], _PICTURE / height
                    axes.set_position((left, (top - _PICTURE) / height, *sides))
                top -= _ROW
                _draw_line(line, one)
                if number == 0:
                    words = textwrap.shorten(one.text, 130)
                    line[0].annotate(
                        words, (0, 1), xytext=(0, 2), xycoords="axes fraction", textcoords="offset points",
                        fontsize=6.5,
                    )  # fmt: skip
                    if with_heads:
                        _write_heads(line)
        handles, labels = panels[0][5].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=3)
    return figure


def _draw_line(line: Sequence[Axes], one: Shown) -> None:
    draw_image(line[0], one.image)
    line[0].set_ylabel(one.model, fontsize=6)
    for axes, name in zip(line[1:5], MAPS, strict=True):
        draw_map(axes, one, name)
    draw_mask(line[5], one, "clicked")
    draw_points(line[5], one, 2.4)
    draw_mask(line[6], one, "own")
    draw_mask(line[7], one, "target", "#FFFFFF")
    for axes, name in ((line[5], "clicked"), (line[6], "own")):
        axes.set_xlabel(f"IoU {intersection_over_union(one, name):.2f}", fontsize=6, labelpad=2)


def _write_heads(line: Sequence[Axes]) -> None:
    heads = ["image", *MAPS.values(), f"{CLICKED}, {POINTS}", "own mask", "ground truth"]
    for axes, words in zip(line, heads, strict=True):
        wrapped = "\n".join(textwrap.wrap(words, 16))
        axes.annotate(
            wrapped, (0.5, 1), xytext=(0, 12), xycoords="axes fraction", textcoords="offset points",
            ha="center", va="bottom", fontsize=6, fontweight="bold",
        )  # fmt: skip


FIGURES = {"fig1": draw_fig1, "fig3": draw_fig3, "figB": draw_gallery}


def main(options: argparse.Namespace) -> None:
    """Draw one figure and write its numbers."""
    every = [read_shown(folder) for folder in options.measurements]
    if options.nouns:
        every = [with_nouns(*one) for one in zip(every, options.nouns, strict=True)]
    shown = [one for some in every for one in some]
    save_figure(FIGURES[options.figure](shown), options.out, scores_of(shown))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", choices=tuple(FIGURES), required=True)
    parser.add_argument("--measurements", type=Path, nargs="+", required=True, help="a folder each")
    parser.add_argument("--nouns", type=Path, nargs="*", default=[], help="a table per folder")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
