"""The list of published files: where each is, how long it is, and what it must hash to.

One row per file in ``resources/datasets.csv``. Where a value is not known the row says ``unknown``, and its note says
what to do about it; nothing is guessed.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from sightline.errors import SightlineError

COLUMNS = (
    "dataset",
    "version",
    "file",
    "url",
    "alternates",
    "bytes",
    "sha256",
    "md5",
    "files",
    "single_urls",
    "licence",
    "access",
    "used_by",
    "note",
)
UNKNOWN = "unknown"
ACCESS = ("open", "by hand", "gated")
"""Fetched by a job; fetched by a person, because there is no plain address; fetched by a person with an account."""


class InventoryError(SightlineError):
    """The list of files is malformed, or lacks what was asked for."""


@dataclass(frozen=True)
class RemoteFile:
    """One published file.

    Attributes:
        name: under which it is listed, and kept.
        url: where it is; several rows of one file have the same.
        size: bytes, or None where nobody published them.
        sha256: hex digest, or None.
        alternates: further addresses of the same bytes, tried in order.
        md5: hex digest, or None; looked at where there is no sha256.
        access: one of ACCESS.
        note: what a person should know of it.
        files: files inside an archive, or None.
        single_urls: addresses of folders where the files inside can be had one by one.
    """

    name: str
    url: str
    size: int | None
    sha256: str | None
    alternates: tuple[str, ...] = ()
    md5: str | None = None
    access: str = "open"
    note: str = ""
    files: int | None = None
    single_urls: tuple[str, ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """All addresses, the first first."""
        return (self.url, *self.alternates)


def read_inventory(path: Path | str) -> dict[str, RemoteFile]:
    """All listed files by name.

    Args:
        path: CSV with COLUMNS.

    Raises:
        InventoryError: columns are missing, or a value is no number.
    """
    with Path(path).open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise InventoryError(f"{path}: expected the columns {','.join(COLUMNS)}.")
        return {row["file"]: _parse(row, path) for row in reader}


def find_file(inventory: Path | str, name: str) -> RemoteFile:
    """Look a file up in the inventory.

    Raises:
        InventoryError: the inventory is malformed or does not list the file.
    """
    files = read_inventory(inventory)
    if name not in files:
        raise InventoryError(f"{inventory}: no file {name}; listed are {', '.join(files)}.")
    return files[name]


def _parse(row: dict[str, str], path: Path | str) -> RemoteFile:
    if row["access"] not in ACCESS:
        raise InventoryError(
            f"{path}: access of {row['file']} is {row['access']!r}; give one of {', '.join(ACCESS)}."
        )
    return RemoteFile(
        row["file"],
        row["url"],
        _number(row, "bytes", path),
        _known(row["sha256"]),
        tuple(row["alternates"].split()),
        _known(row["md5"]),
        row["access"],
        row["note"],
        _number(row, "files", path),
        tuple(row["single_urls"].split()),
    )


def _known(value: str) -> str | None:
    return None if value in (UNKNOWN, "") else value


def _number(row: dict[str, str], column: str, path: Path | str) -> int | None:
    value = _known(row[column])
    try:
        return None if value is None else int(value)
    except ValueError:
        raise InventoryError(
            f"{path}: {column} of {row['file']} is {value!r}; give a whole number or {UNKNOWN}."
        ) from None
