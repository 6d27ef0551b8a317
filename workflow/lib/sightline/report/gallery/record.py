"""What a run was made with, written down once its results stand.

python -m sightline.report.gallery.record --settings results/demo/settings/run.json --out results/demo/run.json

The gallery takes commit, versions, checksums and date from this file and never from the machine it is drawn on, so
that equal results give an equal page. Snakemake writes it again when a result has changed.
"""

import argparse
import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import sightline
from sightline.cli import run
from sightline.errors import SightlineError
from sightline.files import sha256, write_json
from sightline.report.publication.settings import portable
from sightline.sources import LIBRARY

PACKAGES = (
    "snakemake", "torch", "transformers", "tokenizers", "safetensors", "numpy", "scipy", "scikit-learn", "pandas",
    "pyarrow", "pillow", "pycocotools", "matplotlib",
)  # fmt: skip
"""Those that can change a number or a picture."""
WEIGHTS = ("*.safetensors", "*.bin", "*.pt")
INDEXES = frozenset((".json", ".csv", ".tsv", ".txt", ".p", ".parquet", ".jsonl"))
"""What says which images a data set has and what is on them."""
SETTINGS = ("run", "config", "checkpoints", "data", "options")


class RecordError(SightlineError):
    """Settings of a run that cannot be read."""


def digest(value: Any) -> str:
    """sha256 of plain data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def folder_digest(files: Iterable[Path], root: Path) -> str:
    """sha256 over names and contents of files, in the order of their names."""
    lines = [f"{file.relative_to(root).as_posix()} {sha256(file)}" for file in sorted(files)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def checkpoint_record(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies a checkpoint.

    Args:
        entry: ``path``, ``folder`` and ``studies``; ``revision`` and ``manifest`` of one that was fetched.

    Returns:
        ``path``, ``revision`` (empty for a folder), ``sha256`` by file name of the weights (empty if there are none),
        ``studies`` that use it.
    """
    manifest = Path(entry.get("manifest") or "absent")
    if manifest.is_file():
        listed = json.loads(manifest.read_text())["files"]
        sums = {
            name: value
            for name, value in sorted(listed.items())
            if any(Path(name).match(one) for one in WEIGHTS)
        }
    else:
        folder = Path(entry["folder"])
        files = sorted(file for kind in WEIGHTS for file in folder.glob(kind))
        sums = {file.name: sha256(file) for file in files}
    return {
        "path": portable(entry["path"]),
        "revision": entry.get("revision", ""),
        "sha256": sums,
        "studies": entry["studies"],
    }


def data_record(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies a data set: annotations and lists of images, by one checksum.

    Args:
        entry: ``source``, ``root`` and ``studies``.
    """
    root = Path(entry["root"])
    files = [file for file in root.rglob("*") if file.suffix.lower() in INDEXES and file.is_file()]
    return {
        "source": entry["source"],
        "files": len(files),
        "sha256": folder_digest(files, root) if files else "",
        "studies": entry["studies"],
    }


def commit(folder: Path = LIBRARY) -> dict[str, str]:
    """Commit of the code, and whether files differed from it; empty without git or outside a repository."""

    def git(*words: str) -> str | None:
        try:
            ended = subprocess.run(
                ["git", "-C", str(folder), *words], capture_output=True, text=True, check=False
            )
        except OSError:
            return None
        return ended.stdout.strip() if ended.returncode == 0 else None

    found, changed = (
        git("rev-parse", "HEAD"),
        git("status", "--porcelain", "--untracked-files=no", "--", ":/"),
    )
    if not found:
        return {"id": "", "state": ""}
    return {"id": found, "state": "with changes" if changed else "clean"}


def versions() -> dict[str, str]:
    """Installed versions of PACKAGES, with this library and Python."""
    found = {"sightline": sightline.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def record(settings: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Everything that is written down.

    Args:
        settings: SETTINGS, as the workflow wrote them.
        now: when the results stood.
    """
    return {
        "run": settings["run"],
        "date": now.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "config_sha256": digest(settings["config"]),
        "options": settings["options"],
        "commit": commit(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "checkpoints": {
            name: checkpoint_record(one) for name, one in settings["checkpoints"].items()
        },
        "data": {name: data_record(one) for name, one in settings["data"].items()},
    }


def read_settings(path: Path | str) -> dict[str, Any]:
    """Settings of a run as the workflow wrote them.

    Raises:
        RecordError: names the file and what is missing.
    """
    try:
        settings = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise RecordError(
            f"{path}: cannot be read ({error}). Write it again (snakemake --forcerun write_run_settings)."
        ) from None
    lacking = [name for name in SETTINGS if name not in settings]
    if lacking:
        raise RecordError(
            f"{path}: lacks {', '.join(lacking)}. Write it again (snakemake --forcerun write_run_settings)."
        )
    return settings


def main(arguments: argparse.Namespace) -> None:
    """Write the record."""
    write_json(record(read_settings(arguments.settings), datetime.now(UTC)), arguments.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write down what a run was made with.")
    parser.add_argument("--settings", required=True, type=Path, help="settings/run.json of the run")
    parser.add_argument("--out", required=True, type=Path, help="JSON to write")
    run(main, parser)
