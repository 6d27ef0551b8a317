"""Layers along an axis: a fraction of the depth, so that models of any depth share it."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sightline.studies.kaduri2025.windows import Window


def depths(layers: int) -> NDArray[np.float64]:
    """Where the layers of a model lie, (layers,), each in the middle of its share of the axis."""
    return (np.arange(layers) + 0.5) / max(layers, 1)


def depth_axis(axes: Axes, layers: int, published: int = 0) -> None:
    """Label the axis with the layers of a model.

    Args:
        axes: to label.
        layers: of the model that is drawn.
        published: layers of the paper's model, where its values stand beside.
    """
    axes.set_xlabel(
        f"layer of {layers}"
        + (f" (published: of {published}, at equal depth)" if published else "")
    )
    axes.set_xlim(0, 1)
    if layers <= 16:
        axes.set_xticks(depths(layers), [str(layer) for layer in range(layers)])
    else:
        ticks = np.linspace(0, 1, 9)
        axes.set_xticks(ticks, [f"{round(tick * layers)}" for tick in ticks])


def shade_middle(axes: Axes, middle: Window, layers: int) -> None:
    """Mark the middle layers."""
    axes.axvspan(
        middle.first / layers, (middle.last + 1) / layers, color="#EDEDED", zorder=0, linewidth=0,
        label="middle layers",
    )  # fmt: skip
