"""Accuracies of all cells, over tasks and per task, with intervals over tasks and images.

python -m sightline.studies.khajuria2025.probes.summarise --decoding *.parquet --images *_images.parquet \
    --settings probes.json --cells cells.csv --per-task per_task.csv
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.files import write_csv
from sightline.studies.khajuria2025.probes.measurements import (
    ProbeFileError,
    read_decoding,
    read_images,
)
from sightline.studies.khajuria2025.probes.resampling import KEYS, Cells, ImageWeights
from sightline.studies.khajuria2025.probes.settings import ProbeSettings

GROUP = ("variant", "probe", "subset")
CELL_COLUMNS = (
    *GROUP, *KEYS, "tasks", "n", "accuracy", "sd", "ci_low", "ci_high", "baseline",
)  # fmt: skip
TASK_COLUMNS = (*GROUP, *KEYS, "task", "n", "accuracy", "baseline")


def all_cells(
    rows: pd.DataFrame, images: pd.DataFrame, settings: ProbeSettings
) -> Iterator[tuple[tuple[str, str, str], Cells]]:
    """(variant, probe, subset) with its cells."""
    weights = ImageWeights(settings.bootstrap, settings.seed)
    for key, some in rows.groupby(list(GROUP), sort=False):
        behind = images[images["variant"] == key[0]]
        yield key, Cells(some, behind, weights, settings.seed)


def read_cells(path: Path | str) -> pd.DataFrame:
    """Cells as `main` wrote them.

    Raises:
        ProbeFileError: other columns.
    """
    frame = pd.read_csv(path)
    if tuple(frame.columns) not in (CELL_COLUMNS, TASK_COLUMNS):
        raise ProbeFileError(
            f"{path}: columns are {', '.join(frame.columns)}; run snakemake --forcerun "
            "summarise_probes."
        )
    return frame


def main(options: argparse.Namespace) -> None:
    """Write both tables."""
    rows, images = read_decoding(options.decoding), read_images(options.images)
    settings = ProbeSettings.read(options.settings)
    parts = [
        cells.frame().assign(**dict(zip(GROUP, key, strict=True)))
        for key, cells in all_cells(rows, images, settings)
    ]
    write_csv(pd.concat(parts)[list(CELL_COLUMNS)], options.cells)
    write_csv(rows[list(TASK_COLUMNS)], options.per_task)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decoding", type=Path, nargs="+", required=True)
    parser.add_argument("--images", type=Path, nargs="+", required=True)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--per-task", type=Path, required=True)
    cli.run(main, parser)
