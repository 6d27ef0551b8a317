"""Qwen2.5-VL: a tower of any image size with window attention, 2 x 2 merger, Qwen2 text with M-RoPE.

Qwen2_5_VLForConditionalGeneration, with the sizes of Qwen2.5-VL 7B and images of 672 px:

model.visual.blocks           patches (images x 2304, 1176) -> (images x 2304, 1280), the four patches
                              of a token next to each other; all but four blocks attend within
                              windows of 112 px, images never attend to each other
model.visual.merger           2 x 2 patches to one -> image tokens (images x 576, 3584), in the order
                              of the image again: row-major 24 x 24
model.language_model.layers   [system | 576 image tokens | query | generated], causal
model.language_model.norm     already inside the last of the hidden states
lm_head                       -> logits (batch, positions, 152064)

The rotary embedding has three axes (time, row, column). Text advances on all of them together; the
tokens of an image share one time and count rows and columns from there; text goes on after the
largest of these.

The family resizes each image to a size of its own, so that images differ in their tokens. Here every
image is squashed to one square, ``image_size`` px in the model's entry, so that all share one grid.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import Qwen2_5_VLForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.vision_utils import get_vision_window_index

from sightline.models.inputs import PairedProcessor, SquareImages, load_halves
from sightline.models.prompts import Prompt
from sightline.models.registry import ModelError, ModelSource

model_class = Qwen2_5_VLForConditionalGeneration

# 24 x 24 tokens of 28 px, as many as LLaVA 1.5 has.
_SIDE = 672


def load_processor(source: ModelSource, config: Any) -> PairedProcessor:
    """Image processor and tokenizer; the family's own processor wants torchvision for videos.

    Raises:
        ModelError: the image size is no multiple of a token's side.
    """
    images, tokenizer = load_halves(source)
    side, token = tower_side(config, source.image_size), patch(config)
    if side % token:
        raise ModelError(
            f"models.{source.key}.image_size: {side} px is not a whole number of tokens of "
            f"{token} px; give for example {max(side // token, 1) * token}."
        )
    patches = images.get_number_of_image_patches(
        side, side, {"min_pixels": side**2, "max_pixels": side**2}
    )
    square = SquareImages(images, side)
    return PairedProcessor(
        square, tokenizer, config.image_token_id, lambda *_: patches // images.merge_size**2
    )


def tower_side(config: Any, image_size: int | None = None) -> int:
    """Side of the square that images are squashed to, in px."""
    return image_size or _SIDE


def patch(config: Any) -> int:
    """Side of an image token, in px: the patches that the merger joins."""
    return config.vision_config.patch_size * config.vision_config.spatial_merge_size


def text_width(config: Any) -> int:
    """Width of the language model's states."""
    return config.text_config.hidden_size


def encode(
    model: Qwen2_5_VLForConditionalGeneration, features: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Merger output for ``pixel_values`` (all patches, values of one): (images, tokens, width)."""
    return torch.stack(list(_seen(model, features).pooler_output))


def tower_norms(
    model: Qwen2_5_VLForConditionalGeneration, features: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Largest norm among the patches that the merger joins to a token, (images, tokens)."""
    grids, config = features["image_grid_thw"], model.config.vision_config
    # The blocks end in the order of their windows, which only the merger's output is taken out of again.
    order, _ = get_vision_window_index(
        grids,
        spatial_merge_size=config.spatial_merge_size,
        window_size=config.window_size,
        patch_size=config.patch_size,
    )
    patches = _seen(model, features).last_hidden_state.float().norm(dim=-1)
    by_token = patches.unflatten(0, (-1, config.spatial_merge_size**2)).amax(-1)
    return by_token[order.argsort()].reshape(len(grids), -1)


def _seen(
    model: Qwen2_5_VLForConditionalGeneration, features: Mapping[str, torch.Tensor]
) -> BaseModelOutputWithPooling:
    return model.get_image_features(
        features["pixel_values"], features["image_grid_thw"], return_dict=True
    )


def text_model(model: Qwen2_5_VLForConditionalGeneration) -> nn.Module:
    """The stack of blocks that reads image tokens and text, with its ``rotary_emb`` and ``norm``."""
    return model.model.language_model


def position_ids(model: Qwen2_5_VLForConditionalGeneration, prompt: Prompt) -> torch.Tensor:
    """Time, row and column of every position, (3, positions)."""
    roles = prompt.roles
    if roles.grid is None:
        return torch.arange(len(prompt)).expand(3, -1)
    merge = model.config.vision_config.spatial_merge_size
    marks = torch.zeros_like(prompt.input_ids)
    marks[torch.from_numpy(roles.image)] = 1
    size = torch.tensor([[1, roles.grid.rows * merge, roles.grid.columns * merge]])
    places, _ = model.model.get_rope_index(prompt.input_ids[None], marks[None], size)
    return places[:, 0]


def layers(model: Qwen2_5_VLForConditionalGeneration) -> nn.ModuleList:
    """Blocks of the language model, first to last."""
    return model.model.language_model.layers


def final_norm(model: Qwen2_5_VLForConditionalGeneration) -> nn.Module:
    """The norm between the last block and the unembedding."""
    return model.model.language_model.norm
