"""Entries of the configuration that name a model, and the files of its weights."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from sightline.errors import SightlineError
from sightline.from_file import FromFile


def weight_files(folder: Path) -> list[Path]:
    """Files whose weights are loaded from a folder: safetensors, or where there are none, pickled ones."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))


class ModelError(SightlineError):
    """A model's entry makes no sense, or its files do not fit together."""


class Entry(FromFile):
    """A dataclass whose attributes are the keys of an entry.

    Attributes:
        example: an entry that is complete.
    """

    error = ModelError
    example: ClassVar[str]

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Self:
        """Take an entry of the configuration, its key included.

        Raises:
            ModelError: names the key at fault.
        """
        known = [field.name for field in fields(cls)]
        for name in entry:
            if name not in known:
                raise ModelError(f"key {name!r} is unknown; known are {', '.join(known)}.")
        for field in fields(cls):
            if field.default is MISSING and not entry.get(field.name):
                raise ModelError(f"key {field.name!r} is missing; give for example {cls.example}.")
        return cls(**entry)
