"""Watching one forward pass: chosen rows of the residual stream, chosen rows of attention.

Residual streams are read by hooks on the blocks. Attention weights are worked out beside torch's
scaled-dot-product attention, which returns none: the watched implementation gives the same output
and keeps the softmax of the asked query rows only, never (batch, heads, query, key) of a whole
prompt.

Transformers hands an attention function without a registered mask function no mask at all, and
padding is then seen without a word; both are registered here, with the masks of "sdpa".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from sightline.errors import SightlineError
from sightline.instruments.row_attention import EDGES
from sightline.models.roles import Positions
from sightline.models.vlm import VLM

WATCHED = "sightline_watched_sdpa"

Heads = Literal["each", "mean"]

# Scores of the asked rows against all keys exist for so many bytes at a time.
_SCORE_BYTES = 2**26


class CaptureError(SightlineError):
    """What was asked of a forward pass is not in it."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What to keep of one forward pass over a batch; columns count from 0, padding included.

    Attributes:
        rows: per sequence, columns whose residual streams are kept, (n,) int64.
        layers: entries of the residual stream: 0 is the input of the first block, l the output of
            block l, before the final norm.
        queries: per sequence, columns of this pass whose attention is kept, (n,) int64.
        keys: per sequence, columns attended to, (keys,) int64, equally many in all sequences.
        blocks: whose attention is kept; 0 is the first.
        heads: attention of "each" head, or their "mean".
        dtype: of what is kept; None for the model's.
    """

    rows: Sequence[Positions]
    layers: Sequence[int]
    queries: Sequence[Positions]
    keys: Sequence[Positions]
    blocks: Sequence[int]
    heads: Heads = "mean"
    dtype: torch.dtype | None = None


class Watch:
    """What one forward pass showed; sequences of the batch one after the other.

    Attributes:
        states: (layers, rows, width).
        attention: (blocks, heads or 1, queries, keys).
    """

    def __init__(self, plan: Plan) -> None:
        """Look up nothing yet: tensors are made by the forward pass, where it runs."""
        self._plan = plan
        self._layers = {layer: number for number, layer in enumerate(plan.layers)}
        self._blocks = {block: number for number, block in enumerate(plan.blocks)}
        self._states: torch.Tensor | None = None
        self._attention: torch.Tensor | None = None
        self._index: dict[str, torch.Tensor] = {}
        self._seen: set[tuple[str, int]] = set()

    @property
    def states(self) -> torch.Tensor:
        """Kept residual streams, (layers, rows, width)."""
        if self._states is None:
            raise CaptureError("capture: no layer was asked for, so there are no states to read.")
        return self._states

    @property
    def attention(self) -> torch.Tensor:
        """Kept attention, (blocks, heads or 1, queries, keys)."""
        if self._attention is None:
            raise CaptureError("capture: no query was asked for, so there is no attention to read.")
        return self._attention

    @property
    def _wants_attention(self) -> bool:
        return bool(self._blocks) and any(len(queries) for queries in self._plan.queries)

    def see_state(self, layer: int, state: torch.Tensor) -> None:
        """Keep the asked rows of (batch, positions, width)."""
        if layer not in self._layers:
            return
        if self._states is None:
            sequences, columns = _flat(self._plan.rows)
            self._check("rows", self._plan.rows, state.shape[0], state.shape[1])
            self._index["sequences"] = torch.from_numpy(sequences).to(state.device)
            self._index["columns"] = torch.from_numpy(columns).to(state.device)
            shape = (len(self._layers), len(columns), state.shape[-1])
            self._states = state.new_empty(shape, dtype=self._plan.dtype or state.dtype)
        self._once("layer", layer)
        # Model parallelism may put the blocks on several devices; the rows gather on the first.
        sequences, columns = (
            self._index[name].to(state.device) for name in ("sequences", "columns")
        )
        self._states[self._layers[layer]] = state.detach()[sequences, columns]

    def see_attention(
        self,
        block: int,
        query: torch.Tensor,
        key: torch.Tensor,
        mask: torch.Tensor | None,
        scaling: float | None,
    ) -> None:
        """Keep the asked rows of the softmax.

        Args:
            block: number of the layer.
            query: (batch, heads, query, head width).
            key: (batch, key heads, key, head width), before repetition over groups.
            mask: (batch or 1, heads or 1, query, key), bool where allowed or added to the scores;
                None for causal attention without padding.
            scaling: of the scores; None for one over the root of the head width.
        """
        if block not in self._blocks or not self._wants_attention:
            return
        plan = self._plan
        if self._attention is None:
            self._check("queries", plan.queries, len(query), query.shape[2])
            self._check("keys", plan.keys, len(query), key.shape[2])
            counts = np.array([len(one) for one in plan.queries])
            padded = np.zeros((len(counts), counts.max()), np.int64)
            asked = np.arange(counts.max()) < counts[:, None]
            padded[asked] = np.concatenate(plan.queries)
            for name, array in (("query", padded), ("asked", asked), ("key", np.stack(plan.keys))):
                self._index[name] = torch.from_numpy(array).to(query.device)
            heads = 1 if plan.heads == "mean" else query.shape[1]
            shape = (len(self._blocks), heads, int(counts.sum()), len(plan.keys[0]))
            self._attention = query.new_empty(shape, dtype=plan.dtype or query.dtype)
        self._once("block", block)
        index = {name: tensor.to(query.device) for name, tensor in self._index.items()}
        rows = max(1, _SCORE_BYTES // (4 * len(query) * query.shape[1] * key.shape[2]))
        start = 0
        for columns, asked in zip(
            index["query"].split(rows, 1), index["asked"].split(rows, 1), strict=True
        ):
            weights = _attention_rows(query.detach(), key.detach(), mask, scaling, columns)
            if plan.heads == "mean":
                weights = weights.mean(1, keepdim=True)
            chosen = index["key"][:, None, None].expand(*weights.shape[:3], -1)
            weights = weights.gather(-1, chosen).transpose(0, 1)
            # Rows of all sequences are kept one after the other, so chunks interleave.
            places = self._places(index["asked"], start, columns.shape[1])
            self._attention[self._blocks[block], :, places] = weights[:, asked].to(
                self._attention.dtype
            )
            start += columns.shape[1]

    def finish(self, implementation: str | None) -> None:
        """Make sure that the pass showed all that was asked.

        Raises:
            CaptureError: a layer or a block never came by.
        """
        layers = sorted(set(self._layers) - {n for kind, n in self._seen if kind == "layer"})
        blocks = sorted(set(self._blocks) - {n for kind, n in self._seen if kind == "block"})
        if layers:
            raise CaptureError(
                f"capture: no residual stream came by for entries {layers}. Run exactly one "
                "forward pass of the model inside the watch."
            )
        if blocks and self._wants_attention:
            raise CaptureError(
                f"capture: no attention came by for blocks {blocks}; the text model ran with "
                f"attention {implementation!r} instead of {WATCHED!r}, or these blocks have no "
                "softmax attention. Do not set the implementation inside the watch."
            )

    def _places(self, asked: torch.Tensor, start: int, count: int) -> torch.Tensor:
        numbers = (asked.flatten().cumsum(0) - 1).view_as(asked)
        window = slice(start, start + count)
        return numbers[:, window][asked[:, window]]

    def _once(self, kind: str, number: int) -> None:
        if (kind, number) in self._seen:
            raise CaptureError(
                f"capture: {kind} {number} came by twice. Run exactly one forward pass inside the "
                "watch: one batch, no generation."
            )
        self._seen.add((kind, number))

    def _check(self, name: str, chosen: Sequence[Positions], batch: int, length: int) -> None:
        if len(chosen) != batch:
            raise CaptureError(
                f"capture: {name} of {len(chosen)} sequences, but the pass has {batch}."
            )
        for number, columns in enumerate(chosen):
            if len(columns) and not 0 <= min(columns) <= max(columns) < length:
                raise CaptureError(
                    f"capture: {name} of sequence {number} lie in {min(columns)}...{max(columns)}, "
                    f"outside the {length} columns of this pass."
                )
        if name == "keys" and len({len(columns) for columns in chosen}) > 1:
            raise CaptureError(
                f"capture: {sorted({len(columns) for columns in chosen})} keys in one batch. Ask "
                "sequences with different numbers of keys in separate calls."
            )


_active: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched_attention(vlm: VLM) -> Iterator[None]:
    """Let the text model run with `WATCHED` attention inside the block; the tower keeps its own.

    A model under `sightline.instruments.intervene` keeps the attention of its condition, which can be watched too.
    """
    config = vlm.adapter.text_model(vlm.model).config
    before = config._attn_implementation
    # Setting it walks over all modules, which nested blocks need not do again.
    if before in (WATCHED, EDGES):
        yield
        return
    vlm.model.set_attn_implementation({"text_config": WATCHED})
    try:
        yield
    finally:
        vlm.model.set_attn_implementation({"text_config": before})


@contextmanager
def watching(vlm: VLM, plan: Plan) -> Iterator[Watch]:
    """Watch the one forward pass of the language model that happens inside the block.

    Args:
        vlm: the model, with `watched_attention` inside the block.
        plan: what to keep.

    Raises:
        CaptureError: a layer out of range; positions outside the pass; no pass, or several; another
            attention implementation was set inside the block.
    """
    watch = Watch(plan)
    blocks = vlm.adapter.layers(vlm.model)
    config = vlm.adapter.text_model(vlm.model).config
    _check_numbers("layers", plan.layers, len(blocks) + 1)
    _check_numbers("blocks", plan.blocks, len(blocks))
    handles = [_hook(watch, block, number) for number, block in enumerate(blocks, start=1)]
    handles.append(blocks[0].register_forward_pre_hook(_first_hook(watch), with_kwargs=True))
    token = _active.set(watch)
    try:
        with watched_attention(vlm):
            yield watch
            implementation = config._attn_implementation
    finally:
        _active.reset(token)
        for handle in handles:
            handle.remove()
    watch.finish(implementation)


def tell_watch(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float | None,
) -> None:
    """Show the watch of this context, if there is one, what a layer attends with.

    For attention functions that can be watched: their mask holds all that they change. Arguments as in
    `Watch.see_attention`.
    """
    watch = _active.get()
    if watch is not None:
        watch.see_attention(module.layer_idx, query, key, mask, scaling)


def _flat(chosen: Sequence[Positions]) -> tuple[np.ndarray, np.ndarray]:
    """Sequence and column of every chosen row, two (rows,) int64 arrays."""
    counts = [len(columns) for columns in chosen]
    return np.repeat(np.arange(len(counts)), counts), np.concatenate(
        [np.asarray(columns, np.int64) for columns in chosen]
    )


def _hook(watch: Watch, block: nn.Module, layer: int) -> Any:
    def keep(module: nn.Module, args: tuple, output: Any) -> None:
        watch.see_state(layer, output[0] if isinstance(output, tuple) else output)

    return block.register_forward_hook(keep)


def _first_hook(watch: Watch) -> Any:
    def keep(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        watch.see_state(0, args[0] if args else kwargs["hidden_states"])

    return keep


def _check_numbers(name: str, numbers: Sequence[int], count: int) -> None:
    wrong = [number for number in numbers if not 0 <= number < count]
    if wrong or len(set(numbers)) != len(numbers):
        raise CaptureError(
            f"capture: {name} {list(numbers)}; give different numbers from 0 to {count - 1}."
        )


def _attention_rows(
    query: torch.Tensor,
    key: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float | None,
    columns: torch.Tensor,
) -> torch.Tensor:
    """Softmax of some query rows, (batch, heads, rows, key) float32; columns is (batch, rows)."""
    batch, heads, length, width = query.shape
    groups, keys, rows = key.shape[1], key.shape[2], columns.shape[1]
    sequences = torch.arange(batch, device=query.device)[:, None]
    chosen = query.transpose(1, 2)[sequences, columns].transpose(1, 2)
    # Query heads of a group share their keys: laid out as rows, the keys need not be repeated.
    grouped = chosen.reshape(batch, groups, heads // groups * rows, width)
    # In 32 bits: half precision overflows before scores are scaled.
    scores = grouped.float() @ key.float().transpose(2, 3)
    scores = scores.view(batch, heads, rows, keys)
    scores *= width**-0.5 if scaling is None else scaling
    if mask is None:
        # Torch aligns causal attention at the upper left; one row alone sees every key.
        if length > 1:
            future = torch.arange(keys, device=query.device) > columns[..., None]
            scores.masked_fill_(future[:, None], -torch.inf)
    else:
        mask = mask.expand(batch, -1, -1, -1).transpose(1, 2)[sequences, columns].transpose(1, 2)
        if mask.dtype == torch.bool:
            scores.masked_fill_(~mask, torch.finfo(scores.dtype).min)
        else:
            scores += mask
    return scores.softmax(-1)


def _watched_sdpa(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    tell_watch(module, query, key, attention_mask, scaling)
    return sdpa_attention_forward(
        module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
    )


AttentionInterface.register(WATCHED, _watched_sdpa)
AttentionMaskInterface.register(WATCHED, sdpa_mask)
