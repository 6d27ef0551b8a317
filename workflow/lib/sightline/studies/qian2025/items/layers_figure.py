"""How well the map of [SEG] finds the object in every layer, by both metrics and at both positions.

python -m sightline.studies.qian2025.items.layers_figure --effects effects.csv --out layers
"""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from sightline import cli
from sightline.studies.drawing import MUTED, new_figure, save_figure, series
from sightline.studies.qian2025.effects import read_effects

MEASURES = {
    "precision": "average precision (%)",
    "hit": "highest cell on the object (%)",
    "overlap": "IoU of the cut map (%)",
}
CHANCE = {"precision": "share", "hit": "share"}


def layer_data(effects: pd.DataFrame) -> pd.DataFrame:
    """Rows of the maps by layer on the last split, the entry as a number."""
    rows = effects[effects["part"] == "layers"]
    rows = rows[rows["split"] == rows["split"].iloc[-1]] if len(rows) else rows
    return rows.assign(entry=rows["method"].astype(int))


def draw(rows: pd.DataFrame) -> Figure:
    """One row of panels per model, one panel per measure."""
    models = list(dict.fromkeys(rows["model"]))
    with new_figure(
        columns=2, height=0.5 + 1.75 * len(models), rows_of_axes=len(models),
        columns_of_axes=len(MEASURES), squeeze=False,
    ) as (figure, panels):  # fmt: skip
        for line, model in zip(panels, models, strict=True):
            for axes, (measure, title) in zip(line, MEASURES.items(), strict=True):
                here = rows[(rows["model"] == model) & (rows["metric"] == measure)]
                for number, (variant, curve) in enumerate(here.groupby("variant", sort=False)):
                    state, product = variant.split(", ")
                    label = f"state {state} [SEG], {product}"
                    axes.plot(curve["entry"], curve["value"], **series(number), label=label)
                    axes.fill_between(
                        curve["entry"], curve["low"], curve["high"], alpha=0.15, lw=0,
                        color=series(number)["color"],
                    )  # fmt: skip
                if measure in CHANCE:
                    chance = rows[(rows["model"] == model) & (rows["metric"] == "share")]["value"]
                    axes.axhline(chance.iloc[0], color=MUTED, lw=0.8, ls=":", label="chance")
                last = int(here["entry"].max())
                # The last entry is the last layer once more, after the final norm.
                ticks = [*range(0, last - 1, max(1, last // 4))]
                axes.set_xticks(
                    [*ticks, last - 1, last], [*map(str, ticks), str(last - 1), "\nnormed"]
                )
                axes.set_ylim(bottom=0)
                axes.set_xlabel("layer")
                axes.set_ylabel(title)
            asked = rows.loc[rows["model"] == model, "n"].max()
            line[0].set_title(f"{model}, {asked} queries")
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write its numbers."""
    rows = layer_data(read_effects(options.effects))
    save_figure(draw(rows), options.out, rows.drop(columns=["part", "subset", "method"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
