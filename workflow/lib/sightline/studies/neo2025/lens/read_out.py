"""What the lens shows of one image, as arrays: who reads it needs no torch."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ReadOut:
    """What the lens shows of one image.

    Attributes:
        image_id: of the image.
        entries: best vocabulary entries, best first, (tokens, states, k).
        probabilities: of these, (tokens, states, k).
        ranks: of the image's class word and of a word for nothing in it, (tokens, states, 2).
        word_probabilities: of the same two, (tokens, states, 2).
        input_entries: best entry by the input embeddings, (tokens, states).
        normed_twice: best entry in the last state as the authors' code has it, (tokens,).
    """

    image_id: int
    entries: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    ranks: NDArray[np.int64]
    word_probabilities: NDArray[np.float32]
    input_entries: NDArray[np.int64]
    normed_twice: NDArray[np.int64]

    @property
    def states(self) -> int:
        """Number of states, the first block's input included."""
        return self.entries.shape[1]

    @property
    def best(self) -> NDArray[np.int64]:
        """Best entry of every token and state, (tokens, states)."""
        return self.entries[..., 0]


class ReadOuts(Protocol):
    """Read-outs of many images, such as `sightline.studies.neo2025.lens.stored.LensReader`.

    Attributes:
        tokens: image -> number of its tokens.
        states: number of states.
    """

    tokens: dict[int, int]
    states: int

    def read(self, image: int) -> ReadOut:
        """Read-out of one image."""
