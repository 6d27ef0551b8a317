"""From judged descriptions to Fig. 2: mean object F1 of every knockout, over images.

An image whose unmodified description names no object has no F1 and is left out; ``images`` and ``n`` tell how many
there were and how many count.
"""

import argparse
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.files import write_csv
from sightline.intervals import EMPTY, bootstrap_mean
from sightline.studies.kaduri2025.knockout.conditions import NONE
from sightline.studies.kaduri2025.knockout.descriptions import DescriptionError
from sightline.studies.kaduri2025.knockout.measurements import read_measurements
from sightline.studies.tables import read_columns

CELL = ("model", "wording", "variant", "condition", "layers")
SCORES = ("f1", "dominant_named", "theme_named", "detail_f1", "truth_f1")
EFFECT_COLUMNS = (
    "model", "model_layers", "wording", "variant", "condition", "layers", "family", "first", "last",
    "images", "n",
    *(
        f"{score}{part}"
        for score in SCORES
        for part in ("", "_low", "_high", *(("_n",) if score != "f1" else ("_sd",)))
    ),
    "precision", "recall", "detail_precision", "detail_recall", "empty_share", "tokens",
)  # fmt: skip
"""``_low`` and ``_high`` are 95 % bootstrap intervals over images, ``f1_sd`` is the standard deviation over images that
the paper draws as a band, ``_n`` counts the images that a score is defined for, ``empty_share`` is the share of
descriptions without an object, ``tokens`` their mean length."""


def counted_images(measurements: pd.DataFrame) -> pd.DataFrame:
    """Rows of the images whose unmodified description, under the same wording, names an object."""
    key = ["model", "wording", "image_id"]
    named = (measurements["condition"] == NONE) & (measurements["tp"] != "")
    kept = pd.MultiIndex.from_frame(measurements.loc[named, key])
    return measurements[pd.MultiIndex.from_frame(measurements[key]).isin(kept)]


def summarise(measurements: pd.DataFrame, seed: int = 0, draws: int = 2000) -> pd.DataFrame:
    """Mean scores of every knockout.

    Args:
        measurements: of `sightline.studies.kaduri2025.knockout.judge`.
        seed: of the bootstrap.
        draws: resamples of the bootstrap.

    Returns:
        EFFECT_COLUMNS, in the order of the measurements.
    """
    asked = measurements.groupby(["model", "wording"])["image_id"].nunique()
    rows = []
    for cell, part in counted_images(measurements).groupby(list(CELL), sort=False):
        first = part.iloc[0]
        row = dict(zip(CELL, cell, strict=True))
        row |= {key: first[key] for key in ("model_layers", "family", "first", "last")}
        row |= {"images": asked[row["model"], row["wording"]], "n": part["image_id"].nunique()}
        for score in SCORES:
            # Several draws of one image are one observation.
            known = part.dropna(subset=[score]).groupby("image_id")[score].mean()
            bounds = bootstrap_mean(known, known.index, seed, draws) if len(known) else EMPTY
            row[score], row[f"{score}_low"], row[f"{score}_high"] = known.mean(), *bounds
            row[f"{score}_n"], row[f"{score}_sd"] = len(known), known.std(ddof=0)
        means = ("precision", "recall", "detail_precision", "detail_recall", "tokens")
        row |= {key: part[key].mean() for key in means}
        row["empty_share"] = ((part["tp"] == "") & (part["fp"] == "")).mean()
        rows.append(row)
    return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))


def find_cells(effects: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    """Rows of `summarise` with these values."""
    for column, value in wanted.items():
        effects = effects[effects[column] == value]
    return effects


def read_effects(path: Path | str) -> pd.DataFrame:
    """Effects that this module wrote.

    Raises:
        DescriptionError: the file has other columns.
    """
    # Empty names of layers stay empty text; scores that are not defined are empty too.
    texts = {column: str for column in (*CELL, "family")}
    return read_columns(
        path, EFFECT_COLUMNS, "summarise_hidden_image", DescriptionError, dtype=texts,
        na_values=_MAY_BE_EMPTY,
    )  # fmt: skip


_MAY_BE_EMPTY = {column: [""] for column in EFFECT_COLUMNS if column not in (*CELL, "family")}


def main(options: argparse.Namespace) -> None:
    """Write the table."""
    effects = summarise(read_measurements(options.measurements), options.seed, options.draws)
    write_csv(effects, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--draws", type=int, default=2000, help="resamples of the bootstrap")
    cli.run(main, parser)
