"""Interventions written out by hand for plain transformers: the reference that replays must equal.

Nothing here uses the engine: edges are found by asking of every (query, key) whether they are meant, and reach
the model as an additive mask that a hook edits before each layer, under eager attention.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import PreTrainedModel

from sightline.instruments.interventions import (
    Condition,
    KeepKeys,
    ReplaceTokens,
    Rescale,
)
from sightline.models.prompts import Prompt
from sightline.models.vlm import VLM


def positions_of(rows: Any, prompt: Prompt, total: int) -> list[int]:
    """Positions that rows mean in a sequence of ``total`` positions, in order."""
    roles, length = prompt.roles, len(prompt)
    system, image, query = (one.tolist() for one in (roles.system, roles.image, roles.query))
    new = list(range(length, total))
    meaning = {
        "system": system,
        "image": image,
        "query": query,
        "generated": new,
        "last": [length - 1],
        "last_image_row": image[-4:],
        "text": system + query + new,
        "all": list(range(total)),
    }
    parts = [rows] if isinstance(rows, str) else rows
    found = [p for part in parts for p in (meaning[part] if isinstance(part, str) else [part])]
    return sorted(set(found))


def added_scores(
    condition: Condition, prompt: Prompt, layers: int, heads: int, total: int
) -> torch.Tensor:
    """What a condition adds to the scores, (layers, heads, total, total)."""
    added = torch.zeros(layers, heads, total, total)
    for one in condition.interventions:
        if isinstance(one, ReplaceTokens):
            continue
        queries = [
            q
            for q in positions_of(one.queries, prompt, total)
            if one.phase == "both" or (one.phase == "prompt") == (q < len(prompt))
        ]
        chosen = range(layers) if one.layers == "all" else one.layers
        for place, layer in enumerate(chosen):
            if isinstance(one, KeepKeys):
                among = positions_of(one.among, prompt, len(prompt))
                keep = one.keep
                if keep and isinstance(keep[0], tuple):
                    keep = keep[place]
                keys = [key for number, key in enumerate(among) if number not in keep]
            else:
                keys = positions_of(one.keys, prompt, total)
            for head in range(heads) if one.heads is None else one.heads:
                for query in queries:
                    for key in keys:
                        if key <= query:
                            added[layer, head, query, key] += (
                                math.log(one.factor) if isinstance(one, Rescale) else -math.inf
                            )
    return added


def replaced(
    condition: Condition, image_tokens: torch.Tensor, vectors: dict[str, torch.Tensor]
) -> torch.Tensor:
    """Image tokens under a condition, (tokens, width)."""
    edited = image_tokens.clone()
    for one in condition.interventions:
        if isinstance(one, ReplaceTokens):
            for number, token in enumerate(one.tokens):
                if one.by == "zeros":
                    edited[token] = 0
                elif one.by == "mean":
                    edited[token] = image_tokens.mean(0)
                elif isinstance(one.by, str):
                    vector = vectors[one.by]
                    edited[token] = vector if vector.dim() == 1 else vector[token]
                else:
                    edited[token] = image_tokens[one.by[number]]
    return edited


@contextmanager
def scores_added(model: PreTrainedModel, layers: Any, added: torch.Tensor) -> Iterator[None]:
    """Run the model with something added to its scores.

    Args:
        model: plain.
        layers: its blocks.
        added: (layers, batch or 1, heads, columns, columns), at least as many columns as are run.
    """
    before = model.config.text_config._attn_implementation
    model.set_attn_implementation({"text_config": "eager"})

    def edit(number: int):
        def hook(_: Any, args: tuple, kwargs: dict) -> tuple:
            mask = kwargs["attention_mask"]
            rows, columns = mask.shape[-2:]
            extra = added[number][..., columns - rows : columns, :columns].to(mask.dtype)
            return args, kwargs | {"attention_mask": mask + extra}

        return hook

    hooks = [
        layer.register_forward_pre_hook(edit(number), with_kwargs=True)
        for number, layer in enumerate(layers)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        model.set_attn_implementation({"text_config": before})


class ByHand:
    """One prompt, one image, one condition at a time, on a plain model."""

    def __init__(
        self, model: PreTrainedModel, vlm: VLM, prompt: Prompt, image_tokens: torch.Tensor
    ):
        self.model, self.vlm, self.prompt, self.image_tokens = model, vlm, prompt, image_tokens
        self.blocks = vlm.adapter.layers(model)
        self.heads = model.config.text_config.num_attention_heads

    @contextmanager
    def _under(self, condition: Condition, total: int) -> Iterator[None]:
        added = added_scores(condition, self.prompt, len(self.blocks), self.heads, total)
        with scores_added(self.model, self.blocks, added[:, None]):
            yield

    def inputs(self, condition: Condition, vectors: dict[str, torch.Tensor]) -> dict[str, Any]:
        """Edited input embeddings with their places."""
        ids = self.prompt.input_ids
        embeds = self.model.get_input_embeddings()(ids)[None].clone()
        tokens = replaced(condition, self.image_tokens, vectors)
        embeds[0, torch.from_numpy(self.prompt.roles.image)] = tokens.to(embeds.dtype)
        return {"inputs_embeds": embeds, "position_ids": self.vlm.position_ids(self.prompt)}

    @torch.no_grad()
    def run(self, condition: Condition, vectors: dict[str, torch.Tensor]) -> Any:
        """A forward pass over the prompt, with all hidden states and all attention."""
        everything = {"output_hidden_states": True, "output_attentions": True}
        with self._under(condition, len(self.prompt)):
            return self.model(**self.inputs(condition, vectors), **everything)

    def logits(self, condition: Condition, vectors: dict[str, torch.Tensor]) -> torch.Tensor:
        """After the last position, (vocabulary,)."""
        return self.run(condition, vectors).logits[0, -1].float()

    @torch.no_grad()
    def generate(
        self, condition: Condition, vectors: dict[str, torch.Tensor], length: int
    ) -> list[int]:
        """New tokens of ``generate`` with its dynamic cache, cut where an answer ends."""
        with self._under(condition, len(self.prompt) + length):
            out = self.model.generate(
                **self.inputs(condition, vectors),
                attention_mask=self.prompt.attention_mask[None],
                max_new_tokens=length,
                do_sample=False,
                eos_token_id=self.vlm.model.generation_config.eos_token_id,
                pad_token_id=0,
            )
        return out[0].tolist()


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference as a share of the largest value."""
    return float(((found - expected).abs().max() / expected.abs().max()).detach())


def all_roles(prompt: Prompt) -> Sequence[str]:
    """Roles this prompt has rows for, and that of new tokens."""
    system = ["system"] if len(prompt.roles.system) else []
    return [*system, "image", "query", "last", "last_image_row", "generated", "text", "all"]
