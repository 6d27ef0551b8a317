"""A condition resolved against one prompt: which attention edges change by how much, layer by layer.

An edge's change is what is added to its score before the softmax: minus infinity for one that is cut, the
logarithm of the factor for one that is rescaled. Positions count the prompt's tokens from 0; new tokens
follow at the prompt's length.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.instruments.interventions import (
    ALL,
    MEAN,
    ZEROS,
    AttentionIntervention,
    Condition,
    InterventionError,
    KeepKeys,
    ReplaceTokens,
    Rescale,
    Rows,
    nearest,
)
from sightline.models.roles import NEW, TokenRoles

Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Edit:
    """One change to a product of query rows and key rows, in one layer.

    Attributes:
        queries: (positions,) bool over the prompt.
        new_queries: whether the rows of new tokens are among the queries.
        keys: (positions,) bool over the prompt.
        new_keys: whether new tokens are among the keys.
        heads: None for all.
        log_factor: added to the scores.
    """

    queries: NDArray[np.bool_]
    new_queries: bool
    keys: NDArray[np.bool_]
    new_keys: bool
    heads: tuple[int, ...] | None
    log_factor: float

    @functools.cached_property
    def signature(self) -> tuple:
        """Equal for edits that do the same."""
        arrays = self.queries.tobytes(), self.keys.tobytes()
        return (*arrays, self.new_queries, self.new_keys, self.heads or (), self.log_factor)

    @functools.cached_property
    def edited(self) -> NDArray[np.bool_]:
        """Prompt rows with an edge to change: queries that come no earlier than the first key."""
        edited = self.queries.copy()
        edited[: int(self.keys.argmax()) if self.keys.any() else len(edited)] = False
        return edited


@dataclass(frozen=True, eq=False)
class Edges:
    """All that a condition does to one prompt.

    Attributes:
        condition: resolved here.
        length: positions of the prompt.
        heads: query heads of the model.
        layers: edits of each layer.
        replaced: image tokens that are replaced, by intervention.
        image: positions of the image tokens.
    """

    condition: Condition
    length: int
    heads: int
    layers: tuple[tuple[Edit, ...], ...]
    replaced: tuple[ReplaceTokens, ...]
    image: Positions = field(repr=False)

    @property
    def replaced_positions(self) -> Positions:
        """Sorted positions of replaced image tokens."""
        tokens = [token for one in self.replaced for token in one.tokens]
        return np.sort(self.image[np.array(tokens, np.int64)])

    def edited(self, layer: int) -> NDArray[np.bool_]:
        """Prompt rows whose attention is edited in a layer, (positions,) bool."""
        return np.logical_or.reduce([edit.edited for edit in self.layers[layer]], initial=False) | (
            np.zeros(self.length, bool)
        )

    def signature(self, layer: int) -> tuple:
        """Equal for layers, also of other conditions, in which the same is done."""
        return tuple(sorted(edit.signature for edit in self.layers[layer]))

    def bias(self, layer: int, queries: Positions, keys: Positions) -> NDArray[np.float32] | None:
        """What is added to the scores of some rows, causality aside.

        Args:
            layer: counted from 0.
            queries: positions, (rows,).
            keys: positions, (keys,).

        Returns:
            (1 or heads, rows, keys); None if nothing is.
        """
        hits = []
        for edit in self.layers[layer]:
            rows = self._among(edit.queries, edit.new_queries, queries)
            columns = self._among(edit.keys, edit.new_keys, keys)
            if rows.any() and columns.any():
                hits.append((edit, rows[:, None] & columns))
        if not hits:
            return None
        heads = 1 if all(edit.heads is None for edit, _ in hits) else self.heads
        bias = np.zeros((heads, len(queries), len(keys)), np.float32)
        for edit, edges in hits:
            chosen = slice(None) if edit.heads is None else list(edit.heads)
            # Not a product, which would make 0 times minus infinity.
            bias[chosen] += np.where(edges, np.float32(edit.log_factor), np.float32(0))
        return bias

    def cut(self, layer: int, queries: Positions, keys: Positions) -> NDArray[np.bool_]:
        """Edges that no head has left, (rows, keys) bool."""
        bias = self.bias(layer, queries, keys)
        if bias is None:
            return np.zeros((len(queries), len(keys)), bool)
        return np.isneginf(bias).all(axis=0)

    def _among(self, marked: NDArray[np.bool_], new: bool, positions: Positions):
        inside = positions < self.length
        return np.where(inside, marked[np.where(inside, positions, 0)], new)


def resolve(
    condition: Condition,
    roles: TokenRoles,
    layers: int,
    heads: int,
    vectors: Mapping[str, torch.Tensor] | None = None,
) -> Edges:
    """Find what a condition does to a prompt, and refuse what it cannot do.

    Args:
        condition: one or more interventions.
        roles: of the prompt.
        layers: blocks of the language model.
        heads: query heads of each of them.
        vectors: what image tokens may be replaced by, by name.

    Raises:
        InterventionError: a layer, head, position or token is out of range; a role is empty; an intervention has
            no edge to change, or leaves a row without any key. Names the condition and the number of the
            intervention, counted from 1.
    """
    length = roles.last + 1
    found: list[list[Edit]] = [[] for _ in range(layers)]
    replaced: dict[int, int] = {}
    for number, one in enumerate(condition.interventions, start=1):
        where = f"condition {condition.name!r}, intervention {number} ({one.kind})"
        if isinstance(one, ReplaceTokens):
            _check_tokens(one, roles, vectors or {}, where)
            for token in one.tokens:
                if replaced.setdefault(token, number) != number:
                    raise InterventionError(
                        f"{where}: token {token} is replaced by intervention {replaced[token]} "
                        "already; replace it once."
                    )
        elif isinstance(one, AttentionIntervention):
            chosen = range(layers) if one.layers == ALL else one.layers
            _check_range("layer", chosen, layers, where)
            _check_range("head", one.heads or (), heads, where)
            for layer, edit in zip(chosen, _edits(one, roles, layers, where), strict=True):
                if edit is not None:
                    found[layer].append(edit)
        else:
            raise InterventionError(f"{where}: the engine does not know this kind.")
    edges = Edges(
        condition,
        length,
        heads,
        tuple(map(tuple, found)),
        tuple(one for one in condition.interventions if isinstance(one, ReplaceTokens)),
        roles.image,
    )
    _check_keys_left(edges)
    return edges


def rows_of(rows: Rows, roles: TokenRoles, where: str) -> tuple[NDArray[np.bool_], bool]:
    """Rows of the prompt, (positions,) bool, and whether the rows of new tokens are meant too.

    Raises:
        InterventionError: a position beyond the prompt, or a role that this prompt has none of.
    """
    marked, new = np.zeros(roles.last + 1, bool), False
    for part in (rows,) if isinstance(rows, str) else rows:
        if not isinstance(part, str):
            _check_range("position", [part], len(marked), where)
            marked[part] = True
            continue
        new |= part in NEW
        positions = roles.of_prompt(part)
        if len(positions) == 0 and part != "generated":
            raise InterventionError(
                f"{where}: this prompt has no {part} rows. Ask with an image, or name other rows."
            )
        marked[positions] = True
    return marked, new


def _edits(one: AttentionIntervention, roles: TokenRoles, layers: int, where: str) -> list:
    """The edit of each layer the intervention names; None where it has nothing to change."""
    queries, new_queries = rows_of(one.queries, roles, where)
    if one.phase == "decoding":
        queries = np.zeros_like(queries)
    if one.phase == "prompt":
        new_queries = False
    if not queries.any() and not new_queries:
        raise InterventionError(
            f"{where}: queries={one.queries!r} are no rows of the phase {one.phase!r}. "
            "Name the phase they belong to."
        )
    count = layers if one.layers == ALL else len(one.layers)
    if isinstance(one, KeepKeys):
        sets = _dropped_keys(one, roles, count, where)
    else:
        sets = [rows_of(one.keys, roles, where)] * count
    log_factor = math.log(one.factor) if isinstance(one, Rescale) else -math.inf
    # One object for all layers in which the same is done, so that its bias is computed once.
    known: dict[tuple[bytes, bool], Edit] = {}
    edits = []
    for keys, new_keys in sets:
        key = keys.tobytes(), new_keys
        if key not in known:
            known[key] = Edit(queries, new_queries, keys, new_keys, one.heads, log_factor)
        edit = known[key]
        reached = edit.edited.any() or (new_queries and (keys.any() or new_keys))
        if not reached and not isinstance(one, KeepKeys):
            raise InterventionError(
                f"{where}: no query of {one.queries!r} comes after a key of {one.keys!r}, so there "
                "is no attention to change. Swap queries and keys, or name other rows."
            )
        edits.append(edit if reached else None)
    return edits


def _dropped_keys(one: KeepKeys, roles: TokenRoles, count: int, where: str) -> list:
    among, _ = rows_of(one.among, roles, where)
    if not among.any():
        raise InterventionError(f"{where}: among={one.among!r} are no rows of the prompt.")
    places = np.flatnonzero(among)
    each = bool(one.keep) and isinstance(one.keep[0], tuple)
    if each and len(one.keep) != count:
        raise InterventionError(
            f"{where}: keep has {len(one.keep)} sets, the model {count} layers. Give one for each."
        )
    dropped = []
    for place in range(count):
        kept = one.kept(place)
        _check_range("kept key", kept, len(places), where)
        keys = among.copy()
        keys[places[list(kept)]] = False
        dropped.append((keys, False))
    return dropped


def _check_range(what: str, found: Sequence[int], size: int, where: str) -> None:
    for index in found:
        if index >= size:
            raise InterventionError(
                f"{where}: {what} {index} is out of range; there are {size}, counted from 0."
            )


def _check_tokens(
    one: ReplaceTokens, roles: TokenRoles, vectors: Mapping[str, torch.Tensor], where: str
) -> None:
    tokens = len(roles.image)
    if tokens == 0:
        raise InterventionError(f"{where}: the prompt has no image. Ask with an image.")
    _check_range("token", one.tokens, tokens, where)
    if not isinstance(one.by, str):
        _check_range("token", one.by, tokens, where)
    elif one.by in vectors and one.by in (ZEROS, MEAN):
        raise InterventionError(
            f"{where}: a vector is called {one.by!r}, which stands for what the image itself gives. Name it otherwise."
        )
    elif one.by not in (ZEROS, MEAN, *vectors):
        raise InterventionError(
            f"{where}: no vector {one.by!r}; {nearest(one.by, (ZEROS, MEAN, *vectors))}"
        )


def _check_keys_left(edges: Edges) -> None:
    """Refuse rows that see nothing: their attention would be undefined."""
    checked = set()
    for layer, edits in enumerate(edges.layers):
        cutting = [edit for edit in edits if edit.log_factor == -math.inf]
        # Every row sees the first position, so one that is never cut settles it.
        if not any(edit.keys[0] for edit in cutting) or edges.signature(layer) in checked:
            continue
        checked.add(edges.signature(layer))
        everywhere = np.arange(edges.length + 1)
        queries = np.flatnonzero(np.logical_or.reduce([edit.queries for edit in cutting]))
        if any(edit.new_queries for edit in cutting):
            queries = np.append(queries, edges.length)
        bias = edges.bias(layer, queries, everywhere)
        if bias is None:
            continue
        blind = (np.isneginf(bias) | (everywhere > queries[:, None])).all(axis=-1).any(axis=0)
        if blind.any():
            row = int(queries[blind.argmax()])
            name = f"row {row}" if row < edges.length else "a new token's row"
            numbers = [
                str(number)
                for number, one in enumerate(edges.condition.interventions, start=1)
                if not isinstance(one, ReplaceTokens | Rescale)
            ]
            raise InterventionError(
                f"condition {edges.condition.name!r}, intervention {' and '.join(numbers)}: {name} "
                f"has no key left in layer {layer}. Leave it a key, such as the first position or "
                "itself."
            )
