"""Which settings must agree for results to be taken over, written so that they tell nothing of a machine."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from sightline.files import sha256
from sightline.redaction import redact
from sightline.report.publication.contents import CACHE, PublicationError, words_of
from sightline.sources import LIBRARY

_OF_NO_RESULT = ("batch_size", "objective", "pickled", "license", "gpus")
"""Settings of a model or an encoder that change nothing it leaves."""
_USERS = ("models", "encoders")
"""Settings of a study that say who is measured, not how."""
_KEPT = ("run", "seed", "datasets", "models", "conversions", "encoders", "studies")
_CACHES = {"image_tokens": "neo2025", "lens": "neo2025"}
"""The study whose settings a cache depends on."""
_ANNOTATIONS = {".json", ".jsonl", ".txt", ".p", ".csv", ".tsv", ".parquet"}


def portable(value: Any) -> Any:
    """A value without secrets, and paths that lead out of the working directory cut to their last part."""
    if isinstance(value, Mapping):
        return {key: portable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [portable(part) for part in value]
    if isinstance(value, str):
        path = PurePath(value.removeprefix("file://"))
        outside = path.is_absolute() or path.parts[:1] == ("..",) or value.startswith("~")
        return path.name if outside else redact(value)
    return value


def published_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a configuration is published; of a data set of the user's own also the checksum of its annotations.

    Raises:
        PublicationError: such a data set has no annotations.
    """
    settings = {key: portable(config[key]) for key in _KEPT if key in config}
    for name, entry in config.get("datasets", {}).items():
        if entry.get("source") == "local":
            settings["datasets"][name]["annotations"] = _annotations(entry["path"])
    return settings


@cache
def _annotations(folder: str) -> str:
    # As rules find it: below the working directory, else beside the Snakefile.
    root = Path(folder) if Path(folder).exists() else LIBRARY.parents[1] / folder
    # Links are followed: large data often lie elsewhere.
    below = (
        Path(inner, name) for inner, _, names in os.walk(root, followlinks=True) for name in names
    )
    files = sorted(file for file in below if file.suffix in _ANNOTATIONS)
    if not files:
        raise PublicationError(
            f"{folder}: no annotations there, by which a data set is known. Correct its path under datasets."
        )
    lines = [f"{file.relative_to(root)} {sha256(file)}" for file in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def settings_behind(settings: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Settings that a published file depends on.

    Args:
        settings: of `published_settings`.
        file: below the folder of a run.

    Returns:
        Dotted key -> value.
    """
    words = words_of(file)
    study = _CACHES.get(words[2], "") if words[0] == CACHE else words[0]
    behind = {"seed": settings["seed"]}
    behind |= dict(_below(f"studies.{study}", settings["studies"].get(study, {}), _USERS))
    for name, entry in settings.get("datasets", {}).items():
        # Where a folder lies changes nothing; what is in it does.
        behind |= dict(_below(f"datasets.{name}", entry, ("path",)))
    for kind in ("models", "encoders"):
        for name in settings.get(kind, {}).keys() & set(words):
            behind |= dict(_model(settings, kind, name))
    return behind


def _below(
    prefix: str, entry: Mapping[str, Any], left_out: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any]]:
    for key, value in entry.items():
        if key not in left_out:
            yield f"{prefix}.{key}", value


def _model(settings: Mapping[str, Any], kind: str, name: str) -> Iterator[tuple[str, Any]]:
    entry = settings[kind][name]
    yield from _below(f"{kind}.{name}", entry, _OF_NO_RESULT)
    if "of" in entry:
        yield from _model(settings, kind, entry["of"])
    if name in settings.get("conversions", {}):
        yield f"conversions.{name}", settings["conversions"][name]
