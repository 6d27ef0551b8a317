"""Number words that reappear elsewhere after their token is replaced (extra5)."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Rectangle

from sightline import cli
from sightline.errors import SightlineError
from sightline.intervals import wilson
from sightline.studies.drawing import INK, MUTED, PALETTE, error_bars, new_figure, save_figure
from sightline.studies.neo2025.lens.contrasts import reappearing
from sightline.studies.neo2025.lens.replaced_columns import (
    BEFORE,
    NUMBERS_REPLACED,
    OTHERS_REPLACED,
)
from sightline.studies.neo2025.lens.words_figure import pictures_of

SHOWN = 3
CONDITIONS = (BEFORE, NUMBERS_REPLACED, OTHERS_REPLACED)
COLUMNS = ["measure", "condition", "n", "percent", "ci_low", "ci_high"]


def summary(replaced: pd.DataFrame, scenes: int) -> pd.DataFrame:
    """What the bars show.

    Args:
        replaced: of `sightline.studies.neo2025.lens.replaced`.
        scenes: images that were looked through.

    Returns:
        COLUMNS: images with a background number among the scenes, and of those the ones with a
        number word at a token that had none, per condition.
    """
    rows = [_share("images with a number word", BEFORE, replaced["image_id"].nunique(), scenes)]
    found = reappearing(replaced)
    for condition in CONDITIONS[1:]:
        back = found.get(condition, pd.Series(dtype=bool))
        rows.append(_share("a new one appears", condition, int(back.sum()), len(back)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _share(measure: str, condition: str, count: int, n: int) -> tuple:
    low, high = wilson(count, n)
    share = count / n if n else float("nan")
    return (measure, condition, n, 100 * share, 100 * low, 100 * high)


def choose(replaced: pd.DataFrame) -> list[int]:
    """Images to show: those with the most new number words first, then those with most at first."""
    rows = replaced[replaced["token"] >= 0]
    new = rows[rows["new"] & (rows["condition"] == NUMBERS_REPLACED)].groupby("image_id").size()
    first = rows[rows["condition"] == BEFORE].groupby("image_id").size()
    images = sorted(set(replaced["image_id"]))
    return sorted(images, key=lambda one: (-new.get(one, 0), -first.get(one, 0), one))[:SHOWN]


def draw(
    replaced: pd.DataFrame, bars: pd.DataFrame, pictures: dict[int, np.ndarray], columns: int
) -> Figure:
    """Bars, and for a few images where number words are before and after.

    Args:
        replaced: of `sightline.studies.neo2025.lens.replaced`.
        bars: of `summary`.
        pictures: of the images to show.
        columns: tokens from left to right.
    """
    shown = list(pictures)
    height = 0.35 + 1.55 * max(1, len(shown))
    if not shown:
        with new_figure(columns=1, height=height) as (figure, panel):
            _draw_bars(panel, bars)
        return figure
    with new_figure(columns=2, height=height) as (figure, spare):
        spare.remove()
        grid = GridSpec(len(shown), 4, figure=figure, width_ratios=[1.25, 1, 1, 1])
        panel = figure.add_subplot(grid[:, 0])
        _draw_bars(panel, bars)
        panel.set_box_aspect(1.4)
        panel.set_anchor("N")
        for row, image in enumerate(shown):
            for place, condition in enumerate(CONDITIONS):
                view = figure.add_subplot(grid[row, place + 1])
                here = replaced[
                    (replaced["image_id"] == image) & (replaced["condition"] == condition)
                ]
                _draw_view(view, here, pictures[image], columns)
                if row == 0:
                    view.set_title(condition, fontsize=7)
                if place == 0:
                    view.set_ylabel(f"image {image}", fontsize=6.5)
    return figure


def _draw_bars(panel: Axes, bars: pd.DataFrame) -> None:
    x = np.arange(len(bars))
    colors = [PALETTE["sky"], PALETTE["blue"], PALETTE["green"]]
    panel.bar(x, bars["percent"], width=0.7, color=colors[: len(bars)])
    error_bars(panel, x, bars["percent"], bars["ci_low"], bars["ci_high"])
    names = ["background\nsays a number", "again, numbers\nreplaced", "new, others\nreplaced"]
    labels = [f"{name}\nn = {n}" for name, n in zip(names, bars["n"], strict=True)]
    panel.set_xticks(x, labels, fontsize=5.6)
    # Bars that were not measured leave their place open.
    panel.set_xlim(-0.6, len(bars) - 0.4)
    panel.set_ylim(0, 105)
    panel.set_ylabel("images (%)")
    panel.set_title("Number words")


def _draw_view(panel: Axes, here: pd.DataFrame, pixels: np.ndarray, columns: int) -> None:
    gray = np.asarray(pixels, float) / 255 * 0.55 + 0.42
    panel.imshow(gray.clip(0, 1), extent=(0, columns, columns, 0), interpolation="bilinear")
    said = set(zip(here["token"], here["text"], strict=True))
    for one in here[here["token"] >= 0].itertuples():
        row, place = divmod(one.token, columns)
        color = PALETTE["vermilion"] if one.new else INK
        panel.add_patch(Rectangle((place, row), 1, 1, fill=False, ec=color, lw=1.1))
        if (one.token + 1, one.text) in said and place + 1 < columns:
            # The word stands behind the last of neighbours that say the same.
            continue
        right = place > 0.7 * columns
        panel.text(
            place - 0.15 if right else place + 1.15, row + 0.5, one.text,
            ha="right" if right else "left", va="center", fontsize=6, color=color,
            fontweight="bold" if one.new else "normal",
        )  # fmt: skip
    if (here["token"] < 0).all():
        panel.text(
            0.5, 0.5, "none left", transform=panel.transAxes, ha="center", va="center",
            fontsize=7, color=MUTED,
        )  # fmt: skip
    panel.set_xticks([])
    panel.set_yticks([])
    panel.grid(False)
    for spine in panel.spines.values():
        spine.set_visible(False)


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    replaced = pd.read_parquet(options.measurements / "replaced.parquet")
    counts = pd.read_parquet(options.measurements / "counts.parquet")
    scenes = counts["image_id"].nunique()
    if not scenes:
        raise SightlineError(f"{options.measurements}: no scene was looked through.")
    bars = summary(replaced, scenes)
    pictures = pictures_of(pd.read_parquet(options.pictures), choose(replaced))
    shown = pd.read_parquet(options.measurements / "shown_patches.parquet")
    columns = int(shown["columns"].iloc[0])
    save_figure(draw(replaced, bars, pictures, columns), options.out, bars)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, required=True, help="folder of one model")
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
