"""Many questions about the same images; what comes before a question is run once per image."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from transformers import DynamicCache

from sightline.models.prompts import Prompt, of_equal_length
from sightline.models.vlm import VLM


@torch.no_grad()
def answer_about(
    vlm: VLM,
    prompts: Sequence[Prompt],
    images: Sequence[int],
    image_tokens: torch.Tensor,
    max_new_tokens: int,
    batch_size: int,
    keep_special: bool = False,
) -> list[str]:
    """The answers of ``VLM.generate_many``, which runs every image once for each of its questions.

    Args:
        vlm: the model.
        prompts: all with an image, and alike up to its end.
        images: number of the image that each prompt is about.
        image_tokens: (images, tokens, width).
        max_new_tokens: most tokens of an answer.
        batch_size: images, and prompts, at a time.
        keep_special: leave special tokens such as a [SEG] in the answers.

    Returns:
        One answer per prompt, in their order.

    Raises:
        ValueError: prompts begin differently, or are about images that are not there.
    """
    answers = [""] * len(prompts)
    for batch in _batches(vlm, prompts, images, image_tokens, batch_size):
        tokens = vlm.greedy(batch.inputs, max_new_tokens, batch.past)
        for number, row in zip(batch.numbers, tokens, strict=True):
            answers[number] = vlm.decode(row, keep_special)
    return answers


@torch.no_grad()
def last_states_about(
    vlm: VLM,
    prompts: Sequence[Prompt],
    images: Sequence[int],
    image_tokens: torch.Tensor,
    batch_size: int,
) -> torch.Tensor:
    """States of the last positions of prompts, after the final norm, (prompts, width).

    Args and errors are those of `answer_about`.
    """
    states = torch.empty(len(prompts), vlm.width, dtype=vlm.dtype, device=vlm.device)
    for batch in _batches(vlm, prompts, images, image_tokens, batch_size):
        new = slice(batch.past.get_seq_length(), None)
        out = vlm.adapter.text_model(vlm.model)(
            inputs_embeds=batch.inputs["inputs_embeds"][:, new],
            attention_mask=batch.inputs["attention_mask"],
            position_ids=batch.inputs["position_ids"][..., new],
            past_key_values=batch.past,
            use_cache=True,
        )
        states[batch.numbers] = out.last_hidden_state[:, -1]
    return states


class _Batch(NamedTuple):
    """Prompts of equal length: their numbers, inputs of the model, and keys and values up to the image's end."""

    numbers: list[int]
    inputs: Mapping[str, torch.Tensor]
    past: DynamicCache


def _batches(
    vlm: VLM,
    prompts: Sequence[Prompt],
    images: Sequence[int],
    image_tokens: torch.Tensor,
    batch_size: int,
) -> Iterator[_Batch]:
    if len(images) != len(prompts) or not set(images) <= set(range(len(image_tokens))):
        raise ValueError(
            f"{len(prompts)} prompts about images {sorted(set(images))}, but tokens of {len(image_tokens)} images; "
            "give each prompt the number of one of them"
        )
    for first in range(0, len(image_tokens), batch_size):
        together = range(first, min(first + batch_size, len(image_tokens)))
        asked = [number for number, image in enumerate(images) if image in together]
        if not asked:
            continue
        here = [prompts[number] for number in asked]
        past = _run_beginning(vlm, here, image_tokens[together])
        for places in of_equal_length(here, batch_size):
            numbers = [asked[place] for place in places]
            about = [images[number] for number in numbers]
            rows = torch.tensor([image - first for image in about], device=vlm.device)
            chosen = [prompts[number] for number in numbers]
            (inputs,) = vlm.inputs(chosen, image_tokens[about], len(numbers))
            yield _Batch(numbers, inputs, _rows_of(past, rows))


def _run_beginning(vlm: VLM, prompts: Sequence[Prompt], image_tokens: torch.Tensor) -> DynamicCache:
    """Keys and values up to the end of the image, one row per image."""
    prompt = prompts[0]
    end = int(prompt.roles.image[-1]) + 1
    if any(not torch.equal(one.input_ids[:end], prompt.input_ids[:end]) for one in prompts):
        raise ValueError("prompts that share images must be alike up to the image's end")
    past = DynamicCache()
    vlm.model(
        inputs_embeds=vlm.embed(prompt, image_tokens)[:, :end],
        position_ids=vlm.position_ids(prompt, len(image_tokens))[..., :end],
        past_key_values=past,
        use_cache=True,
        logits_to_keep=1,
    )
    return past


def _rows_of(past: DynamicCache, rows: torch.Tensor) -> DynamicCache:
    chosen = DynamicCache()
    for number, layer in enumerate(past.layers):
        chosen.update(layer.keys[rows], layer.values[rows], number)
    return chosen
