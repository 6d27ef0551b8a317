"""What deliberate defects and swapped sizes do to the accuracies that M1 and M2 are made of.

Masks shifted by some cells, token numbers of a wrong grid, images drawn anew for every layer: each beside
"corrected", with the same probe. The right panel swaps which object is the large one.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import (
    PALETTE,
    error_bars,
    legend_below,
    new_figure,
    save_figure,
)
from sightline.studies.khajuria2025.probes.labels import QUANTITIES
from sightline.studies.khajuria2025.probes.measurements import (
    CORRECTED,
    LOGISTIC,
    REDRAWN,
    SWAPPED,
    WHOLE,
)
from sightline.studies.khajuria2025.probes.roster import Roster
from sightline.studies.khajuria2025.probes.summarise import read_cells
from sightline.studies.khajuria2025.protocol import EQUAL_GRID

# Variants of the right panel, by the object that is large.
LARGE = {CORRECTED: "primary large", SWAPPED: "secondary large"}
COLUMNS = (
    "variant", "encoder", "layer", "quantity", "accuracy", "ci_low", "ci_high", "n", "baseline",
)  # fmt: skip
_OTHER = ("as published", EQUAL_GRID)


def figure_data(cells: pd.DataFrame) -> pd.DataFrame:
    """QUANTITIES at the last layer, per variant, COLUMNS."""
    here = cells[
        (cells["subset"] == WHOLE) & (cells["probe"] == LOGISTIC) & ~cells["variant"].isin(_OTHER)
    ]
    here = here[here["layer"] == here.groupby("encoder")["layer"].transform("max")]
    parts = []
    for name, (representation, source, target) in QUANTITIES.items():
        some = here[
            (here["representation"] == representation)
            & (here["source"] == source)
            & (here["target"] == target)
        ]
        parts.append(some.assign(quantity=name))
    return pd.concat(parts)[list(COLUMNS)].reset_index(drop=True)


def draw(data: pd.DataFrame, roster: Roster) -> Figure:
    """A row per encoder that defects were measured on: defects on the left, swapped sizes on the right."""
    changed = data[~data["variant"].isin((CORRECTED, SWAPPED))]
    order = [entry.encoder for entry in roster.entries]
    encoders = [e for e in order if e in set(changed["encoder"])] or [
        e for e in order if e in set(data["encoder"])
    ]
    others = sorted(set(changed["variant"]) - {REDRAWN})
    left = [CORRECTED, *([REDRAWN] if REDRAWN in set(changed["variant"]) else []), *others]
    with new_figure(
        columns=2, height=0.8 + 1.15 * len(encoders), rows_of_axes=len(encoders),
        columns_of_axes=2, squeeze=False, sharey=True, width_ratios=(3, 1.4),
    ) as (figure, axes):  # fmt: skip
        for row, encoder in zip(axes, encoders, strict=True):
            here = data[data["encoder"] == encoder].set_index(["variant", "quantity"])
            _draw_points(row[0], here, {name: name.replace("_", " ") for name in left})
            _draw_points(row[1], here, LARGE)
            row[0].set_title(f"{encoder}, last layer", fontsize=6.5)
            row[1].set_title("sizes swapped", fontsize=6.5)
            row[0].set_ylabel("accuracy")
        legend_below(figure, axes[0, :1], columns=6)
    return figure


def _draw_points(panel: Axes, here: pd.DataFrame, variants: Mapping[str, str]) -> None:
    """Values of some variants, each with its name below."""
    colours = list(PALETTE.values())
    markers = "os^DvP"
    for number, name in enumerate(QUANTITIES):
        some = here.reindex([(variant, name) for variant in variants])
        x = np.arange(len(variants)) + 0.1 * (number - (len(QUANTITIES) - 1) / 2)
        panel.plot(
            x, some["accuracy"], markers[number], color=colours[number], label=name, markersize=3
        )
        error_bars(panel, x, some["accuracy"], some["ci_low"], some["ci_high"], colours[number])
    panel.set_xticks(range(len(variants)), list(variants.values()), fontsize=5.5)
    panel.set_ylim(0, 1.04)


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    data = figure_data(read_cells(options.cells))
    if data.empty:
        raise SightlineError(f"{options.cells}: no logistic regression in it.")
    save_figure(draw(data, Roster.read(options.roster)), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--roster", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
