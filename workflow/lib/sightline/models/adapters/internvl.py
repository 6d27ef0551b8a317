"""InternVL 2.5 and 3: an InternViT tower, pixel shuffle and projector, a Qwen2- or Llama-type text model.

InternVLForConditionalGeneration, with the sizes of InternVL3-8B:

model.vision_tower            pixels (tiles, 3, 448, 448) -> patches (tiles, 1025, 1024), last layer,
                              CLS dropped
pixel shuffle                 2 x 2 patches to one: (tiles, 1024, 1024) -> (tiles, 256, 4096)
model.multi_modal_projector   -> image tokens (tiles, 256, 3584), row-major 16 x 16 in each tile
model.language_model.layers   [system | 256 image tokens per tile | query | generated], causal
model.language_model.norm     already inside the last of the hidden states
lm_head                       -> logits (batch, positions, 151674)

One tile is the whole image squashed to a square, as the checkpoints' image processor gives it. With
``tiles`` above 1 in the model's entry, an image is cut into a mosaic of up to so many tiles, row by
row, and a thumbnail of the whole follows if there are several: its tokens are those of the tiles
one after another, and ``VLM.grid_of`` says where they lie.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import InternVLForConditionalGeneration

from sightline.models.inputs import PairedProcessor, load_halves
from sightline.models.listening import listening_to
from sightline.models.prompts import Prompt
from sightline.models.registry import ModelSource

model_class = InternVLForConditionalGeneration


def load_processor(source: ModelSource, config: Any) -> PairedProcessor:
    """Image processor and tokenizer; the family's own processor wants torchvision for videos."""
    images, tokenizer = load_halves(
        source, crop_to_patches=source.tiles > 1, min_patches=1, max_patches=source.tiles
    )

    def count(height: int, width: int) -> int:
        return config.image_seq_length * images.get_number_of_image_patches(height, width)

    return PairedProcessor(images, tokenizer, config.image_token_id, count)


def tower_side(config: Any, image_size: int | None = None) -> int:
    """Side of a tile, in px."""
    return config.vision_config.image_size[0]


def patch(config: Any) -> int:
    """Side of an image token in a tile, in px: the patches that the pixel shuffle joins."""
    return round(config.vision_config.patch_size[0] / config.downsample_ratio)


def text_width(config: Any) -> int:
    """Width of the language model's states."""
    return config.text_config.hidden_size


def encode(
    model: InternVLForConditionalGeneration, features: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Projector output for ``pixel_values`` (all tiles, 3, side, side): (images, tokens, width)."""
    out = model.get_image_features(features["pixel_values"], return_dict=True).pooler_output
    return out.reshape(len(features["num_patches"]), -1, out.shape[-1])


def tower_norms(
    model: InternVLForConditionalGeneration, features: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Largest norm among the patches that pixel shuffling puts side by side into a token, (images, tokens)."""
    with listening_to(model.model.multi_modal_projector) as heard:
        encode(model, features)
    patches = torch.cat(heard).unflatten(-1, (-1, model.config.vision_config.hidden_size))
    return patches.norm(dim=-1).amax(-1).reshape(len(features["num_patches"]), -1)


def text_model(model: InternVLForConditionalGeneration) -> nn.Module:
    """The stack of blocks that reads image tokens and text, with its ``rotary_emb`` and ``norm``."""
    return model.model.language_model


def position_ids(model: InternVLForConditionalGeneration, prompt: Prompt) -> torch.Tensor:
    """Places of the prompt counted from its first token, (1, positions)."""
    return torch.arange(len(prompt))[None]


def layers(model: InternVLForConditionalGeneration) -> nn.ModuleList:
    """Blocks of the language model, first to last."""
    return model.model.language_model.layers


def final_norm(model: InternVLForConditionalGeneration) -> nn.Module:
    """The norm between the last block and the unembedding."""
    return model.model.language_model.norm
