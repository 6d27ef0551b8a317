"""Unpack one folder of an archive; a list of the files with their checksums comes last.

python -m sightline.scenes.unpack --archive train2017.zip --folder train2017 --out results/data/coco \
    --manifest results/data/coco/train2017.csv
"""

import argparse
import csv
import hashlib
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import atomic_path

# What the standard library raises for members that are cut, flipped, encrypted or packed in a way it does not know.
_DAMAGED = zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError


class ArchiveError(SightlineError):
    """The archive is damaged or does not hold what was expected."""


def unpack(archive: Path, members: list[str], out: Path) -> list[tuple[str, str]]:
    """Write members of an archive below a folder, each whole or not at all.

    Args:
        archive: a zip file; its own checksums are verified on the way.
        members: names inside it.
        out: folder to write to, paths as in the archive.

    Returns:
        (path below ``out``, sha256) of every file, in the order of ``members``.

    Raises:
        ArchiveError: a member is absent, damaged, or would land outside ``out``.
    """
    written = []
    with _open(archive) as content:
        for name in tqdm(members, desc=f"unpack {archive.name}", unit="file", mininterval=5):
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise ArchiveError(f"{archive}: {name} points outside the archive; not unpacked.")
            try:
                data = content.read(name)
            except (KeyError, *_DAMAGED) as error:
                raise ArchiveError(f"{archive}: {error}. Delete it and run again.") from None
            with atomic_path(out / path) as temporary:
                temporary.write_bytes(data)
            written.append((name, hashlib.sha256(data).hexdigest()))
    return written


def folder_members(archive: Path, folder: str) -> list[str]:
    """Files of one folder of an archive, sorted.

    Raises:
        ArchiveError: there are none.
    """
    with _open(archive) as content:
        inside = [name for name in content.namelist() if not name.endswith("/")]
    members = sorted(name for name in inside if name.startswith(f"{folder}/"))
    if not members:
        raise ArchiveError(
            f"{archive}: no files in {folder}/; it holds {', '.join(inside[:5])} ..."
        )
    return members


def _open(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (OSError, zipfile.BadZipFile) as error:
        raise ArchiveError(f"{archive}: {error}. Delete it and run again.") from None


def main(options: argparse.Namespace) -> None:
    """Unpack a folder, or the members named."""
    members = options.members or folder_members(options.archive, options.folder)
    written = unpack(options.archive, members, options.out)
    if options.manifest:
        with (
            atomic_path(options.manifest) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as lines,
        ):
            csv.writer(lines, lineterminator="\n").writerows([("file", "sha256"), *written])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archive", type=Path, required=True)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--folder", help="unpack everything in it")
    chosen.add_argument("--members", nargs="+", help="unpack these files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, help="CSV to write: file, sha256")
    cli.run(main, parser)
