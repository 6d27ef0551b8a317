"""Object F1 when the image is open in one window of layers only, for equally wide windows at every place.

The paper opens the middle alone; without equally wide windows elsewhere that cannot tell the middle from any other
place (dossier section 1, limit 2 of C5).
"""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sightline import cli
from sightline.studies.drawing import error_bars, new_figure, save_figure
from sightline.studies.kaduri2025 import looks
from sightline.studies.kaduri2025.knockout.conditions import (
    AS_PUBLISHED,
    EXCEPT_WINDOW,
    GENERATED,
    KNOCKOUTS,
    LABELS,
    MAIN,
    STRICT,
)
from sightline.studies.kaduri2025.knockout.effects import find_cells, read_effects
from sightline.studies.kaduri2025.knockout.levels import draw_levels

COLUMNS = (
    "model", "model_layers", "condition", "variant", "first", "last", "n",
    "f1", "f1_low", "f1_high", "f1_sd",
)  # fmt: skip


def window_data(effects: pd.DataFrame) -> pd.DataFrame:
    """Numbers of the figure, COLUMNS: every open window of every model."""
    cells = find_cells(effects, wording=MAIN, family=EXCEPT_WINDOW)
    order = {model: number for number, model in enumerate(dict.fromkeys(effects["model"]))}
    cells = cells.assign(place=cells["model"].map(order))
    cells = cells.sort_values(["place", "variant", "condition", "first"], kind="stable")
    return cells[list(COLUMNS)].reset_index(drop=True)


def draw(rows: pd.DataFrame, effects: pd.DataFrame) -> Figure:
    """Draw the windows, one panel for each model; `window_data` gives their numbers."""
    models = list(dict.fromkeys(rows["model"]))
    with new_figure(
        columns=2 if len(models) > 1 else 1, height=2.6, columns_of_axes=max(1, len(models)),
        sharey=True, squeeze=False,
    ) as (figure, panels):  # fmt: skip
        for axes, model in zip(panels[0], models, strict=False):
            here = rows[rows["model"] == model]
            _draw_windows(axes, here)
            draw_levels(axes, effects, model)
            width = int((here["last"] - here["first"]).iloc[0]) + 1
            depth = int(here["model_layers"].iloc[0])
            axes.set_title(f"{model}, n = {here['n'].max()}")
            axes.set_xlabel(f"first of the {width} open layers (of {depth})")
            axes.set_ylim(-0.03, 1.04)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0][0].set_ylabel("object F1,\nimage hidden elsewhere")
        entries = {}
        for axes in panels[0]:
            handles, labels = axes.get_legend_handles_labels()
            entries |= dict(zip(labels, handles, strict=True))
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=2)
    return figure


def _draw_windows(axes: Axes, rows: pd.DataFrame) -> None:
    for condition in KNOCKOUTS:
        own = rows[(rows["condition"] == condition) & (rows["variant"] == AS_PUBLISHED)]
        look = looks.KNOCKOUTS[condition]
        axes.plot(own["first"], own["f1"], **look, label=LABELS[condition])
        error_bars(axes, own["first"], own["f1"], own["f1_low"], own["f1_high"], look["color"])
    strict = rows[(rows["condition"] == GENERATED) & (rows["variant"] == STRICT)]
    if len(strict):
        x, y = strict["first"], strict["f1"]
        axes.plot(x, y, **looks.STRICT, label=f"{LABELS[GENERATED]}, {STRICT}")
        error_bars(axes, x, y, strict["f1_low"], strict["f1_high"])


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write its numbers."""
    effects = read_effects(options.effects)
    rows = window_data(effects)
    save_figure(draw(rows, effects), options.out, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
