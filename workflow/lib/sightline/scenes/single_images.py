"""Images of a published archive one by one, where a run needs few of them: is it cheaper, and how they come.

    python -m sightline.scenes.single_images --inventory resources/datasets.csv --archive val2017.zip \
        --list results/quick/data/coco/val2017_wanted.csv --out results/data/coco \
        --manifest results/quick/data/coco/val2017.csv

Images that are there already are not asked for again; a killed call goes on with the next.
"""

import argparse
import csv
import logging
import time
import urllib.request
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from sightline import cli
from sightline.files import atomic_path, sha256
from sightline.scenes.download import DownloadError
from sightline.scenes.inventory import RemoteFile, find_file
from sightline.scenes.pictures import ImageFileError, inspect_encoded

log = logging.getLogger(__name__)

REQUEST_BYTES = 500_000
"""What asking for one image costs beside its bytes, as bytes of a download under way: 50 ms at 10 MB/s."""
SINGLE, ARCHIVE = "single", "archive"
_CONNECTIONS = 8
_TIMEOUT = 30


@dataclass(frozen=True)
class Way:
    """How the images of a split come.

    Attributes:
        kind: SINGLE or ARCHIVE.
        images: how many a run needs at most; None for all.
        transfer: bytes that go over the network, and None where the archive's size is not known.
        why: the reckoning in words.
    """

    kind: str
    images: int | None
    transfer: int | None
    why: str


def choose_way(images: int | None, archive: RemoteFile, forced: str = "auto") -> Way:
    """Whether single images are cheaper than the archive.

    Args:
        images: how many a run needs at most; None for all.
        archive: with its size and the number of files in it.
        forced: SINGLE, ARCHIVE, or "auto" for the cheaper one.
    """
    if None in (archive.size, archive.files) or not archive.single_urls:
        return Way(ARCHIVE, images, archive.size, f"{archive.name}: no single images are known")
    count = min(archive.files if images is None else images, archive.files)
    singly = round(count * archive.size / archive.files)
    cost = singly + count * REQUEST_BYTES
    kind = forced if forced != "auto" else SINGLE if cost < archive.size else ARCHIVE
    needed = "all" if images is None else f"at most {count}"
    why = (
        f"{archive.name}: {needed} of {archive.files} images needed; one by one {_megabytes(singly)} and {count} "
        f"requests, worth {_megabytes(cost)}; the archive {_megabytes(archive.size)}: "
        f"{'one by one' if kind == SINGLE else 'the archive'}"
        f"{'' if forced == 'auto' else ', as downloads.images says'}"
    )
    return Way(kind, images, singly if kind == SINGLE else archive.size, why)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


def fetch_images(
    wanted: Sequence[tuple[str, tuple[int, int]]],
    addresses: Sequence[str],
    out: Path,
    attempts: int = 4,
    pause: float = 2.0,
) -> list[tuple[str, str]]:
    """Bring images here, several at a time.

    Args:
        wanted: path below ``out`` with its folder (val2017/000000000139.jpg), and (width, height) as annotated.
        addresses: of the folder on each server, tried in order.
        out: folder of the data set.
        attempts: calls for each image and server.
        pause: seconds before the second attempt, doubled before each further one.

    Returns:
        (path below ``out``, sha256) of every image, in the order wanted.

    Raises:
        DownloadError: some images could not be had (those that could are kept), or would lie outside the folder.
    """
    for name, _ in wanted:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise DownloadError(f"{name} points outside the data set.")
    missing = [one for one in wanted if not _is_here(*one, out)]
    log.info("%d images wanted, %d here already", len(wanted), len(wanted) - len(missing))
    faults: list[str] = []

    def bring(one: tuple[str, tuple[int, int]]) -> None:
        try:
            _bring(*one, addresses, out, attempts, pause)
        except DownloadError as error:
            faults.append(str(error))

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        list(tqdm(pool.map(bring, missing), total=len(missing), unit="image", mininterval=2))
    if faults:
        raise DownloadError(
            f"{len(faults)} of {len(missing)} images not fetched, such as {faults[0]} Those that came are kept; run "
            "again, or take the archive: downloads: {images: archive}."
        )
    return [(name, sha256(out / name)) for name, _ in wanted]


def _bring(
    name: str,
    size: tuple[int, int],
    addresses: Sequence[str],
    out: Path,
    attempts: int,
    pause: float,
) -> None:
    """One image, from the first server that has it whole.

    Raises:
        DownloadError: none has.
    """
    path = PurePosixPath(name)
    fault = "no address is known"
    for address in addresses:
        url = f"{address.rstrip('/')}/{path.name}"
        for attempt in range(attempts):
            try:
                with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
                    data = response.read()
                _, found = inspect_encoded(data, "what came", whole=True)
                if found != size:
                    raise OSError(f"an image of {found}, annotated as {size}")
            except (OSError, HTTPException, ImageFileError) as error:
                fault = f"{url}: {str(error).rstrip('.')}."
                if getattr(error, "code", 0) in (403, 404) or attempt == attempts - 1:
                    break
                time.sleep(pause * 2**attempt)
            else:
                # No fault of the server's if the disk is full.
                with atomic_path(out / path) as temporary:
                    temporary.write_bytes(data)
                return
    raise DownloadError(fault)


def _is_here(name: str, size: tuple[int, int], out: Path) -> bool:
    """Whether the image lies here, whole and of its size; one that is not is fetched again."""
    try:
        return inspect_encoded((out / name).read_bytes(), name, whole=True)[1] == size
    except (OSError, ImageFileError):
        return False


def read_wanted(path: Path | str) -> list[tuple[str, tuple[int, int]]]:
    """What a list of wanted images says: CSV with the columns file, width and height."""
    with Path(path).open(newline="", encoding="utf-8") as lines:
        return [
            (row["file"], (int(row["width"]), int(row["height"]))) for row in csv.DictReader(lines)
        ]


def write_manifest(rows: Iterable[tuple[str, str]], path: Path) -> None:
    """Write the list of what is there: file, sha256."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as lines,
    ):
        csv.writer(lines, lineterminator="\n").writerows([("file", "sha256"), *rows])


def main(options: argparse.Namespace) -> None:
    """Fetch the images of a list."""
    archive = find_file(options.inventory, options.archive)
    rows = fetch_images(read_wanted(options.list), archive.single_urls, options.out)
    write_manifest(rows, options.manifest)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inventory", type=Path, required=True)
    parser.add_argument("--archive", required=True, help="listed archive that holds the images")
    parser.add_argument("--list", type=Path, required=True, help="CSV: file, width, height")
    parser.add_argument("--out", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--manifest", type=Path, required=True, help="CSV to write: file, sha256")
    cli.run(main, parser)
