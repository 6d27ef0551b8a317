"""Reading annotation files: whatever is wrong, the message names file, record and key."""

import json
from collections.abc import Mapping
from math import isfinite
from numbers import Real
from pathlib import Path, PurePosixPath, PureWindowsPath
from reprlib import Repr
from typing import Any

from sightline.errors import SightlineError

# What the usual file systems allow for one part of a path, in bytes.
_LONGEST_NAME = 255
# Values may be huge, or deep, or hold themselves: a message shows their beginning.
_SHORT = Repr()
_SHORT.maxstring, _SHORT.maxother, _SHORT.maxlevel = 60, 60, 3


class AnnotationError(SightlineError):
    """An annotation file is missing, unreadable, or not in its official format."""


def read_text(path: Path, encodings: tuple[str, ...] = ("utf-8",)) -> str:
    """The text of a file, trying the given encodings in turn.

    Raises:
        AnnotationError: no such file, it cannot be opened, or it is no text.
    """
    if not path.is_file():
        raise AnnotationError(f"{path}: no such file. Check the data set's root folder and split.")
    for encoding in encodings:
        try:
            return path.read_text(encoding)
        except UnicodeDecodeError:
            continue
        except OSError as error:
            raise AnnotationError(f"{path}: cannot be read ({error.strerror}).") from error
    raise AnnotationError(f"{path}: text is not in {' or '.join(encodings)}. Download it again.")


def read_json(path: Path, encodings: tuple[str, ...] = ("utf-8",)) -> Any:
    """Parse a JSON file, trying the given encodings in turn.

    Raises:
        AnnotationError: no such file, or no JSON in it.
    """
    return parse_json(read_text(path, encodings), str(path))


def parse_json(text: str, where: str) -> Any:
    """Parse JSON; ``where`` names the file or line. NaN and Infinity are no JSON.

    Raises:
        AnnotationError: it is none.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise AnnotationError(
            f"{where}: not valid JSON ({error}). Download or generate it again."
        ) from error


def field(record: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """The value of ``key``, which must be of type ``kind``; ``where`` names the record.

    A truth value is no number here, and a number is finite.
    """
    if not isinstance(record, Mapping):
        raise AnnotationError(
            f"{where}: expected an object with key '{key}', found {type(record).__name__}."
        )
    if key not in record:
        known = ", ".join(map(shown, list(record)[:20]))
        raise AnnotationError(f"{where}: key '{key}' is missing; it has {known or 'none'}.")
    value = record[key]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    strange = (isinstance(value, bool) and bool not in kinds) or (
        isinstance(value, float) and not isfinite(value)
    )
    if strange or not isinstance(value, kind):
        wanted = " or ".join(one.__name__ for one in kinds)
        raise AnnotationError(f"{where}: key '{key}' must be {wanted}, found {shown(value)}.")
    return value


def file_name(record: Any, key: str, where: str) -> str:
    """A file named in a record, which must lie below the folder of its data set.

    Raises:
        AnnotationError: the key is missing, or its value leads elsewhere or is no name of a file.
    """
    name = field(record, key, str, where)
    path = PurePosixPath(name)
    outside = path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts
    if outside or not path.name or not _can_be_a_file(path):
        raise AnnotationError(
            f"{where}: key '{key}' is {shown(name)}; expected the name of a file below the folder "
            "of the images."
        )
    return name


def flag(record: Mapping[str, Any], key: str, where: str, default: bool = False) -> bool:
    """A truth value, which files also write as 0 or 1.

    Raises:
        AnnotationError: it is something else, such as the word "False".
    """
    value = record.get(key, default)
    if not isinstance(value, bool | int) or value not in (0, 1):
        raise AnnotationError(
            f"{where}: key '{key}' must be 0, 1, true or false, found {shown(value)}."
        )
    return bool(value)


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that a float can hold; truth values are none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return isfinite(value)
    except OverflowError:
        return False


def shown(value: Any) -> str:
    """The beginning of a value, for a message."""
    return _SHORT.repr(value)


def _can_be_a_file(path: PurePosixPath) -> bool:
    try:
        parts = [part.encode() for part in path.parts]
    except UnicodeEncodeError:
        return False
    return b"\0" not in b"".join(parts) and all(len(part) <= _LONGEST_NAME for part in parts)


def _refuse(name: str) -> Any:
    raise ValueError(f"it holds {name}, which is no number")
