"""Settings that come as a JSON file: read, or refused with the name of the file and the key at fault."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from sightline.errors import SightlineError


class FromFile:
    """What is parsed from a mapping and may lie in a file.

    Attributes:
        error: raised for settings that are missing or make no sense.
    """

    error: ClassVar[type[SightlineError]] = SightlineError

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> Self:
        """Take a mapping of the configuration apart.

        Raises:
            SightlineError: of the class ``error``, names the key at fault.
        """
        raise NotImplementedError

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a file with one JSON object.

        Raises:
            SightlineError: of the class ``error``, names the file and the key at fault.
        """
        try:
            return cls.parse(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise cls.error(f"{path}: not readable as JSON ({error}).") from None
        except cls.error as error:
            raise cls.error(f"{path}: {error}") from None
