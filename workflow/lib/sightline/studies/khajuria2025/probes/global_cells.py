"""Accuracies of the global probe by layer, representation and caption, with intervals over images.

In and not in captions differ in their mix of categories; ``accuracy`` counts objects alike, ``matched`` the
categories that have enough objects in both. Claims rest on the latter in "corrected".
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from sightline import cli
from sightline.files import write_csv
from sightline.studies.khajuria2025.probes.captioned import global_cells
from sightline.studies.khajuria2025.probes.measurements import (
    IN_CAPTION,
    NOT_IN_CAPTION,
    read_decoding,
    read_images,
)
from sightline.studies.khajuria2025.probes.settings import ProbeSettings

COLUMNS = (
    "variant", "probe", "encoder", "layer", "representation", "subset", "n", "accuracy", "ci_low",
    "ci_high", "categories", "matched",
)  # fmt: skip


def rows(
    outcomes: pd.DataFrame, images: pd.DataFrame, settings: ProbeSettings
) -> Iterator[dict[str, Any]]:
    """Lines of the table, COLUMNS."""
    cells = global_cells(outcomes, images, settings)
    for row in outcomes.itertuples():
        here, key = cells[row.variant], (row.encoder, row.layer, row.representation)
        categories = len(here.categories(row.encoder))
        for subset in (IN_CAPTION, NOT_IN_CAPTION):
            found = here.of_all(*key, subset == IN_CAPTION)
            matched = here.by_category(*key, subset == IN_CAPTION).value
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
