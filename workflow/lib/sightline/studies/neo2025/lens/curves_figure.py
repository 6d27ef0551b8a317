"""Drawing of the layer curves: how much of an object decodes to its class, and how well it ranks.

One row of panels per model: shares with their controls, the rank of the class word, and where each
image's best state is.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import (
    INK,
    MUTED,
    PALETTE,
    new_figure,
    panel_letter,
    save_figure,
    series,
)
from sightline.studies.neo2025.lens import curves
from sightline.studies.neo2025.lens.image_set import MAIN
from sightline.studies.neo2025.lens.words import STRICT
from sightline.studies.published import find_published, load_published

LINES = (
    (curves.OBJECT, "object's tokens, its class"),
    (curves.OUTSIDE, "tokens outside, its class"),
    (curves.PRESENT, "object's tokens, other classes in the image"),
    (curves.SHUFFLED, "object's tokens, classes of other images"),
)
INPUT_LINE = (curves.INPUT, "object's tokens, nearest input embedding")
RANKS = (
    (curves.OBJECT, "object's tokens, its class"),
    (curves.OUTSIDE, "tokens outside, its class"),
    (curves.ABSENT, "object's tokens, a class not in the image"),
)
KEPT = ["model", "states", "state", "depth", "series", "measure", "n", "value", "ci_low", "ci_high"]


def curves_data(effects: pd.DataFrame, best: pd.DataFrame) -> pd.DataFrame:
    """Numbers of the figure.

    Args:
        effects: curves.csv of `sightline.studies.neo2025.lens.effects`.
        best: best.parquet of all models.

    Returns:
        KEPT, and under the measure ``best_state`` how many images have their best state there,
        those with no match left out.
    """
    chosen = effects[(effects["sample"] == MAIN) & (effects["rule"] == STRICT)]
    lines = chosen[chosen["measure"].isin([curves.SHARE, curves.RANK])][KEPT]
    hits = best[
        best[MAIN]
        & (best["series"] == curves.OBJECT)
        & (best["rule"] == STRICT)
        & (best["share"] > 0)
    ]
    rows = [
        (model, count, state, state / (count - 1), curves.OBJECT, "best_state", len(part),
         int((part["state"] == state).sum()), np.nan, np.nan)
        for (model, count), part in hits.groupby(["model", "states"], sort=False)
        for state in range(count)
    ]  # fmt: skip
    return pd.concat([lines, pd.DataFrame(rows, columns=KEPT)], ignore_index=True)


def draw(data: pd.DataFrame, published_depth: float | None) -> Figure:
    """The three panels of every model.

    Args:
        data: of `curves_data`.
        published_depth: of the paper's mean best state, if known.
    """
    models = list(dict.fromkeys(data["model"]))
    with new_figure(
        columns=2,
        height=0.6 + 2.35 * len(models),
        rows_of_axes=len(models),
        columns_of_axes=3,
        squeeze=False,
    ) as (figure, axes):
        for model, panels in zip(models, axes, strict=True):
            here = data[data["model"] == model]
            _draw_shares(panels[0], here)
            _draw_ranks(panels[1], here)
            _draw_best(panels[2], here, published_depth)
            panels[0].set_ylabel(f"{model}\ntokens that decode to the class (%)")
            for panel, letter in zip(panels, "abc", strict=True):
                panel_letter(panel, letter)
                panel.set_xlabel("state (0 enters the first block)")
                panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
                panel.set_xlim(-0.3, here["states"].iloc[0] - 0.7)
        handles, names = axes[0][0].get_legend_handles_labels()
        extra = axes[0][1].get_legend_handles_labels()
        handles, names = [*handles, extra[0][-1]], [*names, extra[1][-1]]
        figure.legend(handles, names, loc="outside lower center", ncols=3)
    return figure


def _draw_shares(panel: Axes, here: pd.DataFrame) -> None:
    shares = here[here["measure"] == curves.SHARE]
    for number, (name, label) in enumerate(LINES):
        _draw_line(panel, shares[shares["series"] == name], number, label)
    top = panel.get_ylim()[1]
    entering = shares[shares["series"] == INPUT_LINE[0]]
    if len(entering) and entering["value"].min() > 2 * top:
        # It would press the lens flat: its level is said instead.
        panel.annotate(
            f"off the scale: nearest input\nembedding {entering['value'].min():.0f} to "
            f"{entering['value'].max():.0f} %",
            (0, 1), xycoords="axes fraction", xytext=(4, -3), textcoords="offset points",
            fontsize=5.5, color=MUTED, va="top",
        )  # fmt: skip
    else:
        _draw_line(panel, entering, len(LINES), INPUT_LINE[1])
    panel.set_title("Share")
    panel.set_ylim(bottom=0)


def _draw_ranks(panel: Axes, here: pd.DataFrame) -> None:
    ranks = here[here["measure"] == curves.RANK]
    places = {name: number for number, (name, _) in enumerate(LINES)}
    for name, label in RANKS:
        number = places.get(name, len(LINES) + 1)
        _draw_line(panel, ranks[ranks["series"] == name], number, label)
    top = int(np.ceil(ranks["ci_high"].max()))
    panel.set_ylim(top, 0)
    panel.set_yticks(range(top + 1), [f"{10**power:,}" for power in range(top + 1)])
    panel.set_title("Median rank of the word")


def _draw_best(panel: Axes, here: pd.DataFrame, published_depth: float | None) -> None:
    bars = here[here["measure"] == "best_state"]
    panel.bar(bars["state"], bars["value"], width=0.8, color=PALETTE["blue"])
    count = here["states"].iloc[0] - 1
    if len(bars):
        mean = np.average(bars["state"], weights=bars["value"])
        panel.axvline(mean, color=INK, linewidth=0.8)
        panel.annotate(
            f"mean {mean:.1f}", (mean, 1), xycoords=("data", "axes fraction"), xytext=(-3, -7),
            textcoords="offset points", ha="right", fontsize=6, color=INK,
        )  # fmt: skip
        panel.set_title(f"Best state, {bars['n'].iloc[0]} images")
        panel.set_ylim(0, 1.25 * bars["value"].max())
    if published_depth is not None:
        panel.axvline(published_depth * count, color=PALETTE["vermilion"], linestyle="--", lw=0.8)
        panel.annotate(
            "published\n(as depth)", (published_depth * count, 1),
            xycoords=("data", "axes fraction"), xytext=(3, -7), textcoords="offset points",
            va="top", fontsize=6, color=PALETTE["vermilion"],
        )  # fmt: skip
    panel.set_ylabel("images with a match")


def _draw_line(panel: Axes, part: pd.DataFrame, number: int, label: str) -> None:
    look = series(number)
    # Intervals that a few images do not allow are missing, and missing words are no numbers.
    part = part.astype({"state": float, "value": float, "ci_low": float, "ci_high": float})
    panel.plot(part["state"], part["value"], **look, label=label)
    panel.fill_between(
        part["state"], part["ci_low"], part["ci_high"], color=look["color"], alpha=0.15, lw=0
    )


def published_depth(item: str = "num1", model: str = "LLaVA-1.5", states: int = 33) -> float | None:
    """Depth of the paper's mean best state, counted from 0."""
    found = find_published(load_published("neo2025"), item, model, "object tokens", "best_state")
    return None if found.value is None else found.value / (states - 1)


def read_best(folders: Sequence[Path]) -> pd.DataFrame:
    """Best states of all models."""
    return pd.concat([pd.read_parquet(folder / "best.parquet") for folder in folders])


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    data = curves_data(pd.read_csv(options.curves), read_best(options.measurements))
    if data.empty:
        raise SightlineError(f"{options.curves}: no curve in it.")
    save_figure(draw(data, published_depth()), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--measurements", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
