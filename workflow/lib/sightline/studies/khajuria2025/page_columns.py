"""Tables behind the page of object tokens: who reads them needs no torch."""

import numpy as np
from numpy.typing import NDArray

from sightline.studies.shown_objects import SHOWN_OBJECTS

IMAGE_COLUMNS = {
    "image_id": "int64", "split": "str", "encoder": "str", "task": "int64", "width": "int64",
    "height": "int64", "picture": "object",
}  # fmt: skip
"""One row per image, in the order of the page; the picture is JPEG in the encoder's frame of width x height pixels."""
LAYER_COLUMNS = {"layer": "int16", "rows": "int64", "columns": "int64"}
"""One row per layer: the grid of its tokens."""
MEMBER_COLUMNS = {
    "image_id": "int64", "role": "str", "category": "str", "layer": "int16", "middle": "int32",
    "tokens": "object",
}  # fmt: skip
"""One row per object and layer: its tokens as the study pools them, and the one in their middle."""
COSINE_COLUMNS = {"image_id": "int64", "layer": "int16", "values": "object"}
"""One row per image and layer: cosines of all pairs of tokens, see `pack_cosines`."""

TABLES = {
    "images": IMAGE_COLUMNS,
    "layers": LAYER_COLUMNS,
    "objects": SHOWN_OBJECTS,
    "members": MEMBER_COLUMNS,
    "cosines": COSINE_COLUMNS,
}
STORED = np.dtype("<f2")


def pack_cosines(cosines: NDArray[np.floating]) -> bytes:
    """The part of a symmetric matrix (tokens, tokens) above its diagonal, row by row, in half precision."""
    above = np.triu_indices(len(cosines), 1)
    return cosines[above].astype(STORED).tobytes()


def unpack_cosines(stored: bytes, tokens: int) -> NDArray[np.float32]:
    """The matrix (tokens, tokens), 1 on its diagonal.

    Raises:
        ValueError: as many pairs as of another number of tokens.
    """
    found = np.eye(tokens, dtype=np.float32)
    rows, columns = np.triu_indices(tokens, 1)
    values = np.frombuffer(stored, STORED)
    if len(values) != len(rows):
        raise ValueError(f"{len(values)} cosines where {tokens} tokens have {len(rows)}")
    found[rows, columns] = found[columns, rows] = values
    return found
