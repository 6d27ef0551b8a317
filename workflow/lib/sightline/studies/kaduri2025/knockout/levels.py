"""The two levels that frame every F1: the floor and the ceiling of a model, as lines."""

import pandas as pd
from matplotlib.axes import Axes

from sightline.studies.drawing import MUTED
from sightline.studies.kaduri2025.knockout.conditions import (
    AFTER,
    AS_PUBLISHED,
    MAIN,
    SHUFFLED,
)
from sightline.studies.kaduri2025.knockout.effects import find_cells


def floor_of(effects: pd.DataFrame, model: str) -> float | None:
    """Mean F1 of another image's description."""
    cells = find_cells(effects, model=model, wording=MAIN, condition=SHUFFLED)
    return float(cells["f1"].iloc[0]) if len(cells) else None


def ceiling_of(effects: pd.DataFrame, model: str) -> float | None:
    """Mean F1 of the three knockouts when they begin after the last point of the curve."""
    cells = find_cells(effects, model=model, wording=MAIN, variant=AS_PUBLISHED, family=AFTER)
    return (
        float(cells.loc[cells["first"] == cells["first"].max(), "f1"].mean())
        if len(cells)
        else None
    )


def draw_levels(axes: Axes, effects: pd.DataFrame, model: str, labels: bool = True) -> None:
    """Floor and ceiling as dashed lines across the panel, named in the legend if wanted."""
    levels = {
        "ceiling (last layers only)": (ceiling_of(effects, model), (0, (6, 2))),
        "floor (another image)": (floor_of(effects, model), (0, (1, 1.5))),
    }
    for name, (value, dashes) in levels.items():
        if value is not None:
            axes.axhline(
                value, color=MUTED, linewidth=0.9, linestyle=dashes, zorder=1,
                label=name if labels else None,
            )  # fmt: skip
