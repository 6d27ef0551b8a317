"""The tables that are measured here and that everything after them reads."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sightline.errors import SightlineError

FIRST, SYSTEM, IMAGE, QUERY, GENERATED = ROLES = ("first", "system", "image", "query", "generated")
TEXT = "text"
ALL_KEYS, WITHOUT_FIRST = KEYS = ("all keys", "without the first position")
MEAN_MAP, FIRST_MAP = MAPS = ("mean", "first step")
PRODUCING, PRODUCING_FIRST, AT = READINGS = ("producing", "producing the first token", "at")
LAYER, BIN, MIDDLE = SCOPES = ("layer", "bin", "middle")
NOT_ANNOTATED, OUT_OF_SIGHT = "not annotated", "out of sight"

DESCRIPTIONS = {
    "model": "str", "model_layers": "int64", "image_id": "int64", "text": "str", "new_tokens": "int64",
    "first": "int64", "system": "int64", "image": "int64", "query": "int64",
    "rows": "int64", "columns": "int64", "tiles": "int64", "picture": "object",
}  # fmt: skip
"""One row per image: what the unmodified model says, positions of the prompt by role, the grid of all image tokens,
and the picture as the tower sees it (of several tiles the thumbnail), as a PNG file."""
FRACTIONS = {
    "model": "str", "model_layers": "int64", "image_id": "int64", "layer": "int64", "keys": "str",
    "role": "str", "steps": "int64", "mean": "float64", "square": "float64",
}  # fmt: skip
"""Share of attention, averaged over heads, that goes to a role; ``mean`` and mean ``square`` over the generated
tokens of a description. ``text`` is what the paper calls the query: everything in the prompt but the image. The
first position (BOS, a sink) is part of it; with keys WITHOUT_FIRST shares are of what is left without it."""
MAP_TABLE = {
    "model": "str", "model_layers": "int64", "image_id": "int64", "layer": "int64", "map": "str", "values": "object",
}  # fmt: skip
"""Attention to every image token, averaged over heads and generated tokens, or that of the first generated token."""
OBJECTS = {
    "model": "str", "model_layers": "int64", "image_id": "int64", "object": "str", "reason": "str", "spelled": "int64",
    "first_token": "int64", "instances": "int64", "chance": "float64", "chance_inside": "float64", "others": "int64",
    "mask": "object", "middle_map": "object",
}  # fmt: skip
"""Names in a description, once each. ``reason`` says why an object has no peaks. ``chance`` is the share of tokens on
which a peak would count as on the object, ``others`` the number of further objects in the image, ``mask`` the union
of the category's instances in the pixels of ``picture`` as a PNG file, ``middle_map`` attention averaged over the
middle layers and the tokens that spell the name."""
PEAKS = {
    "model": "str", "model_layers": "int64", "image_id": "int64", "object": "str", "reading": "str", "scope": "str",
    "first_layer": "int64", "last_layer": "int64", "token": "int64", "hit": "bool", "inside": "bool",
    "other": "float64",
}  # fmt: skip
"""Where attention of an object's tokens is largest, in a layer or averaged over several. ``hit``: at most a token's
width from the mask; ``inside``: on it; ``other``: share of the image's other objects on which the same peak would
count as a hit, NaN without any."""
SWEEP = {
    "model": "str", "model_layers": "int64", "image_id": "int64", "selection": "str", "family": "str", "rows": "str",
    "share": "float64", "draw": "int64", "kept": "int64", "text": "str",
}  # fmt: skip
"""One row per description under a restriction. ``share`` is the percent of image tokens that generated tokens see, 0
for none and 100 for all; ``family`` says in which layers, ``rows`` which rows are restricted, ``draw`` counts random
choices, ``kept`` is the number of tokens seen in a layer. The row with EVERYTHING_SEEN in all layers is the unmodified
description, the reference of the others."""
JUDGED = {
    **SWEEP, "tp": "str", "fn": "str", "fp": "str", "precision": "float64", "recall": "float64", "f1": "float64",
}  # fmt: skip
"""The same with what the judge says of it; names are joined by ";"."""

TABLES = {
    "descriptions": DESCRIPTIONS,
    "fractions": FRACTIONS,
    "maps": MAP_TABLE,
    "objects": OBJECTS,
    "peaks": PEAKS,
}
ALL_LAYERS, MIDDLE_ONLY = FAMILIES = ("all layers", "middle layers only")
AS_PUBLISHED, STRICTER = ("as published", "last prompt position too")
NOTHING_SEEN, EVERYTHING_SEEN = "nothing seen", "everything seen"


class MeasurementError(SightlineError):
    """A table of measurements is missing, or not what this code writes."""


def table(rows: Sequence[tuple], columns: dict[str, str]) -> pd.DataFrame:
    """Rows in the order of the columns, as a table of their types."""
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def read_tables(folders: Sequence[Path | str], name: str) -> pd.DataFrame:
    """One of TABLES of one or more models, one below the other.

    Raises:
        MeasurementError: names the file and what it lacks.
    """
    return _read([Path(folder) / f"{name}.parquet" for folder in folders], TABLES[name])


def read_sweep(path: Path | str) -> pd.DataFrame:
    """Descriptions under restrictions, not judged yet, of one model.

    Raises:
        MeasurementError: names the file and what it lacks.
    """
    return _read([path], SWEEP)


def read_judged(paths: Sequence[Path | str]) -> pd.DataFrame:
    """Judged descriptions of one or more models.

    Raises:
        MeasurementError: names the file and what it lacks.
    """
    return _read(paths, JUDGED)


def _read(paths: Sequence[Path | str], columns: dict[str, str]) -> pd.DataFrame:
    frames = []
    for path in map(Path, paths):
        if not path.exists():
            raise MeasurementError(f"{path} is missing. {_AGAIN}")
        frame = pd.read_parquet(path)
        absent = [column for column in columns if column not in frame.columns]
        if absent:
            raise MeasurementError(f"{path}: no column {absent[0]}. {_AGAIN}")
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


_AGAIN = "Measure again (snakemake --forcerun read_attention hide_tokens judge_hidden_tokens)."
