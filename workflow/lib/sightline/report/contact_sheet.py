"""A sheet of held-out scenes with what the demo model says about them, and the masks it means.

python -m sightline.report.contact_sheet --examples examples.parquet --out results/demo/models/contact_sheet
"""

import argparse
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from PIL import Image
from pycocotools import mask as coco_mask

from sightline import cli
from sightline.studies.drawing import INK, PALETTE, new_figure, save_figure, wrapped_answer

_COLUMNS = 4
_LETTERS = 44
_MARK = {True: "✓", False: "✗"}


def draw_sheet(examples: pd.DataFrame, out: Path) -> None:
    """One tile per scene: picture with mask (solid) and truth (dotted), then the answers, wrong ones in red."""
    scenes = list(examples.groupby("scene"))
    tiles = [(scene.set_index("kind"), _lines(scene.set_index("kind"))) for _, scene in scenes]
    rows = -(-len(tiles) // _COLUMNS)
    # Inches: a picture with its gaps, and room for the longest text under one.
    height = 1.9 + 0.102 * max(len(lines) for _, lines in tiles)
    with new_figure(2, height * rows, rows, _COLUMNS, squeeze=False) as (figure, axes):
        for place in axes.flat:
            place.set_axis_off()
        for place, tile in zip(axes.flat, tiles, strict=False):
            _tile(place, *tile)
        shown = examples.drop(columns=["image", "mask", "truth"])
        save_figure(figure, out, data=shown)


def _lines(scene: pd.DataFrame) -> list[tuple[str, bool]]:
    """Text under a picture: lines, and whether they are wrong."""
    lines: list[tuple[str, bool]] = []
    for kind, row in scene.iterrows():
        if kind == "segment":
            text = f"{row['question']} IoU {row['iou']:.2f}"
        elif kind == "describe":
            text = row["answer"]
        else:
            text = f"{row['question']} {row['answer']} {_MARK[row['right']]}"
        # A description that misses a detail is no error of fact; its marks are the other answers.
        wrong = kind != "describe" and not row["right"]
        lines += [(line, wrong) for line in wrapped_answer(text, _LETTERS)]
    return lines


def _tile(place: Axes, scene: pd.DataFrame, lines: list[tuple[str, bool]]) -> None:
    picture = np.asarray(Image.open(io.BytesIO(scene.loc["describe", "image"])))
    place.imshow(picture)
    for kind, style, width in (("truth", ":", 0.8), ("mask", "-", 1.0)):
        shape = coco_mask.decode(_encoded(scene.loc["segment", kind]))
        if shape.any():
            place.contour(shape, [0.5], colors="white", linewidths=width + 0.9)
            place.contour(shape, [0.5], colors=PALETTE["black"], linewidths=width, linestyles=style)
    place.set_anchor("N")
    for number, (line, wrong) in enumerate(lines):
        place.text(
            0,
            -0.06 - 0.062 * number,
            line,
            transform=place.transAxes,
            va="top",
            fontsize=4.6,
            color=PALETTE["vermilion"] if wrong else INK,
        )


def _encoded(rle: str) -> dict[str, object]:
    loaded = json.loads(rle)
    return {"size": loaded["size"], "counts": loaded["counts"].encode("ascii")}


def main(arguments: argparse.Namespace) -> None:
    """Draw the sheet of a file of examples."""
    draw_sheet(pd.read_parquet(arguments.examples), arguments.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
