"""Figure 6: attention of the tokens that name an object, over the middle layers; and the descriptions behind it.

Shown are objects that are no longer named once generated tokens cannot see the image, in the images with most of
them, in the order of the description.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from sightline import cli
from sightline.files import atomic_path
from sightline.studies.drawing import MUTED, PALETTE, new_figure, save_figure
from sightline.studies.kaduri2025.attention import shown
from sightline.studies.kaduri2025.attention.effects import lost_objects
from sightline.studies.kaduri2025.attention.measurements import (
    MIDDLE,
    PRODUCING,
    read_tables,
)
from sightline.studies.kaduri2025.attention.shown import Shown
from sightline.studies.kaduri2025.knockout.measurements import read_measurements

IMAGES, PHRASES = 3, 4
TONES = tuple(PALETTE[name] for name in ("orange", "sky", "green", "purple"))
COLUMNS = (
    "model", "image_id", "object", "first_layer", "last_layer", "token", "row", "column", "hit", "inside", "text",
)  # fmt: skip


def choose(
    descriptions: pd.DataFrame, objects: pd.DataFrame, lost: set[tuple[int, str]]
) -> pd.DataFrame:
    """Objects to show, by image and in the order of the description.

    Args:
        descriptions: DESCRIPTIONS of one model.
        objects: OBJECTS of the same model.
        lost: image and name of the objects that are no longer named.
    """
    pairs = zip(objects["image_id"], objects["object"], strict=True)
    needed = np.fromiter((one in lost for one in pairs), bool, len(objects))
    some = objects[(objects["reason"] == "") & needed]
    images = shown.richest_images(some, descriptions, IMAGES)
    parts = [
        some[some["image_id"] == image].sort_values("first_token").head(PHRASES) for image in images
    ]
    return pd.concat(parts, ignore_index=True)


def peaks_of(chosen: pd.DataFrame, peaks: pd.DataFrame, ones: dict[int, Shown]) -> pd.DataFrame:
    """Peaks of the objects shown, COLUMNS."""
    rows = peaks[(peaks["reading"] == PRODUCING) & (peaks["scope"] == MIDDLE)]
    merged = chosen[["image_id", "object"]].merge(rows, on=["image_id", "object"], validate="1:1")
    columns = merged["image_id"].map(lambda image: ones[image].view.columns)
    return merged.assign(
        row=merged["token"] // columns,
        column=merged["token"] % columns,
        text=merged["image_id"].map(lambda image: ones[image].text),
    )[list(COLUMNS)]


def draw(chosen: pd.DataFrame, peaks: pd.DataFrame, ones: dict[int, Shown]) -> Figure:
    """One row for each image: picture, a map for each phrase with mask and peak, all masks together."""
    across = 2 + PHRASES
    with new_figure(
        columns=2, height=0.25 + 1.33 * len(ones), rows_of_axes=len(ones), columns_of_axes=across,
        squeeze=False,
    ) as (figure, panels):  # fmt: skip
        for row, (image, one) in zip(panels, ones.items(), strict=True):
            here = chosen[chosen["image_id"] == image]
            shown.draw_picture(row[0], one)
            row[0].set_title(f"image {image}", fontsize=6.5, fontweight="normal")
            for axes, (number, item) in zip(row[1:-1], enumerate(here.itertuples()), strict=False):
                peak = peaks[(peaks["image_id"] == image) & (peaks["object"] == item.object)].iloc[
                    0
                ]
                _draw_phrase(axes, one, item, peak, TONES[number])
            for axes in row[1 + len(here) : -1]:
                axes.axis("off")
            _draw_masks(row[-1], one, here)
        panels[0][-1].set_title("masks", fontsize=6.5, fontweight="normal")
        layers = peaks.iloc[0]
        figure.supxlabel(
            f"attention of the rows that produce the name, layers {layers['first_layer']} to "
            f"{layers['last_layer']}; white outline: mask, ring: peak",
            fontsize=6.5, color=MUTED,
        )  # fmt: skip
    return figure


def _draw_phrase(axes: Axes, one: Shown, item: tuple, peak: pd.Series, tone: str) -> None:
    shown.draw_map(axes, one, item.middle_map)
    shown.outline(axes, shown.mask_of(item.mask), one.view, colors="white", linewidths=0.9)
    x, y = peak["column"] + 0.5, peak["row"] + 0.5
    # Hollow, so that the brightest token stays in sight, at the border of the picture too.
    axes.plot(
        x, y, marker="o", markersize=8.5, markerfacecolor="none", markeredgecolor="white",
        markeredgewidth=0.9, clip_on=False, path_effects=[withStroke(linewidth=2.2, foreground="black")],
    )  # fmt: skip
    verdict = "on the object" if peak["hit"] else "off the object"
    axes.set_title(item.object, fontsize=6.5)
    for spine in axes.spines.values():
        spine.set(color=tone, linewidth=1.6)
    axes.set_xlabel(f"peak {verdict}", fontsize=5.5, labelpad=2)


def _draw_masks(axes: Axes, one: Shown, here: pd.DataFrame) -> None:
    height, width = one.picture.shape[:2]
    canvas = np.repeat(one.picture.mean(axis=2, keepdims=True) / 255 * 0.25 + 0.7, 3, axis=2)
    for tone, png in zip(TONES, here["mask"], strict=False):
        mask = shown.mask_of(png)
        canvas[mask[:height, :width]] = to_rgb(tone)
    axes.imshow(canvas, extent=(0, one.view.columns, one.view.rows, 0), interpolation="bilinear")
    shown.frame(axes, one.view)


def texts(chosen: pd.DataFrame, ones: dict[int, Shown], model: str) -> str:
    """The descriptions in full, with what is shown of each, as Markdown."""
    lines = [f"# Descriptions behind Figure 6\n\nBy {model}, unmodified.\n"]
    for image, one in ones.items():
        names = ", ".join(chosen.loc[chosen["image_id"] == image, "object"])
        lines.append(
            f"## Image {image}\n\n> {one.text}\n\nNo longer named without image access, and shown: {names}.\n"
        )
    return "\n".join(lines)


def main(options: argparse.Namespace) -> None:
    """Draw the figure of one model, and write its numbers and the descriptions."""
    tables = {
        name: read_tables([options.attention], name)
        for name in ("descriptions", "objects", "peaks")
    }
    descriptions = tables["descriptions"]
    model = descriptions["model"].iloc[0]
    knockout = read_measurements([options.knockout])
    lost = lost_objects(knockout, tables["objects"]).get(model, set())
    chosen = choose(descriptions, tables["objects"], lost)
    ones = {image: shown.show(descriptions, image) for image in dict.fromkeys(chosen["image_id"])}
    peaks = peaks_of(chosen, tables["peaks"], ones)
    save_figure(draw(chosen, peaks, ones), options.out, peaks)
    with atomic_path(options.texts) as temporary:
        temporary.write_text(texts(chosen, ones, model), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attention", type=Path, required=True, help="folder of one model")
    parser.add_argument("--knockout", type=Path, required=True, help="of the same model")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    parser.add_argument("--texts", type=Path, required=True, help="file of the descriptions")
    cli.run(main, parser)
