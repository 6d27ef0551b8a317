"""Maps, masks and points over a picture."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sightline.studies.drawing import PALETTE
from sightline.studies.qian2025.items.shown import Shown

HEAT = "inferno"
_KINDS = {
    1: ("o", "#00B050", "positive"),
    0: ("X", "#2E75FF", "negative"),
    -1: (".", "#BBBBBB", "neutral"),
}


def draw_image(axes: Axes, image: NDArray) -> None:
    """A picture without axes."""
    axes.imshow(image, interpolation="bilinear")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    axes.grid(False)


def draw_map(axes: Axes, one: Shown, name: str) -> None:
    """A map over the picture, 0.3 picture and 0.7 heat as in the released code; grey where nothing is seen."""
    values = one.arrays[name].astype(float)
    heat = mpl.colormaps[HEAT](np.nan_to_num(values))[..., :3]
    seen = ~np.isnan(values)[..., None]
    picture = one.image / 255
    draw_image(axes, np.where(seen, 0.3 * picture + 0.7 * heat, 0.3 * picture + 0.35))


def draw_mask(axes: Axes, one: Shown, name: str, colour: str = PALETTE["vermilion"]) -> None:
    """A mask: the picture in its colours inside, dark and grey outside, with an outline."""
    inside = one.arrays[name].astype(bool)
    picture = one.image / 255
    grey = np.repeat(picture.mean(-1, keepdims=True), 3, axis=-1)
    draw_image(axes, np.where(inside[..., None], picture, 0.45 * grey))
    if inside.any() and not inside.all():
        axes.contour(inside, levels=[0.5], colors=[colour], linewidths=0.9)


def draw_points(axes: Axes, one: Shown, size: float = 4) -> None:
    """Points with their labels, markers of ``size``."""
    places, labels = one.arrays["places"], one.arrays["labels"]
    for label, (marker, colour, name) in _KINDS.items():
        here = places[labels == label]
        axes.plot(
            here[:, 0], here[:, 1], linestyle="none", marker=marker, markersize=size, color=colour,
            markeredgecolor="white", markeredgewidth=0.5, label=name,
        )  # fmt: skip
