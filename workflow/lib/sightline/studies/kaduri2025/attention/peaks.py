"""How near an attention peak lies to an object (kaduri2025 section 3.3, Figures 6 and 7).

A peak counts as on the object if the centre of its token lies at most one token's width from the mask: the paper's
40 pixels on pictures 640 pixels wide, seen as 16 tokens. Where a picture is cut into tiles, the peak is looked for in
the thumbnail, which shows all of it in one square. The paper does not say how it fed pictures here: a single square
tile (the dossier's choice U2) and the thumbnail both fit its tolerance (section 3.3). A model entry has one tiling for
all measurements: InternVL2-76B keeps its tiles and the thumbnail is read; one without ``tiles`` sees a single tile.
"""

import numpy as np
from numpy.typing import NDArray

from sightline.scenes.scene import Mask
from sightline.scenes.tokens import Grid, object_tokens

Distances = NDArray[np.float64]


def whole_view(grid: Grid) -> Grid:
    """The tokens that show the whole picture: all of them, or those of the thumbnail."""
    return Grid(grid.rows // grid.tiles, grid.columns, grid.patch)


def view_of(values: NDArray, grid: Grid) -> NDArray:
    """The last axis, image tokens, cut down to those of `whole_view`."""
    return values[..., -whole_view(grid).tokens :]


def frame_of(pixels: NDArray, grid: Grid) -> NDArray:
    """The tower frame, (rows, columns, ...) in pixels, cut down to the tile of `whole_view`."""
    return pixels[-(pixels.shape[0] // grid.tiles) :]


def distances(mask: Mask, view: Grid) -> Distances:
    """Distance from the centre of every token to the nearest pixel of a mask, in token widths.

    Args:
        mask: (rows, columns) bool, in pixels of the tile the tokens lie on.
        view: of `whole_view`.

    Returns:
        (tokens,), row-major; infinite for an empty mask. The distance is that to the pixel's centre, at least 0.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return np.full(view.tokens, np.inf)
    across = (np.arange(view.columns) + 0.5) * view.patch
    down = (np.arange(view.rows) + 0.5) * view.patch
    # Two steps, each along one axis: the nearest pixel of every row, then the nearest row.
    nearest = np.stack(
        [np.abs(across[:, None] - (np.flatnonzero(mask[row]) + 0.5)).min(axis=1) for row in rows]
    )
    squares = (down[:, None, None] - (rows[:, None] + 0.5)) ** 2 + nearest**2
    return np.sqrt(squares.min(axis=1)).reshape(-1) / view.patch


def near(mask: Mask, view: Grid) -> NDArray[np.bool_]:
    """Tokens on which a peak counts as on the object, (tokens,)."""
    return distances(mask, view) <= 1


def inside(mask: Mask, view: Grid) -> NDArray[np.bool_]:
    """Tokens that overlap a mask that is not empty, (tokens,)."""
    found = np.zeros(view.tokens, bool)
    found[object_tokens(mask, view)] = True
    return found
