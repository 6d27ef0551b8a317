"""Answers of all methods, one row per question and method."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from sightline.errors import SightlineError

COLUMNS = {
    "model": "str",
    "set": "str",
    "subtask": "str",
    "picture": "str",
    "image": "str",
    "question": "str",
    "truth": "str",
    "method": "str",
    "share": "float64",
    "answer": "str",
    "said": "str",
    "correct": "bool",
    "context_tokens": "int64",
    "question_tokens": "int64",
}


class RepromptError(SightlineError):
    """Answers of a run are missing or not what this version writes."""


def read_answers(paths: Iterable[Path | str]) -> pd.DataFrame:
    """Answers of one or more models.

    Raises:
        RepromptError: no file, or one with other columns.
    """
    frames = []
    for path in paths:
        frame = pd.read_parquet(path)
        absent = [column for column in COLUMNS if column not in frame.columns]
        if absent:
            raise RepromptError(
                f"{path}: no column {absent[0]}. Measure again (snakemake --forcerun answer_again)."
            )
        frames.append(frame[list(COLUMNS)])
    if not frames:
        raise RepromptError("no answers given; name the parquet files of the models.")
    return pd.concat(frames, ignore_index=True)
