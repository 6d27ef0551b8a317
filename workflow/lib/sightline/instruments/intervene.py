"""One condition over the model's own calls: ``with intervene(vlm, condition, prompt): vlm.generate(...)``.

For experiments that a replay does not cover, and as its independent check: the model runs as ever, with its
attention mask edited in each layer and its image tokens replaced as they enter the language model.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from sightline.instruments.edges import Edges, resolve
from sightline.instruments.interventions import Condition
from sightline.instruments.replacements import replacement
from sightline.instruments.row_attention import EDGES, AttentionError, text_attention
from sightline.instruments.watching import tell_watch
from sightline.models.prompts import Prompt
from sightline.models.vlm import VLM


@contextmanager
def intervene(
    vlm: VLM,
    condition: Condition,
    prompt: Prompt | Sequence[Prompt],
    vectors: Mapping[str, torch.Tensor] | None = None,
) -> Iterator[None]:
    """Every call of the model inside the context runs under the condition.

    Calls start from the first position and may go on with a dynamic cache, as ``generate`` does. A batch holds the
    same prompt in all rows, or one prompt for each row, padded on the left. ``capture`` reads states and attention
    as the condition leaves them. What runs the prompt anew without a condition, such as a clean run or a replay, is
    refused inside.

    Args:
        vlm: the model.
        condition: what is changed.
        prompt: what the calls will ask, or one prompt for each row of their batch.
        vectors: what image tokens may be replaced by, by name.

    Raises:
        InterventionError: the condition cannot be applied to this model and prompt.
        AttentionError: a call has another prompt, right padding, a static cache or no attention mask; the model runs
            under a condition already.
    """
    prompts = [prompt] if isinstance(prompt, Prompt) else list(prompt)
    text = vlm.adapter.text_model(vlm.model)
    heads, layers = text.config.num_attention_heads, len(vlm.adapter.layers(vlm.model))
    edges = [resolve(condition, one.roles, layers, heads, vectors) for one in prompts]
    calls = _Calls(edges, vectors or {})
    hook = text.register_forward_pre_hook(calls.replace_tokens, with_kwargs=True)
    token = _current.set(calls)
    try:
        with text_attention(vlm, EDGES):
            yield
    finally:
        _current.reset(token)
        hook.remove()


class _Calls:
    """What the attention function must know of the call it is in."""

    def __init__(self, edges: list[Edges], vectors: Mapping[str, torch.Tensor]) -> None:
        self._edges, self._vectors = edges, vectors
        # Columns run so far, and those among them that are padding, by row of the batch.
        self._columns = 0
        self._padding: list[int] = []
        self._known: dict[tuple, np.ndarray | None] = {}

    def begin(self, batch: int, columns: int) -> None:
        """A call that starts from the first position."""
        if len(self._edges) not in (1, batch):
            raise AttentionError(
                f"intervene: {len(self._edges)} prompts but a batch of {batch}. Give one prompt for "
                "all rows or one for each; beams and several answers to a prompt are not supported."
            )
        self._padding = [columns - edges.length for edges in self._rows(batch)]
        if min(self._padding) < 0:
            raise AttentionError(
                f"intervene: a call of {columns} positions, but the prompt has "
                f"{max(edges.length for edges in self._edges)}. Call the model with the prompt that "
                "the condition was given."
            )

    def edit(self, layer: int, batch: int, rows: int, columns: int) -> torch.Tensor | None:
        """What is added to the scores, (batch, 1 or heads, rows, columns); None if nothing is."""
        if rows == columns:
            self.begin(batch, columns)
        elif self._columns not in (columns, columns - rows) or batch > len(self._padding):
            raise AttentionError(
                f"intervene: a call of {rows} positions behind {columns - rows} others that this "
                "context has not seen. Start from the first position, with a new dynamic cache."
            )
        elif batch < len(self._padding) and len(self._edges) > 1:
            raise AttentionError(
                f"intervene: {len(self._padding) - batch} of {len(self._padding)} rows left the batch, and which "
                "prompts they had is not known. Give one prompt for all rows, or run one row at a time."
            )
        # Rows with one prompt are alike, so any of them may leave when its answer ends.
        self._padding = self._padding[:batch]
        self._columns = columns
        found = [
            self._row(edges, layer, padding, rows, columns)
            for edges, padding in zip(self._rows(batch), self._padding, strict=True)
        ]
        if all(one is None for one in found):
            return None
        heads = max(len(one) for one in found if one is not None)
        bias = np.zeros((batch, heads, rows, columns), np.float32)
        for place, one in zip(bias, found, strict=True):
            if one is not None:
                place += one
        return torch.from_numpy(bias)

    def check_padding(self, mask: torch.Tensor) -> None:
        """Refuse prompts that do not end in the last column: their rows would not be where roles say."""
        seen = mask[:, 0, -1] if mask.dtype == torch.bool else mask[:, 0, -1] == 0
        for number, (row, padding) in enumerate(
            zip(seen.expand(len(self._padding), -1), self._padding, strict=True)
        ):
            if row[:padding].any() or not row[-1]:
                raise AttentionError(
                    f"intervene: row {number} of the batch is not its prompt of "
                    f"{len(row) - padding} positions padded on the left. Pad on the left "
                    "(tokenizer.padding_side), and pass the attention mask."
                )

    def replace_tokens(self, _: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict] | None:
        """Hook before the language model: image tokens as the condition wants them."""
        cache = kwargs.get("past_key_values")
        if not self._edges[0].replaced or (cache is not None and cache.get_seq_length()):
            return None
        states = kwargs["inputs_embeds"].clone()
        self.begin(*states.shape[:2])
        for row, edges, padding in zip(states, self._rows(len(states)), self._padding, strict=True):
            image = row[torch.from_numpy(edges.image + padding).to(row.device)]
            places, tokens = replacement(edges, image, self._vectors)
            row[torch.from_numpy(places + padding).to(row.device)] = tokens
        return args, kwargs | {"inputs_embeds": states}

    def _rows(self, batch: int) -> list[Edges]:
        return self._edges * batch if len(self._edges) == 1 else self._edges

    def _row(
        self, edges: Edges, layer: int, padding: int, rows: int, columns: int
    ) -> np.ndarray | None:
        key = id(edges), edges.signature(layer), padding, rows, columns
        if key not in self._known:
            # Columns count the padding, positions do not.
            positions = np.arange(columns) - padding
            queries = positions[columns - rows :]
            bias = edges.bias(layer, queries[queries >= 0], positions[positions >= 0])
            if bias is not None:
                gaps = rows - bias.shape[1], columns - bias.shape[2]
                bias = np.pad(bias, ((0, 0), (gaps[0], 0), (gaps[1], 0)))
            self._known = {
                known: value
                for known, value in self._known.items()
                if known[-2:] == (rows, columns)
            }
            self._known[key] = bias
        return self._known[key]


_current: ContextVar[_Calls | None] = ContextVar("condition of the model's calls", default=None)


def edit_mask(mask: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """A mask with changed edges.

    Args:
        mask: (batch, 1 or heads, query, key), bool (True: seen) or additive.
        bias: what is added to the scores, likewise; minus infinity for edges that are cut.

    Returns:
        Bool only if the mask is bool and edges are only cut; otherwise additive. A False written into an
        additive mask would mean 0, that is: seen.
    """
    cut = torch.isneginf(bias)
    if mask.dtype == torch.bool:
        if not bias[~cut].any():
            return mask & ~cut
        # Rows of padding see nothing; the lowest finite number keeps their softmax defined.
        lowest = torch.finfo(bias.dtype).min
        mask = torch.zeros(mask.shape, dtype=bias.dtype, device=mask.device).masked_fill(
            ~mask, lowest
        )
    if not mask.is_floating_point():
        raise AttentionError(
            f"intervene: an attention mask of type {mask.dtype} can be read in two ways. "
            "Pass a bool mask (True: seen) or an additive one."
        )
    return mask + bias.to(mask.dtype)


def edges_forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The registered attention function.

    Returns:
        (batch, query, heads, head_dim), and with ``output_attentions`` the weights, (batch, heads, query, key).
    """
    calls = _current.get()
    if calls is None:
        raise AttentionError(f"attention {EDGES}: called outside `with intervene(...)`.")
    batch, _, rows, _ = query.shape
    columns = key.shape[2]
    if attention_mask is None or attention_mask.shape[-2:] != (rows, columns):
        raise AttentionError(
            f"attention {EDGES}: {columns} keys for {rows} rows came with a mask of shape "
            f"{None if attention_mask is None else tuple(attention_mask.shape)}. Its mask function "
            "is not registered (AttentionMaskInterface), so causality or padding would be lost."
        )
    bias = calls.edit(module.layer_idx, batch, rows, columns)
    if rows == columns and module.layer_idx == 0:
        calls.check_padding(attention_mask)
    if bias is not None:
        attention_mask = edit_mask(attention_mask, bias.to(query.device))
    tell_watch(module, query, key, attention_mask, scaling)
    groups = query.shape[1] // key.shape[1]
    key, value = (one.repeat_interleave(groups, dim=1) for one in (key, value))
    if not kwargs.get("output_attentions"):
        if attention_mask.is_floating_point():
            attention_mask = attention_mask.to(query.dtype)
        out = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scaling
        )
        return out.transpose(1, 2).contiguous(), None
    # The fused kernel has no weights to give, and transformers would return none without a word.
    scores = (query.float() @ key.float().transpose(2, 3)) * scaling
    if attention_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    else:
        scores = scores + attention_mask
    weights = scores.softmax(-1).to(query.dtype)
    return (weights @ value).transpose(1, 2).contiguous(), weights


@functools.wraps(sdpa_mask)
def edges_mask(
    batch_size: int, q_length: int, kv_length: int, q_offset: Any = 0, **kwargs: Any
) -> torch.Tensor:
    """The registered mask function: as for sdpa, but always written out, (batch, 1, query, key) bool."""
    if int(q_offset) + q_length != kv_length:
        raise AttentionError(
            f"intervene: {kv_length} key columns for {int(q_offset) + q_length} positions so far, as with a "
            "static cache or a sliding window. Use the default dynamic cache."
        )
    kwargs["allow_is_causal_skip"] = False
    return sdpa_mask(
        batch_size=batch_size,
        q_length=q_length,
        kv_length=kv_length,
        q_offset=q_offset,
        **kwargs,
    )


AttentionInterface.register(EDGES, edges_forward)
AttentionMaskInterface.register(EDGES, edges_mask)
