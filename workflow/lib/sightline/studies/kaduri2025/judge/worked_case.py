"""The worked case of the project page: the authors' objects, put through the judge's own arithmetic.

An old man in a kitchen, three objects found, six missed, three invented.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sightline import cli
from sightline.studies.drawing import MUTED, new_figure, published_marks, save_figure
from sightline.studies.judging.comparison import Comparison
from sightline.studies.kaduri2025.looks import COMPARED
from sightline.studies.published import find_published, load_published

REFERENCE = (
    "man",
    "glasses",
    "hat",
    "jacket",
    "cabinets",
    "countertop",
    "window",
    "curtains",
    "chair",
)
PREDICTION = ("man", "glasses", "hat", "beard", "mustache", "trees")
CASE = Comparison.of_sets(REFERENCE, PREDICTION)


def draw_worked_case() -> Figure:
    """The worked case of the project page: counts and numbers, computed beside printed."""
    numbers = worked_case()
    with new_figure(columns=1, height=2.0, columns_of_axes=2, width_ratios=(3, 3)) as (
        figure,
        axes,
    ):
        for panel, names, limit, title, digits in (
            (axes[0], tuple(COMPARED), 8, "objects", 0),
            (axes[1], ("precision", "recall", "f1"), 1, "score", 2),
        ):
            rows = numbers.set_index("quantity").loc[list(names)]
            labels = {"tp": "in both", "fn": "missed", "fp": "invented", "f1": "F1"}
            places = np.arange(3)
            colours = [COMPARED.get(name, MUTED) for name in names]
            panel.bar(places, rows["computed"], width=0.6, color=colours)
            published_marks(panel, places, rows["published"], label="published,\nproject page")
            for place, value in zip(places, rows["computed"], strict=True):
                written = f"{value:.{digits}f}"
                panel.text(place, value + limit * 0.06, written, ha="center", fontsize=6.5)
            panel.set_xticks(places, [labels.get(name, name) for name in names])
            panel.set_ylim(0, limit)
            panel.set_ylabel(title)
        axes[1].legend(loc="upper right")
    return figure


def worked_case() -> pd.DataFrame:
    """One row per quantity: computed by the judge's own arithmetic, and as printed."""
    published = load_published("kaduri2025")
    computed = {"tp": len(CASE.tp), "fn": len(CASE.fn), "fp": len(CASE.fp)} | {
        name: getattr(CASE, name) for name in ("precision", "recall", "f1")
    }
    return pd.DataFrame(
        [
            {
                "quantity": name,
                "computed": value,
                "published": find_published(published, "page2", "", "worked example", name).value,
            }
            for name, value in computed.items()
        ]
    )


def main(options: argparse.Namespace) -> None:
    """Draw the case."""
    save_figure(draw_worked_case(), options.out, data=worked_case())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
