"""Fig. 2 (f): object F1 against the layer after which the image is hidden; and up to which, for the supplement.

Depth is drawn as a fraction, so that models of any depth, and the published curve, share an axis.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sightline import cli
from sightline.studies.drawing import (
    INK,
    MUTED,
    error_bars,
    new_figure,
    published_marks,
    save_figure,
)
from sightline.studies.kaduri2025 import looks
from sightline.studies.kaduri2025.knockout.conditions import (
    AFTER,
    ALL,
    AS_PUBLISHED,
    EXCEPT_MIDDLE,
    GENERATED,
    KNOCKOUTS,
    LABELS,
    MAIN,
    STRICT,
    UP_TO,
)
from sightline.studies.kaduri2025.knockout.effects import find_cells, read_effects
from sightline.studies.kaduri2025.knockout.levels import draw_levels
from sightline.studies.kaduri2025.knockout.paper import Paper
from sightline.studies.kaduri2025.paper_models import DEPTHS, paper_models
from sightline.studies.published import load_published

COLUMNS = (
    "model", "source", "condition", "variant", "layer", "depth_fraction", "n",
    "f1", "f1_low", "f1_high", "f1_sd",
)  # fmt: skip
AXES = {
    AFTER: "image visible in the first … of the layers",
    UP_TO: "image hidden in the first … of the layers",
}
PUBLISHED, HERE = "published", "this run"


def curve_data(
    effects: pd.DataFrame, published: pd.DataFrame, models: list[str], model: str, family: str
) -> pd.DataFrame:
    """Numbers of one model's curves, COLUMNS; ``layer`` is the l of "after l" or "up to l", -1 for none or all.

    Args:
        effects: of `sightline.studies.kaduri2025.knockout.effects.summarise`.
        published: of `sightline.studies.published.load_published`.
        models: keys in the paper's order.
        model: the one that is drawn.
        family: AFTER or UP_TO; the paper has printed the first.
    """
    cells = find_cells(effects, model=model, wording=MAIN)
    cells = cells[cells["family"].isin((family, ALL))].copy()
    cells["layer"] = cells["first"] - 1 if family == AFTER else cells["last"]
    cells["depth_fraction"] = (cells["layer"] + 1) / cells["model_layers"]
    cells["source"] = HERE
    if family == UP_TO:
        cells = cells[cells["variant"] == AS_PUBLISHED]
    rows = cells.sort_values(["variant", "condition", "layer"])[list(COLUMNS)].to_dict("records")
    paper = Paper(published, paper_models(models).get(model, ""))
    for condition in KNOCKOUTS if family == AFTER else ():
        for layer in paper.points():
            rows.append(
                {
                    "model": paper.model, "source": PUBLISHED, "condition": condition,
                    "variant": AS_PUBLISHED, "layer": layer,
                    "depth_fraction": (layer + 1) / DEPTHS[paper.model],
                    "f1": paper.curve(condition, layer)[0],
                    "f1_sd": paper.deviation(condition, layer)[0],
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def draw(curves: pd.DataFrame, effects: pd.DataFrame, models: list[str], family: str) -> Figure:
    """Draw curves, one row of panels for each model and one panel for each knockout."""
    with new_figure(
        columns=2, height=0.6 + 1.75 * len(models), rows_of_axes=len(models), columns_of_axes=3,
        sharey=True, sharex=True, squeeze=False,
    ) as (figure, panels):  # fmt: skip
        for axes, condition in zip(panels[0], KNOCKOUTS, strict=True):
            axes.set_title(LABELS[condition])
        for row, model in zip(panels, models, strict=True):
            for axes, condition in zip(row, KNOCKOUTS, strict=True):
                here = curves[curves["condition"] == condition]
                _draw_curve(axes, here[here["model"] == model], condition)
                known = here[here["source"] == PUBLISHED]
                if len(known) and model == models[0]:
                    _draw_published(axes, known)
                draw_levels(axes, effects, model)
                _shade_middle(axes, effects, model)
                axes.set_ylim(-0.03, 1.04)
                axes.set_xlim(-0.03, 1.03)
            n = curves.loc[curves["model"] == model, "n"].max()
            row[0].set_ylabel(f"object F1\n{model}, n = {n:.0f}")
        for axes in panels[-1]:
            axes.set_xlabel(AXES[family])
        # Every entry once; the panels name the knockouts.
        entries = {
            "mean, 95 % interval": Line2D([], [], color=MUTED, marker="o"),
            "± 1 s.d. over images": Patch(color=MUTED, alpha=0.25, linewidth=0),
        }
        for axes in panels.flat:
            handles, labels = axes.get_legend_handles_labels()
            entries |= dict(zip(labels, handles, strict=True))
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=3)
    return figure


def _draw_curve(axes: Axes, rows: pd.DataFrame, condition: str) -> None:
    # First, so that it lies below: from some layer on the two are the same.
    strict = rows[rows["variant"] == STRICT].sort_values("depth_fraction")
    if len(strict) and condition == GENERATED:
        x, y = strict["depth_fraction"], strict["f1"]
        axes.plot(x, y, **looks.STRICT, label=f"{LABELS[GENERATED]}, {STRICT}")
        error_bars(axes, x, y, strict["f1_low"], strict["f1_high"])
    own = rows[rows["variant"] == AS_PUBLISHED].sort_values("depth_fraction")
    x, y = own["depth_fraction"], own["f1"]
    look = looks.KNOCKOUTS[condition] | {"linestyle": "-"}
    colour = look["color"]
    axes.fill_between(
        x, np.clip(y - own["f1_sd"], 0, 1), np.clip(y + own["f1_sd"], 0, 1), color=colour,
        alpha=0.15, linewidth=0,
    )  # fmt: skip
    axes.plot(x, y, **look)
    error_bars(axes, x, y, own["f1_low"], own["f1_high"], colour)


def _draw_published(axes: Axes, rows: pd.DataFrame) -> None:
    published_marks(axes, rows["depth_fraction"], rows["f1"], f"published, {rows['model'].iloc[0]}")
    axes.plot(rows["depth_fraction"], rows["f1"], color=INK, linewidth=0.5, alpha=0.6)


def _shade_middle(axes: Axes, effects: pd.DataFrame, model: str) -> None:
    cells = find_cells(effects, model=model, layers=EXCEPT_MIDDLE)
    if len(cells):
        first, last, depth = cells.iloc[0][["first", "last", "model_layers"]]
        axes.axvspan(
            first / depth, (last + 1) / depth, color="#EDEDED", zorder=0, linewidth=0,
            label="middle layers",
        )  # fmt: skip


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write its numbers."""
    effects, models = read_effects(options.effects), options.models
    drawn = [options.model] if options.model else models
    published = load_published("kaduri2025")
    parts = [curve_data(effects, published, models, one, options.family) for one in drawn]
    curves = pd.concat(parts, ignore_index=True)
    save_figure(draw(curves, effects, drawn, options.family), options.out, curves)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--models", nargs="*", required=True, help="keys, in the paper's order")
    parser.add_argument("--model", help="the one that is drawn; all of them if left out")
    parser.add_argument("--family", choices=(AFTER, UP_TO), default=AFTER)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
