"""Accuracy left when attention is cut in a window of layers, for every first layer of the window.

The published windows leave layer 10 between two of them and end in a wider one (neo2025 section 5.3, B10); here
all windows are equally wide and begin at every layer. As many random tokens outside the object, cut off from the
same rows, stand beside the object's.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.studies.drawing import (
    MUTED,
    draw_measured,
    error_bars,
    legend_below,
    new_figure,
    published_marks,
    save_figure,
    series,
)
from sightline.studies.neo2025.judging import CORRECTED
from sightline.studies.neo2025.knockout import pairs
from sightline.studies.neo2025.knockout.effects import read_effects
from sightline.studies.neo2025.knockout.tab2 import ITEM, PAPER_MODEL
from sightline.studies.published import find_published, load_published

TITLES = {
    pairs.LAST: "Unseen by the last position",
    pairs.QUESTION: "Unseen by question tokens",
    pairs.TEXT: "Unseen by all text",
}
# Lines keep their look in all panels.
LABELS = {
    pairs.PLUS_1: "object + 1",
    pairs.RANDOM: "as many random tokens",
    pairs.CONTEXT: "image without object + 1",
    pairs.IMAGE: "whole image",
}
COLUMNS = [
    "model", "model_layers", "target", "source", "window", "first_layer", "last_layer",
    "n", "relative_accuracy", "ci_low", "ci_high",
]  # fmt: skip


def curve_data(effects: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Numbers of the figure.

    Returns:
        COLUMNS and published: per line the sliding windows and all layers, and for the first model those of the
        paper's windows whose number is known.
    """
    parts = [pd.DataFrame(columns=[*COLUMNS, "published"])]
    for number, model in enumerate(dict.fromkeys(effects["model"])):
        for pair in (pair for pair in pairs.PAIRS if pair.slides):
            here = effects[
                (effects["model"] == model)
                & (effects["judge"] == CORRECTED)
                & (effects["pair"] == pair.name)
                & (effects["variant"] == pair.variants[0])
            ]
            values = [
                find_published(published, ITEM, PAPER_MODEL if number == 0 else "", *cell).value
                for cell in zip(here["pair"], here["window"], strict=True)
            ]
            here = here[COLUMNS].assign(published=pd.Series(values, here.index, float))
            # Of no rows, map() makes words: a model that answered nothing right has none.
            drawn = here["window"].map(pairs.is_sliding).astype(bool) | here["window"].eq(pairs.ALL)
            parts.append(here[drawn | here["published"].notna()])
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def draw(data: pd.DataFrame) -> Figure:
    """One panel per model (down) and target (across), all layers at once to the right of each line."""
    models = list(dict.fromkeys(data["model"]))
    with new_figure(
        columns=2,
        height=0.85 + 1.75 * len(models),
        rows_of_axes=len(models),
        columns_of_axes=len(TITLES),
        squeeze=False,
        sharey=True,
    ) as (figure, axes):
        for row, model in zip(axes, models, strict=True):
            for panel, target in zip(row, TITLES, strict=True):
                here = data[(data["model"] == model) & (data["target"] == target)]
                if len(here):
                    _draw_panel(panel, here)
                panel.set_title(TITLES[target])
                panel.set_ylim(-0.03, 1.06)
            n = data.loc[data["model"] == model, "n"].max()
            row[0].set_ylabel(f"{model}, n = {n}\naccuracy left")
        legend_below(figure, axes.flat, columns=len(LABELS) + 1)
    return figure


def _draw_panel(panel: Axes, here: pd.DataFrame) -> None:
    slides = here["window"].map(pairs.is_sliding)
    starts = sorted(here.loc[slides, "first_layer"].unique())
    whole = starts[-1] + max(1.5, len(starts) / 8)
    panel.axhline(1, color=MUTED, linewidth=0.6, linestyle=":", zorder=1)
    present = [source for source in LABELS if source in set(here["source"])]
    for number, source in enumerate(present):
        look = series(list(LABELS).index(source))
        # Points side by side, so that their intervals do not hide each other.
        shift = 0.02 * len(starts) * (number - (len(present) - 1) / 2)
        line = here[slides & (here["source"] == source)].sort_values("first_layer")
        everything = here[(here["window"] == pairs.ALL) & (here["source"] == source)]
        alone = look | {"linestyle": "none"}
        for part, x, style in (
            (line, line["first_layer"] + shift, look | {"label": LABELS[source]}),
            (everything, np.full(len(everything), whole + shift), alone),
        ):
            panel.plot(x, part["relative_accuracy"], **style)
            bounds = (part[column] for column in ("relative_accuracy", "ci_low", "ci_high"))
            error_bars(panel, x, *bounds, look["color"])
        known = here[(here["source"] == source) & here["published"].notna()]
        if len(known):
            places = np.where(known["window"] == pairs.ALL, whole, known["first_layer"])
            name = f"published, {LABELS[source]}"
            published_marks(panel, places, known["published"], name, look["color"])
    panel.axvline((starts[-1] + whole) / 2, color=MUTED, linewidth=0.6)
    ticks = [int(start) for start in starts[:: max(1, len(starts) // 6)]]
    panel.set_xticks([*ticks, whole], [*map(str, ticks), "all"])
    panel.set_xlabel(f"first of {pairs.width(int(here['model_layers'].iloc[0]))} layers")


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    effects = read_effects(options.effects)
    data = curve_data(effects, load_published("neo2025"))
    reason = "No question was answered right before a knockout: none can be lost."
    save_figure(draw_measured(draw, data, effects, options.effects, reason), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
