"""Drawing of the answers lost against the size of the object."""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.studies.drawing import (
    MUTED,
    draw_measured,
    error_bars,
    legend_below,
    new_figure,
    save_figure,
    series,
)
from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.figures import NONE_RIGHT
from sightline.studies.neo2025.object_size import read_object_size
from sightline.studies.neo2025.protocol import SETTINGS
from sightline.studies.neo2025.tab1 import HEADERS

LABELS = {
    subsets.object_condition(0): "object",
    subsets.object_condition(1): "object + 1",
    subsets.matched_condition(subsets.GRADIENTS, 1): "gradients (as object + 1)",
    subsets.matched_condition(subsets.RANDOM, 1): "random outside (as object + 1)",
}


def draw(data: pd.DataFrame) -> Figure:
    """One panel per model (down) and setting (across); a point per group of images."""
    models = list(dict.fromkeys(data["model"]))
    with new_figure(
        columns=2,
        height=0.9 + 1.75 * len(models),
        rows_of_axes=len(models),
        columns_of_axes=len(SETTINGS),
        squeeze=False,
        sharey=True,
    ) as (figure, axes):
        for row, model in zip(axes, models, strict=True):
            for panel, setting in zip(row, SETTINGS, strict=True):
                here = data[(data["model"] == model) & (data["setting"] == setting)]
                _draw_panel(panel, here)
                panel.set_title(HEADERS[setting])
                panel.set_ylim(-3, 106)
                panel.set_xlabel("tokens of the object")
            row[0].set_ylabel(f"{model}\ncorrect answers lost (%)")
        legend_below(figure, axes.flat, columns=len(LABELS))
    return figure


def _draw_panel(panel: Axes, here: pd.DataFrame) -> None:
    present = [condition for condition in LABELS if condition in set(here["condition"])]
    groups = here["group"].nunique()
    reach = here["object_tokens"].max() - here["object_tokens"].min()
    for number, condition in enumerate(present):
        look = series(list(LABELS).index(condition))
        line = here[here["condition"] == condition].sort_values("object_tokens")
        # Points side by side, so that their intervals do not hide each other.
        x = line["object_tokens"] + 0.025 * reach * (number - (len(present) - 1) / 2)
        panel.plot(x, line["decrease_percent"], **look, label=LABELS[condition])
        bounds = (line[column] for column in ("decrease_percent", "ci_low", "ci_high"))
        error_bars(panel, x, *bounds, look["color"])
    if len(here):
        counts = here.drop_duplicates("group")["n"]
        panel.annotate(
            f"{groups} groups of {counts.min()} to {counts.max()} images",
            (0.99, 1.0),
            xycoords="axes fraction",
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            fontsize=5.5,
            color=MUTED,
        )


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    sizes = read_object_size(options.sizes)
    data = sizes[sizes["condition"].isin(list(LABELS))]
    save_figure(draw_measured(draw, data, sizes, options.sizes, NONE_RIGHT), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=Path, required=True, help="table of object_size")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
