"""The rows that describing writes: what a model says under every condition."""

from pathlib import Path

import pandas as pd

from sightline.errors import SightlineError

COLUMNS = {
    "model": "str",
    "model_layers": "int64",
    "image_id": "int64",
    "place": "int64",
    "objects": "str",
    "dominant": "str",
    "theme": "str",
    "wording": "str",
    "question": "str",
    "condition": "str",
    "layers": "str",
    "family": "str",
    "first": "int64",
    "last": "int64",
    "variant": "str",
    "text": "str",
    "tokens": "int64",
}
"""One row per model, image, wording and condition, see `sightline.studies.kaduri2025.knockout.conditions`.

The row with condition ``none`` is the unmodified description, the reference of all others under its wording; its
layers are -1. ``place`` is the image's place in the random order, ``objects`` what is annotated in it, joined by ";";
``tokens`` counts new tokens.
"""


class DescriptionError(SightlineError):
    """Descriptions, or judgements of them, are missing or of another form."""


def read_descriptions(path: Path | str) -> pd.DataFrame:
    """Descriptions of one model.

    Raises:
        DescriptionError: names the file, and its missing column or unmodified description.
    """
    frame = pd.read_parquet(path)
    absent = [column for column in COLUMNS if column not in frame.columns]
    if absent:
        raise DescriptionError(f"{path}: no column {absent[0]}. {_AGAIN}")
    key = ["image_id", "wording"]
    clean = frame.loc[frame["condition"] == "none", key]
    if clean.duplicated().any() or len(clean) < len(frame[key].drop_duplicates()):
        raise DescriptionError(
            f"{path}: an image has no description without a knockout, or more than one. {_AGAIN}"
        )
    return frame


_AGAIN = "Describe again (snakemake --forcerun describe_without_image)."
