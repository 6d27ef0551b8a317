"""Greedy decoding of many conditions together: each one's new token is a row, its own past read by it alone."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sightline.instruments.branches import Branches, OwnKeys
from sightline.instruments.row_attention import branch_attention, rows_run_by


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
        branches: their prompts run with ``keep``, unless answers have one token only.
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
    going = list(range(len(branches.edges)))
    new_rows = _NewRows(branches)
    with rows_run_by(new_rows, clean.vlm):
        for step in range(max_new_tokens):
            tokens = logits.argmax(-1)
            for branch, token, row in zip(going, tokens.tolist(), logits, strict=True):
                answers[branch].append(token)
                if keep_logits:
                    steps[branch].append(row)
            on = (~torch.isin(tokens, ends)).tolist()
            if step == max_new_tokens - 1 or not any(on):
                break
            if not all(on):
                # Finished answers leave: what is left gets cheaper at every end.
                tokens = tokens[torch.tensor(on, device=tokens.device)]
                going = [branch for branch, goes_on in zip(going, on, strict=True) if goes_on]
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
    """Branches with the same own keys of the prompt in one layer.

    Attributes:
        own: keys and values of prompt rows.
        rows: their places in the sequence of new rows; None for all of them in order.
        shared: clean keys and values.
        bias: added to the scores of a new row at all keys of the prompt, clean ones first, (1 or members, 1 or
            heads, 1, keys), or None.
        new_bias: the same at keys of new tokens, (1 or members, 1 or heads, 1, 1).
        new: keys and values of new tokens, in the order of the members, which every step makes longer.
    """

    own: OwnKeys
    rows: torch.Tensor | None
    shared: tuple[torch.Tensor, torch.Tensor]
    bias: torch.Tensor | None
    new_bias: torch.Tensor | None
    new: OwnKeys

    def select(self, place: Mapping[int, int]) -> "_Group | None":
        """Only the branches that have a place among the answers that go on; None if none of them has."""
        kept = [number for number, member in enumerate(self.own.members) if member in place]
        if not kept:
            return None
        members = [self.own.members[number] for number in kept]
        index = torch.tensor(kept, device=self.own.keys.device)
        bias, new_bias = (
            one if one is None or len(one) == 1 else one.index_select(0, index)
            for one in (self.bias, self.new_bias)
        )
        return _Group(
            self.own.select(members),
            _rows([place[member] for member in members], len(place), self.own.keys.device),
            self.shared,
            bias,
            new_bias,
            self.new.select(members),
        )


def _rows(places: Sequence[int], count: int, device: torch.device) -> torch.Tensor | None:
    """Places among so many new rows; None for all of them in order."""
    return None if list(places) == list(range(count)) else torch.tensor(places, device=device)


class _NewRows:
    """The rows of new tokens, one for each answer that goes on."""

    def __init__(self, branches: Branches) -> None:
        self._branches, self._clean = branches, branches.clean

    @functools.cached_property
    def _layers(self) -> list[list[_Group]]:
        # Made when it is first needed: answers of one token have no new rows.
        return [
            [self._group(layer, one) for one in [*own, *self._others(layer, own)]]
            for layer, own in enumerate(self._branches.past)
        ]

    def run(self, tokens: torch.Tensor, step: int) -> torch.Tensor:
        """States of new tokens after the last block, (answers, width)."""
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
        found = torch.empty(query.transpose(0, 1).shape, dtype=query.dtype, device=query.device)
        for group in self._layers[layer]:
            asked, new_key, new_value = (
                (one if group.rows is None else one.index_select(1, group.rows)).transpose(0, 1)
                for one in (query, key, value)
            )
            # Apart from those of the prompt, which are many and would be copied at every step.
            new = group.new = OwnKeys(
                group.new.members,
                group.new.positions,
                torch.cat([group.new.keys, new_key[:, :, None]], dim=2),
                torch.cat([group.new.values, new_value[:, :, None]], dim=2),
            )
            bias = group.bias
            if bias is not None:
                count = new.keys.shape[2]
                bias = torch.cat([bias, group.new_bias.expand(-1, -1, -1, count)], dim=-1)
            own = [(one.keys, one.values) for one in (group.own, new)]
            out = branch_attention(asked[:, :, None], group.shared, own, bias, scaling)[:, 0]
            if group.rows is None:
                return out
            found[group.rows] = out
        return found

    def _others(self, layer: int, own: Sequence[OwnKeys]) -> list[OwnKeys]:
        """Branches that have no keys of their own in a layer yet."""
        owners = {member for one in own for member in one.members}
        others = tuple(one for one in range(len(self._branches.edges)) if one not in owners)
        return [self._without_keys(layer, others)] if others else []

    def _without_keys(self, layer: int, members: Sequence[int]) -> OwnKeys:
        heads, _, width = self._clean.keys[layer].shape
        empty = self._clean.keys[layer].new_empty(len(members), heads, 0, width)
        return OwnKeys(tuple(members), np.empty(0, np.int64), empty, empty)

    def _group(self, layer: int, own: OwnKeys) -> _Group:
        clean = np.setdiff1d(np.arange(self._clean.length), own.positions)
        keys, values = self._clean.keys[layer], self._clean.values[layer]
        contiguous = len(clean) == 0 or clean[-1] == len(clean) - 1
        chosen = slice(0, len(clean)) if contiguous else torch.from_numpy(clean).to(keys.device)
        return _Group(
            own,
            _rows(own.members, len(self._branches.edges), keys.device),
            (keys[:, chosen], values[:, chosen]),
            *self._bias(layer, own.members, np.concatenate([clean, own.positions])),
            self._without_keys(layer, own.members),
        )

    def _bias(
        self, layer: int, members: Sequence[int], keys: np.ndarray
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """What a new row's scores get: at keys of the prompt, and at any key of a new token."""
        length = self._clean.length
        edits = [
            self._branches.edges[member].bias(layer, np.array([length]), np.append(keys, length))
            for member in members
        ]
        if all(edit is None for edit in edits):
            return None, None
        heads = max(len(edit) for edit in edits if edit is not None)
        bias = np.zeros((len(members), heads, 1, len(keys) + 1), np.float32)
        for one, edit in zip(bias, edits, strict=True):
            if edit is not None:
                one += edit
        found = torch.from_numpy(bias).to(self._clean.vlm.device)
        return found[..., :-1], found[..., -1:]
