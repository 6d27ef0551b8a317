"""One picture described by the unmodified model and under each knockout: the project page's animation as a figure.

The picture is the typical one: of those with four objects or more in the unmodified description, the one whose F1
under img->gen is closest to the model's mean, the first drawn among equals. Names in both descriptions,
and invented ones, are coloured; the list below tells what is missed.
"""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from sightline import cli
from sightline.scenes.coco import Coco
from sightline.studies.drawing import MUTED, WIDTHS, new_figure, save_figure
from sightline.studies.kaduri2025.coloured import Word, lines_of, split_names, words_of, write_line
from sightline.studies.kaduri2025.knockout.conditions import (
    ALL,
    BOTH,
    GENERATED,
    LABELS,
    NONE,
    QUERY,
)
from sightline.studies.kaduri2025.knockout.descriptions import DescriptionError
from sightline.studies.kaduri2025.knockout.measurements import as_published, read_measurements
from sightline.studies.kaduri2025.looks import COMPARED

SHOWN = (NONE, GENERATED, QUERY, BOTH)
FEWEST_OBJECTS = 4
COLUMNS = ("model", "image_id", "condition", "text", "tp", "fn", "fp", "f1")
PICTURE, FONT, LINE = 1.45, 6.5, 0.135
"""Side of the picture in inches, size of the text in points, distance of its lines in inches."""
LONGEST = 420
"""Characters of a description that are shown."""


def choose_example(measurements: pd.DataFrame, model: str) -> pd.DataFrame:
    """Rows of the typical picture, COLUMNS, in the order of SHOWN.

    Raises:
        DescriptionError: the model has described nothing.
    """
    rows = as_published(measurements, model)
    rows = rows[rows["layers"].isin(("", ALL)) & rows["condition"].isin(SHOWN)]
    if rows.empty:
        raise DescriptionError(
            f"no description by {model}; name one of {', '.join(measurements['model'].unique())}."
        )
    clean = rows[rows["condition"] == NONE].set_index("image_id")
    objects = clean["tp"].str.split(";").str.len()
    rich = clean.index[objects >= min(FEWEST_OBJECTS, objects.max())]
    hidden = rows[rows["condition"] == GENERATED].set_index("image_id")
    distance = (hidden.loc[rich, "f1"] - hidden["f1"].mean()).abs()
    nearest = distance.index[distance == distance.min()]
    image = clean.loc[nearest, "place"].idxmin()
    chosen = rows[rows["image_id"] == image].set_index("condition").loc[list(SHOWN)].reset_index()
    return chosen[list(COLUMNS)]


def draw(rows: pd.DataFrame, image: Image.Image) -> Figure:
    """Draw the picture with its descriptions; `choose_example` gives the rows."""
    height = 0.15 + max(PICTURE + 0.2, sum(_height(row) for row in rows.to_dict("records")))
    with new_figure(columns=2, height=height) as (figure, axes):
        figure.set_layout_engine("none")
        axes.set_position((0, 0, 1, 1))
        axes.set_xlim(0, WIDTHS[2])
        axes.set_ylim(0, height)
        axes.axis("off")
        wide, tall = image.size
        scale = PICTURE / max(wide, tall)
        axes.imshow(
            image, extent=(0.08, 0.08 + wide * scale, height - 0.1 - tall * scale, height - 0.1),
            aspect="auto", interpolation="bilinear",
        )  # fmt: skip
        axes.text(
            0.08, height - 0.16 - tall * scale, rows["model"].iloc[0], fontsize=6, color=MUTED,
            va="top",
        )  # fmt: skip
        top = height - 0.08
        for row in rows.to_dict("records"):
            _write(axes, row, top)
            top -= _height(row)
    return figure


def _lines(row: dict) -> list[list[Word]]:
    """Words with their colours, broken into lines."""
    text = row["text"] if len(row["text"]) <= LONGEST else row["text"][:LONGEST] + " …"
    marks = {name: COMPARED["tp"] for name in split_names(row["tp"]) if row["condition"] != NONE}
    marks |= dict.fromkeys(split_names(row["fp"]), COMPARED["fp"])
    return lines_of(words_of(text, marks), _LETTERS)


def _height(row: dict) -> float:
    notes = row["condition"] != NONE
    return 0.17 + LINE * (len(_lines(row)) + notes) + 0.1


_LEFT, _LETTERS = 1.72, 92
_RISE = 0.075
"""From the baseline of a line to its top, in inches."""


def _write(axes: Axes, row: dict, top: float) -> None:
    f1 = "" if row["condition"] == NONE else f",  F1 {row['f1']:.2f}"
    axes.text(
        _LEFT, top, f"{LABELS[row['condition']]}{f1}", fontsize=7.5, fontweight="bold", va="top"
    )
    y = top - 0.17 - _RISE
    for line in _lines(row):
        write_line(axes, _LEFT, y, line, FONT)
        y -= LINE
    y += _RISE
    if row["condition"] != NONE:
        missed, invented = split_names(row["fn"]), split_names(row["fp"])
        notes = [f"missed: {', '.join(missed)}"] if missed else ["nothing missed"]
        notes += [f"invented: {', '.join(invented)}"] if invented else []
        axes.text(_LEFT, y, ";  ".join(notes), fontsize=5.8, color=MUTED, va="top", style="italic")


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write its texts."""
    rows = choose_example(read_measurements([options.measurements]), options.model)
    scene = Coco(options.dataset, options.split).scene(int(rows["image_id"].iloc[0]))
    save_figure(draw(rows, scene.image()), options.out, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, required=True)
    parser.add_argument("--model", required=True, help="key of the model")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
