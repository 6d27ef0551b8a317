"""Figure 3: image patches and the words that their hidden states decode to, with state and probability."""

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle
from PIL import Image

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import INK, MUTED, PALETTE, new_figure, save_figure
from sightline.studies.neo2025.lens import examples

COLORS = {
    examples.CLASS: PALETTE["blue"],
    examples.ATTRIBUTE: PALETTE["green"],
    examples.ELSEWHERE: PALETTE["sky"],
    examples.ABSENT: PALETTE["vermilion"],
    examples.NUMBER: PALETTE["purple"],
    examples.OTHER: PALETTE["orange"],
}
ROW = 0.115
"""Height of one word in the list, in heights of the picture."""


def pictures_of(pictures: pd.DataFrame, images: list[int]) -> dict[int, np.ndarray]:
    """Pictures in the tower's frame, (rows, columns, 3) uint8 each, by image."""
    stored = pictures.set_index("image_id")["picture"]
    lacking = [image for image in images if image not in stored.index]
    if lacking:
        raise SightlineError(
            f"pictures: none of image {lacking[0]}. Read the images again "
            "(snakemake --forcerun read_lens)."
        )
    return {image: np.asarray(Image.open(BytesIO(stored[image]))) for image in images}


def draw(words: pd.DataFrame, pictures: dict[int, np.ndarray]) -> Figure:
    """One panel per scene: the picture with framed patches, and what each decodes to.

    Args:
        words: WORD_COLUMNS of `sightline.studies.neo2025.lens.examples`.
        pictures: of `pictures_of`.
    """
    scenes = list(dict.fromkeys(words["image_id"]))
    rows = -(-len(scenes) // 2)
    with new_figure(
        columns=2,
        height=0.5 + 2.2 * rows,
        rows_of_axes=rows,
        columns_of_axes=4,
        squeeze=False,
        gridspec_kw={"width_ratios": [1, 0.62, 1, 0.62]},
    ) as (figure, axes):
        for panel in axes.flat:
            panel.axis("off")
        for number, image in enumerate(scenes):
            row, half = divmod(number, 2)
            picture, names = axes[row][2 * half : 2 * half + 2]
            _draw_scene(figure, picture, names, words[words["image_id"] == image], pictures[image])
            letter = "abcdefgh"[number]
            picture.set_title(f"{letter}   image {image}", fontsize=7, fontweight="normal")
        present = [kind for kind in examples.KINDS if kind in set(words["kind"])]
        handles = [Rectangle((0, 0), 1, 1, facecolor=COLORS[kind], lw=0) for kind in present]
        figure.legend(
            handles, present, loc="outside lower center", ncols=3, handlelength=0.8,
            handleheight=0.8, columnspacing=1.2,
        )  # fmt: skip
    return figure


def _draw_scene(
    figure: Figure, picture: Axes, names: Axes, words: pd.DataFrame, pixels: np.ndarray
) -> None:
    side = pixels.shape[0]
    columns = int(words["columns"].iloc[0])
    patch = side / columns
    picture.imshow(pixels, extent=(0, side, side, 0), interpolation="bilinear")
    picture.set_xlim(0, side)
    picture.set_ylim(side, 0)
    names.set_xlim(0, 1)
    names.set_ylim(1, 0)
    # Words stand in the order of their patches, so that the lines to them do not cross.
    ordered = words.assign(row=words["token"] // columns).sort_values(["row", "token"])
    first = 0.5 - ROW * 1.35 * (len(ordered) - 1) / 2
    for place, word in enumerate(ordered.itertuples()):
        height = first + place * ROW * 1.35
        color = COLORS[word.kind]
        row, column = divmod(word.token, columns)
        for edge, width in (("white", 2.2), (color, 1.3)):
            corner = (column * patch, row * patch)
            picture.add_patch(Rectangle(corner, patch, patch, fill=False, ec=edge, lw=width))
        figure.add_artist(
            ConnectionPatch(
                ((column + 1) * patch, (row + 0.5) * patch), (0.02, height),
                "data", "data", axesA=picture, axesB=names, color=color, lw=0.7, alpha=0.9,
            )
        )  # fmt: skip
        names.text(
            0.05, height, word.text, va="bottom", fontsize=7.5, fontweight="bold", color=INK,
            bbox={"pad": 0, "facecolor": "none", "edgecolor": "none"},
        )  # fmt: skip
        names.text(
            0.05, height + 0.012, f"state {word.state}, p = {word.probability:.2f}",
            va="top", fontsize=5.5, color=MUTED,
        )  # fmt: skip
        names.plot([0.02, 0.02], [height - 0.05, height + 0.05], color=color, lw=2)


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write what is in it beside it."""
    words = pd.read_parquet(options.measurements / "shown_words.parquet")
    if words.empty:
        raise SightlineError(f"{options.measurements}: no scene has a word to show.")
    pictures = pd.read_parquet(options.pictures)
    shown = pictures_of(pictures, list(dict.fromkeys(words["image_id"])))
    save_figure(draw(words, shown), options.out, words)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, required=True, help="folder of one model")
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
