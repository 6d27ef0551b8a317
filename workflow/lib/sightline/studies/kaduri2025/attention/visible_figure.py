"""Figure 5: object F1 against the share of image tokens that generated tokens see; selections for the supplement."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.studies.drawing import (
    MUTED,
    error_bars,
    legend_below,
    light_grid,
    new_figure,
    save_figure,
)
from sightline.studies.kaduri2025 import looks
from sightline.studies.kaduri2025.attention import selection
from sightline.studies.kaduri2025.attention.effects import read_effects
from sightline.studies.kaduri2025.attention.measurements import (
    ALL_LAYERS,
    AS_PUBLISHED,
    EVERYTHING_SEEN,
    MIDDLE_ONLY,
    NOTHING_SEEN,
    STRICTER,
)

SWEEP, SELECTIONS = KINDS = ("sweep", "selections")
NAMES = {
    selection.ATTENTION: "most attended",
    selection.FIRST_STEP: "most attended in the first step",
    selection.NORM: "largest norm of the state",
    selection.RANDOM: "random",
}
CURVES = {
    (ALL_LAYERS, selection.ATTENTION, AS_PUBLISHED): looks.SELECTIONS[selection.ATTENTION],
    (MIDDLE_ONLY, selection.ATTENTION, AS_PUBLISHED): looks.IN_MIDDLE,
    (ALL_LAYERS, selection.RANDOM, AS_PUBLISHED): looks.SELECTIONS[selection.RANDOM],
    (ALL_LAYERS, selection.ATTENTION, STRICTER): looks.STRICT,
}
ALTERNATIVES = {(ALL_LAYERS, how, AS_PUBLISHED): look for how, look in looks.SELECTIONS.items()}
"""Layers, selection and restricted rows, with the look of their curve."""


def draw_sweep(visible: pd.DataFrame, tail: pd.DataFrame, models: list[str]) -> Figure:
    """One row of panels for each model: F1 by share, and the part of attention that the most attended tokens hold."""
    with new_figure(
        columns=2, height=0.6 + 1.95 * len(models), rows_of_axes=len(models), columns_of_axes=2,
        squeeze=False,
    ) as (figure, panels):  # fmt: skip
        for row, model in zip(panels, models, strict=True):
            own = visible[visible["model"] == model]
            _draw_curves(row[0], own, CURVES)
            _draw_ends(row[0], own)
            row[0].set_ylabel(f"object F1\n{model}, n = {own['n'].max():.0f}")
            row[0].set_xlabel("image tokens seen (%)")
            _draw_tail(row[1], tail[tail["model"] == model])
            row[1].set_ylabel("share of image attention held")
            for axes in row:
                axes.set_ylim(0, 1.04)
        panels[0][0].set_title("generated tokens see a share of the image")
        panels[0][1].set_title("what the most attended tokens hold")
        panels[0][1].legend(loc="upper left")
        legend_below(figure, panels[0][:1], columns=3)
    return figure


def draw_selections(visible: pd.DataFrame, models: list[str]) -> Figure:
    """One panel for each model: F1 by share under every way to choose."""
    with new_figure(
        columns=min(2, len(models)), height=2.9, columns_of_axes=len(models), sharey=True, squeeze=False
    ) as (figure, panels):  # fmt: skip
        for axes, model in zip(panels[0], models, strict=True):
            own = visible[visible["model"] == model]
            _draw_curves(axes, own, ALTERNATIVES)
            _draw_ends(axes, own[own["family"] == ALL_LAYERS])
            axes.set_xlabel("image tokens seen (%)")
            axes.set_title(f"{model}, n = {own['n'].max():.0f}")
            axes.set_ylim(0, 1.04)
        panels[0][0].set_ylabel("object F1")
        legend_below(figure, panels[0][:1], columns=2)
    return figure


def _draw_curves(
    axes: Axes, own: pd.DataFrame, curves: Mapping[tuple[str, str, str], dict[str, Any]]
) -> None:
    light_grid(axes)
    for (family, how, rows), look in curves.items():
        part = own[(own["family"] == family) & (own["selection"] == how) & (own["rows"] == rows)]
        part = part.sort_values("share")
        special = [one for one in (family, rows) if one not in (ALL_LAYERS, AS_PUBLISHED)]
        axes.plot(part["share"], part["f1"], **look, label=", ".join((NAMES[how], *special)))
        error_bars(axes, part["share"], part["f1"], part["ci_low"], part["ci_high"], look["color"])
    _percent_axis(axes, own.loc[(own["share"] > 0) & (own["share"] < 100), "share"])


def _draw_ends(axes: Axes, own: pd.DataFrame) -> None:
    """Levels without any token, and with all of them in the middle layers only."""
    ends = (
        (NOTHING_SEEN, ALL_LAYERS, "no token seen", ":"),
        (EVERYTHING_SEEN, MIDDLE_ONLY, "all tokens, middle layers only", "--"),
    )
    for how, family, label, line in ends:
        rows = own[
            (own["selection"] == how) & (own["family"] == family) & (own["rows"] == AS_PUBLISHED)
        ]
        if len(rows):
            axes.axhline(
                rows["f1"].iloc[0], color=MUTED, linestyle=line, linewidth=0.9, label=label
            )


def _draw_tail(axes: Axes, tail: pd.DataFrame) -> None:
    light_grid(axes)
    for group, look in looks.LAYERS.items():
        part = tail[tail["group"] == group].sort_values("share")
        axes.plot(part["share"], part["mean"], **look, label=f"{group} layers")
        error_bars(
            axes, part["share"], part["mean"], part["ci_low"], part["ci_high"], look["color"]
        )
    shares = np.sort(tail["share"].unique())
    axes.plot(
        shares, shares / 100, color=MUTED, linewidth=0.8, linestyle=":", label="equal attention"
    )
    _percent_axis(axes, tail["share"])


def _percent_axis(axes: Axes, shares: pd.Series) -> None:
    axes.set_xscale("log")
    ticks = np.sort(shares.unique())
    # Beyond 30 % the labels would run into each other.
    labels = [f"{tick:g}" if tick <= 30 or tick == ticks[-1] else "" for tick in ticks]
    axes.set_xticks(ticks, labels)
    axes.set_xticks([], minor=True)
    axes.set_xlabel("most attended … % of the image tokens")


def main(options: argparse.Namespace) -> None:
    """Draw one of the figures and write its numbers."""
    visible, models = read_effects(options.effects, "visible"), options.models
    if options.kind == SELECTIONS:
        names = {*NAMES, NOTHING_SEEN}
        rows = visible["selection"].isin(names) & (visible["family"] == ALL_LAYERS)
        save_figure(draw_selections(visible, models), options.out, visible[rows])
        return
    tail = read_effects(options.effects, "tail")
    held = tail.rename(columns={"mean": "held"}).assign(selection="attention held")
    figure = draw_sweep(visible, tail, models)
    save_figure(figure, options.out, pd.concat([visible, held], ignore_index=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--models", nargs="*", required=True, help="keys, in the paper's order")
    parser.add_argument("--kind", choices=KINDS, default=SWEEP)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
