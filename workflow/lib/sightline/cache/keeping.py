"""Trace sets kept away from the results: what stays there is the index, and a spec.json that says where the rest is."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sightline.cache.layout import INDEX, KEPT, SPEC, is_address
from sightline.cache.places import remove_trace_set
from sightline.files import write_json, write_parquet

VARIABLE = "SIGHTLINE_CACHES"
"""Set by the workflow. No parameter of the rules: where traces are kept is no reason to make them again."""


def kept_at(folder: Path | str) -> str | None:
    """Where the trace set of a folder is kept, if not there.

    Args:
        folder: below the working directory; results/<run>/x is kept at <caches>/<run>/x.
    """
    root, here = os.environ.get(VARIABLE), Path(folder).absolute()
    if not root or not here.is_relative_to(Path.cwd()):
        return None
    path = here.relative_to(Path.cwd()).as_posix().removeprefix("results/")
    root = root if is_address(root) else str(Path(root).absolute())
    return f"{root.rstrip('/')}/{path}"


def link(folder: Path, manifest: Mapping[str, Any], index: pd.DataFrame, place: str) -> None:
    """Write what stays in the folder of a trace set that is whole at its place."""
    remove_trace_set(folder)
    write_parquet(index, folder / INDEX)
    write_json({**manifest, KEPT: place}, folder / SPEC)
