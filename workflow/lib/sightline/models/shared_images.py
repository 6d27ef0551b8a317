"""Greedy answers to many questions about the same images; what comes before a question is run once per image."""

from collections.abc import Sequence

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
        ValueError: prompts begin differently.
    """
    answers = [""] * len(prompts)
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
            tokens = vlm.greedy(inputs, max_new_tokens, _rows_of(past, rows))
            for number, row in zip(numbers, tokens, strict=True):
                answers[number] = vlm.decode(row, keep_special)
    return answers


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
