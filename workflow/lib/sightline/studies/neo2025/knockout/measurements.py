"""The rows that the knockout writes and everything after it reads."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sightline.studies.neo2025.knockout.pairs import NONE
from sightline.studies.neo2025.measurements import MeasurementError

COLUMNS = {
    "model": "str",
    "model_layers": "int64",
    "image_id": "int64",
    "object_id": "int64",
    "category": "str",
    "kind": "str",
    "question": "str",
    "pair": "str",
    "source": "str",
    "target": "str",
    "variant": "str",
    "draw": "int64",
    "window": "str",
    "first_layer": "int64",
    "last_layer": "int64",
    "n_tokens": "int64",
    "answer": "str",
    "correct": "bool",
    "correct_as_published": "bool",
    "p_expected": "float64",
    "logit_change": "float64",
}
"""One row per model, question, pair (with variant and draw) and window, see `sightline.studies.neo2025.knockout.pairs`.

The row with pair ``none`` is the run in which nothing is cut, its layers are -1; a question that neither judge
then finds answered correctly has no other row. ``n_tokens`` counts the tokens that are no longer seen,
``p_expected`` is the probability of the object's first sub-token, ``logit_change`` the largest absolute
difference of any logit from the run in which nothing is cut.
"""


def read_knockout(paths: Sequence[Path | str]) -> pd.DataFrame:
    """Measurements of one or more models, one below the other.

    Raises:
        MeasurementError: names the file, and its missing column or uncut answer; or it has no row.
    """
    frames = []
    for path in paths:
        frame = pd.read_parquet(path)
        absent = [column for column in COLUMNS if column not in frame.columns]
        if absent:
            raise MeasurementError(f"{path}: no column {absent[0]}. {_AGAIN}")
        if frame.empty:
            raise MeasurementError(f"{path}: {NOTHING_ASKED}")
        clean = frame.loc[frame["pair"] == NONE, "image_id"]
        lacking = frame.loc[~frame["image_id"].isin(clean), "image_id"]
        if len(lacking) or clean.duplicated().any():
            image = lacking.iloc[0] if len(lacking) else clean[clean.duplicated()].iloc[0]
            raise MeasurementError(
                f"{path}: image {image} has no answer, or more than one, without a cut. {_AGAIN}"
            )
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


NOTHING_ASKED = "questions: none is about an object in sight; widen studies.neo2025.ablation_set."
_AGAIN = "Measure again (snakemake --forcerun block_attention)."
