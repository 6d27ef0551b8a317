"""Number words that reappear elsewhere after their token is replaced (extra5)."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sightline import cli
from sightline.errors import SightlineError
from sightline.intervals import wilson
from sightline.studies.drawing import (
    INK,
    MUTED,
    PALETTE,
    error_bars,
    light_grid,
    new_figure,
    save_figure,
)
from sightline.studies.neo2025.lens.connected import connected
from sightline.studies.neo2025.lens.contrasts import reappearing
from sightline.studies.neo2025.lens.replaced_columns import (
    BEFORE,
    NUMBERS_REPLACED,
    OTHERS_REPLACED,
)
from sightline.studies.neo2025.lens.words_figure import pictures_of

SHOWN = 3
CONDITIONS = (BEFORE, NUMBERS_REPLACED, OTHERS_REPLACED)
COLORS = {False: INK, True: PALETTE["vermilion"]}
"""By whether the word is new."""
FEW = 5
"""Images below which a bar would pass off a handful as a share."""
MARGIN = 0.42
"""Room for words to the right of a picture, in its widths."""
LINE = 0.078
"""Height of a word there, in heights of the picture."""
MOST_NAMES = 12
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
    rows = [_share("number word in the background", BEFORE, replaced["image_id"].nunique(), scenes)]
    found = reappearing(replaced)
    for condition in CONDITIONS[1:]:
        back = found.get(condition, pd.Series(dtype=bool))
        rows.append(_share("new number word", condition, int(back.sum()), len(back)))
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
    """Bars, and below them for a few images where number words are before and after.

    Args:
        replaced: of `sightline.studies.neo2025.lens.replaced`.
        bars: of `summary`.
        pictures: of the images to show.
        columns: tokens from left to right.
    """
    shown = list(pictures)
    height = 1.7 * len(shown) + 0.3
    with new_figure(columns=2, height=0.95 + (height if shown else 0)) as (figure, spare):
        if not shown:
            _draw_bars(spare, bars)
            return figure
        spare.remove()
        above, below = figure.subfigures(2, 1, height_ratios=[0.95, height])
        _draw_bars(above.subplots(), bars)
        views = below.subplots(len(shown), len(CONDITIONS), squeeze=False)
        for row, image in zip(views, shown, strict=True):
            for view, condition in zip(row, CONDITIONS, strict=True):
                here = replaced[
                    (replaced["image_id"] == image) & (replaced["condition"] == condition)
                ]
                _draw_view(view, here, pictures[image], columns)
            row[0].set_ylabel(f"image {image}", fontsize=6.5)
        for view, condition in zip(views[0], CONDITIONS, strict=True):
            view.set_title(condition, fontsize=7)
        handles = [
            Rectangle((0, 0), 1, 1, fill=False, ec=color, lw=1.1) for color in COLORS.values()
        ]
        names = ["number word where one was before", "new number word"]
        below.legend(
            handles, names, loc="outside lower center", ncols=2, handlelength=0.8, handleheight=0.8
        )
    return figure


def _draw_bars(panel: Axes, bars: pd.DataFrame) -> None:
    y = np.arange(len(bars))[::-1]
    enough = (bars["n"] >= FEW).to_numpy()
    panel.barh(y[enough], bars.loc[enough, "percent"], height=0.65, color=PALETTE["blue"])
    # An unclipped line without points would reach beyond the figure and upset its layout.
    if not enough.all():
        panel.plot(
            bars.loc[~enough, "percent"], y[~enough], "o", color=MUTED, markerfacecolor="white",
            clip_on=False, zorder=4,
        )  # fmt: skip
    for some, color in ((enough, INK), (~enough, MUTED)):
        bounds = (bars.loc[some, column] for column in ("ci_low", "ci_high"))
        error_bars(panel, bars.loc[some, "percent"], y[some], *bounds, color, horizontal=True)
    for place, bar, measured in zip(y, bars.itertuples(), enough, strict=True):
        note = f"{round(bar.percent * bar.n / 100)} of {bar.n}" if bar.n else "no image"
        note += "" if measured or not bar.n else ": too few for a share"
        panel.annotate(
            note, (1, place), xycoords=("axes fraction", "data"), xytext=(8, 0),
            textcoords="offset points", va="center", fontsize=6, color=INK if measured else MUTED,
        )  # fmt: skip
    labels = [f"{bar.measure}, {bar.condition}" for bar in bars.itertuples()]
    panel.set_yticks(y, labels)
    panel.set_ylim(-0.6, len(bars) - 0.4)
    panel.set_xlim(0, 100)
    panel.set_xlabel("images (%)")
    light_grid(panel, "x")


def _draw_view(panel: Axes, here: pd.DataFrame, pixels: np.ndarray, columns: int) -> None:
    gray = np.asarray(pixels, float) / 255 * 0.55 + 0.42
    panel.imshow(gray.clip(0, 1), extent=(0, columns, columns, 0), interpolation="bilinear")
    said = here[here["token"] >= 0]
    words = [
        (text, bool(new), group)
        for (text, new), part in said.groupby(["text", "new"])
        for group in connected(part["token"], columns)
    ]
    for _, new, group in words:
        for row, place in zip(*np.divmod(group, columns), strict=True):
            # Within the patch, so that neighbours do not cover each other's frames.
            corner = (place + 0.07, row + 0.07)
            panel.add_patch(Rectangle(corner, 0.86, 0.86, fill=False, ec=COLORS[new], lw=0.9))
    _name_words(panel, words, columns)
    if said.empty:
        panel.text(
            columns / 2, columns / 2, "none left", ha="center", va="center", fontsize=7, color=MUTED
        )
    panel.set_xlim(0, (1 + MARGIN) * columns)
    panel.set_ylim(columns, 0)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.grid(False)
    for spine in panel.spines.values():
        spine.set_visible(False)


def _name_words(panel: Axes, words: list[tuple[str, bool, np.ndarray]], columns: int) -> None:
    """Each word once per group of patches that say it, in the margin, with a line to them."""
    # The largest groups where not all have room, from top to bottom so that few lines cross.
    largest = sorted(words, key=lambda word: -len(word[2]))[:MOST_NAMES]
    named = sorted(largest, key=lambda word: (float((word[2] // columns).mean()), word[2][0]))
    gap = LINE * columns
    heights = [float((group // columns).mean()) + 0.5 for *_, group in named]
    for number in range(1, len(named)):
        heights[number] = max(heights[number], heights[number - 1] + gap)
    limit = columns - gap / 2
    for number in reversed(range(len(named))):
        heights[number] = min(heights[number], limit)
        limit = heights[number] - gap
    for (text, new, group), height in zip(named, heights, strict=True):
        rows, places = np.divmod(group, columns)
        last = int(places.argmax())
        start = (places[last] + 1, rows[last] + 0.5)
        panel.plot(
            [start[0], 1.03 * columns], [start[1], height], color=COLORS[new], lw=0.6, alpha=0.8
        )
        count = f" ({len(group)})" if len(group) > 1 else ""
        panel.text(
            1.05 * columns, height, f"{text}{count}", va="center", fontsize=6, color=COLORS[new],
            fontweight="bold" if new else "normal",
        )  # fmt: skip
    if len(words) > len(named):
        panel.text(
            1.05 * columns, columns + gap / 2, f"{len(words) - len(named)} more", va="center",
            fontsize=5.5, color=MUTED,
        )  # fmt: skip


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
