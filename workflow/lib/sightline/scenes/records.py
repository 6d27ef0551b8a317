"""Reading annotation files: whatever is wrong, the message names file, record and key."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sightline.errors import SightlineError


class AnnotationError(SightlineError):
    """An annotation file is missing, unreadable, or not in its official format."""


def read_json(path: Path, encodings: tuple[str, ...] = ("utf-8",)) -> Any:
    """Parse a JSON file, trying the given encodings in turn.

    Raises:
        AnnotationError: no such file, or no JSON in it.
    """
    if not path.is_file():
        raise AnnotationError(f"{path}: no such file. Check the data set's root folder and split.")
    for encoding in encodings:
        try:
            return json.loads(path.read_text(encoding))
        except UnicodeDecodeError:
            continue
        except json.JSONDecodeError as error:
            raise AnnotationError(
                f"{path}: not valid JSON ({error}). Download or generate it again."
            ) from error
    raise AnnotationError(f"{path}: text is not in {' or '.join(encodings)}. Download it again.")


def field(record: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """The value of ``key``, which must be of type ``kind``; ``where`` names the record."""
    if not isinstance(record, Mapping):
        raise AnnotationError(
            f"{where}: expected an object with key '{key}', found {type(record).__name__}."
        )
    if key not in record:
        raise AnnotationError(f"{where}: key '{key}' is missing; it has {', '.join(record)}.")
    value = record[key]
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(one.__name__ for one in kinds)
        raise AnnotationError(f"{where}: key '{key}' must be {wanted}, found {value!r:.80}.")
    return value
