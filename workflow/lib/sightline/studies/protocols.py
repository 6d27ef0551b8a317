"""Settings of a study as a file: read, taken apart, and refused with the name of the file and the key at fault."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from sightline.errors import SightlineError


class ProtocolError(SightlineError):
    """A setting of a study is missing or makes no sense."""


class FromFile:
    """Settings that come as a JSON file."""

    @classmethod
    @abstractmethod
    def parse(cls, settings: Mapping[str, Any]) -> Self:
        """Take the nested mapping of the configuration apart.

        Raises:
            ProtocolError: names the key at fault.
        """

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a settings file.

        Raises:
            ProtocolError: names the file and the key at fault.
        """
        try:
            return cls.parse(json.loads(Path(path).read_text()))
        except (OSError, json.JSONDecodeError) as error:
            raise ProtocolError(f"{path}: not readable as JSON ({error}).") from None
        except ProtocolError as error:
            raise ProtocolError(f"{path}: {error}") from None


def find_setting(settings: Mapping[str, Any], dotted: str, study: str) -> Any:
    """The value under a dotted key.

    Raises:
        ProtocolError: there is none.
    """
    value: Any = settings
    for key in dotted.split("."):
        if not isinstance(value, Mapping) or key not in value:
            raise ProtocolError(f"{dotted} is missing; see studies.{study} in config/demo.yaml.")
        value = value[key]
    return value
