"""The rows that judging writes and everything after it reads."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sightline.studies.kaduri2025.knockout import descriptions
from sightline.studies.kaduri2025.knockout.conditions import AS_PUBLISHED, MAIN
from sightline.studies.kaduri2025.knockout.descriptions import DescriptionError

COLUMNS = {
    **descriptions.COLUMNS,
    "draw": "int64",
    "tp": "str",
    "fn": "str",
    "fp": "str",
    "precision": "float64",
    "recall": "float64",
    "f1": "float64",
    "dominant_named": "float64",
    "theme_named": "float64",
    "detail_precision": "float64",
    "detail_recall": "float64",
    "detail_f1": "float64",
    "truth_f1": "float64",
}
"""The columns of a description, and what the judge says of it against the unmodified one of the same wording.

Names in ``tp``, ``fn`` and ``fp`` are joined by ";". Rows with condition ``shuffled image`` hold the unmodified
description of another image, one for each ``draw``. ``dominant_named`` and ``theme_named`` are 1 or 0 where the data
set tells the dominant object and the theme and the reference names them, else NaN; ``detail_*`` are over all objects
but the dominant one, NaN where the data set tells none or the reference names no other. ``truth_f1`` holds the
description against the annotated objects instead, for descriptions with nothing hidden, with everything hidden, and
of another image; NaN elsewhere and where nothing is annotated.
"""


def read_measurements(paths: Sequence[Path | str]) -> pd.DataFrame:
    """Judged descriptions of one or more models, one below the other.

    Raises:
        DescriptionError: names the file and its missing column.
    """
    frames = []
    for path in paths:
        frame = pd.read_parquet(path)
        absent = [column for column in COLUMNS if column not in frame.columns]
        if absent:
            raise DescriptionError(
                f"{path}: no column {absent[0]}. Judge again (snakemake --forcerun judge_descriptions)."
            )
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def as_published(measurements: pd.DataFrame, model: str) -> pd.DataFrame:
    """Rows of a model with the paper's wording of the question and its variant of the knockouts."""
    return measurements[
        (measurements["model"] == model)
        & (measurements["wording"] == MAIN)
        & (measurements["variant"] == AS_PUBLISHED)
    ]
