"""Floating-point operations of transformers: two for every weight and token, and those of attention.

Norms, activations, softmax and rotary embeddings are left out; they are below one percent at published widths.
"""

from sightline.report.plan.shapes import Blocks, Shape

BACKWARD = 3
"""A forward pass and the way back cost so many forward passes."""


def rows(stack: Blocks, count: float, seen: float, layers: float | None = None) -> float:
    """Operations of some rows in some layers.

    Args:
        stack: the blocks.
        count: rows that are computed.
        seen: positions that each row attends to, on average.
        layers: in how many blocks; None for all.

    Returns:
        2 per weight and row, and 4 per unit of width, row and position seen (scores and sums).
    """
    blocks = stack.layers if layers is None else layers
    return blocks * count * (2 * stack.weights + 4 * stack.width * seen)


def see(shape: Shape, images: float) -> float:
    """Operations of the vision tower, whose patches all see each other; 0 where it is no transformer."""
    if shape.tower is None:
        return 0
    return images * rows(shape.tower, shape.patches, shape.patches)


def read(shape: Shape, positions: float) -> float:
    """Operations of one causal forward pass with the logits of its last position."""
    assert shape.language is not None
    last = 2 * shape.language.width * shape.words
    return rows(shape.language, positions, (positions + 1) / 2) + last


def say(shape: Shape, positions: float, tokens: float) -> float:
    """Operations of generating tokens behind a prompt that was read.

    Args:
        shape: the model.
        positions: of the prompt.
        tokens: generated; each costs one row in all layers and its logits.
    """
    assert shape.language is not None
    seen = positions + (tokens + 1) / 2
    return rows(shape.language, tokens, seen) + tokens * 2 * shape.language.width * shape.words


def cone(shape: Shape, positions: float, changed: float, layers: float | None = None) -> float:
    """Operations of one replayed condition: the last rows of a prompt in the upper layers, and its logits.

    Args:
        shape: the model.
        positions: of the prompt.
        changed: rows from the first changed one to the last position.
        layers: from the first changed one to the last.
    """
    assert shape.language is not None
    seen = positions - (changed - 1) / 2
    return rows(shape.language, changed, seen, layers) + 2 * shape.language.width * shape.words
