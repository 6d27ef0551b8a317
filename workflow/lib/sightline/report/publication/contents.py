"""What of a run is published: all that models left in it, under the paths it has there."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from sightline.errors import SightlineError

CARD, MANIFEST = "README.md", "manifest.json"
SCORECARD = "scorecard.csv"
CACHE, MEASUREMENTS = "cache", "measurements"
SPEC = "spec.json"
_SUFFIXES = (".parquet", ".safetensors", ".csv", ".json")
"""Figures and pages are drawn again from these."""


class PublicationError(SightlineError):
    """A published folder is not whole, not the one that was asked for, or of other settings."""


class Table(NamedTuple):
    """Measurements of one kind, for all models.

    Attributes:
        name: of the configuration of the data set, such as neo2025_ablation.
        files: of the run, sorted.
    """

    name: str
    files: tuple[str, ...]


def words_of(file: str) -> tuple[str, ...]:
    """Parts of a path without the suffix: folders and the file's own name."""
    path = PurePosixPath(file)
    return (*path.parts[:-1], path.name.removesuffix(path.suffix))


def models_of(config: Mapping[str, Any]) -> set[str]:
    """Keys of all models and encoders."""
    return {*config.get("models", {}), *config.get("encoders", {})}


def find_files(run: Path, config: Mapping[str, Any]) -> list[str]:
    """Files of the configured models and studies, sorted; what another configuration left is passed over.

    Args:
        run: folder of the run.
        config: of the run.
    """
    models = models_of(config)
    tops = [run / name for name in (CACHE, *config["studies"])]
    found = (file for top in tops for file in top.rglob("*") if file.suffix in _SUFFIXES)
    names = (file.relative_to(run).as_posix() for file in found)
    # What a killed job has left half written begins with a dot.
    whole = (name for name in names if not name.startswith(".") and "/." not in name)
    return sorted(name for name in whole if models & set(words_of(name)))


def tables_of(files: list[str], config: Mapping[str, Any]) -> list[Table]:
    """Measurements among files, by kind."""
    kinds: dict[str, list[str]] = {}
    for file in files:
        study, *inner = words_of(file)
        if inner[:1] == [MEASUREMENTS] and file.endswith(".parquet"):
            kind = [word for word in inner[1:] if word not in models_of(config)]
            kinds.setdefault("_".join((study, *kind)), []).append(file)
    return [Table(name, tuple(found)) for name, found in sorted(kinds.items())]


def traces_of(files: list[str]) -> list[str]:
    """Folders of the trace sets among files."""
    return [file.removesuffix(f"/{SPEC}") for file in files if file.endswith(f"/{SPEC}")]
