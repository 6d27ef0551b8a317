"""Figure 1: from the tokens of two objects of an image to labels, and how other rules place those tokens.

Image, masks and tokens are those of an encoder of the run in its last layer; boxes and words say what is done.

python -m sightline.studies.khajuria2025.diagram --tables explorer_tables/dino --samples samples.parquet \
    --protocol khajuria2025.json --out fig1
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from sightline import cli
from sightline.studies.drawing import INK, MUTED, PALETTE, save_figure
from sightline.studies.khajuria2025.diagram_case import Shown, read_shown
from sightline.studies.khajuria2025.names import CORRECTED, PUBLISHED
from sightline.studies.khajuria2025.protocol import SHIFT, WRONG_GRID, Protocol
from sightline.studies.shapes import PLAIN, arrow, box, canvas, show_image

FIRST, SECOND = PALETTE["blue"], PALETTE["orange"]
HEIGHT = 2.9
UPPER, LOWER = 1.65, 0.2
"""Bottom of the pictures in the two rows."""
MOST_BLOCKS, MOST_TOKENS = 4, 8
"""That are drawn of the encoder's."""


def draw(shown: Shown, categories: int) -> Figure:
    """Above: image, blocks, what is read of each object's tokens, probes. Below: the same objects, other tokens.

    Args:
        shown: the image.
        categories: number of those of the global probe.
    """
    with canvas(HEIGHT) as (figure, panel):
        _title(panel, 0.1, HEIGHT - 0.2, "image in tokens")
        _image(panel, 0.1, UPPER, 0.95, shown, shown.placed[CORRECTED])
        for place, (name, color) in enumerate(zip(shown.categories, (FIRST, SECOND), strict=True)):
            side = "right" if place else "left"
            panel.text(0.1 + 0.95 * place, UPPER - 0.03, name, ha=side, va="top", fontsize=6,
                       color=color)  # fmt: skip
        _blocks(panel, 1.45, shown)
        _readings(panel, 3.0, len(shown.primary))
        _probes(panel, 5.02, categories)
        _masks(panel, shown)
    return figure


def _title(panel: Axes, x: float, y: float, text: str) -> None:
    panel.text(x, y, text, fontsize=7, fontweight="bold", color=INK)


def _image(
    panel: Axes,
    left: float,
    bottom: float,
    size: float,
    shown: Shown,
    placed: tuple[list[int], list[int]],
) -> None:
    """The image with the tokens of its two objects in their colours."""
    show_image(panel, (left, bottom, size, size), shown.pixels)
    rows, columns = shown.grid.rows, shown.grid.columns
    wide, high = size / columns, size / rows
    line = 0.5 if rows < 12 else 0.2
    for column in range(1, columns):
        x = left + column * wide
        panel.plot([x, x], [bottom, bottom + size], color="white", lw=line)
    for row in range(1, rows):
        y = bottom + row * high
        panel.plot([left, left + size], [y, y], color="white", lw=line)
    for tokens, color in zip(placed, (FIRST, SECOND), strict=True):
        for token in tokens:
            row, column = divmod(token, columns)
            corner = (left + column * wide, bottom + size - (row + 1) * high)
            panel.add_patch(
                Rectangle(corner, wide, high, facecolor=color, alpha=0.5, lw=0, zorder=3)
            )
            panel.add_patch(
                Rectangle(corner, wide, high, facecolor="none", edgecolor=color, lw=2 * line,
                          zorder=3)
            )  # fmt: skip


def _blocks(panel: Axes, left: float, shown: Shown) -> None:
    """Tokens of one column of the grid, the one with most of the objects'."""
    middle = UPPER + 0.475
    arrow(panel, (left - 0.35, middle), (left - 0.08, middle))
    _title(panel, left, HEIGHT - 0.2, "encoder, frozen")
    colors = _column(shown)
    step = 0.9 / len(colors)
    side = min(0.09, 0.7 * step)
    for number in range(min(MOST_BLOCKS, shown.layers)):
        x = left + 0.3 * number
        box(panel, x, UPPER, 0.2, 0.95)
        for place, color in enumerate(colors):
            y = UPPER + 0.925 - step * (place + 0.5) - side / 2
            panel.add_patch(Rectangle((x + 0.1 - side / 2, y), side, side, facecolor=color, lw=0))
    text = f"states behind each of {shown.layers} blocks"
    panel.text(left + 0.55, UPPER - 0.06, text, ha="center", va="top", fontsize=6)
    arrow(panel, (left + 1.16, middle), (left + 1.44, middle))


def _column(shown: Shown) -> list[str]:
    """Colours of the tokens of a column from top to bottom, those around the objects where there are many."""
    colors = dict.fromkeys(shown.secondary, SECOND) | dict.fromkeys(shown.primary, FIRST)
    columns = shown.grid.columns
    taken = np.bincount([token % columns for token in colors], minlength=columns)
    column = int(taken.argmax())
    rows = [token // columns for token in colors if token % columns == column]
    first = max(0, min(min(rows) - 1, shown.grid.rows - MOST_TOKENS))
    last = min(shown.grid.rows, first + MOST_TOKENS)
    return [colors.get(row * columns + column, PLAIN) for row in range(first, last)]


def _readings(panel: Axes, left: float, tokens: int) -> None:
    _title(panel, left, HEIGHT - 0.2, "read per object and block")
    rows = (
        ("avg_obj", f"mean of the object's {tokens} tokens", (FIRST,) * min(3, tokens)),
        ("random_obj", "one of them", (FIRST,)),
        ("random", "any token of the image", (PLAIN,)),
        ("CLS", "the token of the whole image", (MUTED,)),
    )
    for number, (name, meaning, colors) in enumerate(rows):
        y = UPPER + 0.81 - 0.24 * number
        for place, color in enumerate(colors):
            panel.add_patch(Rectangle((left + 0.1 * place, y), 0.08, 0.08, facecolor=color, lw=0))
        panel.text(left + 0.36, y + 0.04, name, va="center", fontsize=6, fontweight="bold")
        panel.text(left + 0.36, y - 0.06, meaning, va="center", fontsize=5.2, color=MUTED)
    arrow(panel, (left + 1.7, UPPER + 0.475), (left + 1.98, UPPER + 0.475))


def _probes(panel: Axes, left: float, categories: int) -> None:
    _title(panel, left, HEIGHT - 0.2, "linear probes")
    rows = (
        ("own label from own tokens", "M1 = A_ss, and A_pp"),
        ("primary's label from the secondary's tokens", "A_sp; M2 = A_sp / A_pp"),
        ("both labels together", "8 pairs"),
        (f"one of {categories} categories", "in captions or not"),
    )
    for number, (name, meaning) in enumerate(rows):
        y = UPPER + 0.81 - 0.24 * number
        panel.text(left, y + 0.04, name, va="center", fontsize=6)
        panel.text(left, y - 0.06, meaning, va="center", fontsize=5.2, color=MUTED)


def _masks(panel: Axes, shown: Shown) -> None:
    """The masks over the whole image, and the tokens that each rule finds for them."""
    size, step = 0.86, 1.36
    height, width = shown.masks[0].shape
    wide, tall = (size * side / max(width, height) for side in (width, height))
    _title(panel, 0.1, LOWER + 1.04, "masks")
    panel.text(0.1, LOWER + 0.93, f"of {width} by {height} pixels", fontsize=5.2, color=MUTED)
    place = (0.1, LOWER + (size - tall) / 2, wide, tall)
    show_image(panel, place, _painted(shown.masks))
    for number, variant in enumerate(shown.placed):
        x = 0.1 + step * (number + 1)
        name, meaning = _words(variant)
        _title(panel, x, LOWER + 1.04, name)
        panel.text(x, LOWER + 0.93, meaning, fontsize=5.2, color=MUTED)
        _image(panel, x, LOWER, size, shown, shown.placed[variant])
        right, found = shown.right(variant)
        text = f"{found} tokens" if variant == CORRECTED else f"{right} of {found} are among these"
        panel.text(x, LOWER - 0.04, text, fontsize=5.6, va="top")


def _painted(masks: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Both masks in their colours."""
    painted = np.empty((*masks[0].shape, 3))
    painted[:] = _rgb(PLAIN)
    for mask, color in zip(masks, (FIRST, SECOND), strict=True):
        painted[mask] = _rgb(color)
    return painted


def _rgb(color: str) -> tuple[float, ...]:
    return tuple(int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))


def _words(variant: str) -> tuple[str, str]:
    """Title and meaning of a rule."""
    if variant.startswith(SHIFT):
        columns = variant.removeprefix(SHIFT)
        return f"shifted by {columns}", "as an uncropped mask errs"
    return {
        CORRECTED: ("tokens, corrected", "the mask seen as the image is"),
        PUBLISHED: ("as published", "the mask squashed to a grid"),
        WRONG_GRID: ("wrong grid", "numbers of a coarser grid"),
    }[variant]


def rows_of(shown: Shown) -> pd.DataFrame:
    """Tokens in the figure: image, variant, object, tokens."""
    rows = [
        (shown.image_id, variant, category, " ".join(map(str, tokens)))
        for variant, placed in shown.placed.items()
        for category, tokens in zip(shown.categories, placed, strict=True)
    ]
    return pd.DataFrame(rows, columns=["image_id", "variant", "object", "tokens"])


def main(options: argparse.Namespace) -> None:
    """Draw the figure, and write the tokens in it beside it."""
    protocol = Protocol.read(options.protocol)
    shown = read_shown(options.tables, options.samples, protocol)
    save_figure(draw(shown, len(protocol.categories)), options.out, rows_of(shown))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tables", type=Path, required=True, help="of an encoder's page of object tokens"
    )
    parser.add_argument("--samples", type=Path, required=True, help="objects with their masks")
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
