"""Lay out a finished run's measurements and caches as a Hugging Face data set folder.

python -m sightline.report.publication.publish --run results/demo --settings results/demo/settings/run.json \
    --out results/demo/published

The layout below the folder is that of the run; README.md is the card, manifest.json has the checksums and is written
last. `huggingface-cli upload` or any other way of copying a folder does the rest.
"""

import argparse
import hashlib
import json
import logging
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from sightline import cli
from sightline.cache.store import DamagedTraceError, TraceReader
from sightline.files import atomic_path
from sightline.report.publication.card import write_card
from sightline.report.publication.contents import (
    CACHE,
    CARD,
    SCORECARD,
    PublicationError,
    find_files,
    tables_of,
    traces_of,
)
from sightline.report.publication.manifest import Manifest
from sightline.report.publication.places import places_of, refuse_places
from sightline.report.publication.settings import published_settings

log = logging.getLogger(__name__)


def copy_file(source: Path, target: Path) -> dict[str, Any]:
    """Copy a file, whole or not at all, and give its ``sha256`` and ``bytes``."""
    digest, size = hashlib.sha256(), 0
    with atomic_path(target) as temporary, source.open("rb") as read, temporary.open("wb") as write:
        while block := read.read(2**20):
            digest.update(block)
            size += write.write(block)
    return {"sha256": digest.hexdigest(), "bytes": size}


def publish(run: Path, config: dict[str, Any], out: Path) -> Manifest:
    """Write the folder.

    Args:
        run: folder of a finished run.
        config: its configuration.
        out: folder to write; what an earlier call left there is removed.

    Raises:
        PublicationError: there is nothing to publish, or something else in the folder.
        DamagedTraceError, UnfinishedTraceError: a cache is not what was written.
        PlaceError: the store that caches are kept in cannot be used.
    """
    names = find_files(run, config)
    if not names:
        raise PublicationError(f"{run}: neither measurements nor caches. Finish the run first.")
    traces = {folder: TraceReader(run / folder) for folder in traces_of(names)}
    written = {
        f"{folder}/{file}": checksum
        for folder, reader in traces.items()
        for file, checksum in reader.checksums.items()
    }
    # Shards that are kept elsewhere are not among the files of the run.
    names = sorted({*names, *written})
    names += [SCORECARD] if (run / SCORECARD).is_file() else []
    for name in names:
        if not name.startswith(f"{CACHE}/"):
            refuse_places(run / name, places_of(config))
    _clear(run, out)
    files = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        source = traces[folder].file(file) if folder in traces else nullcontext(run / name)
        with source as path:
            files[name] = copy_file(path, out / name)
    for name, checksum in written.items():
        # What the model left is published, not what a disk made of it.
        if files[name]["sha256"] != checksum:
            raise DamagedTraceError(
                f"{run / name} is not the file that was written (checksum differs). "
                f"Delete {(run / name).parent} and run snakemake again to rebuild it."
            )
    settings = published_settings(config)
    sizes = {name: entry["bytes"] for name, entry in files.items()}
    with atomic_path(out / CARD) as temporary:
        temporary.write_text(
            write_card(settings, tables_of(names, config), traces_of(names), sizes),
            encoding="utf-8",
        )
    manifest = Manifest(out, files, settings)
    manifest.write()
    log.info("%d files, %.1f MB in %s", len(files), sum(sizes.values()) / 1e6, out)
    return manifest


def _clear(run: Path, out: Path) -> None:
    """Take away what an earlier call has written, and nothing that looks otherwise.

    Raises:
        PublicationError: the folder is not of this run, and holds something but no card.
    """
    if not out.exists() or not any(out.iterdir()):
        return
    # Snakemake has removed the card of a folder that it is about to write again.
    if out.resolve() != (run / "published").resolve() and not (out / CARD).is_file():
        raise PublicationError(f"{out} holds other files. Give a folder that is empty or absent.")
    shutil.rmtree(out)


def main(options: argparse.Namespace) -> None:
    """Publish one run."""
    publish(
        options.run, json.loads(options.settings.read_text(encoding="utf-8"))["config"], options.out
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="its folder")
    parser.add_argument("--settings", type=Path, required=True, help="what it was asked for, JSON")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    cli.run(main, parser)
