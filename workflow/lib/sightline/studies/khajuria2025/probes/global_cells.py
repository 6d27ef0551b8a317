"""Accuracies of the global probe by layer, representation and caption, with intervals over images.

In and not in captions differ in their mix of categories; ``matched`` weighs categories alike in both: the mean
over the categories that have at least five objects in each.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sightline import cli
from sightline.files import write_csv
from sightline.studies.khajuria2025.probes.measurements import (
    IN_CAPTION,
    NOT_IN_CAPTION,
    read_decoding,
    read_images,
    unpack,
)
from sightline.studies.khajuria2025.probes.measures import flag_of, global_cells
from sightline.studies.khajuria2025.probes.settings import ProbeSettings

FEWEST = 5
COLUMNS = (
    "variant", "probe", "encoder", "layer", "representation", "subset", "n", "accuracy", "ci_low",
    "ci_high", "categories", "matched",
)  # fmt: skip


def matched_accuracy(
    right: np.ndarray, asked: np.ndarray, other: np.ndarray, labels: np.ndarray
) -> tuple[int, float]:
    """Number of categories with FEWEST objects in both sets, and the mean of their accuracies in the first."""
    shares = [
        right[asked & (labels == label)].mean()
        for label in np.unique(labels)
        if min((asked & (labels == label)).sum(), (other & (labels == label)).sum()) >= FEWEST
    ]
    return len(shares), float(np.mean(shares)) if shares else float("nan")


def rows(
    outcomes: pd.DataFrame, images: pd.DataFrame, settings: ProbeSettings
) -> Iterator[dict[str, Any]]:
    """Lines of the table, COLUMNS."""
    cells = global_cells(outcomes, images, settings)
    for row in outcomes.itertuples():
        objects = images[(images["encoder"] == row.encoder) & (images["variant"] == row.variant)]
        flags = objects[flag_of(row.variant)].to_numpy(bool)
        labels = objects["label"].to_numpy()
        right = unpack(row.correct, row.images)
        for subset, asked in ((IN_CAPTION, flags), (NOT_IN_CAPTION, ~flags)):
            found = cells[row.variant].cell(
                row.encoder, row.layer, row.representation, subset == IN_CAPTION
            )
            categories, matched = matched_accuracy(right, asked, ~asked, labels)
            yield dict(
                zip(
                    COLUMNS,
                    (row.variant, row.probe, row.encoder, row.layer, row.representation, subset,
                     found.n, found.value, *found.interval, categories, matched),
                    strict=True,
                )
            )  # fmt: skip


def main(options: argparse.Namespace) -> None:
    """Write the table."""
    found = rows(
        read_decoding(options.decoding),
        read_images(options.images),
        ProbeSettings.read(options.settings),
    )
    write_csv(pd.DataFrame(found, columns=list(COLUMNS)), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decoding", type=Path, nargs="+", required=True)
    parser.add_argument("--images", type=Path, nargs="+", required=True)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
