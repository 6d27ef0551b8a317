"""Names of InternVL2 as published: an InternViT, a projector and a language model.

vision_model.embeddings                class_embedding, patch_embedding, position_embedding
vision_model.encoder.layers.<n>        norm1, attn.qkv (three in one), attn.q_norm, attn.k_norm, attn.proj, ls1, norm2,
                                       mlp, ls2
mlp1.0, mlp1.1, mlp1.3                 norm, linear, linear
language_model                         Llama or Qwen2 under their own names, or InternLM2: wqkv (query heads, one key
                                       and one value of every group), wo, w1, w2, w3, tok_embeddings, output

A weight of the original becomes one of transformers' or, where it holds query, key and value, three.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from sightline.errors import SightlineError

_VISION = "model.vision_tower."
_LANGUAGE = "model.language_model."
_PROJECTOR = "model.multi_modal_projector."
_PLAIN = {
    "vision_model.embeddings.class_embedding": f"{_VISION}embeddings.cls_token",
    "vision_model.embeddings.position_embedding": f"{_VISION}embeddings.position_embeddings",
    "vision_model.embeddings.patch_embedding.": f"{_VISION}embeddings.patch_embeddings.projection.",
    "mlp1.0.": f"{_PROJECTOR}layer_norm.",
    "mlp1.1.": f"{_PROJECTOR}linear_1.",
    "mlp1.3.": f"{_PROJECTOR}linear_2.",
    "language_model.model.tok_embeddings.": f"{_LANGUAGE}embed_tokens.",
    "language_model.output.": "lm_head.",
    "language_model.lm_head.": "lm_head.",
}
_BLOCK = re.compile(r"vision_model\.encoder\.layers\.(\d+)\.(.+)")
_IN_BLOCK = {
    "ls1": "lambda_1",
    "ls2": "lambda_2",
    "norm1.": "layernorm_before.",
    "norm2.": "layernorm_after.",
    "attn.proj.": "attention.projection_layer.",
    "attn.q_norm.": "attention.q_norm.",
    "attn.k_norm.": "attention.k_norm.",
    "mlp.": "mlp.",
}
_INTERNLM2 = {
    "attention.wo.": "self_attn.o_proj.",
    "feed_forward.w1.": "mlp.gate_proj.",
    "feed_forward.w3.": "mlp.up_proj.",
    "feed_forward.w2.": "mlp.down_proj.",
    "attention_norm.": "input_layernorm.",
    "ffn_norm.": "post_attention_layernorm.",
}
_COMPUTED = "rotary_emb.inv_freq"


class InternVL2LayoutError(SightlineError):
    """A checkpoint is not in the layout of InternVL2."""


@dataclass(frozen=True)
class Heads:
    """Attention heads of an InternLM2, whose queries, keys and values lie in one weight.

    Attributes:
        queries: heads of queries.
        keys: heads of keys and values.
    """

    queries: int
    keys: int


@dataclass(frozen=True)
class Step:
    """What becomes of one weight.

    Attributes:
        names: of the weights it becomes; none where it is not needed.
        split: how it is cut into them: "" not at all, "thirds" in three equal parts, "groups" by InternLM2's groups.
    """

    names: tuple[str, ...]
    split: str = ""

    def apply(self, weight: Tensor, heads: Heads | None = None) -> tuple[Tensor, ...]:
        """The weights it becomes, in the order of ``names``."""
        if self.split == "thirds":
            return tuple(part.contiguous() for part in weight.chunk(3))
        if self.split == "groups":
            # (key heads, queries of each + key + value, width of a head, ...)
            grouped = weight.unflatten(0, (*_groups(heads), -1))
            parts = (grouped[:, :-2], grouped[:, -2:-1], grouped[:, -1:])
            return tuple(part.flatten(0, 2).contiguous() for part in parts)
        return (weight,)

    def undo(self, parts: Iterable[Tensor], heads: Heads | None = None) -> Tensor:
        """The original weight, put together again."""
        parts = tuple(parts)
        if self.split == "thirds":
            return torch.cat(parts)
        if self.split == "groups":
            each = heads.queries // heads.keys
            shaped = [
                part.unflatten(0, (heads.keys, count, -1))
                for part, count in zip(parts, (each, 1, 1), strict=True)
            ]
            return torch.cat(shaped, 1).flatten(0, 2)
        return parts[0]


def _groups(heads: Heads | None) -> tuple[int, int]:
    if heads is None:
        raise InternVL2LayoutError("attention.wqkv: the configuration names no InternLM2.")
    return heads.keys, heads.queries // heads.keys + 2


def plan(names: Iterable[str]) -> dict[str, Step]:
    """What becomes of every weight of a checkpoint.

    Raises:
        InternVL2LayoutError: a weight has a name that InternVL2 does not know.
    """
    return {name: _step(name) for name in names}


def _step(name: str) -> Step:
    if name.endswith(_COMPUTED):
        return Step(())
    for before, after in _PLAIN.items():
        if name.startswith(before):
            return Step((after + name.removeprefix(before),))
    if found := _BLOCK.fullmatch(name):
        block, inner = f"{_VISION}encoder.layer.{found[1]}", found[2]
        if inner.startswith("attn.qkv."):
            kind = inner.removeprefix("attn.qkv.")
            return Step(tuple(f"{block}.attention.{p}_proj.{kind}" for p in "qkv"), "thirds")
        for before, after in _IN_BLOCK.items():
            if inner.startswith(before):
                return Step((f"{block}.{after}{inner.removeprefix(before)}",))
    elif name.startswith("language_model.model."):
        inner = name.removeprefix("language_model.model.")
        if ".attention.wqkv." in inner:
            block, kind = inner.split(".attention.wqkv.")
            return Step(
                tuple(f"{_LANGUAGE}{block}.self_attn.{p}_proj.{kind}" for p in "qkv"), "groups"
            )
        for before, after in _INTERNLM2.items():
            inner = inner.replace(f".{before}", f".{after}")
        return Step((_LANGUAGE + inner,))
    raise InternVL2LayoutError(
        f"{name}: InternVL2 has no such weight. Is the checkpoint's architecture InternVLChatModel?"
    )
