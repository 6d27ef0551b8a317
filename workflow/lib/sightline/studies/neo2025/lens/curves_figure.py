"""Drawing of the layer curves: how much of an object decodes to its class, and how well it ranks.

One row of panels per model: shares with their controls, the rank of the class word, and where each
image's best state is.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from string import ascii_lowercase

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
    legend_below,
    new_figure,
    panel_letter,
    published_marks,
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


BEST_STATE, BEST_SHARE = "best_state", "best_share"
PRINTED = "published"
ITEM, PAPER_MODEL, PAPER_STATES = "num1", "LLaVA-1.5", 33
KEPT = ["model", "states", "state", "depth", "series", "measure", "n", "value", "ci_low", "ci_high"]


def curves_data(effects: pd.DataFrame, best: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Numbers of the figure.

    Args:
        effects: curves.csv of `sightline.studies.neo2025.lens.effects`.
        best: best.parquet of all models.
        published: of `sightline.studies.published.load_published`.

    Returns:
        KEPT, and under the measure ``best_state`` how many images have their best state there,
        those with no match left out; under ``best_share`` what the paper prints of each image's best
        state, at the same depth in the first model, which stands for the paper's.
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
        (model, count, state, state / (count - 1), curves.OBJECT, BEST_STATE, len(part),
         int((part["state"] == state).sum()), np.nan, np.nan)
        for (model, count), part in hits.groupby(["model", "states"], sort=False)
        for state in range(count)
    ]  # fmt: skip
    if len(lines):
        rows += _printed(lines["model"].iloc[0], int(lines["states"].iloc[0]), published)
    return pd.concat([lines, pd.DataFrame(rows, columns=KEPT)], ignore_index=True)


def _printed(model: str, states: int, published: pd.DataFrame) -> list[tuple]:
    state, share, images = (
        find_published(published, ITEM, PAPER_MODEL, "object tokens", column).value
        for column in ("best_state", "share_decoding_to_class", "images")
    )
    if state is None or share is None:
        return []
    depth = state / (PAPER_STATES - 1)
    n = np.nan if images is None else images
    return [
        (model, states, depth * (states - 1), depth, PRINTED, BEST_SHARE, n, share, np.nan, np.nan)
    ]


def draw(data: pd.DataFrame) -> Figure:
    """The three panels of every model, with the published values beside the first.

    Args:
        data: of `curves_data`.
    """
    models = list(dict.fromkeys(data["model"]))
    letters = iter(ascii_lowercase)
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
            _draw_best(panels[2], here)
            panels[0].set_ylabel(f"{model}\ntokens that decode to the class (%)")
            for panel in panels:
                panel_letter(panel, next(letters))
                panel.set_xlabel("state (0 enters the first block)")
                panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
                panel.set_xlim(-0.3, here["states"].iloc[0] - 0.7)
        legend_below(figure, axes[:, :2].flat, columns=3)
    return figure


def _draw_shares(panel: Axes, here: pd.DataFrame) -> None:
    shares = here[here["measure"] == curves.SHARE]
    for number, (name, label) in enumerate(LINES):
        _draw_line(panel, shares[shares["series"] == name], number, label)
    top = panel.get_ylim()[1]
    beyond = []
    entering = shares[shares["series"] == INPUT_LINE[0]]
    if len(entering) and entering["value"].min() > 2 * top:
        # It would press the lens flat: its level is said instead.
        span = f"{entering['value'].min():.0f} to {entering['value'].max():.0f} %"
        beyond.append((f"nearest input\nembedding {span}", MUTED))
    else:
        _draw_line(panel, entering, len(LINES), INPUT_LINE[1])
    for printed in here[here["series"] == PRINTED].itertuples():
        if printed.value > 2 * top:
            where = f"of each image's best state, at depth {printed.depth:.2f}"
            beyond.append((f"published {printed.value:.1f} %,\n{where}", PALETTE["vermilion"]))
        else:
            label = "published, of each image's best state"
            published_marks(panel, [printed.state], [printed.value], label)
    _note_beyond(panel, beyond)
    panel.set_title(f"Share, n = {shares['n'].max():.0f}")
    # Room for the notes above the curves.
    panel.set_ylim(0, (1.15 if beyond else 1) * panel.get_ylim()[1])


def _note_beyond(panel: Axes, notes: Sequence[tuple[str, str]]) -> None:
    """What lies above the axis, in words from the upper left corner down."""
    drop = 3.0
    for text, color in notes:
        panel.annotate(
            f"off the scale: {text}", (0, 1), xycoords="axes fraction", xytext=(4, -drop),
            textcoords="offset points", fontsize=5.5, color=color, va="top",
        )  # fmt: skip
        drop += 7.5 * (text.count("\n") + 1)


def _draw_ranks(panel: Axes, here: pd.DataFrame) -> None:
    ranks = here[here["measure"] == curves.RANK]
    places = {name: number for number, (name, _) in enumerate(LINES)}
    for name, label in RANKS:
        number = places.get(name, len(LINES) + 1)
        _draw_line(panel, ranks[ranks["series"] == name], number, label)
    top = int(np.ceil(ranks["ci_high"].max()))
    panel.set_ylim(top, 0)
    panel.set_yticks(range(top + 1), [f"{10**power:,}" for power in range(top + 1)])
    panel.set_title(f"Median rank, n = {ranks['n'].max():.0f}")


def _draw_best(panel: Axes, here: pd.DataFrame) -> None:
    bars = here[here["measure"] == BEST_STATE]
    panel.bar(bars["state"], bars["value"], width=0.8, color=PALETTE["blue"])
    if len(bars):
        mean = np.average(bars["state"], weights=bars["value"])
        panel.axvline(mean, color=INK, linewidth=0.8)
        panel.annotate(
            f"mean {mean:.1f}", (mean, 1), xycoords=("data", "axes fraction"), xytext=(-3, -7),
            textcoords="offset points", ha="right", fontsize=6, color=INK,
        )  # fmt: skip
        panel.set_title(f"Best state, n = {bars['n'].iloc[0]:.0f}")
        panel.set_ylim(0, 1.25 * bars["value"].max())
    for printed in here.loc[here["series"] == PRINTED, "state"]:
        panel.axvline(printed, color=PALETTE["vermilion"], linestyle="--", lw=0.8)
        panel.annotate(
            "published\n(as depth)", (printed, 1),
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


def read_best(folders: Sequence[Path]) -> pd.DataFrame:
    """Best states of all models."""
    return pd.concat([pd.read_parquet(folder / "best.parquet") for folder in folders])


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    data = curves_data(
        pd.read_csv(options.curves), read_best(options.measurements), load_published("neo2025")
    )
    if data.empty:
        raise SightlineError(f"{options.curves}: no curve in it.")
    save_figure(draw(data), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--measurements", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
