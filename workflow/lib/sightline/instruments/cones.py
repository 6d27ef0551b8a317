"""Which rows a condition can change, layer by layer, and which of those anyone will read.

Attention is causal, so an edit at (layer, row) reaches that row from this layer on, and every later row from
the next layer on. A changed row is recomputed only if a wanted row can still read it. Both directions are
exact: what is left out keeps its clean value, or is never looked at.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sightline.instruments.edges import Edges, Positions

Cone = list[Positions]
"""Sorted rows to run in each layer."""


def cone(
    edges: Edges,
    wanted: Positions,
    every_layer: bool = False,
    keys: Literal["needed", "all"] = "needed",
    start: int | None = None,
) -> Cone:
    """Rows whose states, keys or values a condition changes and somebody reads.

    Args:
        edges: the condition on its prompt.
        wanted: rows whose states after the last block are wanted, (rows,).
        every_layer: want their states after every block.
        keys: "all" if later tokens will read the prompt's keys too, "needed" if nobody will.
        start: take all rows from here on as changed from the beginning; more than need be, but conditions
            with the same rows run as one batch.

    Returns:
        Sorted positions for each layer.
    """
    layers = len(edges.layers)
    entering = np.zeros((layers + 1, edges.length), bool)
    entering[0, edges.replaced_positions] = True
    if start is not None:
        entering[0, start] = True
    for layer in range(layers):
        entering[layer + 1] = entering[layer] | edges.edited(layer)
        if entering[layer].any():
            entering[layer + 1, int(entering[layer].argmax()) :] = True
    rows: Cone = []
    asked = read = _marks(wanted, edges.length)
    for layer in reversed(range(layers)):
        if not entering[layer + 1].any():
            rows.append(np.empty(0, np.int64))
            continue
        queries = entering[layer + 1] & read
        seen = entering[layer]
        if keys == "needed":
            seen = _seen(edges, layer, queries, seen)
        read = queries | seen
        rows.append(np.flatnonzero(read))
        if every_layer:
            read = read | asked
    return rows[::-1]


def common_starts(starts: Sequence[int | None], length: int, waste: float = 0.05) -> list:
    """Let cones that begin almost together begin together, so that they run as one batch.

    Args:
        starts: first changed row of each condition from the first layer on; None for no such row.
        length: positions of the sequence.
        waste: most rows added, as a share of a cone's own.

    Returns:
        First rows, each no later than it was.
    """
    chosen: list[int | None] = [None] * len(starts)
    leader = None
    numbers = [number for number, start in enumerate(starts) if start is not None]
    for number in sorted(numbers, key=lambda one: starts[one]):
        start = starts[number]
        if leader is None or start - leader > waste * (length - start):
            leader = start
        chosen[number] = leader
    return chosen


def _marks(rows: Positions, length: int) -> np.ndarray:
    marks = np.zeros(length, bool)
    marks[rows] = True
    return marks


def _seen(edges: Edges, layer: int, queries: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Changed rows that a query row sees; a row does not leave its own self out."""
    edited = edges.edited(layer)
    seen = np.zeros_like(changed)
    free = np.flatnonzero(queries & ~edited)
    if len(free):
        seen[: free[-1] + 1] = changed[: free[-1] + 1]
    rest = np.flatnonzero(changed & ~seen)
    bound = np.flatnonzero(queries & edited)
    if len(rest) and len(bound):
        visible = ~edges.cut(layer, bound, rest) & (rest <= bound[:, None])
        seen[rest[visible.any(axis=0)]] = True
    return seen
