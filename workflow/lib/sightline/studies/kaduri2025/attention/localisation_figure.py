"""Figure 7: how often the attention peak of an object's tokens falls on the object, by group of layers.

Depth is drawn as a fraction, so that models of any depth, and the published bars, share an axis.
"""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.studies.drawing import (
    INK,
    MUTED,
    PALETTE,
    error_bars,
    legend_below,
    new_figure,
    published_marks,
    save_figure,
    series,
)
from sightline.studies.kaduri2025.attention.depth_axis import depth_axis, shade_middle
from sightline.studies.kaduri2025.attention.effects import read_effects
from sightline.studies.kaduri2025.attention.localisation import (
    AVERAGED,
    COLUMNS,
    LOST,
    NAMED,
    PER_LAYER,
    SINGLE,
)
from sightline.studies.kaduri2025.attention.measurements import (
    AT,
    PRODUCING,
    PRODUCING_FIRST,
)
from sightline.studies.kaduri2025.attention.paper import bin_accuracies
from sightline.studies.kaduri2025.paper_models import DEPTHS, paper_models
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.windows import Window
from sightline.studies.published import load_published

READINGS = {
    (LOST, PRODUCING): "rows that produce the name",
    (LOST, PRODUCING_FIRST): "row that produces its first token",
    (LOST, AT): "rows at the name",
    (NAMED, PRODUCING): "producing, all objects that are named",
}
# None of the colours of the bins: the legend is one for both panels.
LOOKS = [
    series(number) | {"color": PALETTE[colour]}
    for number, colour in enumerate(("blue", "orange", "green", "purple"))
]
DODGE = 0.16
"""Distance of two readings in layers: some would lie on each other."""


def published_rows(published: pd.DataFrame, paper: str) -> pd.DataFrame:
    """Printed bars of the paper's model, COLUMNS."""
    rows = [
        {
            "model": f"published: {paper}", "model_layers": DEPTHS[paper], "objects": LOST,
            "reading": PRODUCING, "measure": PER_LAYER, "first_layer": one.first,
            "last_layer": one.last, "accuracy": accuracy,
        }
        for one, accuracy in bin_accuracies(published, paper).items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def draw(
    table: pd.DataFrame, printed: pd.DataFrame, middles: dict[str, Window], beside: str
) -> Figure:
    """One row of panels for each model: bins of layers in both readings, then layer by layer.

    Args:
        table: COLUMNS of `sightline.studies.kaduri2025.attention.localisation`.
        printed: of `published_rows`.
        middles: model -> its middle layers.
        beside: the model that printed bars stand beside.
    """
    with new_figure(
        columns=2, height=0.85 + 1.8 * len(middles), rows_of_axes=len(middles), columns_of_axes=2,
        sharey=True, squeeze=False,
    ) as (figure, panels):  # fmt: skip
        for row, (model, middle) in zip(panels, middles.items(), strict=True):
            own = table[table["model"] == model]
            depth = int(own["model_layers"].iloc[0])
            _draw_bins(row[0], own)
            if model == beside and len(printed):
                middle_of = (printed["first_layer"] + printed["last_layer"] + 1) / 2
                published_marks(
                    row[0], middle_of / printed["model_layers"], printed["accuracy"],
                    printed["model"].iloc[0].replace("published: ", "published, "),
                )  # fmt: skip
            _draw_layers(row[1], own)
            for axes in row:
                shade_middle(axes, middle, depth)
                known = model == beside and axes is row[0] and len(printed) > 0
                depth_axis(axes, depth, int(printed["model_layers"].iloc[0]) if known else 0)
            n = own.loc[own["objects"] == LOST, "n"].max()
            row[0].set_ylabel(f"peak on the object\n{model}, n = {n:.0f} objects")
        panels[0][0].set_title("bins of layers, lost objects")
        panels[0][1].set_title("single layers")
        panels[0][0].set_ylim(0, 1.02)
        legend_below(figure, panels.T.flat, columns=3)
    return figure


def _draw_bins(axes: Axes, own: pd.DataFrame) -> None:
    rows = own[(own["objects"] == LOST) & (own["reading"] == PRODUCING)]
    bars = rows[rows["measure"] == PER_LAYER].sort_values("first_layer")
    depth = bars["model_layers"]
    left, right = bars["first_layer"] / depth, (bars["last_layer"] + 1) / depth
    x = (left + right) / 2
    axes.bar(
        x, bars["accuracy"], width=0.8 * (right - left), color=PALETTE["sky"], label="mean of the layers' accuracies"
    )  # fmt: skip
    error_bars(axes, x, bars["accuracy"], bars["ci_low"], bars["ci_high"])
    other = rows[rows["measure"] == AVERAGED].sort_values("first_layer")
    axes.plot(
        x, other["accuracy"], linestyle="none", marker="_", markersize=9, markeredgewidth=1.4,
        color=INK, label="averaged map",
    )  # fmt: skip
    axes.plot(
        x, bars["other"], linestyle="none", marker="x", markersize=4, color=PALETTE["vermilion"],
        label="on another object",
    )  # fmt: skip
    error_bars(axes, x, bars["other"], bars["other_low"], bars["other_high"], PALETTE["vermilion"])
    if len(bars):
        axes.axhline(
            bars["chance"].iloc[0], color=INK, linewidth=0.8, linestyle=":", label="by chance"
        )


def _draw_layers(axes: Axes, own: pd.DataFrame) -> None:
    single = own[own["measure"] == SINGLE]
    for number, ((objects, reading), label) in enumerate(READINGS.items()):
        rows = single[(single["objects"] == objects) & (single["reading"] == reading)]
        rows = rows.sort_values("first_layer")
        shift = (number - (len(READINGS) - 1) / 2) * DODGE
        x = (rows["first_layer"] + 0.5 + shift) / rows["model_layers"]
        look = LOOKS[number]
        axes.plot(x, rows["accuracy"], **look, label=label)
        error_bars(axes, x, rows["accuracy"], rows["ci_low"], rows["ci_high"], look["color"])
        if number == 0:
            axes.plot(
                x,
                rows["inside"],
                color=MUTED,
                linewidth=0.8,
                linestyle="-",
                label="without tolerance",
            )


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write its numbers."""
    table, models = read_effects(options.effects, "localisation"), options.models
    protocol = Protocol.read(options.protocol)
    depths = table.drop_duplicates("model").set_index("model")["model_layers"]
    middles = {
        model: protocol.middle(model, int(depths[model])) for model in models if model in depths
    }
    published = load_published("kaduri2025")
    found = {
        model: published_rows(published, paper) for model, paper in paper_models(models).items()
    }
    beside = next((model for model, rows in found.items() if len(rows)), models[0])
    printed = found[beside]
    drawn = pd.concat([table, printed], ignore_index=True) if len(printed) else table
    save_figure(draw(table, printed, middles, beside), options.out, drawn)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--models", nargs="*", required=True, help="keys, in the paper's order")
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
