"""Paired decoding of one encoder by layer and representation: v3 Figure 2a and supplement pages 1 to 9."""

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
    IMAGE,
    LOGISTIC,
    MLP,
    PERCEPTRON,
    TARGETS,
    WHOLE,
)
from sightline.studies.khajuria2025.probes.published_cells import published_grid
from sightline.studies.khajuria2025.probes.summarise import read_cells
from sightline.studies.published import load_published

ITEMS = {
    "fig2a": "blip", "figS1": "blip", "figS2": "clip", "figS3": "clip-l", "figS4": "blip-l",
    "figS5": "flava", "figS6": "rn50x4", "figS7": "vit", "figS8": "dino", "figS9": "dinov2",
}  # fmt: skip
"""Item -> published encoder."""

WITH_MLP, CONTROL = "figS1", "MLP"
COLUMNS = (
    "who", "encoder", "source", "target", "layer", "representation", "accuracy", "sd", "ci_low",
    "ci_high", "n", "baseline", "tasks",
)  # fmt: skip


def series_of(item: str) -> list[tuple[str, str, str]]:
    """(heading, variant, probe) of what this run shows in an item."""
    if item == WITH_MLP:
        return [(CONTROL, AS_PUBLISHED, MLP), ("perceptron", AS_PUBLISHED, PERCEPTRON)]
    return [(CORRECTED, CORRECTED, LOGISTIC), (AS_PUBLISHED, AS_PUBLISHED, PERCEPTRON)]


def figure_data(
    cells: pd.DataFrame, published: pd.DataFrame, item: str, encoder: str
) -> pd.DataFrame:
    """Numbers of the figure, COLUMNS; the paper's have no interval."""
    parts = [pd.DataFrame(columns=list(COLUMNS))]
    whole = cells[(cells["encoder"] == encoder) & (cells["subset"] == WHOLE)]
    for who, variant, probe in series_of(item):
        here = whole[(whole["variant"] == variant) & (whole["probe"] == probe)]
        # CLS belongs to no object and stands in both rows of panels.
        for source in ROLES:
            own = here[here["source"].isin((source, IMAGE))]
            parts.append(own.assign(who=who, source=source)[list(COLUMNS)])
    model = ITEMS[item]
    for source in ROLES:
        for target in TARGETS:
            grid = published_grid(published, item, model, f"{source} {target}")
            long = grid.rename_axis("layer").reset_index().melt("layer", var_name="representation")
            long = long.rename(columns={"value": "accuracy"})
            parts.append(long.assign(who=PAPER, encoder=model, source=source, target=target))
    return pd.concat([part for part in parts if len(part)] or parts).reindex(columns=list(COLUMNS))


def draw(data: pd.DataFrame, item: str, encoder: str) -> Figure:
    """Two rows of panels (where tokens come from) by three (what is decoded)."""
    heads = [who for who, *_ in series_of(item)] + [PAPER]
    rows = []
    for source in ROLES:
        row = []
        for target in TARGETS:
            here = data[(data["source"] == source) & (data["target"] == target)]
            blocks = []
            for who in heads:
                cells = here[here["who"] == who]
                # The control may have been run on fewer tasks than the probe beside it.
                title = with_tasks(who, cells) if item == WITH_MLP else who
                blocks.append(Block.of(title, cells))
            row.append(Panel(f"{target} from tokens of {source}", blocks))
        rows.append(row)
    return draw_panels(rows, f"{encoder} · {paper_name(ITEMS[item])}")


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    cells = read_cells(options.cells)
    data = figure_data(cells, load_published("khajuria2025"), options.item, options.encoder)
    if (data["who"] == PAPER).all():
        raise SightlineError(f"{options.cells}: no probe of {options.encoder} in it to draw.")
    save_figure(draw(data, options.item, options.encoder), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--item", choices=ITEMS, required=True)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
