"""Fetch one listed file: resumed after a break, checked, and there only when it is whole.

    python -m sightline.scenes.download --inventory resources/datasets.csv --file train2017.zip \
        --out results/data/archives/train2017.zip

What has arrived waits in ``<out>.part``; the next call asks the server for the rest.
"""

import argparse
import csv
import logging
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from tqdm import tqdm

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import sha256

log = logging.getLogger(__name__)

COLUMNS = ("dataset", "file", "url", "bytes", "sha256", "licence", "note")
UNKNOWN = "unknown"
_CHUNK = 1 << 20
_TIMEOUT = 60


class DownloadError(SightlineError):
    """A file is not listed, cannot be fetched, or is not the one that was published."""


@dataclass(frozen=True)
class RemoteFile:
    """One line of the inventory; ``size`` and ``sha256`` are None where nobody published them."""

    name: str
    url: str
    size: int | None
    sha256: str | None


def find_file(inventory: Path | str, name: str) -> RemoteFile:
    """Look a file up in the inventory.

    Args:
        inventory: CSV with COLUMNS; ``bytes`` and ``sha256`` may say unknown.
        name: as in the column ``file``.

    Raises:
        DownloadError: the inventory is malformed or does not list the file.
    """
    with Path(inventory).open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise DownloadError(f"{inventory}: expected the columns {','.join(COLUMNS)}.")
        rows = {row["file"]: row for row in reader}
    if name not in rows:
        raise DownloadError(f"{inventory}: no file {name}; listed are {', '.join(rows)}.")
    size, digest = rows[name]["bytes"], rows[name]["sha256"]
    return RemoteFile(
        name,
        rows[name]["url"],
        None if size == UNKNOWN else int(size),
        None if digest == UNKNOWN else digest,
    )


def fetch(remote: RemoteFile, out: Path, attempts: int = 5, pause: float = 5.0) -> None:
    """Bring a file here, going on where an earlier call was cut off.

    Args:
        remote: what to fetch.
        out: where to put it; it appears there only when size and checksum are right.
        attempts: calls to the server before giving up.
        pause: seconds before the second attempt, doubled before each further one.

    Raises:
        DownloadError: the server cannot be reached, or the bytes are not the published ones.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.part")
    for attempt in range(attempts):
        try:
            _receive(remote, part)
            break
        except (OSError, HTTPException) as error:
            refused = isinstance(error, urllib.error.HTTPError) and 400 <= error.code < 500
            if refused or attempt == attempts - 1:
                raise DownloadError(
                    f"{remote.url}: {error}. {_held(part)} bytes are kept in {part}; run again to "
                    f"go on from there, or put the file at {out} yourself."
                ) from None
            log.warning("%s: %s; trying again", remote.name, error)
            time.sleep(pause * 2**attempt)
    _verify(remote, part)
    part.replace(out)


def _receive(remote: RemoteFile, part: Path) -> None:
    """Append what is missing to ``part``."""
    start = _held(part)
    if remote.size is not None and start == remote.size:
        return
    request = urllib.request.Request(remote.url, headers={"Range": f"bytes={start}-"})
    try:
        response = urllib.request.urlopen(request if start else remote.url, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        # Nothing after the bytes held: the file is complete, or it is another file.
        if error.code != 416:
            raise
        if remote.size is None:
            return
        part.unlink()
        raise OSError("what was held is longer than the file; starting over") from None
    with response:
        # A server without ranges sends the whole file again.
        resumed = response.status == 206
        start = start if resumed else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else remote.size
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(
                desc=remote.name,
                total=total,
                initial=start,
                unit="B",
                unit_scale=True,
                mininterval=2,
            ) as progress,
        ):
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                progress.update(len(chunk))
        if total is not None and _held(part) < total:
            raise OSError(f"the connection closed after {_held(part)} of {total} bytes")


def _verify(remote: RemoteFile, part: Path) -> None:
    size, digest = _held(part), sha256(part)
    if remote.sha256 is None:
        log.warning("%s: no published checksum; got %d bytes, sha256 %s", remote.name, size, digest)
    if remote.size not in (None, size) or remote.sha256 not in (None, digest):
        part.unlink()
        raise DownloadError(
            f"{remote.url}: {size} bytes with sha256 {digest}, expected {remote.size} bytes with "
            f"{remote.sha256}. The file was deleted; run again, and if it differs again the "
            "published file has changed."
        )


def _held(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def main(options: argparse.Namespace) -> None:
    """Fetch one file of the inventory."""
    fetch(find_file(options.inventory, options.file), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inventory", type=Path, required=True)
    parser.add_argument("--file", required=True, help="as the inventory names it")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
