"""The other side of a comparison: plain transformers under sdpa, one condition at a time.

As a careful user would write it: attention is cut by a 4D mask that a hook hands to the layers concerned, all
other layers keep the fast path without a mask; no cache in a single forward pass, logits of the last position
only; the cache of ``generate`` is the default one. Nothing here uses the engine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from sightline.bench.subject import Subject
from sightline.instruments.interventions import Condition, Knockout


@dataclass(frozen=True)
class Cut:
    """Attention removed from rows to keys, written down once for both sides.

    Attributes:
        name: of the condition.
        queries: positions of the prompt that no longer see the keys.
        keys: positions of the prompt that they no longer see.
        layers: in which.
        new: whether new tokens no longer see the keys either.
    """

    name: str
    queries: tuple[int, ...]
    keys: tuple[int, ...]
    layers: tuple[int, ...]
    new: bool = False

    @property
    def condition(self) -> Condition:
        """The same for the engine."""
        queries = (*self.queries, "generated") if self.new else self.queries
        return Condition(self.name, Knockout(queries, self.keys, self.layers))


@torch.no_grad()
def last_logits(subject: Subject, embeds: torch.Tensor, cut: Cut | None = None) -> torch.Tensor:
    """Logits at the last position, (vocabulary,) float32, by one forward pass."""
    with _masked(subject, embeds.shape[1], cut):
        out = subject.vlm.model(inputs_embeds=embeds, use_cache=False, logits_to_keep=1)
    return out.logits[0, -1].float()


@torch.no_grad()
def generate(
    subject: Subject, embeds: torch.Tensor, cut: Cut | None = None, keep_logits: bool = False
) -> tuple[list[int], torch.Tensor | None]:
    """A greedy answer, and the logits of its tokens, (tokens, vocabulary) float32, if asked for."""
    with _masked(subject, embeds.shape[1], cut):
        out = subject.vlm.model.generate(
            inputs_embeds=embeds,
            attention_mask=embeds.new_ones(embeds.shape[:2], dtype=torch.int64),
            max_new_tokens=subject.shape.new_tokens,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=keep_logits,
        )
    steps = torch.cat(out.logits).float() if keep_logits else None
    return out.sequences[0].tolist(), steps


@contextmanager
def _masked(subject: Subject, length: int, cut: Cut | None) -> Iterator[None]:
    if cut is None:
        yield
        return
    device = subject.vlm.device
    total = length + subject.shape.new_tokens
    prompt = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    keys = torch.tensor(cut.keys, device=device)
    if cut.queries:
        prompt[torch.tensor(cut.queries, device=device)[:, None], keys] = False
    later = torch.ones(total, dtype=torch.bool, device=device)
    later[keys] = False

    def hook(block: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict] | None:
        rows = (args[0] if args else kwargs["hidden_states"]).shape[1]
        if rows > 1 and cut.queries:
            return args, kwargs | {"attention_mask": prompt[None, None]}
        if rows == 1 and cut.new:
            seen = kwargs["past_key_values"].get_seq_length(block.self_attn.layer_idx) + 1
            return args, kwargs | {"attention_mask": later[None, None, None, :seen]}
        return None

    blocks = subject.vlm.adapter.layers(subject.vlm.model)
    hooks = [
        blocks[layer].register_forward_pre_hook(hook, with_kwargs=True) for layer in cut.layers
    ]
    try:
        yield
    finally:
        for one in hooks:
            one.remove()
