"""Arrays as compact text inside a page, and back: little-endian bytes, gzip, base64.

A page decodes a blob when it is first looked at, so many images cost nothing until they are chosen. What is decoded
is described by a layout, one entry per array in the order of the bytes: name, type and shape.
"""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import SightlineError

TYPES = {"u1": np.dtype("u1"), "u2": np.dtype("<u2"), "f4": np.dtype("<f4")}
LEVELS = 255
"""Steps of a stored share: its square root is stored, so that small shares keep their first digit."""

COSINE_STEPS = 127
"""Steps of a stored cosine from -1 to 0, and from 0 to 1."""


class PackingError(SightlineError):
    """An array that a page cannot hold."""


@dataclass(frozen=True)
class Blob:
    """Packed arrays.

    Attributes:
        text: base64 of gzip.
        layout: name, type (u1, u2 or f4) and shape of each array, as plain data for the page.
    """

    text: str
    layout: list[dict[str, Any]]


def pack(arrays: Mapping[str, NDArray[Any]]) -> Blob:
    """Put arrays one after the other; equal arrays give equal text.

    Two-byte arrays are stored as all low bytes, then all high bytes: numbers of frequent words are small, so the
    second half is nearly empty.

    Raises:
        PackingError: an array of another type.
    """
    layout, parts = [], []
    for name, array in arrays.items():
        kind = {dtype: name for name, dtype in TYPES.items()}.get(array.dtype.newbyteorder("<"))
        if kind is None:
            raise PackingError(
                f"{name}: a page cannot hold {array.dtype}; give one of {', '.join(TYPES)}."
            )
        layout.append({"name": name, "type": kind, "shape": list(array.shape)})
        stored = np.ascontiguousarray(array, TYPES[kind]).view(np.uint8)
        if kind == "u2":
            stored = stored.reshape(-1, 2).T
        parts.append(stored.tobytes())
    return Blob(_text(b"".join(parts)), layout)


def unpack(blob: Blob) -> dict[str, NDArray[Any]]:
    """What `pack` was given."""
    content, found, place = _bytes(blob.text), {}, 0
    for entry in blob.layout:
        dtype = TYPES[entry["type"]]
        end = place + dtype.itemsize * int(np.prod(entry["shape"]))
        stored = np.frombuffer(content[place:end], np.uint8)
        if entry["type"] == "u2":
            stored = stored.reshape(2, -1).T
        found[entry["name"]] = np.ascontiguousarray(stored).view(dtype).reshape(entry["shape"])
        place = end
    return found


def pack_json(value: Any) -> Blob:
    """Plain data that is too long to stand in a page as it is."""
    return Blob(_text(json.dumps(value, separators=(",", ":")).encode()), [])


def unpack_json(blob: Blob) -> Any:
    """What `pack_json` was given."""
    return json.loads(_bytes(blob.text))


def quantise(shares: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Shares between 0 and 1 in one byte each, at most half a point off."""
    return np.rint(np.sqrt(np.clip(shares, 0, 1)) * LEVELS).astype(np.uint8)


def dequantise(stored: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Shares back."""
    return (stored.astype(float) / LEVELS) ** 2


def quantise_cosines(cosines: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Cosines between -1 and 1 in one byte each, at most 0.004 off; 127 is 0."""
    return np.rint((np.clip(cosines, -1, 1) + 1) * COSINE_STEPS).astype(np.uint8)


def dequantise_cosines(stored: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Cosines back."""
    return stored.astype(float) / COSINE_STEPS - 1


def _text(content: bytes) -> str:
    # Without a time of day equal content gives equal bytes.
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def _bytes(text: str) -> bytes:
    return gzip.decompress(base64.b64decode(text))
