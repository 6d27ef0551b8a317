"""Conditions that branch off one clean run, their rows run together through the blocks.

The rows of all branches form one sequence, so that each block runs once. Rows are shared where nothing tells
branches apart yet: two knockouts that begin in the same layer are one until one of them ends. In attention the
branches with the same rows form a batch; the clean keys and values are read by all of them and copied by none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sightline.instruments.clean_run import CleanRun
from sightline.instruments.cones import Cone
from sightline.instruments.edges import Edges, Positions
from sightline.instruments.replacements import replacement
from sightline.instruments.row_attention import branch_attention, joined, rows_run_by

# Rows that go through a block together: enough for the products, few enough for the caches.
_ROWS_IN_PIECE = 2048


@dataclass(frozen=True, eq=False)
class OwnKeys:
    """Keys and values of one layer that some branches have in place of the clean ones.

    Attributes:
        members: branches, in order of the first axis.
        positions: (keys,), sorted.
        keys: (members, key heads, keys, head_dim).
        values: likewise.
    """

    members: tuple[int, ...]
    positions: Positions
    keys: torch.Tensor
    values: torch.Tensor

    def select(self, members: Sequence[int]) -> "OwnKeys":
        """Only some of the branches."""
        members = tuple(members)
        if members == self.members:
            return self
        place = {member: number for number, member in enumerate(self.members)}
        chosen = torch.tensor([place[one] for one in members], device=self.keys.device)
        keys, values = (one.index_select(0, chosen) for one in (self.keys, self.values))
        return OwnKeys(members, self.positions, keys, values)


@dataclass(frozen=True, eq=False)
class _Work:
    """Branches with the same rows in one layer: consecutive in the sequence, branch by branch.

    Attributes:
        units: what runs, each standing for one or more branches.
        branches: one branch of each unit.
        rows: positions, the same for all.
        offset: of the first row in the sequence.
        past: own keys from an earlier run.
        clean: clean keys that none of them replaces, a slice or indices.
        bias: added to the scores, or None.
    """

    units: tuple[int, ...]
    branches: tuple[int, ...]
    rows: Positions
    offset: int
    past: OwnKeys | None
    clean: slice | torch.Tensor
    bias: torch.Tensor | None

    @property
    def end(self) -> int:
        return self.offset + len(self.units) * len(self.rows)


class _KeysSuffice(Exception):
    """Leaves the last block early: its keys and values are known, and nobody asks for its output."""


def _split(
    groups: Iterable[Mapping[int, int]], rows: Sequence[Positions]
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Units and branches of each group, no more together than fit a piece."""
    for group in groups:
        size = max(1, _ROWS_IN_PIECE // len(rows[next(iter(group.values()))]))
        units, branches = tuple(group), tuple(group.values())
        for first in range(0, len(units), size):
            yield units[first : first + size], branches[first : first + size]


def _pieces(works: Iterable[_Work]) -> Iterator[list[_Work]]:
    """Works that follow each other, with about as many rows as fit a piece."""
    piece: list[_Work] = []
    for work in works:
        if piece and work.end - piece[0].offset > _ROWS_IN_PIECE:
            yield piece
            piece = []
        piece.append(work)
    yield piece


class Branches:
    """Several conditions on one clean run.

    Attributes:
        clean: what they branch off.
        edges: what each changes.
        past: own keys and values of rows that were run with ``keep``, by layer.
    """

    def __init__(
        self,
        clean: CleanRun,
        edges: Sequence[Edges],
        vectors: Mapping[str, torch.Tensor] | None = None,
        past: list[list[OwnKeys]] | None = None,
    ) -> None:
        """Nothing runs yet.

        Args:
            clean: the clean run.
            edges: of each condition, resolved against the prompt of ``clean``.
            vectors: what image tokens may be replaced by, by name.
            past: own keys of the same conditions up to the end of the image.
        """
        self.clean, self.edges = clean, list(edges)
        self.past = past or [[] for _ in clean.blocks]
        self._replaced = [
            replacement(one, clean.residual[0][self._indices(one.image)], vectors or {})
            for one in self.edges
        ]
        self._biases: dict[tuple, torch.Tensor | None] = {}
        self._works: list[_Work] = []
        self._piece: list[_Work] = []
        self._fresh: list[OwnKeys] = []
        self._keep = self._keys_suffice = False

    @torch.no_grad()
    def run(
        self,
        cones: Sequence[Cone],
        read: Positions,
        every_layer: bool = False,
        keep: bool = False,
    ) -> torch.Tensor:
        """Run rows through all blocks.

        Args:
            cones: rows of each condition in each layer; later than all rows run before.
            read: rows whose states are asked for.
            every_layer: ask for the states entering each layer too.
            keep: remember keys and values in ``past``, for rows run later.

        Returns:
            States after the last block, before the final norm, (branches, 1, rows, width), or with ``every_layer``
            (branches, layers + 1, rows, width).
        """
        self._keep = keep
        with rows_run_by(self, self.clean.vlm):
            return torch.stack(list(self._run(cones, read, every_layer)), dim=1)

    def _run(
        self, cones: Sequence[Cone], read: Positions, every_layer: bool
    ) -> Iterator[torch.Tensor]:
        alone = any(self.past)
        # What tells branches apart, as small numbers; none of them differ before anything was done.
        names: dict[tuple, int] = {}
        units = [names.setdefault(("start", one.replaced), len(names)) for one in self.edges]
        layout, out, before = {}, None, None
        for layer, block in enumerate(self.clean.blocks):
            if every_layer:
                yield self._read(layer, layout, units, out, read)
            parents, rows = units, [one[layer] for one in cones]
            units = [
                branch
                if alone
                else names.setdefault(
                    (parents[branch], edges.signature(layer), rows[branch].tobytes()), len(names)
                )
                for branch, edges in enumerate(self.edges)
            ]
            self._works = self._group(layer, units, rows)
            if not self._works:
                layout, out, before = {}, None, None
                continue
            after = tuple((work.branches, work.rows.tobytes()) for work in self._works)
            if after == before:
                hidden = out
            else:
                parent_of = dict(zip(units, parents, strict=True))
                hidden = self._entering(layer, layout, parent_of, out)
            self._keys_suffice = len(read) == 0 and layer == len(self.clean.blocks) - 1
            out = self._through(block, hidden)
            layout, before = self._layout(), after
            if self._keep:
                self._expand(layer, units)
        yield self._read(len(self.clean.blocks), layout, units, out, read)

    def _through(self, block: torch.nn.Module, hidden: torch.Tensor) -> torch.Tensor | None:
        """All rows through one block, piece by piece: what a block makes on the way should fit a cache."""
        rotary = self.clean.rotary(self._indices(self._places()))
        self._fresh, found = [], []
        for piece in _pieces(self._works):
            self._piece, span = piece, slice(piece[0].offset, piece[-1].end)
            turned = tuple(one[:, span] for one in rotary)
            try:
                found.append(block(hidden[None, span], position_embeddings=turned)[0])
            except _KeysSuffice:
                continue
        return torch.cat(found) if found else None

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Attention of all rows of one layer; see `sightline.instruments.row_attention.Attends`."""
        found, begin = [], self._piece[0].offset
        for work in self._piece:
            span = slice(work.offset - begin, work.end - begin)
            shape = (-1, len(work.units), len(work.rows), query.shape[-1])
            asked, keys, values = (
                one[:, span].reshape(shape).transpose(0, 1) for one in (query, key, value)
            )
            own, positions = [(keys, values)], work.rows
            if work.past is not None:
                own.insert(0, (work.past.keys, work.past.values))
                positions = np.concatenate([work.past.positions, positions])
            if self._keep:
                own = [joined(own)]
                self._fresh.append(OwnKeys(work.units, positions, *own[0]))
            if self._keys_suffice:
                continue
            shared = self.clean.keys[layer][:, work.clean], self.clean.values[layer][:, work.clean]
            out = branch_attention(asked, shared, own, work.bias, scaling)
            found.append(out.reshape(-1, *out.shape[2:]))
        if self._keys_suffice:
            raise _KeysSuffice
        return torch.cat(found)

    def _group(self, layer: int, units: list[int], rows: list[Positions]) -> list[_Work]:
        """Units with rows to run in this layer, those with the same rows and past keys together."""
        past_of = {member: one for one in self.past[layer] for member in one.members}
        groups: dict[tuple, dict[int, int]] = {}
        for branch, unit in enumerate(units):
            if len(rows[branch]):
                key = rows[branch].tobytes(), id(past_of.get(branch))
                groups.setdefault(key, {}).setdefault(unit, branch)
        works, offset = [], 0
        for units, branches in _split(groups.values(), rows):
            places = rows[branches[0]]
            past = past_of.get(branches[0])
            past = None if past is None else past.select(branches)
            own = places if past is None else np.concatenate([past.positions, places])
            clean = np.setdiff1d(np.arange(min(places[-1] + 1, self.clean.length)), own)
            bias = self._bias(layer, branches, places, np.concatenate([clean, own]))
            contiguous = len(clean) == 0 or clean[-1] == len(clean) - 1
            shared = slice(0, len(clean)) if contiguous else self._indices(clean)
            works.append(_Work(units, branches, places, offset, past, shared, bias))
            offset = works[-1].end
        return works

    def _bias(
        self, layer: int, branches: tuple[int, ...], rows: Positions, keys: Positions
    ) -> torch.Tensor | None:
        """Causality and edits, (1 or branches, 1 or heads, rows, keys); None if every row sees every key."""
        signatures = tuple(self.edges[branch].signature(layer) for branch in branches)
        known = signatures, rows.tobytes(), keys.tobytes()
        if known not in self._biases:
            self._biases[known] = self._make_bias(layer, branches, rows, keys)
        return self._biases[known]

    def _make_bias(
        self, layer: int, branches: tuple[int, ...], rows: Positions, keys: Positions
    ) -> torch.Tensor | None:
        later = np.where(keys > rows[:, None], np.float32(-np.inf), np.float32(0))
        edits = [self.edges[branch].bias(layer, rows, keys) for branch in branches]
        if all(edit is None for edit in edits):
            bias = None if not later.any() else later[None, None]
        else:
            heads = max(len(edit) for edit in edits if edit is not None)
            bias = np.zeros((len(branches), heads, *later.shape), np.float32) + later
            for one, edit in zip(bias, edits, strict=True):
                if edit is not None:
                    one += edit
        return None if bias is None else torch.from_numpy(bias).to(self.clean.vlm.device)

    def _places(self) -> Positions:
        """Position of every row of the sequence."""
        return np.concatenate([np.tile(work.rows, len(work.units)) for work in self._works])

    def _layout(self) -> dict[int, tuple[int, Positions]]:
        """First place in the sequence, and rows, of each unit."""
        return {
            unit: (work.offset + number * len(work.rows), work.rows)
            for work in self._works
            for number, unit in enumerate(work.units)
        }

    def _entering(
        self,
        layer: int,
        layout: Mapping[int, tuple[int, Positions]],
        parents: Mapping[int, int],
        out: torch.Tensor | None,
    ) -> torch.Tensor:
        """States of all rows before a layer: from the last one, or the clean ones for rows that join."""
        clean = self.clean.residual[layer]
        hidden = clean.index_select(0, self._indices(self._places()))
        if layer == 0:
            for work in self._works:
                for number, branch in enumerate(work.branches):
                    first = work.offset + number * len(work.rows)
                    self._replace(branch, work.rows, hidden[first : first + len(work.rows)])
        if out is None:
            return hidden
        targets, sources = [], []
        for unit, (first, rows) in self._layout().items():
            offset, known = layout.get(parents[unit], (0, rows[:0]))
            _, here, there = np.intersect1d(rows, known, assume_unique=True, return_indices=True)
            targets.append(first + here)
            sources.append(offset + there)
        return hidden.index_copy_(
            0,
            self._indices(np.concatenate(targets)),
            out.index_select(0, self._indices(np.concatenate(sources))),
        )

    def _read(
        self,
        layer: int,
        layout: Mapping[int, tuple[int, Positions]],
        units: list[int],
        out: torch.Tensor | None,
        read: Positions,
    ) -> torch.Tensor:
        """States of chosen rows before a layer, (branches, rows, width)."""
        clean = self.clean.residual[layer].index_select(0, self._indices(read))
        states = clean.expand(len(units), -1, -1).clone()
        for branch, unit in enumerate(units):
            if layer == 0:
                self._replace(branch, read, states[branch])
            elif unit in layout and out is not None:
                offset, rows = layout[unit]
                _, here, there = np.intersect1d(read, rows, assume_unique=True, return_indices=True)
                states[branch, self._indices(here)] = out[self._indices(offset + there)]
        return states

    def _expand(self, layer: int, units: list[int]) -> None:
        """Remember own keys by branch, of what ran by unit; branches without new rows keep what they had."""
        fresh = []
        for own in self._fresh:
            members = [branch for branch, unit in enumerate(units) if unit in own.members]
            spread = own.select([units[branch] for branch in members])
            fresh.append(OwnKeys(tuple(members), own.positions, spread.keys, spread.values))
        new = {member for own in fresh for member in own.members}
        for own in self.past[layer]:
            left = [member for member in own.members if member not in new]
            if left:
                fresh.append(own.select(left))
        self.past[layer] = fresh

    def _replace(self, branch: int, rows: Positions, states: torch.Tensor) -> None:
        """Write replaced tokens into states of some rows, in place."""
        if self._replaced[branch] is not None:
            positions, vectors = self._replaced[branch]
            _, here, there = np.intersect1d(
                rows, positions, assume_unique=True, return_indices=True
            )
            states[self._indices(here)] = vectors[self._indices(there)]

    def _indices(self, places: Positions) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(places)).to(self.clean.vlm.device)
