"""Same-object decoding of all encoders by layer, mean and deviation over tasks: v3 Figure 3."""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import (
    MUTED,
    PALETTE,
    legend_below,
    lone_marker,
    new_figure,
    save_figure,
)
from sightline.studies.khajuria2025.names import AVG_OBJ, CLS, RANDOM, RANDOM_OBJ, ROLES
from sightline.studies.khajuria2025.probes.labels import (
    PAPER,
    label_layers,
    layer_ticks,
    paper_name,
)
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CORRECTED,
    IMAGE,
    MLP,
    WHOLE,
)
from sightline.studies.khajuria2025.probes.published_cells import published_line
from sightline.studies.khajuria2025.probes.roster import Roster
from sightline.studies.khajuria2025.probes.summarise import read_cells
from sightline.studies.published import load_published

ITEM = "fig3"
COLUMNS = (
    "who", "encoder", "target", "representation", "layer", "accuracy", "sd", "ci_low", "ci_high", "n",
)  # fmt: skip
# The published colours, in this house's palette.
COLOURS = {
    RANDOM_OBJ: PALETTE["blue"],
    AVG_OBJ: PALETTE["green"],
    RANDOM: PALETTE["vermilion"],
    CLS: PALETTE["purple"],
}


def figure_data(cells: pd.DataFrame, published: pd.DataFrame, roster: Roster) -> pd.DataFrame:
    """Numbers of the figure, COLUMNS; the paper's belong to the encoder that stands for them."""
    whole = cells[(cells["subset"] == WHOLE) & (cells["probe"] != MLP)]
    own = whole[whole["source"].isin((IMAGE,)) | (whole["source"] == whole["target"])]
    own = own[own["target"].isin(ROLES) & own["variant"].isin((CORRECTED, AS_PUBLISHED))]
    parts = [own.assign(who=own["variant"])[list(COLUMNS)]]
    for entry in roster.entries:
        if not entry.stands_for:
            continue
        for target in ROLES:
            for name in COLOURS:
                mean, sd = (
                    published_line(published, ITEM, entry.stands_for, f"{target} {name} {what}")
                    for what in ("mean", "sd")
                )
                long = pd.DataFrame({"layer": mean.index, "accuracy": mean.to_numpy()})
                parts.append(
                    long.assign(
                        sd=sd.reindex(mean.index).to_numpy(),
                        who=PAPER,
                        encoder=entry.encoder,
                        target=target,
                        representation=name,
                    )
                )
    return pd.concat([part for part in parts if len(part)])[list(COLUMNS)]


def draw(data: pd.DataFrame, roster: Roster) -> Figure:
    """A row per encoder: primary and secondary here, then in the paper where there is one to stand beside."""
    present = set(data.loc[data["who"] != PAPER, "encoder"])
    entries = [entry for entry in roster.entries if entry.encoder in present]
    with new_figure(
        columns=2,
        height=0.6 + 1.05 * len(entries),
        rows_of_axes=len(entries),
        columns_of_axes=4,
        squeeze=False,
        sharey=True,
    ) as (figure, axes):
        for row, entry in zip(axes, entries, strict=True):
            here = data[data["encoder"] == entry.encoder]
            for place, panel in enumerate(row):
                target, paper = ROLES[place % 2], place > 1
                some = here[(here["target"] == target) & ((here["who"] == PAPER) == paper)]
                if some.empty:
                    panel.set_axis_off()
                    continue
                _draw_lines(panel, some)
                panel.set_ylim(0, 1.03)
                panel.set_yticks([0, 0.5, 1])
                name = paper_name(entry.stands_for) if paper else entry.encoder
                panel.set_title(f"{name}\n{target}", fontsize=6)
            row[0].set_ylabel("accuracy")
        label_layers(axes)
        legend_below(figure, axes.flat, columns=5)
    return figure


def _draw_lines(panel: Axes, some: pd.DataFrame) -> None:
    for (who, name), line in some.groupby(["who", "representation"], sort=False):
        line = line.sort_values("layer")
        dashed = who == AS_PUBLISHED
        panel.plot(
            line["layer"],
            line["accuracy"],
            color=COLOURS[name],
            linestyle="--" if dashed else "-",
            linewidth=0.8 if dashed else 1.2,
            alpha=0.8 if dashed else 1,
            label=f"{name}, {AS_PUBLISHED}" if dashed else name,
            marker=lone_marker(line),
        )
        if not dashed:
            low, high = (line["accuracy"] + sign * line["sd"] for sign in (-1, 1))
            panel.fill_between(
                line["layer"], low, high, color=COLOURS[name], alpha=0.13, linewidth=0
            )
    layer_ticks(panel, some["layer"])
    panel.axhline(1, color=MUTED, linewidth=0.4)


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    roster = Roster.read(options.roster)
    data = figure_data(read_cells(options.cells), load_published("khajuria2025"), roster)
    if (data["who"] == PAPER).all():
        raise SightlineError(f"{options.cells}: no probe in it to draw.")
    save_figure(draw(data, roster), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--roster", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
