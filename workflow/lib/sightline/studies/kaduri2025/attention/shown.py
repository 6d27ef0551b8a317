"""Which images and objects the figures show, chosen by rule and never by how well they fit; and how maps are drawn."""

from io import BytesIO
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image

from sightline.errors import SightlineError
from sightline.scenes.tokens import Grid
from sightline.studies.drawing import GRID
from sightline.studies.kaduri2025.attention.measurements import MEAN_MAP
from sightline.studies.kaduri2025.attention.peaks import view_of, whole_view

HEAT = "inferno"


class Shown(NamedTuple):
    """One image as its model saw it.

    Attributes:
        image_id: of the data set.
        text: the unmodified description.
        picture: (rows, columns, 3) uint8.
        grid: of all image tokens.
    """

    image_id: int
    text: str
    picture: NDArray[np.uint8]
    grid: Grid

    @property
    def view(self) -> Grid:
        """The tokens that lie on the picture."""
        return whole_view(self.grid)


def show(descriptions: pd.DataFrame, image_id: int) -> Shown:
    """One image of DESCRIPTIONS."""
    row = descriptions[descriptions["image_id"] == image_id].iloc[0]
    picture = np.asarray(Image.open(BytesIO(row["picture"])).convert("RGB"))
    tiles = int(row["tiles"])
    side = picture.shape[0] // (row["rows"] // tiles)
    # Of the mosaic only the number of tiles matters here.
    mosaic = (1, 1) if tiles == 1 else (1, tiles - 1)
    return Shown(
        int(image_id),
        row["text"],
        picture,
        Grid(int(row["rows"]), int(row["columns"]), int(side), mosaic),
    )


def richest_images(objects: pd.DataFrame, descriptions: pd.DataFrame, count: int) -> list[int]:
    """Images with most objects, those drawn first ahead.

    Args:
        objects: OBJECTS that count.
        descriptions: in the order drawn.
        count: images wanted.

    Raises:
        SightlineError: no image has an object.
    """
    order = {image: place for place, image in enumerate(descriptions["image_id"])}
    counts = objects.groupby("image_id").size()
    if counts.empty:
        raise SightlineError("no description names an object that is annotated: nothing to show.")
    return sorted(counts.index, key=lambda image: (-counts[image], order[image]))[:count]


def group_map(maps: pd.DataFrame, shown: Shown, layers: tuple[int, ...]) -> NDArray[np.float64]:
    """Mean attention of a description in a group of layers, on the tokens that lie on the picture.

    Args:
        maps: MAP_TABLE of one model.
        shown: the image.
        layers: of the group.

    Returns:
        (rows, columns) of the view.
    """
    rows = maps[
        (maps["image_id"] == shown.image_id)
        & (maps["map"] == MEAN_MAP)
        & maps["layer"].isin(layers)
    ]
    mean = np.mean(np.stack(rows["values"].to_list()), axis=0)
    return view_of(mean, shown.grid).reshape(shown.view.rows, shown.view.columns)


def draw_picture(axes: Axes, shown: Shown) -> None:
    """The picture, in units of tokens."""
    axes.imshow(shown.picture, extent=_extent(shown.view), interpolation="bilinear")
    frame(axes, shown.view)


def draw_map(axes: Axes, shown: Shown, values: NDArray[np.floating]) -> None:
    """A map over the picture in gray: from its smallest to its largest value, as published."""
    gray = shown.picture.mean(axis=2) / 255
    axes.imshow(gray * 0.75 + 0.1, cmap="gray", vmin=0, vmax=1, extent=_extent(shown.view))
    values = np.asarray(values, float).reshape(shown.view.rows, shown.view.columns)
    scaled = (values - values.min()) / max(float(np.ptp(values)), 1e-12)
    axes.imshow(
        scaled, cmap=HEAT, vmin=0, vmax=1, extent=_extent(shown.view), interpolation="bilinear",
        alpha=np.clip(0.35 + 0.65 * scaled, 0, 1),
    )  # fmt: skip
    frame(axes, shown.view)


def frame(axes: Axes, view: Grid) -> None:
    """A square without ticks, with a faint border."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlim(0, view.columns)
    axes.set_ylim(view.rows, 0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(GRID)


def mask_of(png: bytes) -> NDArray[np.bool_]:
    """A stored mask, in pixels of the picture."""
    return np.asarray(Image.open(BytesIO(png)), dtype=bool)


def outline(axes: Axes, mask: NDArray[np.bool_], view: Grid, **style: object) -> None:
    """The border of a mask, in units of tokens."""
    height, width = mask.shape
    x = (np.arange(width) + 0.5) * view.columns / width
    y = (np.arange(height) + 0.5) * view.rows / height
    axes.contour(x, y, mask.astype(float), levels=[0.5], **style)


def _extent(view: Grid) -> tuple[float, float, float, float]:
    return (0, view.columns, view.rows, 0)
