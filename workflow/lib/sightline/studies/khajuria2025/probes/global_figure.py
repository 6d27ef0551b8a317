"""The global probe by layer (aux_global), and at the last layer as bars (v2 Figure 5, inferred)."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import (
    MUTED,
    PALETTE,
    error_bars,
    legend_below,
    lone_marker,
    new_figure,
    published_marks,
    save_figure,
)
from sightline.studies.khajuria2025.names import AVG_OBJ, CLS, RANDOM_OBJ
from sightline.studies.khajuria2025.probes.global_cells import COLUMNS
from sightline.studies.khajuria2025.probes.labels import (
    PAPER,
    encoder_ticks,
    label_layers,
    layer_ticks,
    paper_name,
)
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CORRECTED,
    IN_CAPTION,
    NOT_IN_CAPTION,
)
from sightline.studies.khajuria2025.probes.published_cells import published_line
from sightline.studies.khajuria2025.probes.roster import Roster
from sightline.studies.published import load_published

BY_LAYER, BARS = "aux_global", "v2_fig5"
SUBSETS = (IN_CAPTION, NOT_IN_CAPTION)
COLOURS = {AVG_OBJ: PALETTE["green"], RANDOM_OBJ: PALETTE["blue"], CLS: PALETTE["purple"]}
DASHES = {IN_CAPTION: "-", NOT_IN_CAPTION: "--"}
VARIANTS = (CORRECTED, AS_PUBLISHED)


def figure_data(
    cells: pd.DataFrame, published: pd.DataFrame, roster: Roster, item: str
) -> pd.DataFrame:
    """COLUMNS; lines of the paper have the variant "paper" and the encoder that stands for theirs."""
    parts = [cells]
    for entry in roster.entries:
        for name in COLOURS:
            for subset in SUBSETS if entry.stands_for else ():
                row = f"{name} {subset.replace(' ', '_')}"
                line = published_line(published, item, entry.stands_for, row)
                long = pd.DataFrame({"layer": line.index, "accuracy": line.to_numpy()})
                parts.append(
                    long.assign(
                        variant=PAPER, encoder=entry.encoder, representation=name, subset=subset
                    )
                )
    data = pd.concat([part for part in parts if len(part)])[list(COLUMNS)]
    if item == BARS:
        last = data.groupby(["variant", "encoder"])["layer"].transform("max")
        data = data[data["layer"] == last]
    return data


def draw_layers(data: pd.DataFrame, roster: Roster) -> Figure:
    """A row per encoder: corrected, as published, the paper's."""
    present = set(data.loc[data["variant"] != PAPER, "encoder"])
    entries = [entry for entry in roster.entries if entry.encoder in present]
    with new_figure(
        columns=2, height=0.6 + 1.0 * len(entries), rows_of_axes=len(entries), columns_of_axes=3,
        squeeze=False, sharey=True,
    ) as (figure, axes):  # fmt: skip
        for row, entry in zip(axes, entries, strict=True):
            for panel, variant in zip(row, (*VARIANTS, PAPER), strict=True):
                here = data[(data["encoder"] == entry.encoder) & (data["variant"] == variant)]
                if here.empty:
                    panel.set_axis_off()
                    continue
                name = (
                    paper_name(entry.stands_for)
                    if variant == PAPER
                    else f"{entry.encoder}, {variant}"
                )
                panel.set_title(name, fontsize=6)
                for (one, subset), line in here.groupby(["representation", "subset"], sort=False):
                    line = line.sort_values("layer")
                    panel.plot(
                        line["layer"], line["accuracy"], color=COLOURS[one],
                        linestyle=DASHES[subset], label=f"{one}, {subset}",
                        marker=lone_marker(line),
                    )  # fmt: skip
                    if variant != PAPER:
                        panel.fill_between(
                            line["layer"], line["ci_low"], line["ci_high"], color=COLOURS[one],
                            alpha=0.12, linewidth=0,
                        )  # fmt: skip
                layer_ticks(panel, here["layer"])
                panel.set_ylim(0, 1.02)
            row[0].set_ylabel("accuracy")
        label_layers(axes)
        legend_below(figure, axes[0, :1], columns=3)
    return figure


def draw_bars(data: pd.DataFrame, roster: Roster) -> Figure:
    """A panel per variant; three representations in and not in captions, the paper's values as diamonds."""
    present = set(data.loc[data["variant"] != PAPER, "encoder"])
    encoders = [entry.encoder for entry in roster.entries if entry.encoder in present]
    variants = [variant for variant in VARIANTS if variant in set(data["variant"])]
    keys = ["encoder", "representation", "subset"]
    paper = data[data["variant"] == PAPER].set_index(keys)["accuracy"]
    bars = [(name, subset) for name in COLOURS for subset in SUBSETS]
    width = 0.84 / len(bars)
    with new_figure(
        columns=2, height=0.8 + 1.5 * len(variants), rows_of_axes=len(variants), squeeze=False
    ) as (figure, axes):
        for panel, variant in zip(axes[:, 0], variants, strict=True):
            here = data[data["variant"] == variant].set_index(keys).sort_index()
            for number, (name, subset) in enumerate(bars):
                lines = [(encoder, name, subset) for encoder in encoders]
                some = here.reindex(lines)
                x = np.arange(len(encoders)) + (number - (len(bars) - 1) / 2) * width
                plain = subset == IN_CAPTION
                panel.bar(
                    x, some["accuracy"], width * 0.92, label=f"{name}, {subset}",
                    color=COLOURS[name] if plain else "white", edgecolor=COLOURS[name],
                    hatch=None if plain else "/////",
                )  # fmt: skip
                error_bars(panel, x, some["accuracy"], some["ci_low"], some["ci_high"])
                marks = paper.reindex(lines).to_numpy(float)
                if np.isfinite(marks).any():
                    published_marks(panel, x, marks, PAPER)
            encoder_ticks(panel, encoders)
            panel.set_ylim(0, 1.05)
            panel.set_ylabel("accuracy")
            panel.set_title(f"{variant}: global probe at the last layer")
            panel.axhline(0, color=MUTED, linewidth=0.6)
        legend_below(figure, axes[0, :1], columns=4)
    return figure


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    cells = pd.read_csv(options.cells)
    if tuple(cells.columns) != COLUMNS or cells.empty:
        raise SightlineError(f"{options.cells}: no global probe in it to draw.")
    roster = Roster.read(options.roster)
    data = figure_data(cells, load_published("khajuria2025"), roster, options.item)
    draw = draw_layers if options.item == BY_LAYER else draw_bars
    save_figure(draw(data, roster), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--roster", type=Path, required=True)
    parser.add_argument("--item", choices=(BY_LAYER, BARS), required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
