"""Accuracy by layer and task (aux_pertask), and the images that were left to test on (aux_testsizes)."""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import PALETTE, lone_marker, new_figure, save_figure, series
from sightline.studies.khajuria2025.names import AVG_OBJ, CLS, PRIMARY, SECONDARY
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CORRECTED,
    IMAGE,
    MLP,
    WHOLE,
)
from sightline.studies.khajuria2025.probes.published_cells import published_line, published_value
from sightline.studies.khajuria2025.probes.roster import Roster
from sightline.studies.khajuria2025.probes.summarise import read_cells
from sightline.studies.published import load_published
from sightline.studies.tables import write_table

FIGURE, TABLE = "aux_pertask", "aux_testsizes"
# Row of published.csv -> representation, source, target.
QUANTITIES = {
    "avg_obj_pp": (AVG_OBJ, PRIMARY, PRIMARY),
    "avg_obj_ss": (AVG_OBJ, SECONDARY, SECONDARY),
    "avg_obj_sp": (AVG_OBJ, SECONDARY, PRIMARY),
    "CLS_p": (CLS, IMAGE, PRIMARY),
    "CLS_s": (CLS, IMAGE, SECONDARY),
}
VARIANTS = (CORRECTED, AS_PUBLISHED)


def figure_data(rows: pd.DataFrame, published: pd.DataFrame, roster: Roster) -> pd.DataFrame:
    """Accuracies of QUANTITIES per variant, encoder, task and layer, published ones beside (same layer number)."""
    whole = rows[(rows["subset"] == WHOLE) & (rows["probe"] != MLP)]
    whole = whole[whole["variant"].isin(VARIANTS)]
    parts = []
    for name, (representation, source, target) in QUANTITIES.items():
        here = whole[
            (whole["representation"] == representation)
            & (whole["source"] == source)
            & (whole["target"] == target)
        ]
        parts.append(here.assign(quantity=name))
    data = pd.concat(parts)[
        ["variant", "encoder", "quantity", "task", "layer", "n", "accuracy", "baseline"]
    ]
    known = []
    for (encoder, name, task), some in data.groupby(["encoder", "quantity", "task"], sort=False):
        model = roster[encoder].stands_for
        line = published_line(published, FIGURE, model, f"task {task} {name}")
        known.append(some["layer"].map(line) if len(line) else pd.Series(float("nan"), some.index))
    return data.reset_index(drop=True).assign(
        published=pd.concat(known).reindex(data.index).to_numpy(float) if known else float("nan")
    )


def draw(data: pd.DataFrame, roster: Roster) -> Figure:
    """Rows are encoders, columns the five quantities, lines the tasks; corrected solid, as published dashed."""
    present = set(data["encoder"])
    encoders = [entry.encoder for entry in roster.entries if entry.encoder in present]
    with new_figure(
        columns=2, height=0.6 + 0.85 * len(encoders), rows_of_axes=len(encoders),
        columns_of_axes=len(QUANTITIES), squeeze=False, sharey=True,
    ) as (figure, axes):  # fmt: skip
        for row, encoder in zip(axes, encoders, strict=True):
            for panel, name in zip(row, QUANTITIES, strict=True):
                here = data[(data["encoder"] == encoder) & (data["quantity"] == name)]
                for (variant, task), line in here.groupby(["variant", "task"]):
                    look = series(int(task)) | {"marker": lone_marker(line), "linewidth": 0.8}
                    look["linestyle"] = "-" if variant == CORRECTED else ":"
                    line = line.sort_values("layer")
                    label = f"task {task}" if variant == CORRECTED else None
                    panel.plot(line["layer"], line["accuracy"], label=label, **look)
                panel.set_ylim(0, 1.03)
                layers = sorted(here["layer"].unique())
                panel.set_xticks(layers[:: max(1, -(-len(layers) // 6))])
                panel.set_title(name if encoder == encoders[0] else "", fontsize=6)
            row[0].set_ylabel(encoder, fontsize=5)
        for panel in axes[-1]:
            panel.set_xlabel("layer")
        handles = dict(zip(*reversed(axes[0, 0].get_legend_handles_labels()), strict=True))
        solid = axes[0, 0].plot([], [], color=PALETTE["black"], linestyle=":")[0]
        figure.legend(
            [*handles.values(), solid], [*handles, f"{AS_PUBLISHED} (dotted)"],
            loc="outside lower center", ncols=7,
        )  # fmt: skip
    return figure


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
