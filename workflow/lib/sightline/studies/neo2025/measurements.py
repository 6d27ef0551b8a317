"""The rows that the ablation writes and everything after it reads."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sightline.errors import SightlineError
from sightline.studies.neo2025.subsets import NONE

COLUMNS = {
    "model": "str",
    "image_id": "int64",
    "object_id": "int64",
    "category": "str",
    "selected": "bool",
    "selected_as_published": "bool",
    "setting": "str",
    "condition": "str",
    "subset": "str",
    "variant": "str",
    "size": "Int64",
    "like": "str",
    "draw": "int64",
    "n_tokens": "int64",
    "object_share": "float64",
    "norm_ratio": "float64",
    "question": "str",
    "answer": "str",
    "correct": "bool",
    "correct_as_published": "bool",
    "p_expected": "float64",
}
"""One row per model, image, object, setting and condition (with variant and draw).

``selected`` tells that the image passed filter 2, ``subset`` is the family of the condition,
``size`` its fixed number of tokens or empty, ``like`` the object condition whose size it has or
empty, ``n_tokens`` how many tokens were replaced, ``object_share`` the share of the object's own
tokens among them, ``norm_ratio`` the largest norm of the image's tokens over their median (of the
tower's patches where these tell the register tokens), ``p_expected`` the probability of "Yes"
(polling) or of the object's first sub-token (vqa) as the next token, empty for descriptions.
"""


class MeasurementError(SightlineError):
    """A file of measurements, or of what was made from them, lacks what is read from it."""


def read_measurements(paths: Sequence[Path | str]) -> pd.DataFrame:
    """Measurements of one or more models, one below the other.

    Raises:
        MeasurementError: names the file, and its missing column or unablated answer.
    """
    frames = []
    for path in paths:
        frame = pd.read_parquet(path)
        absent = [column for column in COLUMNS if column not in frame.columns]
        if absent:
            raise MeasurementError(f"{path}: no column {absent[0]}. {_AGAIN}")
        keys = frame[["model", "setting", "image_id"]]
        clean = pd.MultiIndex.from_frame(keys[frame["condition"] == NONE])
        lacking = keys[~pd.MultiIndex.from_frame(keys).isin(clean)]
        if len(lacking):
            model, setting, image = lacking.iloc[0]
            raise MeasurementError(
                f"{path}: {model} on image {image} ({setting}) has no answer without ablation. "
                f"{_AGAIN}"
            )
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


_AGAIN = "Measure again (snakemake --forcerun ablate_tokens)."
