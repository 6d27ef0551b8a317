"""Accuracy by layer and task (aux_pertask), and the images that were left to test on (aux_testsizes)."""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import (
    PALETTE,
    legend_below,
    lone_marker,
    new_figure,
    save_figure,
    series,
)
from sightline.studies.khajuria2025.names import AVG_OBJ, PRIMARY
from sightline.studies.khajuria2025.probes.labels import (
    PAPER,
    QUANTITIES,
    broken,
    label_layers,
    layer_ticks,
    paper_name,
)
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CORRECTED,
    MLP,
    WHOLE,
)
from sightline.studies.khajuria2025.probes.published_cells import published_line, published_value
from sightline.studies.khajuria2025.probes.roster import Roster
from sightline.studies.khajuria2025.probes.summarise import read_cells
from sightline.studies.published import load_published
from sightline.studies.tables import write_table

FIGURE, TABLE = "aux_pertask", "aux_testsizes"
# Columns of the figure -> end of their rows in published.csv.
PUBLISHED_ROWS = {
    "A_pp": "avg_obj_pp", "A_ss = M1": "avg_obj_ss", "A_sp": "avg_obj_sp", "CLS primary": "CLS_p",
    "CLS secondary": "CLS_s",
}  # fmt: skip
VARIANTS = (CORRECTED, AS_PUBLISHED)


def figure_data(rows: pd.DataFrame, published: pd.DataFrame, roster: Roster) -> pd.DataFrame:
    """Accuracies of PUBLISHED_ROWS per variant, encoder, task and layer.

    The paper's have the variant PAPER and the encoder that stands for theirs. ``published`` beside this run's is the
    paper's value at the same layer number, which is another depth where the encoders have other numbers of layers.
    """
    whole = rows[(rows["subset"] == WHOLE) & (rows["probe"] != MLP)]
    whole = whole[whole["variant"].isin(VARIANTS)]
    parts = []
    for name in PUBLISHED_ROWS:
        representation, source, target = QUANTITIES[name]
        here = whole[
            (whole["representation"] == representation)
            & (whole["source"] == source)
            & (whole["target"] == target)
        ]
        parts.append(here.assign(quantity=name))
    data = pd.concat(parts)[
        ["variant", "encoder", "quantity", "task", "layer", "n", "accuracy", "baseline"]
    ]
    data = data.reset_index(drop=True).assign(published=float("nan"))
    paper = []
    for (encoder, name, task), some in data.groupby(["encoder", "quantity", "task"], sort=False):
        row = f"task {task} {PUBLISHED_ROWS[name]}"
        line = published_line(published, FIGURE, roster[encoder].stands_for, row)
        if len(line):
            data.loc[some.index, "published"] = some["layer"].map(line)
            long = pd.DataFrame({"layer": line.index, "accuracy": line.to_numpy()})
            paper.append(long.assign(variant=PAPER, encoder=encoder, quantity=name, task=task))
    return pd.concat([data.astype({"n": "Int64"}), *paper], ignore_index=True)


def draw(data: pd.DataFrame, roster: Roster) -> Figure:
    """Columns are the five quantities, lines the tasks; below an encoder the one of the paper that it stands for.

    Corrected is solid, as published dotted.
    """
    present = data.groupby("encoder")["variant"].agg(set)
    rows = [
        (entry, paper)
        for entry in roster.entries
        if entry.encoder in present.index
        for paper in (False, True)
        if not paper or PAPER in present[entry.encoder]
    ]
    with new_figure(
        columns=2, height=0.6 + 0.82 * len(rows), rows_of_axes=len(rows),
        columns_of_axes=len(PUBLISHED_ROWS), squeeze=False, sharey=True,
    ) as (figure, axes):  # fmt: skip
        for panels, (entry, paper) in zip(axes, rows, strict=True):
            own = data[(data["encoder"] == entry.encoder) & ((data["variant"] == PAPER) == paper)]
            for panel, name in zip(panels, PUBLISHED_ROWS, strict=True):
                _draw_tasks(panel, own[own["quantity"] == name])
            name = broken(entry.encoder, 14)
            if paper:
                name = paper_name(entry.stands_for).replace(": ", ":\n")
            panels[0].set_ylabel(f"{name}\naccuracy", fontsize=5.5)
        for panel, name in zip(axes[0], PUBLISHED_ROWS, strict=True):
            panel.set_title(name, fontsize=6.5)
        label_layers(axes)
        axes[0, 0].plot([], [], color=PALETTE["black"], linestyle=":", label=AS_PUBLISHED)
        legend_below(figure, axes[0, :1], columns=7)
    return figure


def _draw_tasks(panel: Axes, here: pd.DataFrame) -> None:
    for (variant, task), line in here.groupby(["variant", "task"]):
        look = series(int(task)) | {"marker": lone_marker(line), "linewidth": 0.8}
        dotted = variant == AS_PUBLISHED
        look["linestyle"] = ":" if dotted else "-"
        line = line.sort_values("layer")
        panel.plot(
            line["layer"], line["accuracy"], label=None if dotted else f"task {task}", **look
        )
    panel.set_ylim(0, 1.03)
    layer_ticks(panel, here["layer"])


def test_sizes(rows: pd.DataFrame, published: pd.DataFrame, roster: Roster) -> pd.DataFrame:
    """Images tested per encoder, variant and task, of the primary label read from avg_obj; published beside."""
    here = rows[
        (rows["subset"] == WHOLE)
        & (rows["probe"] != MLP)
        & rows["variant"].isin(VARIANTS)
        & (rows["representation"] == AVG_OBJ)
        & (rows["source"] == PRIMARY)
        & (rows["target"] == PRIMARY)
    ]
    wide = here.pivot_table(
        index=["encoder", "variant"], columns="task", values="n", aggfunc="max", sort=False
    )
    table = wide.astype("Int64").add_prefix("task ").reset_index()
    published_rows = [
        {"encoder": entry.encoder, "variant": f"paper: {entry.stands_for}"}
        | {
            f"task {task}": published_value(
                published, TABLE, entry.stands_for, f"task {task}", "test images"
            )
            for task in wide.columns
        }
        for entry in roster.entries
        if entry.stands_for
    ]
    both = pd.concat([table, pd.DataFrame(published_rows)]) if published_rows else table
    numbers = [column for column in both if column.startswith("task ")]
    both[numbers] = both[numbers].astype("Int64")
    return both.reset_index(drop=True).rename_axis(columns=None)


def main(options: argparse.Namespace) -> None:
    """Draw the figure or write the table."""
    rows, roster = read_cells(options.per_task), Roster.read(options.roster)
    published = load_published("khajuria2025")
    if rows.empty:
        raise SightlineError(f"{options.per_task}: no probe in it.")
    if options.item == FIGURE:
        data = figure_data(rows, published, roster)
        save_figure(draw(data, roster), options.out, data)
    else:
        caption = "Images that are left to test on, after balancing; as published a tenth of them is tested."
        write_table(test_sizes(rows, published, roster), options.out, caption)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-task", type=Path, required=True)
    parser.add_argument("--roster", type=Path, required=True)
    parser.add_argument("--item", choices=(FIGURE, TABLE), required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
