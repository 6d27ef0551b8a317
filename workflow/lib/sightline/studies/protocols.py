"""Settings of a study, as the configuration gives them."""

from collections.abc import Mapping
from typing import Any

from sightline.errors import SightlineError
from sightline.from_file import FromFile


class ProtocolError(SightlineError):
    """A setting of a study is missing or makes no sense."""


class StudySettings(FromFile):
    """Settings of a study, see `sightline.from_file`."""

    error = ProtocolError


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
