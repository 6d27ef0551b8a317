"""M1, M2 and the global probe of every encoder as bars (v3 Figure 6), its earlier form, and M2 against the caption gap.

The published bar called M2 is A_sp; the ratio stands beside it here.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from sightline import cli
from sightline.errors import SightlineError
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
from sightline.studies.khajuria2025.probes.labels import PAPER, encoder_ticks
from sightline.studies.khajuria2025.probes.measurements import AS_PUBLISHED, CORRECTED
from sightline.studies.khajuria2025.probes.measures import (
    A_PS,
    A_SP,
    BEST_GLOBAL,
    BEST_M1,
    COLUMNS,
    GAP,
    IN,
    M1,
    M2,
    M2_CORRECTED,
    M2_DRAFT,
    NOT_IN,
)
from sightline.studies.khajuria2025.probes.published_cells import published_value
from sightline.studies.khajuria2025.probes.roster import PUBLISHED_ENCODERS, Roster
from sightline.studies.published import load_published

# item -> rule, and (measure, row of published.csv) of every bar.
BARS = {
    "fig6": (
        BEST_M1,
        (
            (M1, "M1_A_ss"), (A_SP, "A_sp_plotted_as_M2"), (M2, "M2_ratio_A_sp_over_A_pp"),
            (M2_CORRECTED, ""), (IN, "global_in_caption"), (NOT_IN, "global_not_in_caption"),
        ),
    ),
    "fig6_draft": (
        BEST_GLOBAL,
        (
            (M1, "A_ss"), (A_PS, "A_ps_plotted"), (M2_DRAFT, ""), (IN, "global_in"),
            (NOT_IN, "global_not_in"),
        ),
    ),
}  # fmt: skip
SCATTER = "scatter"
# Axes of the scatter: measure -> (row of published.csv, its column).
PLACES = {M2: ("M2 ratio", "x"), GAP: ("caption gap", "y")}
LABELS = {
    M1: "M1 = A_ss", A_SP: "the paper's “M2” = A_sp", M2: "M2 = A_sp / A_pp", A_PS: "A_ps",
    M2_CORRECTED: "M2 above chance", M2_DRAFT: "A_ps / A_pp",
}  # fmt: skip
UNITS = {"fig6": "accuracy; M2: ratio", "fig6_draft": "accuracy; A_ps / A_pp: ratio"}
# The draft's measures have the colours of those that took their places.
COLOURS = {
    M1: PALETTE["blue"], A_SP: PALETTE["orange"], A_PS: PALETTE["orange"], M2: PALETTE["green"],
    M2_DRAFT: PALETTE["green"], M2_CORRECTED: PALETTE["vermilion"], IN: PALETTE["purple"],
    NOT_IN: PALETTE["sky"],
}  # fmt: skip
LOWEST, HIGHEST = -0.5, 1.3
"""Panels of bars end here at the latest: an interval of a ratio over next to nothing may span ten units."""
BEYOND = "interval or bar goes on outside the panel"
VARIANTS = (CORRECTED, AS_PUBLISHED)


def figure_data(
    measures: pd.DataFrame, published: pd.DataFrame, roster: Roster, item: str
) -> pd.DataFrame:
    """Numbers of the figure: columns of the measures, ``published`` beside.

    The scatter has all of the paper's points too, as the variant PAPER of the paper's encoders.
    """
    if item == SCATTER:
        rule, rows = BEST_M1, PLACES
    else:
        rule, bars = BARS[item]
        rows = {measure: (row, "value") for measure, row in bars}
    here = measures[(measures["rule"] == rule) & measures["measure"].isin(rows)]
    here = here[here["variant"].isin(VARIANTS)]
    known = [
        published_value(
            published, item, roster[line.encoder].stands_for, *rows[line.measure]
        )
        for line in here.itertuples()
    ]  # fmt: skip
    data = here.assign(published=pd.Series(known, here.index, dtype=float))
    if item != SCATTER or data.empty:
        return data
    whole = data.astype({"layer": "Int64", "n": "Int64"})
    return pd.concat([whole, _paper_points(published, rule)], ignore_index=True)


def _paper_points(published: pd.DataFrame, rule: str) -> pd.DataFrame:
    """All encoders of the paper that have a place in its scatter."""
    lines = [
        (PAPER, rule, model, measure, published_value(published, SCATTER, model, *place))
        for model in PUBLISHED_ENCODERS
        for measure, place in PLACES.items()
    ]
    points = pd.DataFrame(lines, columns=["variant", "rule", "encoder", "measure", "value"])
    return points.dropna(subset=["value"]).astype({"value": float})


def draw_bars(data: pd.DataFrame, item: str, order: Sequence[str]) -> Figure:
    """One panel per variant; bars of an encoder side by side, the paper's values as diamonds."""
    rule, bars = BARS[item]
    names = [name for name, _ in bars if name in set(data["measure"])]
    present = set(data["encoder"])
    encoders = [name for name in order if name in present]
    variants = [variant for variant in VARIANTS if variant in set(data["variant"])]
    with new_figure(
        columns=2,
        height=1.0 + 1.7 * len(variants),
        rows_of_axes=len(variants),
        squeeze=False,
        sharey=True,
    ) as (figure, axes):
        axes[0, 0].set_ylim(_limits(data))
        width = 0.84 / len(names)
        for panel, variant in zip(axes[:, 0], variants, strict=True):
            for number, name in enumerate(names):
                here = data[(data["variant"] == variant) & (data["measure"] == name)]
                here = here.set_index("encoder").reindex(encoders)
                x = np.arange(len(encoders)) + (number - (len(names) - 1) / 2) * width
                panel.bar(x, here["value"], width * 0.92, color=COLOURS[name],
                          label=LABELS.get(name, name))  # fmt: skip
                error_bars(panel, x, here["value"], here["ci_low"], here["ci_high"])
                marks = here["published"].to_numpy(float)
                if np.isfinite(marks).any():
                    published_marks(panel, x, marks, PAPER)
                _mark_beyond(panel, x, here)
            layers = data[data["variant"] == variant].groupby("encoder")["layer"].first()
            below = [f"layer {layers.get(name, '–')}" for name in encoders]  # noqa: RUF001
            encoder_ticks(panel, encoders, below)
            panel.axhline(0, color=MUTED, linewidth=0.6)
            panel.set_ylabel(UNITS[item])
            panel.set_title(f"{variant}: layer of the {rule}")
        legend_below(figure, axes[:, 0], columns=4)
    return figure


def _limits(data: pd.DataFrame) -> tuple[float, float]:
    """From LOWEST to HIGHEST at most; 0 and 1 are always seen."""
    lowest = max(LOWEST, min(0.0, data[["value", "ci_low"]].min(axis=None)))
    highest = min(HIGHEST, max(1.0, data[["value", "ci_high", "published"]].max(axis=None)))
    return lowest - (0.05 if lowest < 0 else 0.0), highest + 0.05


def _mark_beyond(panel: Axes, x: ArrayLike, here: pd.DataFrame) -> None:
    """Arrowheads on the border where a bar or its interval goes on outside."""
    bottom, top = panel.get_ylim()
    for border, marker, over in (
        (bottom, "v", here[["value", "ci_low"]].min(axis=1) < bottom),
        (top, "^", here[["value", "ci_high"]].max(axis=1) > top),
    ):
        places = np.asarray(x)[over.to_numpy()]
        if len(places):
            panel.plot(
                places, np.full(len(places), border), marker, color=INK, markersize=3.5,
                clip_on=False, zorder=5, label=BEYOND,
            )  # fmt: skip


def draw_scatter(data: pd.DataFrame, order: Sequence[str]) -> Figure:
    """M2 (x) against the gap of the global probe (y), a panel per variant, the paper's points in the last."""
    variants = [variant for variant in (*VARIANTS, PAPER) if variant in set(data["variant"])]
    with new_figure(
        columns=2, height=2.9, columns_of_axes=len(variants), squeeze=False, sharex=True,
        sharey=True,
    ) as (figure, axes):  # fmt: skip
        for panel, variant in zip(axes[0], variants, strict=True):
            wide = data[data["variant"] == variant].pivot(index="encoder", columns="measure")
            if variant != PAPER:
                wide = wide.reindex([name for name in order if name in wide.index])
            x, y = wide["value"][M2], wide["value"][GAP]
            error_bars(panel, x, y, wide["ci_low"][GAP], wide["ci_high"][GAP], MUTED)
            error_bars(panel, x, y, wide["ci_low"][M2], wide["ci_high"][M2], MUTED, horizontal=True)
            for number, name in enumerate(order if variant != PAPER else ()):
                if name in wide.index:
                    look = series(number) | {"linestyle": "none"}
                    panel.plot(x[name], y[name], **look, markersize=4.5, zorder=4, label=name)
            if variant == PAPER:
                published_marks(panel, x, y, PAPER)
                _name_points(panel, x, y)
            panel.axhline(0, color=MUTED, linewidth=0.6)
            panel.set_title(variant)
            panel.set_xlabel("M2 = A_sp / A_pp")
        axes[0, 0].set_ylabel("global probe, in minus not in caption")
        # Names beside the points would lie on each other and on the intervals.
        legend_below(figure, axes[0], columns=5)
    return figure


def _name_points(panel: Axes, x: pd.Series, y: pd.Series) -> None:
    """Names in a column on the right, as high as their points are ranked, each with a line to its point."""
    heights = np.linspace(0.1, 0.96, len(y))
    for height, model in zip(heights, y.sort_values(kind="stable").index, strict=True):
        panel.annotate(
            PUBLISHED_ENCODERS[model], xy=(x[model], y[model]), xytext=(1.04, height),
            textcoords="axes fraction", fontsize=5.5, va="center", annotation_clip=False,
            arrowprops={
                "arrowstyle": "-", "color": MUTED, "linewidth": 0.4, "shrinkA": 0,
                "relpos": (0, 0.5),
            },
        )  # fmt: skip


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    measures = pd.read_csv(options.measures)
    if tuple(measures.columns) != COLUMNS:
        raise SightlineError(f"{options.measures}: other columns than {', '.join(COLUMNS)}.")
    roster = Roster.read(options.roster)
    data = figure_data(measures, load_published("khajuria2025"), roster, options.item)
    order = [entry.encoder for entry in roster.entries]
    if data.empty:
        raise SightlineError(f"{options.measures}: nothing in it to draw {options.item} from.")
    if options.item == SCATTER:
        figure = draw_scatter(data, order)
    else:
        figure = draw_bars(data, options.item, order)
    save_figure(figure, options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measures", type=Path, required=True)
    parser.add_argument("--roster", type=Path, required=True)
    parser.add_argument("--item", choices=(*BARS, SCATTER), required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
