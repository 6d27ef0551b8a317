"""Greedy decoding of many conditions together: each one's new token is a row, its own past read by it alone."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sightline.instruments.branches import Branches, OwnKeys
from sightline.instruments.edges import Positions
from sightline.instruments.row_attention import Keys, branch_attention, rows_run_by

LEFT = 0.75
"""Finished answers leave when no more than this share of the rows goes on."""

PADDING = 1.25
"""Own keys of branches that attend together may take so many times the room they would take apart."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A greedy answer.

    Attributes:
        name: of the condition.
        tokens: new tokens, the one that ended the answer included.
        text: without special tokens.
        logits: of the first new token, (vocabulary,) float32.
        steps: logits of every new token, (tokens, vocabulary) float32, if asked for.
    """

    name: str
    tokens: tuple[int, ...]
    text: str
    logits: torch.Tensor
    steps: torch.Tensor | None = None


@torch.no_grad()
def decode(
    branches: Branches, states: torch.Tensor, max_new_tokens: int, keep_logits: bool = False
) -> list[Decoded]:
    """Go on from the prompt.

    Args:
        branches: their prompts run with ``keep``, unless answers have one token only; what they kept is taken over.
        states: of the last position after the last block, (branches, width).
        max_new_tokens: most tokens of an answer, at least 1.
        keep_logits: keep the logits of every step.

    Returns:
        One answer for each branch.
    """
    clean = branches.clean
    ends = torch.tensor(
        clean.vlm.model.generation_config.eos_token_id or [-1], device=states.device
    )
    answers: list[list[int]] = [[] for _ in branches.edges]
    steps: list[list[torch.Tensor]] = [[] for _ in branches.edges]
    first = logits = clean.unembed(states)
    rows = going = list(range(len(branches.edges)))
    new_rows = _NewRows(branches, max_new_tokens)
    with rows_run_by(new_rows, clean.vlm):
        for step in range(max_new_tokens):
            tokens = logits.argmax(-1)
            ended = torch.isin(tokens, ends).tolist()
            still = set(going)
            for branch, token, row in zip(rows, tokens.tolist(), logits, strict=True):
                if branch in still:
                    answers[branch].append(token)
                    if keep_logits:
                        steps[branch].append(row)
            going = [
                branch
                for branch, end in zip(rows, ended, strict=True)
                if branch in still and not end
            ]
            if step == max_new_tokens - 1 or not going:
                break
            if len(going) <= LEFT * len(rows):
                # Finished answers leave, several at a time: what is left is copied.
                left = torch.tensor([rows.index(branch) for branch in going], device=tokens.device)
                tokens, rows = tokens[left], going
                new_rows.select(going)
            logits = clean.unembed(new_rows.run(tokens, step))
    return [
        Decoded(
            edges.condition.name,
            tuple(answer),
            clean.vlm.decode(answer),
            logits,
            torch.stack(rows) if keep_logits else None,
        )
        for edges, answer, logits, rows in zip(branches.edges, answers, first, steps, strict=True)
    ]


@dataclass(eq=False)
class _Group:
    """Branches that attend together in one layer.

    Attributes:
        members: branches.
        rows: their places in the sequence of new rows; None for all of them in order.
        shared: clean keys and values that none of them replaces.
        keys: their own, (members, key heads, places, head_dim): those of the prompt, then one place for each new
            token.
        values: likewise.
        prompt: how many places belong to the prompt.
        bias: added to the scores of a new row, (members, 1 or heads, 1, shared keys + places), or None.
    """

    members: tuple[int, ...]
    rows: torch.Tensor | None
    shared: Keys
    keys: torch.Tensor
    values: torch.Tensor
    prompt: int
    bias: torch.Tensor | None

    def select(self, place: Mapping[int, int]) -> "_Group | None":
        """Only the branches that have a place among the answers that go on; None if none of them has."""
        kept = [number for number, member in enumerate(self.members) if member in place]
        if not kept:
            return None
        members = tuple(self.members[number] for number in kept)
        rows = _rows([place[member] for member in members], len(place), self.keys.device)
        if members == self.members:
            return replace(self, rows=rows)
        index = torch.tensor(kept, device=self.keys.device)
        keys, values, bias = (
            one if one is None else one.index_select(0, index)
            for one in (self.keys, self.values, self.bias)
        )
        return replace(self, members=members, rows=rows, keys=keys, values=values, bias=bias)

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, step: int, scaling: float
    ) -> torch.Tensor:
        """Attention of one new row for each member, all (heads, members, head_dim); the result begins with members."""
        place = self.prompt + step
        self.keys[:, :, place], self.values[:, :, place] = (
            key.transpose(0, 1),
            value.transpose(0, 1),
        )
        own = self.keys[:, :, : place + 1], self.values[:, :, : place + 1]
        seen = self.shared[0].shape[1] + place + 1
        bias = None if self.bias is None else self.bias[..., :seen]
        asked = query.transpose(0, 1)[:, :, None]
        return branch_attention(asked, self.shared, [own], bias, scaling)[:, 0]


def _rows(places: Sequence[int], count: int, device: torch.device) -> torch.Tensor | None:
    """Places among so many new rows; None for all of them in order."""
    return None if list(places) == list(range(count)) else torch.tensor(places, device=device)


def _together(groups: Iterable[OwnKeys]) -> Iterator[list[OwnKeys]]:
    """Groups that are padded to the same positions: one that attends alone costs more than some padding."""
    chosen: list[OwnKeys] = []
    for group in sorted(groups, key=lambda one: -len(one.positions)):
        if chosen and _padded([*chosen, group]) > PADDING * sum(map(_places, [*chosen, group])):
            yield chosen
            chosen = []
        chosen.append(group)
    if chosen:
        yield chosen


def _places(group: OwnKeys) -> int:
    return len(group.members) * len(group.positions)


def _padded(groups: Sequence[OwnKeys]) -> int:
    return sum(len(one.members) for one in groups) * len(_positions(groups))


def _positions(groups: Sequence[OwnKeys]) -> Positions:
    return functools.reduce(np.union1d, [one.positions for one in groups])


class _NewRows:
    """The rows of new tokens, one for each answer that goes on."""

    def __init__(self, branches: Branches, max_new_tokens: int) -> None:
        self._branches, self._clean = branches, branches.clean
        self._new, self._step = max_new_tokens - 1, 0

    @functools.cached_property
    def _layers(self) -> list[list[_Group]]:
        # Made when it is first needed: answers of one token have no new rows.
        layers = []
        for layer, past in enumerate(self._branches.past):
            own = [*past, *self._others(layer, past)]
            layers.append([self._group(layer, one) for one in _together(own)])
            # What was copied is not kept twice.
            past.clear()
        return layers

    def run(self, tokens: torch.Tensor, step: int) -> torch.Tensor:
        """States of new tokens after the last block, (answers, width)."""
        self._step = step
        hidden = self._clean.vlm.model.get_input_embeddings()(tokens)[None]
        rotary = self._clean.rotary_new(step, len(tokens))
        for block in self._clean.blocks:
            hidden = block(hidden, position_embeddings=rotary)
        return hidden[0]

    def select(self, going: Sequence[int]) -> None:
        """Go on with fewer answers."""
        place = {branch: number for number, branch in enumerate(going)}
        for layer, groups in enumerate(self._layers):
            fewer = (group.select(place) for group in groups)
            self._layers[layer] = [group for group in fewer if group is not None]

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Attention of all new rows; see `sightline.instruments.row_attention.Attends`."""
        first, *others = self._layers[layer]
        if first.rows is None:
            return first.attend(query, key, value, self._step, scaling)
        found = query.new_empty(query.transpose(0, 1).shape)
        for group in [first, *others]:
            asked = (one.index_select(1, group.rows) for one in (query, key, value))
            found[group.rows] = group.attend(*asked, self._step, scaling)
        return found

    def _others(self, layer: int, own: Sequence[OwnKeys]) -> list[OwnKeys]:
        """Branches that have no keys of their own in a layer yet."""
        owners = {member for one in own for member in one.members}
        others = tuple(one for one in range(len(self._branches.edges)) if one not in owners)
        heads, _, width = self._clean.keys[layer].shape
        empty = self._clean.keys[layer].new_empty(len(others), heads, 0, width)
        return [OwnKeys(others, np.empty(0, np.int64), empty, empty)] if others else []

    def _group(self, layer: int, groups: Sequence[OwnKeys]) -> _Group:
        members = tuple(sorted(member for one in groups for member in one.members))
        number = {member: number for number, member in enumerate(members)}
        own = _positions(groups)
        clean = np.setdiff1d(np.arange(self._clean.length), own)
        source = self._clean.keys[layer], self._clean.values[layer]
        device = source[0].device
        places = torch.from_numpy(own).to(device)
        contiguous = len(clean) == 0 or clean[-1] == len(clean) - 1
        chosen = slice(0, len(clean)) if contiguous else torch.from_numpy(clean).to(device)
        copies = []
        for name, one in zip(("keys", "values"), source, strict=True):
            copy = one.new_empty(len(members), len(one), len(own) + self._new, one.shape[-1])
            copy[:, :, : len(own)] = one[:, places]
            for group in groups:
                at = torch.from_numpy(np.searchsorted(own, group.positions)).to(device)
                those = torch.tensor([number[one] for one in group.members], device=device)
                copy[those[:, None], :, at] = getattr(group, name).transpose(1, 2)
            copies.append(copy)
        return _Group(
            members,
            _rows(members, len(self._branches.edges), device),
            (source[0][:, chosen], source[1][:, chosen]),
            *copies,
            len(own),
            self._bias(layer, members, np.concatenate([clean, own])),
        )

    def _bias(self, layer: int, members: Sequence[int], keys: np.ndarray) -> torch.Tensor | None:
        """What a new row's scores get: at keys of the prompt, and then, the same at each, of new tokens."""
        length = self._clean.length
        edits = [
            self._branches.edges[member].bias(layer, np.array([length]), np.append(keys, length))
            for member in members
        ]
        if all(edit is None for edit in edits):
            return None
        heads = max(len(edit) for edit in edits if edit is not None)
        bias = np.zeros((len(members), heads, 1, len(keys) + self._new), np.float32)
        for one, edit in zip(bias, edits, strict=True):
            if edit is not None:
                one[..., : len(keys)] += edit[..., :-1]
                one[..., len(keys) :] += edit[..., -1:]
        return torch.from_numpy(bias).to(self._clean.vlm.device)
