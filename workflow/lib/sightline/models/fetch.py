"""Fetch a checkpoint at a pinned commit, check what is known of it, and list what arrived.

    python -m sightline.models.fetch --inventory resources/models.csv --model llava-1.5-7b \
        --path llava-hf/llava-1.5-7b-hf --revision b234b804b114d9e37bb655e11cbbb5f5e971b7a9 \
        --out results/models/llava-1.5-7b --manifest results/models/llava-1.5-7b.json

Interrupted downloads go on where they stopped. The manifest is written last.
"""

import argparse
import csv
import logging
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import sha256, write_json

log = logging.getLogger(__name__)

PATTERNS = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
"""Weights, configuration, tokenizer and processor; no pickled weights, no code."""
PICKLED = ("*.bin",)
"""Fetched only where asked for, and read by nothing but the converter, which unpickles arrays alone."""


class FetchError(SightlineError):
    """A checkpoint cannot be fetched, or is not the one that the inventory lists."""


def known_checksums(inventory: Path | str, path: str, revision: str) -> set[str]:
    """Published sha256 sums of a checkpoint's weights; empty where the inventory knows none.

    Args:
        inventory: CSV with the columns repository, revision and sha256 (separated by spaces).
        path: owner/name on the hub.
        revision: commit.
    """
    with Path(inventory).open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if (row["repository"], row["revision"]) == (path, revision):
                return set(row["sha256"].split()) - {"unknown"}
    log.warning("%s does not list %s at %s; nothing to check it by", inventory, path, revision)
    return set()


def list_files(folder: Path, wanted: set[str]) -> dict[str, str]:
    """Names and sha256 sums of a checkpoint's files.

    Raises:
        FetchError: weights whose sum is in ``wanted`` are absent or differ.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    sums = {path.name: sha256(path) for path in files}
    absent = wanted - set(sums.values())
    if absent:
        raise FetchError(
            f"{folder}: no file with sha256 {', '.join(sorted(absent))}, which the "
            "inventory lists. Delete the folder and run again; if that does not help, the "
            "inventory is out of date."
        )
    return sums


def main(options: argparse.Namespace) -> None:
    """Fetch one checkpoint."""
    try:
        snapshot_download(
            options.path,
            revision=options.revision,
            local_dir=options.out,
            allow_patterns=[*PATTERNS, *(PICKLED if options.pickled else ())],
        )
    except (OSError, HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise FetchError(
            f"models.{options.model}: {options.path} at {options.revision} could not be fetched "
            f"({error}). What arrived is kept; run again to go on. Without a network, put the "
            f"checkpoint in a folder and name it as models.{options.model}.path, no revision."
        ) from None
    wanted = known_checksums(options.inventory, options.path, options.revision)
    files = list_files(options.out, wanted)
    about = {"path": options.path, "revision": options.revision, "files": files}
    write_json(about, options.manifest)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inventory", type=Path, required=True)
    parser.add_argument("--model", required=True, help="its name in the configuration")
    parser.add_argument("--path", required=True, help="owner/name on the hub")
    parser.add_argument("--revision", required=True, help="full commit, or main")
    parser.add_argument("--pickled", action="store_true", help="fetch pickled weights too")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON, written last")
    cli.run(main, parser)
