"""Figure 1 as a diagram of our own: from the tokens of two objects to labels, and how masks miss their tokens.

Image and tokens are those of an encoder of the run, as it pools them in its last layer; cells below, where masks are
squashed on a cropped image, are drawn.

python -m sightline.studies.khajuria2025.diagram --tables explorer_tables/dino --out fig1
"""

import argparse
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from numpy.typing import NDArray
from PIL import Image

from sightline import cli
from sightline.studies.drawing import INK, MUTED, PALETTE, WIDTHS, new_figure, save_figure
from sightline.studies.khajuria2025.names import PRIMARY, SECONDARY

FIRST, SECOND = PALETTE["blue"], PALETTE["orange"]
PLAIN = "#D9DEE3"
PAPER = "#F6F7F8"
SIDE = 6
"""Cells along a side of the drawn grids."""
HEIGHT = 2.7


@dataclass(frozen=True)
class Shown:
    """One image as an encoder sees it.

    Attributes:
        pixels: (height, width, 3) uint8.
        rows: of its tokens, in the last layer.
        columns: likewise.
        layers: number of blocks.
        primary: tokens of the primary object.
        secondary: tokens of the other one.
        categories: of the two.
    """

    pixels: NDArray[np.uint8]
    rows: int
    columns: int
    layers: int
    primary: list[int]
    secondary: list[int]
    categories: tuple[str, str]


def read_shown(folder: Path) -> Shown:
    """The first image of a page's tables."""
    images, layers, members = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("images", "layers", "members")
    )
    image, last = images.iloc[0], layers.iloc[-1]
    here = members[(members["image_id"] == image["image_id"]) & (members["layer"] == last["layer"])]
    objects = here.set_index("role")
    with Image.open(BytesIO(image["picture"])) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return Shown(
        pixels,
        int(last["rows"]),
        int(last["columns"]),
        len(layers),
        *(objects.loc[role, "tokens"].tolist() for role in (PRIMARY, SECONDARY)),
        tuple(objects.loc[[PRIMARY, SECONDARY], "category"]),
    )


def draw(shown: Shown) -> Figure:
    """Above: image, blocks, what is read of each object's tokens, probes. Below: masks on a cropped image."""
    with new_figure(2, HEIGHT) as (figure, panel):
        panel.set(xlim=(0, WIDTHS[2]), ylim=(0, HEIGHT))
        panel.axis("off")
        panel.grid(False)
        _title(panel, 0.1, 2.5, "image in tokens")
        _image(panel, 0.1, 1.45, 0.95, shown)
        _blocks(panel, 1.45, shown.layers)
        _readings(panel, 3.0, len(shown.primary))
        _probes(panel, 5.05)
        _masks(panel, 0.1, 0.12)
    return figure


def _title(panel: Axes, x: float, y: float, text: str) -> None:
    panel.text(x, y, text, fontsize=7, fontweight="bold", color=INK)


def _image(panel: Axes, left: float, bottom: float, size: float, shown: Shown) -> None:
    """The image with the tokens of its two objects in their colours."""
    panel.imshow(
        shown.pixels, extent=(left, left + size, bottom, bottom + size), aspect="auto", zorder=0
    )
    wide, high = size / shown.columns, size / shown.rows
    line = 0.5 if shown.rows < 12 else 0.2
    for column in range(1, shown.columns):
        x = left + column * wide
        panel.plot([x, x], [bottom, bottom + size], color="white", lw=line)
    for row in range(1, shown.rows):
        y = bottom + row * high
        panel.plot([left, left + size], [y, y], color="white", lw=line)
    for tokens, color in ((shown.primary, FIRST), (shown.secondary, SECOND)):
        for token in tokens:
            row, column = divmod(token, shown.columns)
            corner = (left + column * wide, bottom + size - (row + 1) * high)
            panel.add_patch(Rectangle(corner, wide, high, facecolor=color, alpha=0.5, lw=0))
            frame = Rectangle(corner, wide, high, facecolor="none", edgecolor=color, lw=2 * line)
            panel.add_patch(frame)
    for place, (name, color) in enumerate(zip(shown.categories, (FIRST, SECOND), strict=True)):
        x = left + size * place
        side = "right" if place else "left"
        panel.text(x, bottom - 0.03, name, ha=side, va="top", fontsize=6, color=color)


def _grid(
    panel: Axes,
    left: float,
    bottom: float,
    size: float,
    first: set[tuple[int, int]],
    second: set[tuple[int, int]],
    columns: int = SIDE,
) -> None:
    """Cells of an image ``columns`` wide, those of the two objects in their colours."""
    side = size / SIDE
    for row in range(SIDE):
        for column in range(columns):
            cell = (row, column)
            color = FIRST if cell in first else SECOND if cell in second else PLAIN
            corner = (left + column * side, bottom + size - (row + 1) * side)
            panel.add_patch(
                Rectangle(corner, side, side, facecolor=color, edgecolor="white", lw=0.6)
            )


def _blocks(panel: Axes, left: float, layers: int) -> None:
    _arrow(panel, (left - 0.35, 1.92), (left - 0.08, 1.92))
    _title(panel, left, 2.5, "encoder, frozen")
    for number in range(4):
        place = (left + 0.3 * number, 1.45)
        panel.add_patch(
            FancyBboxPatch(
                place, 0.2, 0.95, boxstyle="round,pad=0,rounding_size=0.04",
                facecolor=PAPER, edgecolor=MUTED, lw=0.6,
            )
        )  # fmt: skip
        for token in range(6):
            color = FIRST if token in (1, 2) else SECOND if token == 4 else PLAIN
            panel.add_patch(
                Rectangle((place[0] + 0.06, 1.5 + 0.15 * token), 0.08, 0.08, facecolor=color, lw=0)
            )
    text = f"states behind each of {layers} blocks"
    panel.text(left + 0.55, 1.34, text, ha="center", va="top", fontsize=6)
    _arrow(panel, (left + 1.16, 1.92), (left + 1.44, 1.92))


def _readings(panel: Axes, left: float, tokens: int) -> None:
    _title(panel, left, 2.5, "read per object and block")
    rows = (
        ("avg_obj", f"mean of the object's {tokens} tokens", (FIRST, FIRST, FIRST)),
        ("random_obj", "one of them", (FIRST,)),
        ("random", "any token of the image", (PLAIN,)),
        ("CLS", "the token of the whole image", (MUTED,)),
    )
    for number, (name, meaning, colors) in enumerate(rows):
        y = 2.26 - 0.24 * number
        for place, color in enumerate(colors):
            panel.add_patch(Rectangle((left + 0.1 * place, y), 0.08, 0.08, facecolor=color, lw=0))
        panel.text(left + 0.36, y + 0.04, name, va="center", fontsize=6, fontweight="bold")
        panel.text(left + 0.36, y - 0.06, meaning, va="center", fontsize=5.2, color=MUTED)
    _arrow(panel, (left + 1.7, 1.92), (left + 1.98, 1.92))


def _probes(panel: Axes, left: float) -> None:
    _title(panel, left, 2.5, "linear probes")
    rows = (
        ("own label from own tokens", "M1 = A_ss, and A_pp"),
        ("primary's label from the secondary's tokens", "A_sp; M2 = A_sp / A_pp"),
        ("both labels together", "8 pairs"),
        ("one of 20 categories", "in captions or not"),
    )
    for number, (name, meaning) in enumerate(rows):
        y = 2.26 - 0.24 * number
        panel.text(left, y + 0.04, name, va="center", fontsize=6)
        panel.text(left, y - 0.06, meaning, va="center", fontsize=5.2, color=MUTED)


def _masks(panel: Axes, left: float, bottom: float) -> None:
    """A wide image whose mask is squashed while the encoder sees the middle."""
    size, wide = 0.72, 8
    _title(panel, left, bottom + 0.86, "an image that the encoder crops")
    side = size / SIDE
    mask = {(row, column) for row in (2, 3, 4) for column in (5, 6)}
    _grid(panel, left, bottom, size, mask, set(), wide)
    panel.add_patch(
        Rectangle((left + side, bottom), size, size, facecolor="none", edgecolor=INK, lw=1.0)
    )
    panel.text(
        left + wide * side + 0.08, bottom + size / 2, "seen: the frame", va="center", fontsize=6
    )
    panels = (
        ("tokens, corrected", "the mask is cropped\nlike the image", {(r, c - 1) for r, c in mask}),
        (
            "tokens, as published",
            "the mask is squashed,\nthe image cropped",
            {(r, c) for r in (2, 3, 4) for c in (4,)},
        ),
    )
    for number, (text, meaning, tokens) in enumerate(panels):
        place = left + 2.35 + 2.4 * number
        _title(panel, place, bottom + 0.86, text)
        _grid(panel, place, bottom, size, tokens, set())
        panel.text(
            place + size + 0.08, bottom + size / 2, meaning, va="center", fontsize=6, color=MUTED
        )


def _arrow(panel: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    panel.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=7, color=MUTED, lw=0.8)
    )


def main(options: argparse.Namespace) -> None:
    """Draw and write the figure."""
    save_figure(draw(read_shown(options.tables)), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tables", type=Path, required=True, help="of an encoder's page of object tokens"
    )
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
