"""The forward pass of checkpoints in the layout of LISA, written out in plain functions."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import CLIPVisionModel, LlamaConfig, LlamaModel

import original_sam
from sightline.demo.tiny.lisa import (
    CLIP,
    HEADS,
    LAYERS,
    LLAMA,
    SAM,
    SIDE,
    SPECIAL,
    TOWER,
    WINDOW,
    draw,
    write,
)

__all__ = ["CLIP", "SAM", "SIDE", "SPECIAL", "draw", "language_states", "segment", "write"]


def language_states(
    weights: Mapping[str, Tensor],
    tower: Mapping[str, Tensor],
    ids: Tensor,
    pixels: Tensor,
    image_start: int,
) -> Tensor:
    """Last states (positions, width) behind the final norm, as the original puts image and text together.

    Args:
        weights: of the checkpoint.
        tower: of CLIP.
        ids: (tokens,) of the text, one placeholder for the image.
        pixels: (1, 3, 32, 32) as CLIP wants them.
        image_start: place of the placeholder.
    """
    eyes = CLIPVisionModel(TOWER).eval()
    wanted = eyes.state_dict()
    eyes.load_state_dict(
        {name: tower[f"vision_model.{name.removeprefix('vision_model.')}"] for name in wanted}
    )
    features = eyes(pixels, output_hidden_states=True).hidden_states[-2][0, 1:]
    if "model.mm_projector.weight" in weights:
        image = original_sam.linear(weights, "model.mm_projector", features)
    else:
        image = F.gelu(original_sam.linear(weights, "model.mm_projector.0", features))
        image = original_sam.linear(weights, "model.mm_projector.2", image)
    text = weights["model.embed_tokens.weight"]
    whole = torch.cat([text[ids[:image_start]], image, text[ids[image_start + 1 :]]])
    llama = LlamaModel(LlamaConfig(vocab_size=len(text), **LLAMA)).eval()
    llama.load_state_dict(
        {name: weights[f"model.{name}"] for name in llama.state_dict()}, strict=True
    )
    return llama(inputs_embeds=whole[None]).last_hidden_state[0]


def segment(
    weights: Mapping[str, Tensor],
    state: Tensor,
    pixels: Tensor,
    places: Tensor | None = None,
    labels: Tensor | None = None,
) -> Tensor:
    """Mask logits (16, 16) that a state leads to, with clicks as in READ or without as in LISA."""
    hidden = F.relu(original_sam.linear(weights, "model.text_hidden_fcs.0.0", state[None]))
    text = original_sam.linear(weights, "model.text_hidden_fcs.0.2", hidden)
    sam = {name.removeprefix(SAM): value for name, value in weights.items() if name.startswith(SAM)}
    embedding = original_sam.encode_image(sam, pixels, LAYERS, HEADS, WINDOW)
    return original_sam.decode(sam, embedding, original_sam.prompt(sam, SIDE, text, places, labels))
