"""A trace set in a store behind an fsspec address, such as s3://bucket/prefix.

A store has no rename: objects are written under their final names, the older spec.json is removed before the first of
them, and the new one, which a store shows whole or not at all, comes last.
"""

import errno
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sightline.cache.layout import INDEX, SHARD, SPEC, PlaceError, TraceError
from sightline.errors import SightlineError
from sightline.files import atomic_path
from sightline.redaction import holds_password, redact

_FULL = (errno.ENOSPC, errno.EDQUOT)


class RemotePlace:
    """Objects under an address; a copy of each lies on this disk while it is made or read.

    Args:
        address: of the trace set, without credentials; clients find those in their environment.

    Raises:
        PlaceError: no client knows the address, or it has credentials in it.
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        if holds_password(address) or "?" in address:
            raise PlaceError(
                f"{redact(self._address)}: an address with a password or a query is not taken, because it is written "
                "down beside the results. Give the plain address, and credentials in the environment."
            )
        # An address can be read from a file that was fetched, and a chain of them can be made to read anything.
        if "::" in address:
            raise PlaceError(
                f"{address}: chained addresses are not taken. Give the last one alone."
            )
        with self._explained():
            # Here, because a run on plain folders has no use for it.
            import fsspec

            # Remembered listings would hide what other jobs have written since.
            self._fs, self._root = fsspec.core.url_to_fs(self._address, use_listings_cache=False)
        self._local: tempfile.TemporaryDirectory | None = None
        self._begun = self._whole = False

    def __str__(self) -> str:
        return self._address

    def open(self) -> Path:
        """A private folder on this disk."""
        self._begun = self._whole = False
        return self._disk()

    def wrote(self, name: str) -> None:
        """Put the file into the store and remove it from this disk; the first one ends an older trace set."""
        path = self._disk() / name
        with self._explained():
            if not self._begun:
                self._remove()
                self._begun = True
            self._fs.put_file(str(path), self._at(name))
        path.unlink()

    def commit(self, manifest: Mapping[str, Any]) -> None:
        """Write spec.json, if all shards are there."""
        found = self.sizes()
        if any(found.get(shard["file"]) != shard["bytes"] for shard in manifest["shards"]):
            raise TraceError(
                f"{self}: another job has begun to write this trace set; this one leaves it to the other."
            )
        with self._explained():
            text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
            self._fs.pipe_file(self._at(SPEC), text.encode())
        self._whole = True
        self.discard()

    def discard(self) -> None:
        """Remove what was put into the store and not committed, as far as it lets us."""
        if self._begun and not self._whole:
            # There is no marker, so what stays is trusted by nobody; the error that led here matters more.
            with suppress(SightlineError), self._explained():
                self._remove()
        self._begun = False
        if self._local is not None:
            self._local.cleanup()
            self._local = None

    def spec(self) -> str | None:
        """Content of spec.json, or nothing if there is none."""
        if SPEC not in self.sizes():
            return None
        with self._explained():
            return self._fs.cat_file(self._at(SPEC)).decode(errors="replace")

    def sizes(self) -> Mapping[str, int]:
        """Name -> bytes of all objects."""
        # With a depth, find passes over refusals and calls a bucket empty that is not there.
        with self._explained():
            found = self._fs.find(self._root, detail=True)
        inside = f"{self._root}/"
        sizes = {path.removeprefix(inside): entry["size"] for path, entry in found.items()}
        return {name: size for name, size in sizes.items() if "/" not in name}

    def fetch(self, name: str) -> Path:
        """A copy on this disk."""
        path = self._disk() / name
        if not path.exists():
            # A copy that broke off must not be taken for the file.
            with self._explained(name), atomic_path(path) as temporary:
                self._fs.get_file(self._at(name), str(temporary))
        return path

    def release(self, name: str) -> None:
        """Remove the copy."""
        (self._disk() / name).unlink(missing_ok=True)

    def _remove(self) -> None:
        """Remove the trace set, its marker first, and nothing else that lies there."""
        ours = (name for name in self.sizes() if name in (SPEC, INDEX) or SHARD.fullmatch(name))
        for name in sorted(ours, key=lambda name: name != SPEC):
            self._fs.rm_file(self._at(name))

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _disk(self) -> Path:
        if self._local is None:
            self._local = tempfile.TemporaryDirectory(
                prefix="sightline-", ignore_cleanup_errors=True
            )
        return Path(self._local.name)

    @contextmanager
    def _explained(self, name: str = "") -> Iterator[None]:
        """Say what a client's refusal means; every client has errors of its own."""
        where = f"{self._address}/{name}" if name else self._address
        try:
            yield
        except SightlineError:
            raise
        except FileNotFoundError as error:
            raise PlaceError(
                f"{where}: the store has no such bucket or object ({_said(error)}). Make the bucket, or correct the "
                "address (`caches` in the configuration); delete the results' folder of a trace set that is gone."
            ) from None
        except ImportError as error:
            raise PlaceError(
                f"{where}: the client of this store is not installed ({_said(error)}). For s3:// run "
                "pip install -e '.[s3]'."
            ) from None
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise
            if isinstance(error, PermissionError) or "Credential" in type(error).__name__:
                raise PlaceError(
                    f"{where}: the store refuses ({_said(error)}). Check the credentials that its client finds in the "
                    "environment, such as AWS_PROFILE, and that they may read, write, list and delete here."
                ) from None
            raise PlaceError(
                f"{where}: the store cannot be used ({_said(error)}). Check the address and that the store can be "
                "reached from this machine (AWS_ENDPOINT_URL for one that is not Amazon's), and run again."
            ) from None


def _said(error: Exception) -> str:
    return redact(f"{type(error).__name__}: {error}")
