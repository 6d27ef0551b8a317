"""Fig. 2 (e): object F1 with the image hidden in all layers, and in all but the middle ones.

Floor (another image's description) and ceiling (hidden in the last layers only) are drawn as lines; the paper has
neither. Crosses hide the image from the last prompt position too.
"""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.studies.drawing import (
    MUTED,
    error_bars,
    new_figure,
    published_marks,
    save_figure,
)
from sightline.studies.kaduri2025 import looks
from sightline.studies.kaduri2025.knockout.conditions import (
    ALL,
    AS_PUBLISHED,
    EXCEPT_MIDDLE,
    GENERATED,
    KNOCKOUTS,
    LABELS,
    MAIN,
    STRICT,
)
from sightline.studies.kaduri2025.knockout.effects import find_cells, read_effects
from sightline.studies.kaduri2025.knockout.levels import draw_levels
from sightline.studies.kaduri2025.knockout.paper import Paper
from sightline.studies.kaduri2025.paper_models import paper_models
from sightline.studies.published import load_published

COLUMNS = (
    "model", "paper_model", "condition", "variant", "layers", "first", "last",
    "n", "f1", "f1_low", "f1_high", "published",
)  # fmt: skip
WIDTH = 0.36


def bar_data(
    effects: pd.DataFrame, published: pd.DataFrame, models: list[str], model: str
) -> pd.DataFrame:
    """Numbers of the figure, COLUMNS.

    Args:
        effects: of `sightline.studies.kaduri2025.knockout.effects.summarise`.
        published: of `sightline.studies.published.load_published`.
        models: keys in the paper's order, which tells whose numbers stand beside.
        model: the one that is drawn.
    """
    paper = Paper(published, paper_models(models).get(model, ""))
    cells = find_cells(effects, model=model, wording=MAIN)
    cells = cells[cells["family"].isin((ALL, EXCEPT_MIDDLE))].copy()
    cells["paper_model"] = paper.model
    cells["published"] = [
        paper.bar(row.condition, row.layers)[0] if row.variant == AS_PUBLISHED else None
        for row in cells.itertuples()
    ]
    return cells.astype({"published": "float64"})[list(COLUMNS)].reset_index(drop=True)


def draw(bars: pd.DataFrame, effects: pd.DataFrame, model: str) -> Figure:
    """Draw the bars of one model; `bar_data` gives their numbers."""
    with new_figure(columns=1, height=2.5) as (figure, axes):
        for variant in (AS_PUBLISHED, STRICT):
            for offset, layers in ((-0.5, ALL), (0.5, EXCEPT_MIDDLE)):
                _draw_bars(
                    axes, bars[(bars["variant"] == variant) & (bars["layers"] == layers)], offset
                )
        known = bars.dropna(subset=["published"])
        if len(known):
            places = [
                _place(row.condition, -0.5 if row.layers == ALL else 0.5)
                for row in known.itertuples()
            ]
            published_marks(
                axes, places, known["published"], f"published, {known['paper_model'].iloc[0]}"
            )
        draw_levels(axes, effects, model)
        opened = bars[bars["layers"] == EXCEPT_MIDDLE]
        middle = f"{opened['first'].iloc[0]}–{opened['last'].iloc[0]}" if len(opened) else ""  # noqa: RUF001
        axes.bar([0], [0], color=MUTED, label="all layers")
        axes.bar(
            [0],
            [0],
            color=MUTED,
            alpha=0.55,
            hatch="////",
            edgecolor="white",
            label=f"all layers but {middle}",
        )
        axes.set_xticks(range(len(KNOCKOUTS)), [LABELS[one] for one in KNOCKOUTS])
        axes.set_xlim(-0.6, 2.6)
        axes.set_ylim(-0.02, 1.02)
        axes.set_ylabel("object F1 against the\nunmodified description")
        n = int(bars["n"].max()) if len(bars) else 0
        axes.set_title(f"{model}, n = {n} images")
        figure.legend(loc="outside lower center", ncols=2, columnspacing=1)
    return figure


def _place(condition: str, offset: float) -> float:
    return KNOCKOUTS.index(condition) + offset * WIDTH


def _draw_bars(axes: Axes, rows: pd.DataFrame, offset: float) -> None:
    strict = rows[(rows["variant"] == STRICT) & (rows["condition"] == GENERATED)]
    for row in strict.itertuples():
        place = _place(row.condition, offset) + 0.09
        axes.plot(
            place, row.f1, **(looks.STRICT | {"linestyle": "none"}), zorder=5, clip_on=False,
            label=f"{LABELS[GENERATED]}, {STRICT}" if offset < 0 else None,
        )  # fmt: skip
        error_bars(axes, [place], [row.f1], [row.f1_low], [row.f1_high])
    for row in rows[rows["variant"] == AS_PUBLISHED].itertuples():
        place, opened = _place(row.condition, offset), row.layers == EXCEPT_MIDDLE
        colour = looks.KNOCKOUTS[row.condition]["color"]
        style = {"alpha": 0.55, "hatch": "////", "edgecolor": "white"} if opened else {}
        axes.bar(place, row.f1, WIDTH * 0.94, color=colour, linewidth=0, **style)
        error_bars(axes, [place], [row.f1], [row.f1_low], [row.f1_high])
        if row.f1 < 0.01:
            # A bar of no height would look like one that was not measured.
            axes.plot(place, 0, "_", color=colour, markersize=9, clip_on=False)


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write its numbers."""
    effects = read_effects(options.effects)
    bars = bar_data(effects, load_published("kaduri2025"), options.models, options.model)
    save_figure(draw(bars, effects, options.model), options.out, bars)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--models", nargs="*", required=True, help="keys, in the paper's order")
    parser.add_argument("--model", required=True, help="the one that is drawn")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
