"""Entries of models, parts and encoders in a configuration; no two of them have one name."""

from collections.abc import Mapping
from typing import Any

CONVERTED_FOLDERS = {"lisa": "llava", "internvl2": "internvl"}
"""Layout that a checkpoint was published in -> where its conversion leaves the VLM."""

_KINDS = ("models", "parts", "encoders")


def whole_entry(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An entry with what it takes over from the one that it is ``of``; empty if there is none of that name."""
    entry = _entry(config, name)
    own = {key: value for key, value in entry.items() if key != "of"}
    return (whole_entry(config, entry["of"]) | own) if "of" in entry else own


def origin(config: Mapping[str, Any], name: str) -> str:
    """Whose checkpoint it uses: its own, or another's."""
    entry = _entry(config, name)
    return origin(config, entry["of"]) if "of" in entry else name


def _entry(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next((config[kind][name] for kind in _KINDS if name in config.get(kind, {})), {})
