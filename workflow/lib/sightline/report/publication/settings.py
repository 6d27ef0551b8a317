"""Which settings must agree for results to be taken over, written so that they tell nothing of a machine."""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from sightline.redaction import redact
from sightline.report.publication.contents import CACHE, words_of

_OF_NO_RESULT = ("batch_size", "objective", "pickled", "license", "gpus")
"""Settings of a model or an encoder that change nothing it leaves."""
_USERS = ("models", "encoders")
"""Settings of a study that say who is measured, not how."""
_KEPT = ("run", "seed", "datasets", "models", "conversions", "encoders", "studies")
_CACHES = {"image_tokens": "neo2025", "lens": "neo2025"}
"""The study whose settings a cache depends on."""


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
    """What of a configuration is published."""
    return {key: portable(config[key]) for key in _KEPT if key in config}


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
        # Official data are the same wherever they come from.
        drawn = entry.get("source") == "world"
        behind |= dict(_below(f"datasets.{name}", entry)) if drawn else {}
        behind[f"datasets.{name}.drawn"] = drawn
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
