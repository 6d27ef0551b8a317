"""Heatmaps of accuracies by layer and representation, the paper's beside this run's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline.studies.drawing import INK, MUTED, SEQUENTIAL, new_figure
from sightline.studies.khajuria2025.names import REPRESENTATIONS

LOW, HIGH = 0.2, 1.0
"""Limits of the published colours."""


@dataclass(frozen=True)
class Block:
    """One heatmap.

    Attributes:
        title: who measured it.
        values: layer (index) by representation (columns), accuracies; NaN where unknown.
        blank: said in place of the cells where there are none.
    """

    title: str
    values: pd.DataFrame
    blank: str = "not\nmeasured"

    @classmethod
    def of(cls, title: str, cells: pd.DataFrame, blank: str = blank) -> "Block":
        """From one row a cell: ``layer``, ``representation``, ``accuracy``; without rows a heatmap without cells."""
        if cells.empty:
            return cls(title, pd.DataFrame(), blank)
        grid = cells.pivot(index="layer", columns="representation", values="accuracy")
        return cls(
            title, grid[[name for name in REPRESENTATIONS if name in grid]].sort_index(), blank
        )


def with_tasks(title: str, cells: pd.DataFrame) -> str:
    """A block's title and the number of tasks that its cells are means of, where that is known."""
    known = cells["tasks"].dropna()
    return f"{title},\n{known.max():.0f} tasks" if len(known) else title


@dataclass(frozen=True)
class Panel:
    """Heatmaps of one question side by side."""

    title: str
    blocks: Sequence[Block]


def draw_panels(rows: Sequence[Sequence[Panel]], heading: str) -> Figure:
    """Panels in rows; every cell says its number.

    Args:
        rows: panels row by row, as many blocks in each.
        heading: above all.
    """
    blocks = len(rows[0][0].blocks)
    layers = max(len(block.values) for row in rows for panel in row for block in panel.blocks)
    lines = 1 + max(
        block.title.count("\n") for row in rows for panel in row for block in panel.blocks
    )
    # Inches between rows of panels: names of representations, titles of a panel and of its blocks.
    gap = 0.75 + 0.09 * lines
    height = 0.55 + len(rows) * (gap + 0.125 * max(layers, 6))
    with new_figure(columns=2, height=height) as (figure, axes):
        axes.remove()
        # So many small panels of fixed proportions are placed faster, and better, by hand.
        figure.set_layout_engine("none")
        figure.text(0.01, 1 - 0.06 / height, heading, fontsize=8, fontweight="bold", va="top")
        grid = figure.add_gridspec(
            len(rows), len(rows[0]), left=0.045, right=0.925, bottom=0.47 / height,
            top=1 - (0.49 + 0.09 * lines) / height, wspace=0.12,
            hspace=gap / (height / len(rows) - gap),
        )  # fmt: skip
        for y, row in enumerate(rows):
            for x, panel in enumerate(row):
                inner = grid[y, x].subgridspec(1, blocks, wspace=0.24)
                shown = [figure.add_subplot(inner[0, place]) for place in range(blocks)]
                for place, (axis, block) in enumerate(zip(shown, panel.blocks, strict=True)):
                    _draw_block(axis, block, first=x == place == 0)
                shown[0].annotate(
                    panel.title,
                    xy=(0, 1),
                    xycoords="axes fraction",
                    xytext=(0, 5 + 7 * lines),
                    textcoords="offset points",
                    fontsize=6.5,
                    fontweight="bold",
                    color=INK,
                )
        _colour_bar(figure, height)
    return figure


def _draw_block(axes: Axes, block: Block, first: bool) -> None:
    axes.set_title(block.title, fontsize=5.5, fontweight="normal", pad=3, color=MUTED, loc="left")
    axes.grid(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelsize=5, pad=1)
    columns = [name for name in REPRESENTATIONS if name in block.values.columns]
    if block.values.empty:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, block.blank, ha="center", va="center", fontsize=5, color=MUTED)
        return
    values = block.values[columns].to_numpy(float)
    axes.imshow(values, vmin=LOW, vmax=HIGH, cmap=SEQUENTIAL, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=90)
    layers = list(block.values.index)
    step = max(1, -(-len(layers) // 12))
    axes.set_yticks(range(0, len(layers), step), [str(layer) for layer in layers[::step]])
    if first:
        axes.set_ylabel("layer", fontsize=5.5, labelpad=1)
    for (y, x), value in np.ndenumerate(values):
        if np.isfinite(value):
            shade = "white" if value < (LOW + HIGH) / 2 else INK
            text = f"{value:.2f}".removeprefix("0") if value < 0.995 else "1.0"
            axes.text(x, y, text, ha="center", va="center", fontsize=4.6, color=shade)


def _colour_bar(figure: Figure, height: float) -> None:
    drawn = [axes.images[0] for axes in figure.axes if axes.images]
    if drawn:
        place = figure.add_axes((0.945, 0.5 - 0.5 / height, 0.012, 1 / height))
        bar = figure.colorbar(drawn[0], cax=place, extend="min")
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=5, length=2)
        place.set_title("accuracy", fontsize=5, fontweight="normal", pad=3, loc="left", x=-1)
