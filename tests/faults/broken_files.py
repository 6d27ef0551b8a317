"""Annotation files with something wrong in them: values replaced, keys lost or moved, bytes changed, ends cut off."""

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

Path_ = tuple[Any, ...]

STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([10**12, -(10**12), 10**400, 2**31, 2**63, 0.5, -0.0, 1e308, 1e999]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", "1", "yes", "../../x", "/etc/passwd", "a\0b", "C:\\x", "x" * 300, "\ud800"]),
    st.just([]),
    st.just({}),
    st.lists(st.one_of(st.integers(-9, 99), st.none(), st.text(max_size=3)), max_size=9),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=3),
)  # fmt: skip
"""What no one expects in a place of an annotation file."""


def places(value: Any, here: Path_ = ()) -> list[Path_]:
    """Ways to every value inside a document."""
    found = [here] if here else []
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*here, key))
    return found


@st.composite
def broken(draw: st.DrawFn, document: Any) -> Any:
    """The document with one to three changes: a value replaced, lost, given twice, or put in another's place."""
    content = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        ways = places(content)
        if not ways:
            break
        *outer, last = draw(st.sampled_from(ways))
        place = content
        for key in outer:
            place = place[key]
        match draw(st.sampled_from(["replace", "replace", "lose", "repeat", "move"])):
            case "replace":
                place[last] = draw(STRANGE)
            case "lose":
                del place[last]
            case "repeat" if isinstance(place, list):
                place.append(copy.deepcopy(place[last]))
            case _:
                other = content
                for key in draw(st.sampled_from(ways)):
                    if not isinstance(other, dict | list):
                        break
                    try:
                        other = other[key]
                    except (KeyError, IndexError):
                        break
                place[last] = copy.deepcopy(other)
    return content


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with some changed, put in, taken out, or the end cut off."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["flip", "put", "take", "cut"])):
            case "flip" if data:
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "put":
                data[place:place] = draw(st.binary(max_size=6))
            case "take":
                del data[place : place + draw(st.integers(1, 9))]
            case _:
                del data[place:]
    return bytes(data)


def json_bytes(document: Any) -> bytes:
    """As the official files are; halves of characters stay escaped."""
    return json.dumps(document).encode()


def either(document: Any, write: Callable[[Any], bytes] = json_bytes) -> st.SearchStrategy[bytes]:
    """Files of broken documents, and broken files of the document."""
    return st.one_of(broken(document).map(write), damaged(write(document)))


def pickle_bytes(document: Any) -> bytes:
    """As the reference files are."""
    return pickle.dumps(document, 2)


def put(path: Path, content: bytes) -> None:
    """Write a file and the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
