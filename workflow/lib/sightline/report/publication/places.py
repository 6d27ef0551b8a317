"""Measurements that name files of the user's own folders, and so tell more than they measure."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from sightline.report.publication.contents import PublicationError


def places_of(config: Mapping[str, Any]) -> list[str]:
    """Absolute paths of data sets."""
    paths = (entry.get("path", "") for entry in config.get("datasets", {}).values())
    return sorted(path for path in paths if Path(path).is_absolute())


def refuse_places(file: Path, places: Sequence[str]) -> None:
    """Make sure that a file names none of these folders.

    Args:
        file: table or JSON; of others nothing is read.
        places: folders.

    Raises:
        PublicationError: names the file, the folder, and what to do.
    """
    if not places:
        return
    for text in _texts(file):
        for place in places:
            if place in text:
                raise PublicationError(
                    f"{file}: names files below {place}, which would tell readers about this machine. Name the data "
                    "set by a path within the working directory, such as that of a link to it, and measure again."
                )


def _texts(file: Path) -> Iterator[str]:
    if file.suffix in (".csv", ".json"):
        yield file.read_text(encoding="utf-8")
    elif file.suffix == ".parquet":
        schema = parquet.read_schema(file)
        texts = [field.name for field in schema if field.type in (pa.string(), pa.large_string())]
        for column in parquet.read_table(file, columns=texts).columns:
            yield from filter(None, column.unique().to_pylist())
