"""Which image tokens an object covers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.errors import SightlineError
from sightline.scenes.records import AnnotationError
from sightline.scenes.scene import Instance, Mask, Scene

Tokens = NDArray[np.int64]
_AREA_TOLERANCE = 1e-9


class EmptyObjectError(SightlineError):
    """An object covers no token: it lies outside what the tower sees, or is too small for it."""


@dataclass(frozen=True)
class Grid:
    """The tokens of a tower frame.

    Attributes:
        rows: tokens from top to bottom, over all tiles.
        columns: tokens from left to right.
        patch: side of a token in px of the tower frame.
        mosaic: (rows, columns) of tiles; with more than one tile, a thumbnail comes last.
    """

    rows: int
    columns: int
    patch: int
    mosaic: tuple[int, int] = (1, 1)

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return self.rows * self.columns

    @property
    def tiles(self) -> int:
        """Number of tiles, the thumbnail included."""
        return tile_count(self.mosaic)

    def index(self, row: int, column: int) -> int:
        """Token number of a place in the grid, row-major.

        Raises:
            IndexError: outside the grid.
        """
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            raise IndexError(f"({row}, {column}) is outside a {self.rows} x {self.columns} grid")
        return row * self.columns + column

    def place(self, token: int) -> tuple[int, int]:
        """Row and column of a token: the inverse of ``index``."""
        if not 0 <= token < self.tokens:
            raise IndexError(f"token {token} is outside a {self.rows} x {self.columns} grid")
        return divmod(token, self.columns)


def tile_count(mosaic: tuple[int, int]) -> int:
    """Tiles of a mosaic, and the thumbnail that goes with more than one."""
    tiles = mosaic[0] * mosaic[1]
    return tiles if tiles == 1 else tiles + 1


def token_coverage(mask: Mask, grid: Grid) -> NDArray[np.float64]:
    """Share of each token's pixels that a mask covers, (tokens,), row-major.

    Args:
        mask: (rows, columns) bool, in the pixels the tower saw (``apply_mask`` already applied).
        grid: token grid of that tower.

    Raises:
        ValueError: the mask is not of the grid's tower frame.
    """
    patch = grid.patch
    height, width = mask.shape
    # A tower drops what is left over when its side is not a multiple of the patch.
    if grid.tiles == 1 and (height // patch, width // patch) == (grid.rows, grid.columns):
        mask = mask[: grid.rows * patch, : grid.columns * patch]
    if mask.shape != (grid.rows * patch, grid.columns * patch):
        raise ValueError(
            f"a mask of {mask.shape} is not in the tower frame of a {grid.rows} x {grid.columns} "
            f"grid of {patch} px patches: pass it through ImageTransform.apply_mask first"
        )
    return mask.reshape(grid.rows, patch, grid.columns, patch).mean(axis=(1, 3)).reshape(-1)


def object_tokens(mask: Mask, grid: Grid, buffer: int = 0) -> Tokens:
    """Image tokens whose patch overlaps an object.

    Args:
        mask: (rows, columns) bool, in the pixels the tower saw (``apply_mask`` already applied).
        grid: token grid of that tower.
        buffer: rings of 8-neighbours added around the object, in tokens; across the seams of a
            mosaic too.

    Returns:
        Sorted token indices, row-major, (n,) int64; n >= 1.

    Raises:
        EmptyObjectError: no pixel of the mask falls into a token.
        ValueError: the mask is not of the grid's tower frame.

    Source: neo2025 section 3, Table 1. The authors' code drifts by up to one patch where the crop
    side is not a multiple of the grid; ``published_object_tokens`` reproduces that.
    """
    covered = token_coverage(mask, grid).reshape(grid.rows, grid.columns) > 0
    return _listed(covered, grid, buffer)


def published_object_tokens(
    instance: Instance, scene: Scene, grid: Grid, buffer: int = 0
) -> Tokens:
    """Object tokens as the code of neo2025 computes them, defects included.

    The patch is floor(crop / columns) px of the original image, so that positions drift and the
    right and lower rest of the crop belong to no token; polygon corners outside the central crop
    are dropped instead of clipped.

    Args:
        instance: an object annotated with polygons.
        scene: its scene.
        grid: square token grid of a tower that crops to the centre.
        buffer: rings of 8-neighbours, in tokens.

    Returns:
        Sorted token indices, row-major, (n,) int64; n >= 1.

    Raises:
        EmptyObjectError: no polygon is left in the crop, all lie in the rest without tokens, or the image has fewer
            pixels than tokens.
        AnnotationError: the object is annotated with run lengths.
    """
    polygons = instance.polygons()
    if polygons is None:
        raise AnnotationError(
            f"{instance.source}: annotation {instance.id} ({instance.category}) has run lengths; "
            "the published geometry is defined on polygons. Leave crowd regions out."
        )
    crop = min(scene.width, scene.height)
    patch = crop // grid.columns
    if patch == 0:
        raise EmptyObjectError(
            f"an image of {scene.width} x {scene.height} px has less than one pixel for each of {grid.columns} "
            "columns of tokens; the published geometry gives its objects none. Leave it out."
        )
    shift = np.array([(scene.width - crop) // 2, (scene.height - crop) // 2])
    covered = np.zeros((grid.rows, grid.columns), bool)
    for polygon in polygons:
        corners = np.reshape(np.asarray(polygon, float), (-1, 2)) - shift
        corners = corners[((corners >= 0) & (corners <= crop)).all(axis=1)]
        if len(corners) >= 3:
            covered |= _overlapped(corners / patch, grid)
    return _listed(covered, grid, buffer)


def _overlapped(corners: NDArray[np.float64], grid: Grid) -> Mask:
    """Cells that share area with a polygon whose corners (n, 2) x, y are in cells."""
    covered = np.zeros((grid.rows, grid.columns), bool)
    first_column, first_row = np.floor(corners.min(axis=0)).astype(int)
    last_column, last_row = np.floor(corners.max(axis=0)).astype(int)
    for row in range(first_row, min(last_row + 1, grid.rows)):
        band = _clip(_clip(corners, 1, row, 1), 1, row + 1, -1)
        for column in range(first_column, min(last_column + 1, grid.columns)):
            x, y = _clip(_clip(band, 0, column, 1), 0, column + 1, -1).T
            area = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
            covered[row, column] = area > _AREA_TOLERANCE
    return covered


def _clip(corners: NDArray[np.float64], axis: int, bound: float, side: int) -> NDArray[np.float64]:
    """The part of a polygon on one side of a line parallel to the axes (Sutherland and Hodgman)."""
    kept = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        before, after = (side * (point[axis] - bound) for point in (start, end))
        if before >= 0:
            kept.append(start)
        if before * after < 0:
            kept.append(start + (end - start) * before / (before - after))
    return np.reshape(kept, (-1, 2))


def _listed(covered: Mask, grid: Grid, buffer: int) -> Tokens:
    if not covered.any():
        raise EmptyObjectError(
            f"an object covers none of the {grid.rows} x {grid.columns} tokens: it lies wholly "
            "outside the crop, or vanishes when the image is resized. Leave it out."
        )
    if buffer < 0:
        raise ValueError(f"buffer is {buffer}; it counts rings, so it cannot be negative")
    for _ in range(buffer):
        covered = _dilated(covered, grid)
    return np.flatnonzero(covered).astype(np.int64)


def _dilated(covered: Mask, grid: Grid) -> Mask:
    """One ring of 8-neighbours more; neighbours in the image, not in the stack of tiles."""
    if grid.tiles == 1:
        padded = np.pad(covered, 1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
        return windows.any(axis=(2, 3))
    down, across = grid.mosaic
    rows = grid.rows // grid.tiles
    tiles, thumbnail = np.split(covered, [(grid.tiles - 1) * rows])
    whole = tiles.reshape(down, across, rows, grid.columns).swapaxes(1, 2)
    whole = whole.reshape(down * rows, across * grid.columns)
    plain = Grid(*whole.shape, grid.patch), Grid(rows, grid.columns, grid.patch)
    whole = _dilated(whole, plain[0]).reshape(down, rows, across, grid.columns).swapaxes(1, 2)
    return np.concatenate([whole.reshape(tiles.shape), _dilated(thumbnail, plain[1])])
