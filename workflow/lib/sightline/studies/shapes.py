"""Shapes that diagrams are made of; one inch is one unit."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from numpy.typing import NDArray
from PIL import Image

from sightline.studies.drawing import MUTED, WIDTHS, new_figure

PLAIN = "#D9DEE3"
PAPER = "#F6F7F8"
DENSE = 16
"""Cells along a side from which on the lines between them are left out."""


@contextmanager
def canvas(height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure over two columns, and a panel over all of it."""
    with new_figure(columns=2, height=height) as (figure, panel):
        figure.set_layout_engine("none")
        panel.set_position((0, 0, 1, 1))
        panel.set(xlim=(0, WIDTHS[2]), ylim=(0, height))
        panel.axis("off")
        panel.grid(False)
        yield figure, panel


def pixels_of(picture: bytes) -> NDArray[np.uint8]:
    """A stored picture, (height, width, 3)."""
    with Image.open(BytesIO(picture)) as image:
        return np.asarray(image.convert("RGB"))


def show_image(panel: Axes, place: tuple[float, float, float, float], pixels: NDArray) -> None:
    """A picture at left, bottom, width, height, leaving the panel's limits alone."""
    left, bottom, width, height = place
    limits = panel.get_xlim(), panel.get_ylim()
    panel.imshow(
        pixels, extent=(left, left + width, bottom, bottom + height), aspect="auto", zorder=1,
        interpolation="bilinear",
    )  # fmt: skip
    panel.set(xlim=limits[0], ylim=limits[1])


def frame_cells(
    panel: Axes,
    place: tuple[float, float, float, float],
    grid: tuple[int, int],
    cells: Mapping[int, str],
    filled: bool = True,
) -> None:
    """Tokens of a grid in their colours: as tiles among plain ones, or as frames over a picture.

    Args:
        panel: where to draw.
        place: left, bottom, width, height.
        grid: rows and columns.
        cells: token -> colour.
        filled: tiles; else frames.
    """
    left, bottom, width, height = place
    rows, columns = grid
    wide, high = width / columns, height / rows
    gap = 0.08 if max(grid) < DENSE else 0.0
    if filled and not gap:
        panel.add_patch(Rectangle((left, bottom), width, height, facecolor=PLAIN, lw=0))
    for token in range(rows * columns) if filled and gap else sorted(cells):
        row, column = divmod(token, columns)
        corner = (left + (column + gap) * wide, bottom + height - (row + 1 - gap) * high)
        size = (wide * (1 - 2 * gap), high * (1 - 2 * gap))
        color = cells.get(token, PLAIN)
        if filled:
            panel.add_patch(Rectangle(corner, *size, facecolor=color, lw=0))
        else:
            panel.add_patch(
                Rectangle(corner, *size, facecolor="none", edgecolor=color, lw=1.0, zorder=3)
            )


def box(panel: Axes, x: float, y: float, width: float, height: float, text: str = "") -> None:
    """A rounded box with a word in it."""
    panel.add_patch(
        FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.06", facecolor=PAPER,
            edgecolor=MUTED, lw=0.6, zorder=0,
        )
    )  # fmt: skip
    panel.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=6)


def badge(panel: Axes, x: float, y: float, text: str, color: str) -> None:
    """A number in a disc."""
    panel.add_patch(Circle((x, y), 0.082, facecolor=color, edgecolor="white", lw=0.8, zorder=5))
    panel.text(
        x, y - 0.004, text, ha="center", va="center", fontsize=6.2, color="white",
        fontweight="bold", zorder=6,
    )  # fmt: skip


def arrow(
    panel: Axes, start: tuple[float, float], end: tuple[float, float], color: str = MUTED
) -> None:
    """A straight arrow."""
    panel.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=6, color=color, lw=0.8, shrinkA=0,
            shrinkB=0,
        )
    )  # fmt: skip
