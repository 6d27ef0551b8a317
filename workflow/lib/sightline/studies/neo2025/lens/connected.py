"""Patches of a picture that hang together, so that a word over them is written once."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def connected(tokens: Iterable[int], columns: int) -> list[NDArray[np.int64]]:
    """Groups of tokens that touch each other at a side or a corner.

    Args:
        tokens: row-major, in any order.
        columns: tokens from left to right.

    Returns:
        Sorted tokens of each group, the largest group first, of equals the uppermost.
    """
    left, groups = {int(token) for token in tokens}, []
    while left:
        group, front = [], [left.pop()]
        while front:
            token = front.pop()
            group.append(token)
            row, column = divmod(token, columns)
            near = {
                (row + down) * columns + column + across
                for down in (-1, 0, 1)
                for across in (-1, 0, 1)
                if 0 <= column + across < columns
            }
            front += sorted(near & left)
            left -= near
        groups.append(np.array(sorted(group), dtype=np.int64))
    return sorted(groups, key=lambda group: (-len(group), group[0]))
