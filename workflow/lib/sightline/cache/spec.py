"""What a trace set was made with: a plain mapping with one spelling, compared key by key."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sightline.errors import SightlineError

ABSENT = "absent"


class SpecMismatchError(SightlineError):
    """A trace set on disk was made with other settings than the ones asked for."""


class Spec(Mapping[str, Any]):
    """A JSON-able mapping with a canonical text, so that equal settings have equal bytes.

    Tuples become lists, as JSON would make them on the way back from disk.

    Args:
        values: strings, finite numbers, booleans, None, and lists or mappings of them.

    Raises:
        SpecMismatchError: a value has no single spelling in JSON; the message names its key.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Copy ``values`` into plain JSON types."""
        self._values: dict[str, Any] = _plain(values, "")

    def __getitem__(self, key: str) -> Any:
        """Value of a top-level key."""
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        """Top-level keys."""
        return iter(self._values)

    def __len__(self) -> int:
        """Number of top-level keys."""
        return len(self._values)

    def __repr__(self) -> str:
        """Canonical text, for messages."""
        return f"Spec({self.text})"

    @property
    def text(self) -> str:
        """Canonical JSON: sorted keys, no spaces."""
        return json.dumps(self._values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def digest(self) -> str:
        """Hex sha256 of the canonical text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def differences(self, expected: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
        """Where ``expected`` is not met: (dotted key, value here, value expected).

        Only the keys of ``expected`` count: a reader states what it relies on, not everything the
        writer knew.
        """
        return list(_differences(self._values, Spec(expected)._values, ""))

    def require(self, expected: Mapping[str, Any], file: Path | str) -> None:
        """Check that every key of ``expected`` has the same value here.

        Args:
            expected: the settings the caller relies on; nested mappings are compared key by key.
            file: where this spec was read, for the message.

        Raises:
            SpecMismatchError: names every key that differs and the folder to delete.
        """
        differences = self.differences(expected)
        if not differences:
            return
        lines = "\n".join(
            f"  {key}: written with {_show(found)}, this run expects {_show(wanted)}"
            for key, found, wanted in differences
        )
        raise SpecMismatchError(
            f"{file}: this trace set was made with other settings.\n{lines}\n"
            f"Delete {str(file).rpartition('/')[0]} and run snakemake again to rebuild it, "
            "or go back to the settings it was written with."
        )


def _show(value: Any) -> str:
    # The marker is compared by identity: a spec may hold the word "absent" as a value.
    if value is ABSENT:
        return "no such key"
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _plain(value: Any, key: str) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise SpecMismatchError(f"spec key {key}: {value} has no JSON spelling; use null.")
        return float(value)
    if isinstance(value, Mapping):
        plain = {}
        for name, item in value.items():
            if not isinstance(name, str):
                raise SpecMismatchError(f"spec key {key or '(top)'}: {name!r} must be a string.")
            plain[name] = _plain(item, f"{key}.{name}" if key else name)
        return plain
    if isinstance(value, list | tuple):
        return [_plain(item, f"{key}[{number}]") for number, item in enumerate(value)]
    raise SpecMismatchError(
        f"spec key {key}: {type(value).__name__} cannot be written as JSON; "
        "give a string, a plain number, a list or a mapping."
    )


def _differences(found: Any, wanted: Any, key: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in sorted(wanted):
            inner = f"{key}.{name}" if key else name
            yield from _differences(found.get(name, ABSENT), wanted[name], inner)
    elif found is ABSENT or not _equal(found, wanted):
        yield key, found, wanted


def _equal(one: Any, other: Any) -> bool:
    """Keep True apart from 1, in lists too, but not 1 from 1.0, which JSON does not tell apart either."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
