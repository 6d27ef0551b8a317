"""Attention within groups: a token sees those of its own group, and in every layer no others.

With each token a group of its own no information passes between tokens; with the tokens of an object as a
group none passes between objects. What a probe then reads of one object in another's tokens is correlation
between objects or positions, never mixing (khajuria2025, control of the dossier's section 8).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from sightline.models.registry import ModelError

GROUPED = "sightline_groups"

_groups: ContextVar[torch.Tensor | None] = ContextVar("groups of tokens", default=None)


@contextmanager
def attention_within(groups: torch.Tensor | None) -> Iterator[None]:
    """Attention of towers set to GROUPED stays within groups, (images, positions) int64, for a while."""
    token = _groups.set(groups)
    try:
        yield
    finally:
        _groups.reset(token)


def grouped_forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The registered attention function: (images, heads, positions, head_dim), among equals only."""
    groups = _groups.get()
    if attention_mask is not None or groups is None or groups.shape != query[:, 0, :, 0].shape:
        raise ModelError(
            f"attention {GROUPED}: called without groups of shape {tuple(query[:, 0, :, 0].shape)}, or with a "
            "mask. It serves Encoder.states(pixels, groups) only."
        )
    same = (groups[:, :, None] == groups[:, None, :])[:, None]
    out = functional.scaled_dot_product_attention(query, key, value, same, scale=scaling)
    return out.transpose(1, 2).contiguous(), None


AttentionInterface.register(GROUPED, grouped_forward)
AttentionMaskInterface.register(GROUPED, sdpa_mask)
