"""From a mask to token numbers: as the image was seen, as published, and with deliberate defects.

An object has the tokens in whose centre its mask lies, one sample per cell (dossier, section 3). The variants
differ in where that centre is looked for:

corrected    where the cell looks: through resizing and cropping of the encoder's own processor
published    in the mask squashed to a grid, whatever the processor crops away; the grid may not even be
             the encoder's, and its numbers then point anywhere
shift_<n>    corrected, then n columns outwards from the middle, as an uncropped mask errs on a cropped image
equal_grid   corrected, on a coarser grid over what the encoder sees: a cell's tokens are those with their middle in it
wrong_grid   in the mask squashed to a coarser grid, numbers taken as they are
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sightline.errors import SightlineError
from sightline.scenes.geometry import Grid, ImageTransform, Squash
from sightline.scenes.scene import Mask
from sightline.studies.khajuria2025.names import CORRECTED, PUBLISHED
from sightline.studies.khajuria2025.protocol import EQUAL_GRID, SHIFT, WRONG_GRID

Tokens = NDArray[np.int64]


class PlacingError(SightlineError):
    """Token numbers that an encoder does not have."""


class Placing:
    """Token numbers of masks, for one encoder.

    Args:
        transform: of the encoder.
        grids: of its layers.
        published_side: side of the grid of "published" where it is not that of each layer.
        wrong_side: side of the grid of "wrong_grid".
        equal_side: side of the grid of "equal_grid"; None for the own grid.

    Raises:
        PlacingError: a grid has more cells than a layer has tokens.
    """

    def __init__(
        self,
        transform: ImageTransform,
        grids: tuple[Grid, ...],
        published_side: int | None = None,
        wrong_side: int | None = None,
        equal_side: int | None = None,
    ) -> None:
        self._transform, self._equal_side = transform, equal_side
        self.grids = tuple(dict.fromkeys(grids))
        self.grid_of_layer = tuple(self.grids.index(grid) for grid in grids)
        self._sides: Mapping[str, int | None] = {PUBLISHED: published_side, WRONG_GRID: wrong_side}
        for name, side in self._sides.items():
            for grid in self.grids:
                if side is not None and side**2 > grid.tokens:
                    raise PlacingError(
                        f"{name}: {side} x {side} cells on {grid.rows} x {grid.columns} tokens; give a side "
                        f"of at most {int(grid.tokens**0.5)}."
                    )

    def tokens(self, mask: Mask, variant: str) -> list[Tokens]:
        """Token numbers, per distinct grid; an empty one where the object has none.

        Args:
            mask: (height, width) bool, in pixels of the image.
            variant: "corrected", "published", "shift_<n>", "equal_grid" or "wrong_grid".
        """
        return [self._on_grid(mask, variant, grid) for grid in self.grids]

    def _on_grid(self, mask: Mask, variant: str, grid: Grid) -> Tokens:
        if variant in self._sides:
            side = self._sides[variant] or grid.rows
            return np.flatnonzero(covered_cells(mask, Squash(side), Grid(side, side, 1)))
        if variant == EQUAL_GRID and self._equal_side:
            return np.flatnonzero(_of_coarser(mask, self._transform, grid, self._equal_side))
        cells = covered_cells(mask, self._transform, grid)
        if variant in (CORRECTED, EQUAL_GRID):
            return np.flatnonzero(cells)
        return _shifted(cells, int(variant.removeprefix(SHIFT)), grid)


def covered_cells(mask: Mask, transform: ImageTransform, grid: Grid) -> Mask:
    """Cells whose centre a mask covers, (tokens,) bool, row by row; what is outside the image is not covered.

    Args:
        mask: (height, width) bool, in pixels of the image.
        transform: with one tile.
        grid: of its tower frame.
    """
    return _covered(mask, transform, grid.rows, grid.columns, grid.patch)


def _covered(mask: Mask, transform: ImageTransform, rows: int, columns: int, side: float) -> Mask:
    """The same of any cells, ``side`` px wide and high in the tower frame."""
    height, width = mask.shape
    down, across, inside = _centres(transform, rows, columns, side, width, height)
    return mask[down, across] & inside


def _of_coarser(mask: Mask, transform: ImageTransform, grid: Grid, side: int) -> Mask:
    """Tokens with their middle in a covered cell of a grid of some side over the same frame, (tokens,) bool."""
    pixels = grid.rows * grid.patch / side
    cells = _covered(mask, transform, side, side, pixels).reshape(side, side)
    down, across = (
        ((np.arange(number) + 0.5) / number * side).astype(int)
        for number in (grid.rows, grid.columns)
    )
    return cells[np.ix_(down, across)].reshape(-1)


@lru_cache(maxsize=4096)
def _centres(
    transform: ImageTransform, rows: int, columns: int, side: float, width: int, height: int
) -> tuple[Tokens, Tokens, Mask]:
    """Pixel under the centre of every cell, and whether it lies in the image."""
    (view,) = transform.views(width, height)
    places = [
        view.backward((column + 0.5) * side, (row + 0.5) * side)
        for row in range(rows)
        for column in range(columns)
    ]
    across, down = np.floor(np.array(places)).astype(np.int64).T
    inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
    return down.clip(0, height - 1), across.clip(0, width - 1), inside


def _shifted(cells: Mask, columns: int, grid: Grid) -> Tokens:
    rows, places = np.nonzero(cells.reshape(grid.rows, grid.columns))
    outwards = np.where(places >= grid.columns / 2, columns, -columns)
    places = places + outwards
    inside = (places >= 0) & (places < grid.columns)
    return np.sort(rows[inside] * grid.columns + places[inside])


def token_groups(sets: list[Tokens], tokens: int, attention: str) -> NDArray[np.int64]:
    """Groups for attention within them, (1 + tokens,); CLS is a group of its own.

    Args:
        sets: token numbers of the objects of an image.
        tokens: of the image.
        attention: "object" groups the tokens that belong to the same objects, "token" none.
    """
    if attention == "token":
        return np.arange(1 + tokens)
    # A token may belong to several objects; only tokens of the very same ones may meet.
    member = np.zeros((1 + tokens, len(sets) + 1), bool)
    member[0, -1] = True
    for number, one in enumerate(sets):
        member[1 + one, number] = True
    return np.unique(member, axis=0, return_inverse=True)[1].reshape(-1)
