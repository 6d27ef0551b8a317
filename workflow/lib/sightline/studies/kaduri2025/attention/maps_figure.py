"""Figure 4: where descriptions look before, in and after the middle layers, and how spread out attention is."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, GridSpecFromSubplotSpec

from sightline import cli
from sightline.studies.drawing import (
    INK,
    error_bars,
    light_grid,
    new_figure,
    panel_letter,
    save_figure,
)
from sightline.studies.kaduri2025.attention import shown
from sightline.studies.kaduri2025.attention.depth_axis import depth_axis, shade_middle
from sightline.studies.kaduri2025.attention.effects import read_effects
from sightline.studies.kaduri2025.attention.layer_bins import groups
from sightline.studies.kaduri2025.attention.measurements import IMAGE, read_tables
from sightline.studies.kaduri2025.attention.shown import Shown
from sightline.studies.kaduri2025.attention.spread import ENTROPY, TOP
from sightline.studies.kaduri2025.looks import TOKENS
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.windows import Window

PICTURES = 2
TITLES = {
    ENTROPY: "entropy (1: equal attention)",
    TOP: "held by the most attended 1 %",
}


def draw(
    pictures: Sequence[tuple[Shown, Mapping[str, np.ndarray]]],
    layers: Mapping[str, tuple[int, ...]],
    spread: pd.DataFrame,
    overlaps: pd.DataFrame,
    middle: Window,
) -> Figure:
    """Pictures with their maps above, numbers over all images below.

    Args:
        pictures: images, each with a map by group of layers.
        layers: of each group.
        spread: LAYER_COLUMNS of `sightline.studies.kaduri2025.attention.spread`, of one model.
        overlaps: OVERLAP_COLUMNS, of the same model.
        middle: of the model.
    """
    depth = int(spread["model_layers"].iloc[0])
    rows = len(pictures)
    with new_figure(columns=2, height=2.1 + 1.62 * rows) as (figure, spare):
        spare.remove()
        outer = GridSpec(2, 1, figure=figure, height_ratios=[1.62 * rows, 1.75])
        upper = GridSpecFromSubplotSpec(rows, 4, outer[0])
        for row, (one, maps) in enumerate(pictures):
            panels = [figure.add_subplot(upper[row, column]) for column in range(4)]
            shown.draw_picture(panels[0], one)
            panels[0].set_ylabel(f"image {one.image_id}")
            panels[0].set_title("picture" if row == 0 else "")
            for axes, (group, values) in zip(panels[1:], maps.items(), strict=False):
                shown.draw_map(axes, one, values)
                chosen = layers[group]
                title = f"{group}: layers {chosen[0]}–{chosen[-1]}"  # noqa: RUF001
                axes.set_title(title if row == 0 else "")
            for axes in panels[1 + len(maps) :]:
                axes.axis("off")
            if row == 0:
                panel_letter(panels[0], "a")
        lower = GridSpecFromSubplotSpec(1, 3, outer[1])
        below = [figure.add_subplot(lower[0, column]) for column in range(3)]
        for number, (axes, measure) in enumerate(zip(below, (ENTROPY, TOP), strict=False)):
            _draw_layers(axes, spread[spread["measure"] == measure])
            shade_middle(axes, middle, depth)
            depth_axis(axes, depth)
            axes.set_xlabel("layer")
            axes.set_title(TITLES[measure], fontsize=7)
            panel_letter(axes, "bc"[number])
        below[0].set_ylim(0, 1)
        below[0].set_ylabel(
            f"mean over n = {int(spread['n'].iloc[0])} images\n{spread['model'].iloc[0]}"
        )
        below[1].set_ylim(bottom=0)
        _draw_overlaps(below[2], overlaps)
        panel_letter(below[2], "d")
    return figure


def _draw_layers(axes: Axes, rows: pd.DataFrame) -> None:
    light_grid(axes)
    rows = rows.sort_values("layer")
    x = (rows["layer"] + 0.5) / rows["model_layers"]
    look = TOKENS[IMAGE] | {"linestyle": "-"}
    axes.plot(x, rows["mean"], **look)
    error_bars(axes, x, rows["mean"], rows["ci_low"], rows["ci_high"], look["color"])


def _draw_overlaps(axes: Axes, rows: pd.DataFrame) -> None:
    light_grid(axes)
    places = np.arange(len(rows))
    axes.bar(places, rows["mean"], width=0.6, color=TOKENS[IMAGE]["color"])
    error_bars(axes, places, rows["mean"], rows["ci_low"], rows["ci_high"])
    if len(rows):
        chance = rows["chance"].iloc[0]
        axes.axhline(chance, color=INK, linewidth=0.8, linestyle=":")
        axes.annotate(
            "by chance", (1, chance), xycoords=("axes fraction", "data"), ha="left", va="center",
            fontsize=6, xytext=(1, 0), textcoords="offset points", annotation_clip=False,
        )  # fmt: skip
    axes.set_xticks(places, [pair.replace(" and ", " &\n") for pair in rows["pair"]])
    axes.set_title("most attended 1 % in common", fontsize=7)


def main(options: argparse.Namespace) -> None:
    """Draw the figure of one model and write the numbers of its lower panels."""
    descriptions = read_tables([options.attention], "descriptions")
    objects, maps = (read_tables([options.attention], name) for name in ("objects", "maps"))
    depth, model = int(descriptions["model_layers"].iloc[0]), descriptions["model"].iloc[0]
    middle = Protocol.read(options.protocol).middle(model, depth)
    layers = {name: one for name, one in groups(depth, middle).items() if one}
    located = objects[objects["reason"] == ""]
    chosen = shown.richest_images(located, descriptions, PICTURES)
    ones = [shown.show(descriptions, image) for image in chosen]
    pictures = [
        (one, {name: shown.group_map(maps, one, some) for name, some in layers.items()})
        for one in ones
    ]
    tables = {name: read_effects(options.effects, name) for name in ("spread", "overlaps")}
    spread, overlaps = (table[table["model"] == model] for table in tables.values())
    figure = draw(pictures, layers, spread, overlaps, middle)
    pairs = overlaps.rename(columns={"pair": "group"}).assign(
        measure="overlap of the most attended 1 %"
    )
    save_figure(figure, options.out, pd.concat([spread, pairs], ignore_index=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attention", type=Path, required=True, help="folder of one model")
    parser.add_argument("--effects", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
