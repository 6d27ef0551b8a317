"""M1, M2 and the global probe of every encoder as bars (v3 Figure 6), its earlier form, and M2 against the caption gap.

The published bar called M2 is A_sp; the ratio stands beside it here.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import (
    MUTED,
    PALETTE,
    error_bars,
    legend_below,
    new_figure,
    published_marks,
    save_figure,
    series,
)
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
from sightline.studies.khajuria2025.probes.roster import Roster
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
LABELS = {
    M1: "M1 = A_ss", A_SP: "published “M2” = A_sp", M2: "M2 = A_sp / A_pp", A_PS: "A_ps",
    M2_CORRECTED: "M2 above chance", M2_DRAFT: "A_ps / A_pp",
}  # fmt: skip
VARIANTS = (CORRECTED, AS_PUBLISHED)


def figure_data(
    measures: pd.DataFrame, published: pd.DataFrame, roster: Roster, item: str
) -> pd.DataFrame:
    """Numbers of the figure: columns of the measures, ``published`` and its ``published_layer`` beside."""
    if item == SCATTER:
        rule, bars = BEST_M1, ((M2, "M2 ratio"), (GAP, "caption gap"))
        places = {M2: "x", GAP: "y"}
    else:
        (rule, bars), places = BARS[item], {}
    rows = dict(bars)
    here = measures[(measures["rule"] == rule) & measures["measure"].isin(rows)]
    here = here[here["variant"].isin(VARIANTS)]
    known = [
        published_value(
            published, item, roster[line.encoder].stands_for, rows[line.measure],
            places.get(line.measure, "value"),
        )
        for line in here.itertuples()
    ]  # fmt: skip
    return here.assign(published=pd.Series(known, here.index, dtype=float))


def draw_bars(data: pd.DataFrame, item: str, order: Sequence[str]) -> Figure:
    """One panel per variant; bars of an encoder side by side, published values as diamonds."""
    rule, bars = BARS[item]
    names = [name for name, _ in bars if name in set(data["measure"])]
    present = set(data["encoder"])
    encoders = [name for name in order if name in present]
    variants = [variant for variant in VARIANTS if variant in set(data["variant"])]
    colours = list(PALETTE.values())
    with new_figure(
        columns=2,
        height=0.9 + 1.6 * len(variants),
        rows_of_axes=len(variants),
        squeeze=False,
    ) as (figure, axes):
        width = 0.84 / len(names)
        for panel, variant in zip(axes[:, 0], variants, strict=True):
            for number, name in enumerate(names):
                here = data[(data["variant"] == variant) & (data["measure"] == name)]
                here = here.set_index("encoder").reindex(encoders)
                x = np.arange(len(encoders)) + (number - (len(names) - 1) / 2) * width
                panel.bar(x, here["value"], width * 0.92, color=colours[number],
                          label=LABELS.get(name, name))  # fmt: skip
                error_bars(panel, x, here["value"], here["ci_low"], here["ci_high"])
                marks = here["published"].to_numpy(float)
                if np.isfinite(marks).any():
                    published_marks(panel, x, marks)
            layers = data[data["variant"] == variant].groupby("encoder")["layer"].first()
            panel.set_xticks(
                range(len(encoders)),
                [f"{name}\nlayer {layers.get(name, '–')}" for name in encoders],  # noqa: RUF001
                fontsize=5 if len(encoders) > 6 else 6,
            )
            lowest = data.loc[data["variant"] == variant, "value"].min()
            panel.set_ylim(min(0.0, lowest - 0.05), 1.08)
            panel.set_title(f"{variant}: layer of the {rule}")
        legend_below(figure, axes[0, :1], columns=4)
    return figure


def draw_scatter(data: pd.DataFrame, order: Sequence[str]) -> Figure:
    """M2 (x) against the gap of the global probe (y), a panel per variant."""
    variants = [variant for variant in VARIANTS if variant in set(data["variant"])]
    with new_figure(
        columns=2, height=2.9, columns_of_axes=len(variants), squeeze=False, sharey=True
    ) as (figure, axes):
        for panel, variant in zip(axes[0], variants, strict=True):
            wide = data[data["variant"] == variant].pivot(index="encoder", columns="measure")
            wide = wide.reindex([name for name in order if name in wide.index])
            x, y = wide["value"][M2], wide["value"][GAP]
            error_bars(panel, x, y, wide["ci_low"][GAP], wide["ci_high"][GAP], MUTED)
            error_bars(panel, x, y, wide["ci_low"][M2], wide["ci_high"][M2], MUTED, horizontal=True)
            for number, name in enumerate(order):
                if name in wide.index:
                    look = series(number) | {"linestyle": "none"}
                    panel.plot(x[name], y[name], **look, markersize=4.5, zorder=4, label=name)
            known = wide["published"].dropna()
            if len(known):
                published_marks(panel, known[M2], known[GAP])
            panel.axhline(0, color=MUTED, linewidth=0.6)
            panel.set_title(variant)
            panel.set_xlabel("M2 = A_sp / A_pp")
        axes[0, 0].set_ylabel("global probe, in minus not in caption")
        # Names beside the points would lie on each other and on the intervals.
        legend_below(figure, axes[0], columns=5)
    return figure


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
