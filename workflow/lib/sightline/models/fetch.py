"""Fetch a checkpoint at a pinned commit, check what is known of it, and list what arrived.

    python -m sightline.models.fetch --inventory resources/models.csv --model llava-1.5-7b \
        --path llava-hf/llava-1.5-7b-hf --revision b234b804b114d9e37bb655e11cbbb5f5e971b7a9 \
        --out results/models/llava-1.5-7b --manifest results/models/llava-1.5-7b.json

Interrupted downloads go on where they stopped; files of another checkpoint or commit under the same name are removed
first. The manifest is written last. HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE
are heeded; what lies in the hub's own cache already (HF_HOME, HF_HUB_CACHE) is taken from there.
"""

import argparse
import csv
import logging
import shutil
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
)
from huggingface_hub.utils import filter_repo_objects

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import atomic_path, sha256, write_json
from sightline.scenes.records import read_json

log = logging.getLogger(__name__)

PATTERNS = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
"""Weights, configuration, tokenizer and processor; no pickled weights, no code."""
PICKLED = ("*.bin",)
"""Fetched only where asked for. Whatever reads them unpickles tensors alone."""


MARKER = ".fetched"
"""In a checkpoint's folder: name and revision of what its files are, or will be once they all came."""
_HUB_NOTES = Path(".cache") / "huggingface"
"""Where the hub's client notes what it brought into a folder, and keeps unfinished files."""


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
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MARKER)
    sums = {path.name: sha256(path) for path in files}
    absent = wanted - set(sums.values())
    if absent:
        raise FetchError(
            f"{folder}: no file with sha256 {', '.join(sorted(absent))}, which the "
            "inventory lists. Delete the folder and run again; if that does not help, the "
            "inventory is out of date."
        )
    return sums


def choose_patterns(path: str, revision: str, pickled: bool) -> list[str]:
    """Which files to fetch: safetensors wherever there are any, pickled weights only where there is nothing else.

    Args:
        path: owner/name on the hub.
        revision: commit.
        pickled: whether pickled weights are allowed.
    """
    if not pickled:
        return list(PATTERNS)
    try:
        names = HfApi().list_repo_files(path, revision=revision)
    except OfflineModeIsEnabled:
        return [*PATTERNS, *PICKLED]
    safe = any(name.endswith(".safetensors") and "/" not in name for name in names)
    return list(PATTERNS) if safe else [*PATTERNS, *PICKLED]


def find_cached(path: str, revision: str, patterns: list[str]) -> Path | None:
    """Folder of the checkpoint in the hub's own cache, if it is whole there."""
    try:
        folder = snapshot_download(
            path, revision=revision, allow_patterns=patterns, local_files_only=True
        )
    except (OSError, ValueError):
        return None
    found = Path(folder)
    indexes = [read_json(file) for file in found.glob("*.index.json")]
    listed = {name for index in indexes for name in index.get("weight_map", {}).values()}
    # The index of pickled weights comes along with every other JSON, wanted or not.
    shards = {name for name in listed if any(fnmatch(name, pattern) for pattern in patterns)}
    weights = [*found.glob("*.safetensors"), *found.glob("*.bin")]
    whole = (found / "config.json").is_file() and weights
    return found if whole and all((found / name).is_file() for name in shards) else None


def fetch(path: str, revision: str, pickled: bool, out: Path) -> None:
    """Bring a checkpoint's files into a folder, and none but these.

    Args:
        path: owner/name on the hub.
        revision: commit.
        pickled: whether pickled weights are allowed.
        out: folder of the checkpoint.
    """
    patterns = choose_patterns(path, revision, pickled)
    mark(out, path, revision)
    if cached := find_cached(path, revision, patterns):
        log.info("%s: taken from %s", path, cached)
        files = sorted(file for file in cached.iterdir() if file.is_file())
        for file in files:
            # A link whose target went with a cache is there and does not exist.
            (out / file.name).unlink(missing_ok=True)
            (out / file.name).symlink_to(file.resolve())
        remove_files(out, keep={file.name for file in files})
        return
    log.info("%s at %s from %s", path, revision, constants.ENDPOINT)
    remove_files(out, keep={file.name for file in out.iterdir() if not file.is_symlink()})
    snapshot_download(path, revision=revision, local_dir=out, allow_patterns=patterns)
    names = HfApi().list_repo_files(path, revision=revision)
    remove_files(out, keep=set(filter_repo_objects(names, allow_patterns=patterns)))


def mark(out: Path, path: str, revision: str) -> None:
    """Say whose files a folder holds, and remove those of anything else."""
    marker, said = out / MARKER, f"{path} {revision}\n"
    if not marker.is_file() or marker.read_text(encoding="utf-8") != said:
        remove_files(out, keep=set())
        shutil.rmtree(out / _HUB_NOTES, ignore_errors=True)
        with atomic_path(marker) as temporary:
            temporary.write_text(said, encoding="utf-8")


def remove_files(out: Path, keep: set[str]) -> None:
    """Remove files of the kinds that are fetched, links too, except those to keep; nothing else is touched."""
    if not out.is_dir():
        return
    for file in sorted(out.iterdir()):
        fetched = any(file.match(pattern) for pattern in (*PATTERNS, *PICKLED))
        if fetched and file.name not in keep and (file.is_symlink() or file.is_file()):
            log.info("%s: removed; it is not of this checkpoint", file)
            file.unlink()


def main(options: argparse.Namespace) -> None:
    """Fetch one checkpoint."""
    where = f"models.{options.model}: {options.path} at {options.revision}"
    try:
        fetch(options.path, options.revision, options.pickled, options.out)
    except GatedRepoError as error:
        raise FetchError(
            f"{where} asks for an account ({error}). Accept its terms on its page, make a token there, and run again "
            "with HF_TOKEN set to it."
        ) from None
    except (OSError, HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise FetchError(
            f"{where} could not be fetched ({error}). What arrived is kept; run again to go on. Another hub is named "
            "by HF_ENDPOINT. Without a network, put the checkpoint in a folder and name it as "
            f"models.{options.model}.path, no revision."
        ) from None
    wanted = known_checksums(options.inventory, options.path, options.revision)
    files = list_files(options.out, wanted)
    if not any(name.endswith((".safetensors", ".bin")) for name in files):
        raise FetchError(
            f"{where} has no weights in safetensors. Those of an encoder may be pickles, read as arrays "
            "alone: allow them with pickled: true in its entry. Otherwise take another checkpoint."
        )
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
