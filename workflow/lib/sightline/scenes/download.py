"""Fetch one listed file: resumed after a break, from several places, checked, and there only when it is whole.

    python -m sightline.scenes.download --inventory resources/datasets.csv --file train2017.zip \
        --out results/data/archives/train2017.zip --data-dir /data/fetched

What has arrived waits in ``<out>.part``; the next call asks the server for the rest. A file of that name in the folder
of files fetched by hand is checked and taken instead.
"""

import argparse
import hashlib
import logging
import shutil
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from tqdm import tqdm

from sightline import cli
from sightline.errors import SightlineError
from sightline.scenes.inventory import RemoteFile, find_file

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
_TIMEOUT = 60
# Refused now, welcome later: too many requests, and a server that gave up waiting for one.
_LATER = (408, 425, 429)


class DownloadError(SightlineError):
    """A file cannot be fetched, or is not the one that was published."""


class _Slow(OSError):
    """The server sends, but hardly anything."""


def fetch(
    remote: RemoteFile,
    out: Path,
    attempts: int = 5,
    pause: float = 5.0,
    data_dir: Path | str | None = None,
    slowest: int = 10_000,
    patience: float = 60.0,
) -> None:
    """Bring a file here, going on where an earlier call was cut off.

    Args:
        remote: what to fetch.
        out: where to put it; it appears there only when size and checksum are right.
        attempts: calls to each server before the next one is tried.
        pause: seconds before the second attempt, doubled before each further one.
        data_dir: folder of files fetched by hand; one of this name is checked and taken.
        slowest: bytes per second below which a server is left,
        patience: over so many seconds.

    Raises:
        DownloadError: no server can be reached, the bytes are not the published ones, or a person must fetch the file.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    if data_dir and (own := Path(data_dir) / remote.name).is_file():
        _adopt(remote, own, out)
        return
    if remote.access != "open":
        raise DownloadError(_by_hand(remote, data_dir))
    part = out.with_name(f"{out.name}.part")
    faults = []
    for url in remote.urls:
        try:
            _receive_all(remote, url, part, attempts, pause, (slowest, patience))
            verify(remote, part, url)
        except DownloadError as error:
            faults.append(str(error))
            log.warning("%s", error)
            continue
        part.replace(out)
        return
    raise DownloadError(
        f"{remote.name}: not fetched. " + " ".join(faults) + f" {_held(part)} bytes are kept in "
        f"{part}; run again to go on from there, or put the file in the folder that downloads.data_dir names."
    )


def verify(remote: RemoteFile, file: Path, origin: str, keep: bool = False) -> None:
    """Hold a file against what was published.

    Args:
        remote: what is known of it.
        file: what arrived.
        origin: where from, for the message.
        keep: whether the file stays if it is another.

    Raises:
        DownloadError: it is another.
    """
    size = _held(file)
    kind = "sha256" if remote.sha256 or not remote.md5 else "md5"
    expected = remote.sha256 or remote.md5
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, kind).hexdigest()
    if expected is None:
        log.warning("%s: no published checksum; got %d bytes, sha256 %s", remote.name, size, digest)
    if remote.size not in (None, size) or expected not in (None, digest):
        if not keep:
            file.unlink()
        told = "The file is left alone." if keep else "The file was deleted."
        raise DownloadError(
            f"{origin}: {size} bytes with {kind} {digest}, expected {remote.size or 'any number of'} bytes with "
            f"{expected or 'any checksum'}. {told} Fetch it again; if it differs again, the published file has changed."
        )


def _adopt(remote: RemoteFile, own: Path, out: Path) -> None:
    """Take a file that a person fetched, after a look at it."""
    verify(remote, own, str(own), keep=True)
    log.info("%s: taken from %s", remote.name, own)
    part = out.with_name(f"{out.name}.part")
    part.unlink(missing_ok=True)
    try:
        # A link, as in the cache of the hub, would lead nowhere from here.
        part.hardlink_to(own.resolve())
    except OSError:
        # Another disk.
        shutil.copyfile(own, part)
    part.replace(out)


def _by_hand(remote: RemoteFile, data_dir: Path | str | None) -> str:
    how = {"by hand": "has no plain address", "gated": "asks for an account"}[remote.access]
    folder = data_dir or "a folder, and name that folder as downloads.data_dir"
    return f"{remote.name}: {remote.url} {how}. {remote.note} Put it into {folder}; then run again."


def _receive_all(
    remote: RemoteFile,
    url: str,
    part: Path,
    attempts: int,
    pause: float,
    limits: tuple[int, float],
) -> None:
    """Fetch what is missing from one server, several times if need be."""
    for attempt in range(attempts):
        try:
            _receive(remote, url, part, *limits)
            return
        except (OSError, HTTPException) as error:
            code = getattr(error, "code", 0)
            refused = 400 <= code < 500 and code not in _LATER
            if refused or attempt == attempts - 1:
                raise DownloadError(f"{url}: {error}.") from None
            log.warning("%s: %s; trying again", url, error)
            time.sleep(pause * 2**attempt)


def _receive(remote: RemoteFile, url: str, part: Path, slowest: int, patience: float) -> None:
    """Append what is missing to ``part``."""
    start = _held(part)
    if remote.size is not None and start == remote.size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        # Nothing after the bytes held: the file is complete, or it is another file.
        if error.code != 416:
            raise
        if remote.size is None:
            return
        part.unlink()
        raise OSError("what was held is longer than the file; starting over") from None
    with response:
        start = _resumed_at(response, start)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else remote.size
        with (
            part.open("r+b" if start else "wb") as file,
            tqdm(
                desc=remote.name,
                total=total,
                initial=start,
                unit="B",
                unit_scale=True,
                mininterval=2,
            ) as progress,
        ):
            file.seek(start)
            file.truncate()
            since, received = time.monotonic(), 0
            # Not read(), which waits until a whole chunk is there, however long that takes.
            while chunk := response.read1(_CHUNK):
                file.write(chunk)
                progress.update(len(chunk))
                received += len(chunk)
                if (waited := time.monotonic() - since) > patience:
                    if received < slowest * waited:
                        raise _Slow(f"{received} bytes in {waited:.0f} seconds")
                    since, received = time.monotonic(), 0
        expected = max(total or 0, remote.size or 0)
        if _held(part) < expected:
            raise OSError(f"the connection closed after {_held(part)} of {expected} bytes")


def _resumed_at(response: HTTPResponse, wanted: int) -> int:
    """Where in the file an answer begins: a server without ranges sends all of it again.

    Raises:
        OSError: it begins somewhere else.
    """
    if response.status != 206:
        return 0
    told = response.headers.get("Content-Range", "")
    start = told.removeprefix("bytes ").partition("-")[0]
    if start.isdigit() and int(start) != wanted:
        raise OSError(f"asked for bytes from {wanted}, got {told}")
    return wanted


def _held(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def main(options: argparse.Namespace) -> None:
    """Fetch one file of the inventory."""
    fetch(find_file(options.inventory, options.file), options.out, data_dir=options.data_dir)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inventory", type=Path, required=True)
    parser.add_argument("--file", required=True, help="as the inventory names it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data-dir", help="folder of files fetched by hand")
    cli.run(main, parser)
