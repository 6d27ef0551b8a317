"""Where a pixel goes: from an image through a processor to the tokens of a vision tower, and back.

Every preprocessor here is a stack of views. A view puts the image on a canvas (padding first, if
any), resizes the canvas, and cuts a window out of it that may reach beyond (padding last, if any).
One description serves images, masks and coordinates, so they cannot drift apart:

image (height, width)  ->  canvas  ->  resized  ->  window: one tile of the tower frame

The tower frame is what the tower sees: one tile, or for a tiling processor its tiles from top to
bottom in the processor's order. Tokens are the frame's patches in row-major order, which is the
order of the model's image tokens.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from sightline.errors import SightlineError
from sightline.scenes.scene import Mask
from sightline.scenes.tokens import (
    EmptyObjectError,
    Grid,
    object_tokens,
    published_object_tokens,
    tile_count,
)

__all__ = [
    "EmptyObjectError",
    "Grid",
    "ImageTransform",
    "Pad",
    "ShortestSideCrop",
    "Squash",
    "Tiling",
    "UnknownProcessorError",
    "View",
    "object_tokens",
    "published_object_tokens",
    "transform_of",
]

Color = tuple[int, int, int]
BLACK: Color = (0, 0, 0)
_BICUBIC = int(Image.Resampling.BICUBIC)


class UnknownProcessorError(SightlineError):
    """An image processor does something this geometry has no transform for."""


@dataclass(frozen=True)
class View:
    """One look at an image; all sizes are (height, width) and all places (top, left), in pixels."""

    canvas: tuple[int, int]
    at: tuple[int, int]
    resized: tuple[int, int]
    corner: tuple[int, int]
    window: tuple[int, int]

    def forward(self, x: float, y: float) -> tuple[float, float]:
        """A position in the image, as a position in the window."""
        return (
            (x + self.at[1]) * self.resized[1] / self.canvas[1] - self.corner[1],
            (y + self.at[0]) * self.resized[0] / self.canvas[0] - self.corner[0],
        )

    def backward(self, x: float, y: float) -> tuple[float, float]:
        """A position in the window, as a position in the image."""
        return (
            (x + self.corner[1]) * self.canvas[1] / self.resized[1] - self.at[1],
            (y + self.corner[0]) * self.canvas[0] / self.resized[0] - self.at[0],
        )


class ImageTransform(ABC):
    """The geometry of an image processor; subclasses say which views it takes of an image."""

    resample: int
    fill: Color

    @abstractmethod
    def views(self, width: int, height: int) -> list[View]:
        """The tiles of the tower frame, from top to bottom, for an image of this size in pixels."""

    def mosaic(self, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of tiles, without the thumbnail."""
        return 1, 1

    def grid(self, patch: int, width: int, height: int) -> Grid:
        """The tokens an image of this size becomes, ``patch`` px of the tower frame each side."""
        rows, columns = self.views(width, height)[0].window
        mosaic = self.mosaic(width, height)
        return Grid(rows // patch * tile_count(mosaic), columns // patch, patch, mosaic)

    def apply_image(self, image: Image.Image) -> Image.Image:
        """The tower frame of an RGB image: what the processor gives before it normalises."""
        return self._apply(image, self.resample, self.fill)

    def apply_mask(self, mask: Mask) -> Mask:
        """The tower frame of a mask, by nearest pixel; padding is False.

        Args:
            mask: (height, width) bool, in pixels of the image.

        Returns:
            (rows, columns) bool, in pixels of the tower frame.
        """
        image = Image.fromarray(mask.astype(np.uint8))
        return np.asarray(self._apply(image, Image.Resampling.NEAREST, 0), dtype=bool)

    def _apply(self, image: Image.Image, resample: int, fill: Color | int) -> Image.Image:
        views = self.views(*image.size)
        tiles, resized = [], {}
        for view in views:
            steps = (view.canvas, view.at, view.resized)
            if steps not in resized:
                canvas = _cut(image, (-view.at[0], -view.at[1]), view.canvas, fill)
                resized[steps] = canvas.resize(view.resized[::-1], resample=resample)
            tiles.append(_cut(resized[steps], view.corner, view.window, fill))
        rows, columns = views[0].window
        frame = Image.new(image.mode, (columns, rows * len(tiles)))
        for number, tile in enumerate(tiles):
            frame.paste(tile, (0, number * rows))
        return frame

    def from_token(
        self, row: int, column: int, grid: Grid, width: int, height: int
    ) -> tuple[float, float, float, float]:
        """The patch of a token in an image of this size: x, y, width, height in px of the image.

        Where the transform pads, a patch may reach outside the image.
        """
        grid.index(row, column)
        tile, row = divmod(row, grid.rows // grid.tiles)
        view = self.views(width, height)[tile]
        left, top = view.backward(column * grid.patch, row * grid.patch)
        right, bottom = view.backward((column + 1) * grid.patch, (row + 1) * grid.patch)
        return left, top, right - left, bottom - top

    def to_tokens(
        self, x: float, y: float, grid: Grid, width: int, height: int
    ) -> list[tuple[int, int]]:
        """Row and column of the tokens a position in the image falls into; undoes ``from_token``.

        Empty where it is cropped away; two places where there is a thumbnail besides tiles.
        """
        rows = grid.rows // grid.tiles
        places = []
        for tile, view in enumerate(self.views(width, height)):
            u, v = view.forward(x, y)
            row, column = int(v // grid.patch), int(u // grid.patch)
            if 0 <= row < rows and 0 <= column < grid.columns:
                places.append((tile * rows + row, column))
        return places

    def window(self, width: int, height: int) -> tuple[float, float, float, float]:
        """What the tower sees of an image of this size: x, y, width, height in px of the image."""
        boxes = []
        for view in self.views(width, height):
            left, top = view.backward(0, 0)
            right, bottom = view.backward(*view.window[::-1])
            boxes.append((max(left, 0), max(top, 0), min(right, width), min(bottom, height)))
        left, top = (min(box[side] for box in boxes) for side in (0, 1))
        right, bottom = (max(box[side] for box in boxes) for side in (2, 3))
        return left, top, right - left, bottom - top

    def share_inside(self, mask: Mask) -> float:
        """Share of a (height, width) mask's pixels whose centre the tower sees; 0 if empty."""
        height, width = mask.shape
        left, top, seen_width, seen_height = self.window(width, height)
        rows, columns = np.nonzero(mask)
        across = (columns + 0.5 >= left) & (columns + 0.5 <= left + seen_width)
        down = (rows + 0.5 >= top) & (rows + 0.5 <= top + seen_height)
        return float((across & down).mean()) if rows.size else 0.0


@dataclass(frozen=True)
class Squash(ImageTransform):
    """Both sides resized to ``size``, whatever the aspect ratio."""

    size: int
    resample: int = _BICUBIC
    fill: Color = BLACK

    def views(self, width: int, height: int) -> list[View]:
        """One view of the whole image."""
        square = (self.size, self.size)
        return [View((height, width), (0, 0), square, (0, 0), square)]


@dataclass(frozen=True)
class ShortestSideCrop(ImageTransform):
    """Shortest side resized to ``resize``, then the central square of side ``crop``."""

    resize: int
    crop: int
    resample: int = _BICUBIC
    fill: Color = BLACK

    def views(self, width: int, height: int) -> list[View]:
        """One view of the centre."""
        longest = int(self.resize * max(width, height) / min(width, height))
        resized = (longest, self.resize) if width <= height else (self.resize, longest)
        # Below zero too: an image smaller than the crop is padded as the processor pads it.
        corner = ((resized[0] - self.crop) // 2, (resized[1] - self.crop) // 2)
        return [View((height, width), (0, 0), resized, corner, (self.crop, self.crop))]


@dataclass(frozen=True)
class Pad(ImageTransform):
    """Aspect ratio kept, the rest of a square of side ``size`` filled with ``fill``.

    Attributes:
        size: side of the tower frame in px.
        centered: pad both sides to a square, then resize (LLaVA's own code); otherwise resize the
            longest side, then pad right or below (SAM).
        resample: Pillow's number of a filter.
        fill: colour of the padding.
    """

    size: int
    centered: bool = True
    resample: int = _BICUBIC
    fill: Color = BLACK

    def views(self, width: int, height: int) -> list[View]:
        """One view of the whole image and its padding."""
        longest, square = max(width, height), (self.size, self.size)
        if self.centered:
            at = ((longest - height) // 2, (longest - width) // 2)
            return [View((longest, longest), at, square, (0, 0), square)]
        scale = self.size / longest
        resized = (int(height * scale + 0.5), int(width * scale + 0.5))
        return [View((height, width), (0, 0), resized, (0, 0), square)]


@dataclass(frozen=True)
class Tiling(ImageTransform):
    """Squares cut from the image resized to a fitting mosaic, then a thumbnail (InternVL).

    Attributes:
        size: side of a tile in px.
        smallest: fewest tiles.
        largest: most tiles, the thumbnail not counted.
        resample: Pillow's number of a filter.
        fill: not used: tiles need no padding.
    """

    size: int
    smallest: int = 1
    largest: int = 12
    resample: int = _BICUBIC
    fill: Color = BLACK

    def mosaic(self, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of tiles: nearest in aspect ratio, more for larger images."""
        best, nearest = (1, 1), float("inf")
        shapes = (
            (rows, columns)
            for columns in range(1, self.largest + 1)
            for rows in range(1, self.largest + 1)
            if self.smallest <= rows * columns <= self.largest
        )
        for rows, columns in sorted(shapes, key=lambda shape: shape[0] * shape[1]):
            distance = abs(width / height - columns / rows)
            roomy = width * height > 0.5 * self.size**2 * rows * columns
            if distance < nearest or (distance == nearest and roomy):
                best, nearest = (rows, columns), distance
        return best

    def views(self, width: int, height: int) -> list[View]:
        """The tiles row by row, then the thumbnail if there are several."""
        rows, columns = self.mosaic(width, height)
        image, square = (height, width), (self.size, self.size)
        resized = (rows * self.size, columns * self.size)
        views = [
            View(image, (0, 0), resized, (row * self.size, column * self.size), square)
            for row in range(rows)
            for column in range(columns)
        ]
        return views if len(views) == 1 else [*views, View(image, (0, 0), square, (0, 0), square)]


def transform_of(image_processor: Any) -> ImageTransform:
    """The transform of a Hugging Face image processor of the CLIP, LLaVA, SAM or tiling kind.

    Reads the processor's attributes only. Pixels are equal to those of its PIL backend.

    Raises:
        UnknownProcessorError: its settings are none of these kinds.
    """

    def setting(name: str, key: str | None = None) -> Any:
        value = getattr(image_processor, name, None)
        if key is None or value is None:
            return value
        return value.get(key) if hasattr(value, "get") else value

    shortest, longest = setting("size", "shortest_edge"), setting("size", "longest_edge")
    height, width = setting("size", "height"), setting("size", "width")
    crop = setting("crop_size", "height") if setting("do_center_crop") else None
    square_crop = crop is None or setting("crop_size", "width") == crop
    resample = setting("resample")
    resample = _BICUBIC if resample is None else int(resample)
    mean = setting("image_mean") or (0, 0, 0)
    if setting("do_resize") and square_crop:
        padded = bool(setting("do_pad"))
        if padded and hasattr(image_processor, "pad_to_square"):
            side = shortest or height
            if side and crop in {None, side}:
                fill = tuple(int(value * 255) for value in mean)
                return Pad(side, True, resample, fill)
        elif padded and longest and crop is None and setting("pad_size", "height") == longest:
            fill = tuple(round(value * 255) for value in mean)
            return Pad(longest, False, resample, fill)
        elif not padded and setting("crop_to_patches") and height and height == width:
            return Tiling(height, setting("min_patches"), setting("max_patches"), resample=resample)
        elif not padded and shortest and not longest and crop:
            return ShortestSideCrop(shortest, crop, resample)
        elif not padded and height and height == width and crop in {None, height}:
            return Squash(height, resample)
    names = ("do_resize", "size", "do_center_crop", "crop_size", "do_pad", "pad_size")
    settings = ", ".join(f"{name}={setting(name)}" for name in names)
    raise UnknownProcessorError(
        f"{type(image_processor).__name__}: no transform for {settings}. Known are squash to a "
        "square, shortest side and centre crop, pad to a square, and tiling. Add the missing one "
        "to scenes/geometry.py."
    )


def _cut(
    image: Image.Image, corner: tuple[int, int], size: tuple[int, int], fill: Color | int
) -> Image.Image:
    """A window of an image, filled where it reaches outside."""
    top, left = corner
    if corner == (0, 0) and size == image.size[::-1]:
        return image
    inside = (
        top >= 0 and left >= 0 and top + size[0] <= image.height and left + size[1] <= image.width
    )
    if inside:
        return image.crop((left, top, left + size[1], top + size[0]))
    window = Image.new(image.mode, size[::-1], fill)
    window.paste(image, (-left, -top))
    return window
