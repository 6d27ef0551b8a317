"""The order in which scikit-learn's stochastic solvers visit samples, from its seeds alone.

A Perceptron keeps one generator per binary classifier and shuffles the same index in every epoch with the same
seed: the order of epoch e is one permutation applied e times (scikit-learn 1.9, ``_sgd_fast`` and
``_seq_dataset``).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

_LARGEST = np.iinfo(np.int32).max


def class_seeds(classes: int, random_state: int) -> list[int]:
    """Seed of the shuffling for every binary classifier of a problem; two classes have one."""
    if classes == 2:
        return [_draw(np.random.RandomState(random_state))]
    # The legacy generator, because it is the one whose draws are to be repeated.
    own = np.random.RandomState(random_state).randint(_LARGEST, size=classes)
    return [_draw(np.random.RandomState(seed)) for seed in own]


def _draw(state: np.random.RandomState) -> int:
    # The first number drawn seeds a part of the data set that Perceptron does not use.
    state.randint(1, _LARGEST)
    return int(state.randint(_LARGEST))


@cache
def shuffle_step(rows: int, seed: int) -> NDArray[np.int64]:
    """The permutation (rows,) that one shuffle applies: the next order is ``order[step]``."""
    order = list(range(rows))
    state = seed & 0xFFFFFFFF or 1
    for place in range(rows - 1):
        # Xorshift of 32 bits, folded to 31.
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        other = place + (state & 0x7FFFFFFF) % (rows - place)
        order[place], order[other] = order[other], order[place]
    return np.array(order, dtype=np.int64)
