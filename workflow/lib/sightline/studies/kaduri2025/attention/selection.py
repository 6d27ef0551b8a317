"""Which image tokens stay visible: a share of them, chosen in every layer by itself (kaduri2025 section 3.4)."""

import numpy as np
from numpy.typing import NDArray

ATTENTION, FIRST_STEP, NORM, RANDOM = "attention", "first step", "norm", "random"
SELECTIONS = (ATTENTION, FIRST_STEP, NORM, RANDOM)
"""By mean attention of all generated tokens, as published; by that of the first one; by the norm of the state that
enters the layer; by chance. The last three are the alternatives of the authors' scripts."""

Kept = tuple[int, ...]


def count(share: float, tokens: int) -> int:
    """Tokens that are kept, rounded down as published, at least one.

    Args:
        share: percent.
        tokens: of the image.
    """
    # Rounding errors must not take a token away: 2.3 % of 1000 is 22.999999999999996 in binary.
    return max(1, int(share * tokens / 100 + 1e-9))


def largest(scores: NDArray[np.floating], number: int) -> list[Kept]:
    """The tokens with the largest scores, ascending, one tuple for each layer.

    Args:
        scores: (layers, tokens).
        number: of tokens in each layer.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :number]
    return [tuple(map(int, np.sort(row))) for row in order]


def drawn(layers: int, tokens: int, number: int, seed: tuple[int, ...]) -> list[Kept]:
    """As many tokens by chance, other ones in each layer.

    Args:
        layers: of the model.
        tokens: of the image.
        number: of tokens in each layer.
        seed: for example of run, image, share and draw.
    """
    generator = np.random.default_rng(seed)
    return [
        tuple(map(int, np.sort(generator.choice(tokens, number, replace=False))))
        for _ in range(layers)
    ]
