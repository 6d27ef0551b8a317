"""COCO's run lengths, checked before they are unpacked: the C code behind pycocotools trusts what it is given.

Runs alternate between background and object down the columns of an image, background first. They come as a list of
numbers, or as text that packs each number (from the fourth on its difference to the one two before) into characters
of five bits and a mark that another follows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

_FIRST, _MORE, _MINUS, _BITS = 48, 0x20, 0x10, 0x1F
# Numbers are of 32 bits: seven characters of five.
_LONGEST = 7


class RunLengthError(ValueError):
    """Runs that are not those of an image of this size."""


def decode(counts: str | bytes | Sequence[int], height: int, width: int) -> NDArray[np.bool_]:
    """Unpack run lengths to (height, width) bool.

    Args:
        counts: the runs, as text or as a list.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Raises:
        RunLengthError: they are malformed, or do not add up to the pixels of the image.
    """
    runs = _unpack(counts) if isinstance(counts, str | bytes) else counts
    if not all(type(run) is int and run >= 0 for run in runs) or sum(runs) != height * width:
        raise RunLengthError("they do not add up to the pixels of the image")
    packed: Mapping[str, Any] = {"counts": list(runs), "size": [height, width]}
    return coco_mask.decode(coco_mask.frPyObjects(packed, height, width)).astype(bool)


def _unpack(text: str | bytes) -> list[int]:
    try:
        characters = text.encode("ascii") if isinstance(text, str) else text
    except UnicodeEncodeError:
        raise RunLengthError("they hold characters that stand for no run") from None
    runs: list[int] = []
    value = place = 0
    for character in characters:
        bits = character - _FIRST
        if not 0 <= bits < 2 * _MORE or place == _LONGEST:
            raise RunLengthError("they hold characters that stand for no run")
        value |= (bits & _BITS) << 5 * place
        place += 1
        if not bits & _MORE:
            if bits & _MINUS:
                value -= 1 << 5 * place
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = place = 0
    if place:
        raise RunLengthError("they break off within a number")
    return runs
