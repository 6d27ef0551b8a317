"""What of a description survives when the image is hidden in all layers: gist and details apart, in both wordings.

If query tokens store the image coarsely, img->gen should keep theme and dominant object and lose details. Where the
data set tells neither theme nor dominant object, objects as a whole are all there is.
"""

import argparse
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.studies.drawing import MUTED, PALETTE, error_bars, new_figure, save_figure
from sightline.studies.kaduri2025.knockout.conditions import (
    ALL,
    AS_PUBLISHED,
    BOTH,
    GENERATED,
    LABELS,
    QUERY,
    SHUFFLED,
    STRICT,
    WORDINGS,
)
from sightline.studies.kaduri2025.knockout.effects import find_cells, read_effects

SHOWN = {
    (GENERATED, AS_PUBLISHED): LABELS[GENERATED],
    (GENERATED, STRICT): f"{LABELS[GENERATED]},\n{textwrap.fill(STRICT, 14)}",
    (QUERY, AS_PUBLISHED): LABELS[QUERY],
    (BOTH, AS_PUBLISHED): LABELS[BOTH].replace("+", "\n+"),
    (SHUFFLED, AS_PUBLISHED): "another\nimage",
}
PARTS = {
    "theme_named": ("theme still named", PALETTE["orange"]),
    "dominant_named": ("dominant object still named", PALETTE["blue"]),
    "detail_f1": ("other objects, F1", PALETTE["sky"]),
    "f1": ("all objects, F1", PALETTE["black"]),
}
COLUMNS = ("model", "wording", "condition", "variant", "part", "value", "low", "high", "n")


def gist_data(effects: pd.DataFrame) -> pd.DataFrame:
    """Numbers of the figure, COLUMNS; parts that are not defined are left out."""
    rows = []
    for cell in effects.itertuples():
        whole = cell.layers == ALL or cell.condition == SHUFFLED
        if not whole or (cell.condition, cell.variant) not in SHOWN:
            continue
        for part in PARTS:
            value = getattr(cell, part)
            n = cell.n if part == "f1" else getattr(cell, f"{part}_n")
            if np.isfinite(value):
                low, high = getattr(cell, f"{part}_low"), getattr(cell, f"{part}_high")
                rows.append(
                    (
                        cell.model, cell.wording, cell.condition, cell.variant, part, value, low,
                        high, n,
                    )
                )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def draw(rows: pd.DataFrame) -> Figure:
    """Draw the parts, one row of panels for each model, one panel for each wording."""
    models = list(dict.fromkeys(rows["model"]))
    with new_figure(
        columns=2, height=0.5 + 1.8 * len(models), rows_of_axes=len(models), columns_of_axes=2,
        sharey=True, squeeze=False,
    ) as (figure, panels):  # fmt: skip
        for line, model in zip(panels, models, strict=True):
            for axes, wording in zip(line, WORDINGS, strict=True):
                here = find_cells(rows, model=model, wording=wording)
                _draw_bars(axes, here)
                n = int(here["n"].max()) if len(here) else 0
                axes.set_title(f"{model}, {wording} wording, n = {n}")
            line[0].set_ylabel("kept of the unmodified\ndescription")
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _draw_bars(axes: Axes, rows: pd.DataFrame) -> None:
    measured = set(zip(rows["condition"], rows["variant"], strict=True))
    width = 0.8 / len(PARTS)
    for place, group in enumerate(SHOWN):
        if group not in measured:
            axes.text(
                place, 0.02, "not\nmeasured", ha="center", va="bottom", fontsize=5.5, color=MUTED
            )
    for number, (part, (label, colour)) in enumerate(PARTS.items()):
        for place, (condition, variant) in enumerate(SHOWN):
            cell = find_cells(rows, part=part, condition=condition, variant=variant)
            if cell.empty:
                continue
            x = place + (number - (len(PARTS) - 1) / 2) * width
            value, low, high = cell.iloc[0][["value", "low", "high"]]
            axes.bar(x, value, width * 0.92, color=colour, label="" if place else label)
            error_bars(axes, [x], [value], [low], [high])
            if value < 0.01:
                # A bar of no height would look like one that was not measured.
                axes.plot(x, 0, marker="_", color=colour, markersize=5, clip_on=False)
    axes.set_xticks(range(len(SHOWN)), SHOWN.values())
    axes.set_xlim(-0.6, len(SHOWN) - 0.4)
    axes.set_ylim(0, 1.04)


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write its numbers."""
    rows = gist_data(read_effects(options.effects))
    save_figure(draw(rows), options.out, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
