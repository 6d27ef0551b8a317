"""Drawings of Table 1: bars by subset, and the loss against the number of replaced tokens."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.studies.drawing import (
    MUTED,
    PALETTE,
    draw_measured,
    error_bars,
    legend_below,
    light_grid,
    new_figure,
    published_marks,
    save_figure,
    series,
)
from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.effects import read_effects
from sightline.studies.neo2025.judging import CORRECTED
from sightline.studies.neo2025.protocol import SETTINGS
from sightline.studies.neo2025.tab1 import HEADERS, ITEM, PAPER_MODELS
from sightline.studies.published import find_published, load_published

PLUS_1_GRADIENTS = subsets.matched_condition(subsets.GRADIENTS, 1)
PLUS_1_RANDOM = subsets.matched_condition(subsets.RANDOM, 1)
# Whiskers and bands stay visible on this gray.
COLORS = PALETTE | {"gray": "#B9B9B9"}
BARS = (
    (subsets.object_condition(0), subsets.MASK, "object", "blue"),
    (subsets.object_condition(1), subsets.MASK, "object + 1", "blue"),
    (subsets.object_condition(2), subsets.MASK, "object + 2", "blue"),
    (PLUS_1_GRADIENTS, subsets.IG_YES, "gradients (as object + 1)", "orange"),
    (PLUS_1_RANDOM, subsets.OUTSIDE, "random outside (as object + 1)", "green"),
    (subsets.sized_condition(subsets.GRADIENTS, 40), subsets.IG_YES, "gradients (40)", "orange"),
    (subsets.sized_condition(subsets.RANDOM, 40), subsets.ANYWHERE, "random (40)", "green"),
    (subsets.REGISTER, subsets.PROJECTOR, "register", "purple"),
    (subsets.REGISTER, subsets.TOWER, "register, norms in the tower", "purple"),
    (subsets.NOISE, subsets.INDEPENDENT, "noise in object patches", "gray"),
    (subsets.ALL, "", "all tokens", "gray"),
)
CURVES = (
    (subsets.GRADIENTS, subsets.IG_YES, "gradients, “yes”"),
    (subsets.RANDOM, subsets.ANYWHERE, "random"),
    (subsets.GRADIENTS, subsets.IG_CODE, "gradients, as in the code"),
)
# None of them is a line's: the object, then its rings.
OBJECT_MARKERS = ("o", "P", "X", "p", "*")
SMALL_SAMPLES = "95 % of samples as small as the paper's (39; 15 in VQA)"
VALUES = [
    "n", "avg_tokens", "decrease_percent", "ci_low", "ci_high", "wilson_low", "wilson_high",
]  # fmt: skip
# A bootstrap over images that all lost their answer, or all kept it, has no width. Where an image has several random
# draws, Wilson's interval over images is rather too wide.
BOUNDS = ["wilson_low", "wilson_high"]
SPREAD = ["spread_low", "spread_high"]


def bars_data(effects: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Numbers of the bar figure, one line per bar that was measured.

    Returns:
        model, setting, label, VALUES, SPREAD, published.
    """
    chosen = effects[effects["judge"] == CORRECTED]
    lines = []
    for number, model in enumerate(dict.fromkeys(chosen["model"])):
        for setting in SETTINGS:
            for condition, variant, label, _ in BARS:
                here = _pick(chosen, model, setting)
                here = here[(here["condition"] == condition) & (here["variant"] == variant)]
                if here.empty:
                    continue
                # Only the paper's two models have a printed counterpart.
                paper = PAPER_MODELS[number] if number < len(PAPER_MODELS) else ""
                value = find_published(published, ITEM, paper, condition, setting).value
                lines.append((model, setting, label, *here.iloc[0][[*VALUES, *SPREAD]], value))
    columns = ["model", "setting", "label", *VALUES, *SPREAD, "published"]
    return pd.DataFrame(lines, columns=columns).astype({"published": float})


def draw_bars(data: pd.DataFrame) -> Figure:
    """Answers lost by subset, published values as diamonds, what samples as small as the paper's would show as bands.

    One panel per model (down) and setting (across).
    """
    labels = [label for *_, label, _ in BARS if label in set(data["label"])]
    place = {label: float(number) for number, label in enumerate(reversed(labels))}
    with _panels(data) as (figure, panels):
        for panel, model, setting in panels:
            here = _pick(data, model, setting)
            _draw_bar_panel(panel, here, place)
            panel.set_title(_title(setting, here))
            if setting == SETTINGS[0]:
                panel.set_ylabel(model)
                panel.set_yticks(list(place.values()), list(place))
        handles, names = panels[0][0].get_legend_handles_labels()
        if names:
            figure.legend(handles, names, loc="outside lower right", ncols=len(names))
    return figure


def _draw_bar_panel(panel: Axes, here: pd.DataFrame, place: dict[str, float]) -> None:
    colors = {label: COLORS[color] for *_, label, color in BARS}
    y, values = here["label"].map(place), here["decrease_percent"]
    panel.barh(y, values, height=0.65, color=[colors[label] for label in here["label"]])
    known = here["spread_low"].notna()
    if known.any():
        low, high = (here.loc[known, column] for column in SPREAD)
        panel.hlines(
            y[known], low, high, color=MUTED, alpha=0.35, linewidth=5, zorder=2, label=SMALL_SAMPLES,
        )  # fmt: skip
    error_bars(panel, values, y, *(here[bound] for bound in BOUNDS), horizontal=True)
    published_marks(panel, here["published"], y)
    panel.set_xlim(0, 102)
    panel.set_xlabel("correct answers lost (%)")
    light_grid(panel, "x")


def curves_data(effects: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Numbers of the curve figure; the object has no curve, only points.

    Returns:
        model, setting, curve, label, VALUES.
    """
    chosen = effects[effects["judge"] == CORRECTED]
    parts = []
    for family, variant, label in CURVES:
        part = chosen[
            (chosen["subset"] == family) & (chosen["variant"] == variant) & chosen["size"].notna()
        ]
        parts.append(part.assign(curve=label, label=label))
    points = chosen["subset"].isin([subsets.OBJECT, subsets.REGISTER]) & chosen["variant"].isin(
        [subsets.MASK, subsets.PROJECTOR]
    )
    part = chosen[points]
    parts.append(part.assign(curve="", label=part["condition"].map(_point_label)))
    table = pd.concat(parts)[["model", "setting", "curve", "label", *VALUES]]
    # Models stay in the order given, as in all figures.
    models = {model: place for place, model in enumerate(dict.fromkeys(effects["model"]))}
    return table.sort_values(
        ["model", "setting", "curve", "avg_tokens"],
        key=lambda column: column.map(models) if column.name == "model" else column,
        ignore_index=True,
    )


def draw_curves(data: pd.DataFrame) -> Figure:
    """Answers lost against the number of tokens replaced.

    Lines for random and gradient subsets, points for the object, each of its rings, and register.
    """
    ticks = sorted({int(n) for n in data.loc[data["curve"] != "", "avg_tokens"]})
    looks = _point_looks(data)
    with _panels(data) as (figure, panels):
        for panel, model, setting in panels:
            here = _pick(data, model, setting)
            _draw_curve_panel(panel, here, looks)
            panel.set_title(_title(setting, here))
            panel.set_xscale("log")
            panel.set_xticks(ticks, [str(n) for n in ticks])
            panel.minorticks_off()
            panel.set_xlabel("tokens replaced")
            if setting == SETTINGS[0]:
                panel.set_ylabel(f"{model}\ncorrect answers lost (%)")
        shown = [panel for panel, *_ in panels]
        legend_below(figure, shown, columns=max(len(looks), len(CURVES)))
    return figure


def _point_looks(data: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Label of a point -> its look, in the order in which the legend lists them."""
    points = data[data["curve"] == ""].sort_values("avg_tokens")["label"]
    rings = [label for label in dict.fromkeys(points) if label != subsets.REGISTER]
    looks = {
        label: {"color": PALETTE["blue"], "marker": OBJECT_MARKERS[number % len(OBJECT_MARKERS)]}
        for number, label in enumerate(rings)
    }
    if subsets.REGISTER in set(points):
        looks[subsets.REGISTER] = {"color": PALETTE["purple"], "marker": "v"}
    return looks


def _draw_curve_panel(panel: Axes, here: pd.DataFrame, looks: dict[str, dict[str, Any]]) -> None:
    points = here[here["curve"] == ""]
    parts = [
        (points[points["label"] == label], label, look | {"linestyle": "none", "markersize": 4.5})
        for label, look in looks.items()
    ]
    parts += [
        (here[here["curve"] == label], label, series(number))
        for number, (*_, label) in enumerate(CURVES, start=1)
    ]
    for part, label, look in parts:
        x, y = part["avg_tokens"], part["decrease_percent"]
        panel.plot(x, y, **look, label=label)
        error_bars(panel, x, y, *(part[bound] for bound in BOUNDS), look["color"])


@contextmanager
def _panels(data: pd.DataFrame) -> Iterator[tuple[Figure, list[tuple[Axes, str, str]]]]:
    """A figure with one panel per model (down) and setting (across)."""
    models = list(dict.fromkeys(data["model"]))
    with new_figure(
        columns=2,
        height=0.8 + 1.7 * len(models),
        rows_of_axes=len(models),
        columns_of_axes=len(SETTINGS),
        squeeze=False,
        sharex=True,
        sharey=True,
    ) as (figure, axes):
        places = [(model, setting) for model in models for setting in SETTINGS]
        panels = [(panel, *place) for panel, place in zip(axes.flat, places, strict=True)]
        yield figure, panels
        for panel in axes.flat:
            panel.label_outer()


def _title(setting: str, here: pd.DataFrame) -> str:
    return f"{HEADERS[setting]}, n = {here['n'].max()}" if len(here) else HEADERS[setting]


def _point_label(condition: str) -> str:
    """Object, object + 1, object + 2, register."""
    return condition.replace("_plus_", " + ")


def _pick(table: pd.DataFrame, model: str, setting: str) -> pd.DataFrame:
    return table[(table["model"] == model) & (table["setting"] == setting)]


NONE_RIGHT = "No answer was right before tokens were replaced: none can be lost."

FIGURES: dict[str, tuple[Callable[..., pd.DataFrame], Callable[[pd.DataFrame], Figure]]] = {
    "tab1_bars": (bars_data, draw_bars),
    "extra1": (curves_data, draw_curves),
}


def main(options: argparse.Namespace) -> None:
    """Draw one figure and write the numbers drawn beside it."""
    collect, draw = FIGURES[options.figure]
    effects = read_effects(options.effects)
    data = collect(effects, load_published("neo2025"))
    save_figure(draw_measured(draw, data, effects, options.effects, NONE_RIGHT), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--figure", choices=sorted(FIGURES), required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
