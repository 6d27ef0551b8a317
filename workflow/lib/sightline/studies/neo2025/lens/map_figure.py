"""Rough segmentation maps from decoded words, and how well they outline each class (extra3)."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke
from matplotlib.textpath import TextPath

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import (
    GRID,
    INK,
    MUTED,
    PALETTE,
    error_bars,
    light_grid,
    new_figure,
    save_figure,
)
from sightline.studies.neo2025.lens.connected import connected
from sightline.studies.neo2025.lens.decoded import EVERY
from sightline.studies.neo2025.lens.effects import EVERY_CATEGORY
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.words_figure import pictures_of

TONES = [PALETTE[name] for name in ("blue", "orange", "green", "purple", "vermilion", "sky")]
ABSENT = "#B9B9B9"
MOST_CLASSES = 24
NAMED = 2
"""Patches from which on a connected group of them is named."""
NAME_SIZE = 5.6


def class_colors(patches: pd.DataFrame) -> dict[str, str]:
    """Category in the scene -> colour, the one that covers most first."""
    counts = patches.loc[patches["true"] != "", "true"].value_counts()
    ranked = sorted(counts.index, key=lambda name: (-counts[name], name))
    return {name: TONES[number % len(TONES)] for number, name in enumerate(ranked)}


def draw(
    patches: pd.DataFrame, pictures: dict[int, np.ndarray], maps: pd.DataFrame, model: str
) -> Figure:
    """Per scene the picture, the true classes and the decoded ones; beside them, IoU per class.

    Args:
        patches: PATCH_COLUMNS of `sightline.studies.neo2025.lens.examples`.
        pictures: by image.
        maps: maps.csv of this model at the state of the maps, all tokens.
        model: key of the model.
    """
    scenes = list(dict.fromkeys(patches["image_id"]))
    single = maps[maps["category"] != EVERY_CATEGORY].sort_values(
        ["iou", "category"], ascending=[False, True]
    )[:MOST_CLASSES]
    with new_figure(columns=2, height=0.4 + 1.28 * len(scenes)) as (figure, spare):
        spare.remove()
        grid = GridSpec(len(scenes), 4, figure=figure, width_ratios=[1, 1, 1, 1.75])
        views = []
        for number, image in enumerate(scenes):
            here = patches[patches["image_id"] == image]
            panels = [figure.add_subplot(grid[number, column]) for column in range(3)]
            _draw_scene(panels, here, pictures[image])
            if number == 0:
                titles = ("image", "annotated", f"decoded, state {here['state'].iloc[0]}")
                for panel, title in zip(panels, titles, strict=True):
                    panel.set_title(title)
            views += [(panels[1], here, "true"), (panels[2], here, "decoded")]
        bars = figure.add_subplot(grid[:, 3])
        every = maps[maps["category"] == EVERY_CATEGORY].iloc[0]
        _draw_bars(bars, single, every, model)
        # How much of a map a name covers is known once the maps have their size.
        figure.draw_without_rendering()
        for view in views:
            _name_classes(*view)
    return figure


def _draw_scene(panels: list[Axes], here: pd.DataFrame, pixels: np.ndarray) -> None:
    columns = int(here["columns"].iloc[0])
    colors = class_colors(here)
    gray = np.asarray(pixels, float).mean(axis=2) / 255 * 0.35 + 0.62
    frame = {"extent": (0, columns, columns, 0), "interpolation": "bilinear"}
    panels[0].imshow(pixels, **frame)
    for panel, column in zip(panels[1:], ("true", "decoded"), strict=True):
        panel.imshow(gray, cmap="gray", vmin=0, vmax=1, **frame)
        for one in here[here[column] != ""].itertuples():
            row, place = divmod(one.token, columns)
            color = (*to_rgb(colors.get(getattr(one, column), ABSENT)), 0.85)
            panel.add_patch(Rectangle((place + 0.06, row + 0.06), 0.88, 0.88, fc=color, lw=0))
    for panel in panels:
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_xlim(0, columns)
        panel.set_ylim(columns, 0)
        panel.grid(False)
        for spine in panel.spines.values():
            spine.set_visible(True)
            spine.set_color(GRID)


def _name_classes(panel: Axes, here: pd.DataFrame, column: str) -> None:
    """The name of each class beside every connected group of its patches, where it covers least."""
    columns = int(here["columns"].iloc[0])
    point = columns / panel.get_window_extent().width * panel.figure.dpi / 72
    taken = np.zeros((columns, columns))
    taken[np.divmod(here.loc[here[column] != "", "token"].to_numpy(), columns)] = 1
    groups = []
    for name, part in here[here[column] != ""].groupby(column):
        for number, group in enumerate(connected(part["token"], columns)):
            # A single patch is named only where an annotated class has no more.
            if len(group) >= NAMED or (column == "true" and number == 0):
                groups.append((name, group))
    for name, group in sorted(groups, key=lambda named: -len(named[1])):
        left, top, width, height = _free_place(name, group, taken, point)
        text = panel.text(
            left + width / 2, top + height / 2, name, ha="center", va="center_baseline",
            fontsize=NAME_SIZE, color=INK, fontweight="bold",
        )  # fmt: skip
        text.set_path_effects([Stroke(linewidth=1.6, foreground="white"), Normal()])
        # Another name must not lie on it: that is worse than a covered patch.
        taken[_cells(left, top, width, height)] += 3


def _free_place(
    name: str, group: np.ndarray, taken: np.ndarray, point: float
) -> tuple[float, float, float, float]:
    """Left, top, width and height of the best place for a name beside a group; a point is that many patches."""
    columns = len(taken)
    inked = TextPath((0, 0), name, size=NAME_SIZE, prop=FontProperties(weight="bold"))
    width, height = (inked.get_extents().width + 2) * point, 1.1 * NAME_SIZE * point
    rows, places = np.divmod(group, columns)
    low, high, first, last = rows.min(), rows.max() + 1, places.min(), places.max() + 1
    middle, level = (first + last) / 2 - width / 2, (low + high) / 2 - height / 2
    corners = [
        (middle, low - height), (middle, high), (last, level), (first - width, level),
        (last, low - height), (first - width, low - height), (last, high), (first - width, high),
    ]  # fmt: skip
    inside = [
        (float(np.clip(left, 0, columns - width)), float(np.clip(top, 0, columns - height)))
        for left, top in corners
    ]
    covered = [taken[_cells(left, top, width, height)].sum() for left, top in inside]
    left, top = inside[int(np.argmin(covered))]
    return left, top, width, height


def _cells(left: float, top: float, width: float, height: float) -> tuple[slice, slice]:
    """Rows and columns of the patches that a name covers by more than a fifth at its edges."""
    slack = 0.2
    return (
        slice(int(top + slack), int(np.ceil(top + height - slack))),
        slice(int(left + slack), int(np.ceil(left + width - slack))),
    )


def _draw_bars(panel: Axes, single: pd.DataFrame, every: pd.Series, model: str) -> None:
    light_grid(panel, "x")
    y = np.arange(len(single))[::-1]
    panel.barh(y, single["iou"], height=0.7, color=PALETTE["blue"], label="decoded class")
    error_bars(panel, single["iou"], y, single["iou_low"], single["iou_high"], horizontal=True)
    panel.plot(
        single["shuffled"], y, linestyle="none", marker="|", markersize=5, markeredgewidth=1.4,
        color=PALETTE["vermilion"], label="labels of other images",
    )  # fmt: skip
    panel.axvline(every["iou"], color=INK, lw=0.7, linestyle="--")
    panel.annotate(
        f"all classes: {every['iou']:.3f}\n[{every['iou_low']:.3f}, {every['iou_high']:.3f}]\n"
        f"other labels: {every['shuffled']:.3f}\nwhole patches\nat best: {every['ceiling']:.2f}",
        (1, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=6, color=MUTED,
    )  # fmt: skip
    labels = [f"{name} ({n})" for name, n in zip(single["category"], single["pairs"], strict=True)]
    panel.set_yticks(y, labels, fontsize=6)
    panel.set_ylim(-0.6, len(single) - 0.4)
    panel.set_xlim(left=0)
    panel.set_xlabel("mean IoU with the exact mask")
    panel.set_title(f"{model}\nIoU by class (images)")
    panel.legend(loc="lower right")


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the IoU of every class beside it."""
    protocol = LensProtocol.read(options.protocol)
    patches = pd.read_parquet(options.measurements / "shown_patches.parquet")
    if patches.empty:
        raise SightlineError(f"{options.measurements}: no scene to show.")
    maps = pd.read_csv(options.maps)
    maps = maps[(maps["model"] == options.model) & (maps["variant"] == EVERY)]
    maps = maps[maps["state"] == maps["states"].map(protocol.map_state)]
    pictures = pictures_of(
        pd.read_parquet(options.pictures), list(dict.fromkeys(patches["image_id"]))
    )
    save_figure(draw(patches, pictures, maps, options.model), options.out, maps)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, required=True, help="folder of one model")
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--maps", type=Path, required=True, help="maps.csv of lens.effects")
    parser.add_argument("--model", required=True, help="key of the model")
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
