"""LLaVA 1.5 and relatives: a CLIP tower, a two-layer projector, a Llama- or Phi-3-type text model.

LlavaForConditionalGeneration, with the sizes of LLaVA-1.5 7B:

model.vision_tower            pixels (batch, 3, 336, 336) -> patches (batch, 577, 1024), layer -2,
                              CLS dropped
model.multi_modal_projector   -> image tokens (batch, 576, 4096), row-major 24 x 24
model.language_model.layers   [system | 576 image tokens | query | generated], causal
model.language_model.norm     already inside the last of the hidden states
lm_head                       -> logits (batch, positions, 32064)
"""

from typing import Any

import torch
from torch import nn
from transformers import LlavaForConditionalGeneration

model_class = LlavaForConditionalGeneration


def tower_side(config: Any) -> int:
    """Side of the square the tower sees, in px."""
    return config.vision_config.image_size


def patch(config: Any) -> int:
    """Side of an image token in the tower frame, in px."""
    return config.vision_config.patch_size


def text_width(config: Any) -> int:
    """Width of the language model's states."""
    return config.text_config.hidden_size


def complete_processor(processor: Any, config: Any) -> None:
    """Tell processors saved before transformers 4.45 how many tokens an image becomes."""
    if processor.patch_size is None:
        processor.patch_size = patch(config)
        processor.vision_feature_select_strategy = config.vision_feature_select_strategy
        # The CLS token, which the strategy "default" takes off again.
        processor.num_additional_image_tokens = 1


def encode(model: LlavaForConditionalGeneration, pixels: torch.Tensor) -> torch.Tensor:
    """Projector output for (batch, 3, height, width) pixels: (batch, tokens, width)."""
    return torch.stack(list(model.get_image_features(pixels, return_dict=True).pooler_output))


def layers(model: LlavaForConditionalGeneration) -> nn.ModuleList:
    """Blocks of the language model, first to last."""
    return model.model.language_model.layers


def final_norm(model: LlavaForConditionalGeneration) -> nn.Module:
    """The norm between the last block and the unembedding."""
    return model.model.language_model.norm
