"""Same-object decoding in images whose caption names the object and in those where it does not: v3 Figure 4."""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import save_figure
from sightline.studies.khajuria2025.names import ROLES
from sightline.studies.khajuria2025.probes.heatmaps import Block, Panel, draw_panels, with_tasks
from sightline.studies.khajuria2025.probes.labels import PAPER, paper_name
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CORRECTED,
    IN_CAPTION,
    NOT_IN_CAPTION,
)
from sightline.studies.khajuria2025.probes.published_cells import published_grid
from sightline.studies.khajuria2025.probes.summarise import read_cells
from sightline.studies.published import load_published

ITEM, MODEL = "fig4", "blip"
TOO_FEW = "too few images\nin and not in\ncaption, see\ncaption_samples"
SUBSETS = (NOT_IN_CAPTION, IN_CAPTION)
COLUMNS = (
    "who", "encoder", "target", "subset", "layer", "representation", "tasks", "accuracy", "sd",
    "ci_low", "ci_high", "n", "baseline",
)  # fmt: skip


def figure_data(cells: pd.DataFrame, published: pd.DataFrame, encoder: str) -> pd.DataFrame:
    """Numbers of the figure, COLUMNS."""
    parts = [pd.DataFrame(columns=list(COLUMNS))]
    here = cells[(cells["encoder"] == encoder) & cells["subset"].isin(SUBSETS)]
    parts += [
        here[here["variant"] == variant].assign(who=variant)[list(COLUMNS)]
        for variant in (CORRECTED, AS_PUBLISHED)
    ]
    for target in ROLES:
        for subset in SUBSETS:
            grid = published_grid(published, ITEM, MODEL, f"{target} {subset.replace(' ', '_')}")
            long = grid.rename_axis("layer").reset_index().melt("layer", var_name="representation")
            long = long.rename(columns={"value": "accuracy"})
            parts.append(long.assign(who=PAPER, encoder=MODEL, target=target, subset=subset))
    return pd.concat([part for part in parts if len(part)] or parts).reindex(columns=list(COLUMNS))


def draw(data: pd.DataFrame, encoder: str) -> Figure:
    """Rows: the object; columns: not in and in the caption."""
    rows = []
    for target in ROLES:
        row = []
        for subset in SUBSETS:
            here = data[(data["target"] == target) & (data["subset"] == subset)]
            parts = {who: here[here["who"] == who] for who in (CORRECTED, AS_PUBLISHED, PAPER)}
            blocks = [
                Block.of(with_tasks(who, cells), cells, TOO_FEW) for who, cells in parts.items()
            ]
            row.append(Panel(f"{target} object, {subset}", blocks))
        rows.append(row)
    return draw_panels(rows, f"{encoder} · {paper_name(MODEL)}")


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    data = figure_data(read_cells(options.cells), load_published("khajuria2025"), options.encoder)
    if (data["who"] == PAPER).all():
        raise SightlineError(
            f"{options.cells}: {options.encoder} has no task with enough images in and not in caption; "
            "lower studies.khajuria2025.probes.caption_samples."
        )
    save_figure(draw(data, options.encoder), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
