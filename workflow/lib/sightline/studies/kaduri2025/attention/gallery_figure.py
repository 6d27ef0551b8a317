"""Further pictures: maps before, in and after the middle layers, and what is said with the image hidden.

Shown are the first images of the random order, whatever they show.
"""

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sightline import cli
from sightline.studies.drawing import new_figure, save_figure
from sightline.studies.kaduri2025 import looks
from sightline.studies.kaduri2025.attention import shown
from sightline.studies.kaduri2025.attention.layer_bins import groups
from sightline.studies.kaduri2025.attention.measurements import read_tables
from sightline.studies.kaduri2025.attention.shown import Shown
from sightline.studies.kaduri2025.knockout.conditions import (
    ALL,
    AS_PUBLISHED,
    KNOCKOUTS,
    LABELS,
    MAIN,
    NONE,
)
from sightline.studies.kaduri2025.knockout.measurements import read_measurements
from sightline.studies.kaduri2025.protocol import Protocol

IMAGES = 3
SAID = (NONE, *KNOCKOUTS)
WIDTH, LINES = 56, 2
"""Letters in a line, and lines of a description that fit beside a picture; the unmodified one may have one more."""
HEAD, LINE, GAP = 0.078, 0.074, 0.035
"""Heights of a headline, a line and the space between two descriptions, in heights of a picture."""
COLUMNS = ("model", "image_id", "condition", "text", "f1", "tp", "fn", "fp")


class Entry(NamedTuple):
    """One image: maps by group of layers, and descriptions by condition with their F1."""

    model: str
    one: Shown
    maps: Mapping[str, NDArray[np.float64]]
    said: pd.DataFrame


def descriptions_of(knockout: pd.DataFrame, image_id: int) -> pd.DataFrame:
    """What is said of an image, COLUMNS, in the order of SAID."""
    rows = knockout[
        (knockout["image_id"] == image_id)
        & (knockout["wording"] == MAIN)
        & (knockout["variant"] == AS_PUBLISHED)
        & knockout["layers"].isin(("", ALL))
        & knockout["condition"].isin(SAID)
    ]
    order = rows["condition"].map(SAID.index)
    return rows.assign(order=order).sort_values("order")[list(COLUMNS)]


def draw(entries: Sequence[Entry]) -> Figure:
    """One row for each image: picture, three maps, and the descriptions."""
    with new_figure(
        columns=2, height=0.25 + 1.13 * len(entries), rows_of_axes=len(entries), columns_of_axes=5,
        squeeze=False, gridspec_kw={"width_ratios": [1, 1, 1, 1, 2.1]},
    ) as (figure, panels):  # fmt: skip
        for place, (row, entry) in enumerate(zip(panels, entries, strict=True)):
            shown.draw_picture(row[0], entry.one)
            row[0].set_ylabel(f"{entry.model}\nimage {entry.one.image_id}", fontsize=6)
            for axes in row[1:]:
                axes.axis("off")
            for axes, (group, values) in zip(row[1:4], entry.maps.items(), strict=False):
                axes.axis("on")
                shown.draw_map(axes, entry.one, values)
                axes.set_title(f"{group} layers" if place == 0 else "", fontsize=7)
            _write(row[4], entry.said)
        panels[0][0].set_title("picture", fontsize=7)
    return figure


def _write(axes: Axes, said: pd.DataFrame) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(1, 0)
    top = 0.0
    for row in said.itertuples():
        allowed = LINES + (row.condition == NONE)
        lines = textwrap.wrap(row.text or "(nothing)", WIDTH)
        if len(lines) > allowed:
            rest = textwrap.shorten(" ".join(lines[allowed - 1 :]), WIDTH, placeholder=" …")
            lines = [*lines[: allowed - 1], rest]
        score = "" if row.condition == NONE else f", F1 {row.f1:.2f}"
        left = 0.0
        if row.condition in KNOCKOUTS:
            # Words in some of the colours would be too faint to read.
            look = looks.KNOCKOUTS[row.condition] | {"markersize": 3, "clip_on": False}
            axes.plot(0.012, top + 0.45 * HEAD, **look)
            left = 0.04
        axes.text(
            left, top, f"{LABELS[row.condition]}{score}", va="top", fontsize=5.6, fontweight="bold"
        )
        axes.text(0, top + HEAD, "\n".join(lines), va="top", fontsize=5.1, linespacing=1.1)
        top += HEAD + LINE * len(lines) + GAP


def main(options: argparse.Namespace) -> None:
    """Draw the figure for all models and write the descriptions."""
    protocol, knockout = Protocol.read(options.protocol), read_measurements(options.knockout)
    entries = []
    for folder in options.attention:
        descriptions, maps = (read_tables([folder], name) for name in ("descriptions", "maps"))
        model, depth = descriptions["model"].iloc[0], int(descriptions["model_layers"].iloc[0])
        own = knockout[knockout["model"] == model]
        layers = {n: one for n, one in groups(depth, protocol.middle(model, depth)).items() if one}
        for image in descriptions["image_id"].head(IMAGES):
            one = shown.show(descriptions, image)
            found = {name: shown.group_map(maps, one, some) for name, some in layers.items()}
            entries.append(Entry(model, one, found, descriptions_of(own, image)))
    save_figure(draw(entries), options.out, pd.concat([one.said for one in entries]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attention", type=Path, nargs="+", required=True, help="a folder each")
    parser.add_argument("--knockout", type=Path, nargs="+", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
