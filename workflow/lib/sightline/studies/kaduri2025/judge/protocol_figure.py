"""Figure 3, how two descriptions become a number: two of the run, with the objects that its judge found in them.

The pair is the one that tells most: of all descriptions under a knockout, the one whose smallest group is largest of
objects in both, missed and invented; of equals, the one with the fewest words.
"""

import argparse
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from sightline import cli
from sightline.scenes.coco import Coco
from sightline.studies.drawing import MUTED, save_figure
from sightline.studies.kaduri2025.coloured import Word, lines_of, split_names, words_of, write_line
from sightline.studies.kaduri2025.knockout.conditions import (
    ALL,
    KNOCKOUTS,
    LABELS,
    NONE,
)
from sightline.studies.kaduri2025.knockout.descriptions import DescriptionError
from sightline.studies.kaduri2025.knockout.measurements import as_published, read_measurements
from sightline.studies.kaduri2025.looks import COMPARED
from sightline.studies.shapes import arrow, box, canvas

COLUMNS = (
    "model", "image_id", "condition", "layers", "text", "tp", "fn", "fp", "precision", "recall", "f1",
)  # fmt: skip
PICTURE, LEFT, WIDTH, LETTERS = 1.05, 1.3, 2.2, 40
"""Side of the picture, left edge and width of the texts in inches, letters of a line."""
FONT, LINE, MOST_LINES = 6, 0.145, 8
FEWEST_LINES = 3


@dataclass(frozen=True)
class Pair:
    """What the judge compared, and what came of it.

    Attributes:
        about: model, image and knockout.
        reference: words of the unmodified description.
        prediction: words of the one under the knockout.
        groups: names of the objects in both, missed, invented.
        scores: precision, recall, F1.
    """

    about: pd.Series
    reference: list[Word]
    prediction: list[Word]
    groups: tuple[list[str], list[str], list[str]]
    scores: tuple[float, float, float]


def choose_pair(measurements: pd.DataFrame, model: str) -> pd.DataFrame:
    """The unmodified description and the one under a knockout, COLUMNS.

    Raises:
        DescriptionError: the model has described nothing under a knockout.
    """
    rows = as_published(measurements, model)
    cut = rows[rows["condition"].isin(KNOCKOUTS)]
    if cut.empty:
        raise DescriptionError(
            f"no description by {model} under a knockout; name one of "
            f"{', '.join(measurements['model'].unique())}."
        )
    counts = pd.DataFrame(
        {name: cut[name].map(split_names).str.len() for name in ("tp", "fn", "fp")}
    )
    clean = rows[rows["condition"] == NONE].set_index("image_id")
    words = cut["text"].str.split().str.len()
    words += cut["image_id"].map(clean["text"].str.split().str.len())
    order = pd.DataFrame(
        {"smallest": -counts.min(axis=1), "words": words, "place": cut["place"]}
    ).sort_values(["smallest", "words", "place"], kind="stable")
    chosen = cut.loc[order.index[:1]]
    reference = clean.loc[chosen["image_id"]].reset_index()
    return pd.concat([reference, chosen])[list(COLUMNS)].reset_index(drop=True)


def pair_of(rows: pd.DataFrame) -> Pair:
    """The two rows of `choose_pair`, their objects marked."""
    clean, cut = rows.iloc[0], rows.iloc[1]
    groups = tuple(split_names(cut[name]) for name in ("tp", "fn", "fp"))
    both, missed, invented = (
        dict.fromkeys(names, colour)
        for names, colour in zip(groups, COMPARED.values(), strict=True)
    )
    return Pair(
        cut, words_of(clean["text"], both | missed), words_of(cut["text"], both | invented), groups,
        (cut["precision"], cut["recall"], cut["f1"]),
    )  # fmt: skip


def draw(rows: pd.DataFrame, image: Image.Image) -> Figure:
    """Picture, two texts, their objects in three groups, three numbers; `choose_pair` gives the rows."""
    pair = pair_of(rows)
    texts = [lines_of(words, LETTERS, MOST_LINES) for words in (pair.reference, pair.prediction)]
    heights = [0.38 + LINE * max(FEWEST_LINES, len(lines)) for lines in texts]
    height = max(2.5, sum(heights) + 0.3)
    titles = (f"{LABELS[NONE]} (reference)", f"{_knockout(pair.about)} (prediction)")
    bottoms = (height - 0.1 - heights[0], 0.1)
    middle = height / 2
    with canvas(height) as (figure, axes):
        _picture(axes, image, pair.about, middle)
        for title, lines, tall, bottom in zip(titles, texts, heights, bottoms, strict=True):
            _text_box(axes, (LEFT, bottom, WIDTH, tall), title, lines)
            start = bottom + tall / 2
            arrow(axes, (LEFT + WIDTH + 0.03, start), (3.83, middle + (start - middle) * 0.2))
        box(axes, 3.86, middle - 0.22, 0.5, 0.44, "judge")
        axes.text(
            4.11, middle - 0.27, "lists objects,\nmatches\nsynonyms", ha="center", va="top",
            fontsize=5.2, color=MUTED, linespacing=1.25,
        )  # fmt: skip
        named = ("in both: true positives", "reference only: missed", "prediction only: invented")
        listed = zip(named, COMPARED.values(), pair.groups, strict=True)
        for number, (title, colour, names) in enumerate(listed):
            y = middle + 0.78 * (1 - number)
            _group(axes, y, title, names, colour)
            arrow(axes, (4.38, middle + 0.08 * (1 - number)), (4.57, y))
        _numbers(axes, pair, middle)
    return figure


def _knockout(row: pd.Series) -> str:
    """The knockout's name, and where it holds."""
    layers = f"{ALL} layers" if row["layers"] == ALL else f"layers {row['layers']}"
    return f"{LABELS[row['condition']]}, {layers}"


def _picture(axes: Axes, image: Image.Image, about: pd.Series, middle: float) -> None:
    wide, tall = image.size
    scale = PICTURE / max(wide, tall)
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(
        image, extent=(0.08, 0.08 + wide * scale, middle - tall * scale / 2, middle + tall * scale / 2),
        aspect="auto", interpolation="bilinear",
    )  # fmt: skip
    axes.set(xlim=limits[0], ylim=limits[1])
    axes.text(
        0.08, middle - tall * scale / 2 - 0.05, f"image {about['image_id']}\n{about['model']}",
        fontsize=5.6, color=MUTED, va="top", linespacing=1.3,
    )  # fmt: skip


def _text_box(
    axes: Axes, place: tuple[float, float, float, float], title: str, lines: Sequence[list[Word]]
) -> None:
    x, y, width, height = place
    box(axes, x, y, width, height)
    axes.text(x + 0.08, y + height - 0.13, title, fontsize=6.5, fontweight="bold", va="center")
    for number, line in enumerate(lines):
        write_line(axes, x + 0.08, y + height - 0.36 - LINE * number, line, FONT)


def _group(axes: Axes, middle: float, title: str, names: Sequence[str], colour: str) -> None:
    left, width, height = 4.6, 1.5, 0.64
    axes.add_patch(
        FancyBboxPatch(
            (left, middle - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="white", edgecolor=colour, lw=1,
        )
    )  # fmt: skip
    axes.text(
        left + 0.07, middle + height / 2 - 0.12, f"{title} ({len(names)})", fontsize=5.4,
        color=colour, fontweight="bold", va="center",
    )  # fmt: skip
    lines = textwrap.wrap(", ".join(names), 34) or ["none"]
    if len(lines) > 3:
        lines = [*lines[:2], f"{lines[2][:31]} …"]
    axes.text(
        left + 0.07, middle + height / 2 - 0.24, "\n".join(lines), fontsize=5.6, va="top",
        linespacing=1.25,
    )  # fmt: skip


def _numbers(axes: Axes, pair: Pair, middle: float) -> None:
    both, missed, invented = (len(names) for names in pair.groups)
    formulas = (f"{both} / ({both} + {invented})", f"{both} / ({both} + {missed})", "2PR / (P + R)")
    names = ("precision", "recall", "F1")
    for number, (name, formula, value) in enumerate(zip(names, formulas, pair.scores, strict=True)):
        y = middle + 0.78 * (1 - number) - 0.04
        axes.text(6.52, y + 0.19, name, ha="center", fontsize=6.2, color=MUTED)
        axes.text(6.52, y, f"{value:.2f}", ha="center", fontsize=9.5, fontweight="bold")
        axes.text(6.52, y - 0.14, formula, ha="center", fontsize=5.4, color=MUTED)


def main(options: argparse.Namespace) -> None:
    """Draw the figure, and write the pair beside it."""
    rows = choose_pair(read_measurements([options.measurements]), options.model)
    scene = Coco(options.dataset, options.split).scene(int(rows["image_id"].iloc[0]))
    save_figure(draw(rows, scene.image()), options.out, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, required=True, help="judged descriptions")
    parser.add_argument("--model", required=True, help="key of the model")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
