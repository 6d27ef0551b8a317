"""Attention of rows that branch off a clean run, and the two functions registered with transformers.

``sightline_rows`` hands queries, keys and values of the rows of a replay to whoever runs it; the rows need no
mask, as whoever runs it knows what each may see. ``sightline_edges`` (`sightline.instruments.intervene`) edits
the mask of an ordinary call. Both have a mask function of their own: without one transformers passes no mask
at all, and padding, in eager attention even causality, would silently be lost.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import accumulate, pairwise
from typing import Any, Protocol

import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from sightline.errors import SightlineError
from sightline.models.vlm import VLM

ROWS = "sightline_rows"
EDGES = "sightline_edges"

ROWS_FOR_FUSED = 32
"""From so many rows on, one call of the fused kernel for each branch costs less than writing out scores."""

# Rows in one call of the kernel: a call computes keys that only its later rows see, and then masks them.
_ROWS_AT_ONCE = 128

Keys = tuple[torch.Tensor, torch.Tensor]
"""Keys and values."""


class AttentionError(SightlineError):
    """Attention was called in a way under which an intervention would not do what it says."""


class Attends(Protocol):
    """Whoever runs rows of a replay."""

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Attention of the rows of one layer.

        Args:
            layer: counted from 0.
            query: (heads, rows, head_dim), after the rotary embedding.
            key: (key heads, rows, head_dim), likewise.
            value: (key heads, rows, head_dim).
            scaling: of the scores.

        Returns:
            (rows, heads, head_dim).
        """


_running: ContextVar[Attends | None] = ContextVar("rows of a replay", default=None)


def rows_forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The registered attention function: (1, heads, rows, head_dim) to whoever runs the rows."""
    runner = _running.get()
    if runner is None or query.shape[0] != 1 or key.shape[2] != query.shape[2]:
        raise AttentionError(
            f"attention {ROWS}: called outside a replay, or with {key.shape[2]} keys for "
            f"{query.shape[2]} rows. It serves replays only; use "
            "sightline.instruments.intervene for the model's own calls."
        )
    out = runner.attend(module.layer_idx, query[0], key[0], value[0], scaling)
    return out[None], None


AttentionInterface.register(ROWS, rows_forward)
AttentionMaskInterface.register(ROWS, sdpa_mask)


@contextmanager
def text_attention(vlm: VLM, name: str) -> Iterator[None]:
    """The language model attends by a registered function; the vision tower stays as it is.

    Raises:
        AttentionError: the function or its mask function is not registered, the model did not take it, or it runs
            under a condition, which would be lost.
    """
    refuse_condition(vlm, f"attention {name}")
    for registry, what in (
        (ALL_ATTENTION_FUNCTIONS, "attention"),
        (ALL_MASK_ATTENTION_FUNCTIONS, "mask"),
    ):
        if name not in registry.valid_keys():
            raise AttentionError(
                f"attention {name}: no {what} function is registered under this name, so masks "
                "would be lost without a word. Register both (AttentionInterface and "
                "AttentionMaskInterface)."
            )
    config = vlm.adapter.text_model(vlm.model).config
    before = config._attn_implementation
    vlm.model.set_attn_implementation({"text_config": name})
    try:
        if config._attn_implementation != name:
            raise AttentionError(
                f"models.{vlm.key}: its language model does not take another attention function "
                f"(it keeps {config._attn_implementation}). Interventions need a family whose "
                "attention goes through AttentionInterface."
            )
        yield
    finally:
        vlm.model.set_attn_implementation({"text_config": before})


def refuse_condition(vlm: VLM, what: str) -> None:
    """Refuse what would drop the condition of `sightline.instruments.intervene`, or keep it where none is meant.

    Args:
        vlm: the model.
        what: is refused; the beginning of the message.

    Raises:
        AttentionError: the model runs inside ``intervene``.
    """
    if vlm.adapter.text_model(vlm.model).config._attn_implementation == EDGES:
        raise AttentionError(
            f"{what}: inside `with intervene(...)`, whose condition would be dropped or taken for the clean run. "
            "Leave the context first. For states and answers under conditions use replay, replay_states or "
            "replay_decoding, or capture inside the context; several interventions go into one condition."
        )


@contextmanager
def rows_run_by(runner: Attends, vlm: VLM) -> Iterator[None]:
    """The language model's attention goes to ``runner``, and only there: other rows it would mix up."""
    token = _running.set(runner)
    try:
        with text_attention(vlm, ROWS):
            yield
    finally:
        _running.reset(token)


def branch_attention(
    query: torch.Tensor,
    shared: Keys,
    own: Sequence[Keys],
    bias: torch.Tensor | None,
    scaling: float,
) -> torch.Tensor:
    """Attention of branches with keys of their own and keys that all share, which are not copied for each.

    Args:
        query: (branches, heads, rows, head_dim).
        shared: (key heads, shared keys, head_dim) each.
        own: parts, (branches, key heads, keys, head_dim) each; the last keys are those of the rows, in order.
        bias: added to the scores, (1 or branches, 1 or heads, rows, shared + own keys), minus infinity for rows
            that come later; None for none.
        scaling: of the scores.

    Returns:
        (branches, rows, heads, head_dim).
    """
    if query.shape[2] >= ROWS_FOR_FUSED:
        return _fused(query, shared, own, bias, scaling)
    branches, heads, rows, width = query.shape
    groups, far_keys = len(shared[0]), shared[0].shape[1]
    per_group = heads // groups
    # Shared keys see the rows of all branches as one matrix; own keys go branch by branch. Scores are made in 32 bits,
    # as fused kernels do: in half precision they overflow before they are scaled.
    grouped = query.float().reshape(branches, groups, per_group * rows, width)
    far = grouped.transpose(0, 1).reshape(groups, -1, width) @ shared[0].float().transpose(1, 2)
    parts = [far.view(groups, branches, per_group, rows, far_keys)]
    for keys, _ in own:
        near = (grouped @ keys.float().transpose(2, 3)).view(branches, groups, per_group, rows, -1)
        parts.append(near.transpose(0, 1))
    # Scores are few where keys are many: they are put together, own keys are not.
    scores = torch.cat(parts, dim=-1) * scaling
    if bias is not None:
        by_head = bias.unflatten(1, (1 if bias.shape[1] == 1 else groups, -1))
        scores += by_head.transpose(0, 1)
    far, *weights = scores.softmax(-1).split([one.shape[-1] for one in parts], -1)
    out = far.reshape(groups, branches * per_group * rows, far_keys) @ shared[1].float()
    out = out.view(groups, branches, per_group * rows, width).transpose(0, 1)
    for weight, (_, values) in zip(weights, own, strict=True):
        near = weight.transpose(0, 1).reshape(branches, groups, per_group * rows, -1)
        out = out + near @ values.float()
    # Rounded once: else it would matter which keys are shared, and so who else is asked.
    return out.to(query.dtype).reshape(branches, heads, rows, width).transpose(1, 2)


def joined(parts: Sequence[Keys]) -> Keys:
    """Parts behind each other, (branches, key heads, keys, head_dim) each."""
    keys, values = (
        one[0] if len(one) == 1 else torch.cat(one, dim=2) for one in zip(*parts, strict=True)
    )
    return keys, values


def _fused(
    query: torch.Tensor,
    shared: Keys,
    own: Sequence[Keys],
    bias: torch.Tensor | None,
    scaling: float,
) -> torch.Tensor:
    """The same by the fused kernel, for branches with many rows: one buffer, in which own keys take turns."""
    branches, heads, rows, width = query.shape
    out = query.new_empty(branches, rows, heads, width)
    ends = list(accumulate([shared[0].shape[1], *(part[0].shape[2] for part in own)]))
    buffers = [query.new_empty(heads, ends[-1], width) for _ in shared]

    def write(source: Keys, begin: int, end: int) -> None:
        for buffer, one in zip(buffers, source, strict=True):
            buffer[:, begin:end].unflatten(0, (len(one), -1)).copy_(one[:, None])

    write(shared, 0, ends[0])
    mask = None if bias is None else bias.to(query.dtype).expand(branches, -1, -1, -1)
    for branch in range(branches):
        for part, (begin, end) in zip(own, pairwise(ends), strict=True):
            write((part[0][branch], part[1][branch]), begin, end)
        for first in range(0, rows, _ROWS_AT_ONCE):
            asked = slice(first, min(first + _ROWS_AT_ONCE, rows))
            # Behind these rows come keys of later ones only.
            seen = ends[-1] - rows + asked.stop
            found = functional.scaled_dot_product_attention(
                query[branch, None, :, asked],
                *(buffer[None, :, :seen] for buffer in buffers),
                attn_mask=None if mask is None else mask[branch, None, :, asked, :seen],
                scale=scaling,
            )
            out[branch, asked] = found[0].transpose(0, 1)
    return out
