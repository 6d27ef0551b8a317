"""Tables that pages are made of, objects among them, and how many images fit into a page."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sightline.errors import SightlineError

log = logging.getLogger(__name__)

LIMIT = 10_000_000
"""Characters of a page that opens at once."""


class PageError(SightlineError):
    """Tables that make no page."""


def read_tables(
    folder: Path | str, tables: Mapping[str, Mapping[str, str]], rule: str
) -> dict[str, pd.DataFrame]:
    """Read a folder of tables.

    Args:
        folder: holds one parquet file per table.
        tables: name -> columns with their types.
        rule: that writes them.

    Raises:
        PageError: a table is missing or has other columns.
    """
    found = {}
    for name, columns in tables.items():
        path = Path(folder) / f"{name}.parquet"
        try:
            found[name] = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise PageError(
                f"{path}: cannot be read ({error}). Build it (snakemake --forcerun {rule})."
            ) from None
        if list(found[name].columns) != list(columns):
            raise PageError(
                f"{path}: columns are {', '.join(found[name].columns)}, expected {', '.join(columns)}. "
                f"Rebuild it (snakemake --forcerun {rule})."
            )
    return found


def shown_object(row: Any) -> dict[str, Any]:
    """An object as a page's data: name, outlines, tokens."""
    polygons = [[round(float(value), 1) for value in points] for points in row.outlines]
    return {"name": row.category, "polygons": polygons, "tokens": [int(one) for one in row.tokens]}


def fit_images(build: Callable[[int], str], images: int, limit: int = LIMIT) -> str:
    """A page with as many of its images as stay below a size, one at least.

    Args:
        build: number of images -> page.
        images: at most.
        limit: characters.
    """
    text = build(images)
    while len(text) > limit and images > 1:
        fewer = max(1, min(images - 1, int(images * limit / len(text))))
        log.warning(
            "%.1f MB with %d images: going on with the first %d", len(text) / 1e6, images, fewer
        )
        images = fewer
        text = build(images)
    return text
