"""Entries of the configuration that name a model: read from a file, or refused with the file and the key at fault."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from sightline.errors import SightlineError


class ModelError(SightlineError):
    """A model's entry makes no sense, or its files do not fit together."""


class Entry:
    """A dataclass whose attributes are the keys of an entry.

    Attributes:
        example: an entry that is complete.
    """

    example: ClassVar[str]

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read an entry's file: one JSON object with the attributes as keys.

        Raises:
            ModelError: names the file and the key at fault.
        """
        try:
            return cls.parse(json.loads(Path(path).read_text()))
        except (OSError, json.JSONDecodeError) as error:
            raise ModelError(f"{path}: not readable as JSON ({error}).") from None
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from None

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
