"""Where the files of a trace set lie: in a folder, or under an address in a store."""

import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from sightline.cache.layout import INDEX, PARTIAL, SPEC, TraceError, is_address
from sightline.cache.remote import RemotePlace
from sightline.files import write_json

logger = logging.getLogger(__name__)


class Place(Protocol):
    """What writer and reader ask of the place of one trace set."""

    def __str__(self) -> str:
        """The folder or the address, for messages."""

    def open(self) -> Path:
        """Begin to write: a private folder on this disk where files are made."""

    def wrote(self, name: str) -> None:
        """Take over a file that is finished in the private folder."""

    def commit(self, manifest: Mapping[str, Any]) -> None:
        """Make the trace set whole: all files, and spec.json with this content last.

        Raises:
            TraceError: another writer has taken over.
        """

    def discard(self) -> None:
        """Drop what was written since `open` and not committed."""

    def spec(self) -> str | None:
        """Content of spec.json, or nothing if there is none."""

    def sizes(self) -> Mapping[str, int]:
        """Name -> bytes of all files."""

    def fetch(self, name: str) -> Path:
        """A file of the trace set on this disk."""

    def release(self, name: str) -> None:
        """Say that a fetched file is no longer read."""


def place_of(place: Path | str) -> Place:
    """The place that a path, ``file://`` or another address names.

    Raises:
        PlaceError: no client knows the address, or it has credentials in it.
    """
    if is_address(place):
        return RemotePlace(str(place))
    return Folder(Path(str(place).removeprefix("file://")))


class Folder:
    """A folder on a disk, local or shared by machines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial: Path | None = None

    def __str__(self) -> str:
        return str(self._path)

    def open(self) -> Path:
        """Clean up after killed writers and make a private folder beside the finished files."""
        remove_leftovers(self._path)
        self._partial = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=self._path))
        return self._partial

    def wrote(self, name: str) -> None:
        """Nothing: files wait in the private folder, so that an older trace set stays as it was."""

    def commit(self, manifest: Mapping[str, Any]) -> None:
        """Replace the older files."""
        assert self._partial is not None
        shards = [shard["file"] for shard in manifest["shards"]]
        # A Snakemake that was killed may leave a job behind that writes beside the one of the next call. Whoever came
        # later has removed the private folder of the other, which must not touch what is finished by now.
        if not all((self._partial / name).exists() for name in shards):
            raise TraceError(
                f"{self}: another job has begun to write this trace set; this one leaves it to the other."
            )
        # The old marker goes first and the new one comes last: a kill anywhere between leaves a
        # folder that says it is unfinished.
        remove_trace_set(self._path)
        for name in (*shards, INDEX):
            (self._partial / name).replace(self._path / name)
        write_json(manifest, self._partial / SPEC)
        (self._partial / SPEC).replace(self._path / SPEC)
        shutil.rmtree(self._partial)

    def discard(self) -> None:
        """Remove the private folder."""
        if self._partial is not None:
            shutil.rmtree(self._partial, ignore_errors=True)

    def spec(self) -> str | None:
        """Content of spec.json, or nothing if there is none."""
        file = self._path / SPEC
        return file.read_text(errors="replace") if file.exists() else None

    def sizes(self) -> Mapping[str, int]:
        """Name -> bytes of all files."""
        return {file.name: file.stat().st_size for file in self._path.iterdir()}

    def fetch(self, name: str) -> Path:
        """The file itself."""
        return self._path / name

    def release(self, name: str) -> None:
        """Nothing: the file is no copy."""


def remove_leftovers(folder: Path) -> None:
    """Make a folder, and remove private folders of killed writers from it."""
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"{PARTIAL}*"):
        logger.info("%s: removing what a killed run left behind", leftover)
        shutil.rmtree(leftover)


def remove_trace_set(folder: Path) -> None:
    """Remove a trace set's marker, and then its shards."""
    (folder / SPEC).unlink(missing_ok=True)
    for old in folder.glob("shard-*.safetensors"):
        old.unlink()
