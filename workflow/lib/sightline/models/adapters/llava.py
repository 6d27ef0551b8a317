"""LLaVA 1.5 and relatives: a CLIP tower, a two-layer projector, a Llama- or Phi-3-type text model.

LlavaForConditionalGeneration, with the sizes of LLaVA-1.5 7B:

model.vision_tower            pixels (batch, 3, 336, 336) -> patches (batch, 577, 1024), layer -2,
                              CLS dropped
model.multi_modal_projector   -> image tokens (batch, 576, 4096), row-major 24 x 24
model.language_model.layers   [system | 576 image tokens | query | generated], causal
model.language_model.norm     already inside the last of the hidden states
lm_head                       -> logits (batch, positions, 32064)
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import LlavaForConditionalGeneration

from sightline.models.inputs import load_whole
from sightline.models.listening import listening_to
from sightline.models.prompts import Prompt
from sightline.models.registry import ModelSource

model_class = LlavaForConditionalGeneration


def load_processor(source: ModelSource, config: Any) -> Any:
    """The Hugging Face processor; files saved before transformers 4.45 are completed."""
    processor = load_whole(source)
    if processor.patch_size is None:
        processor.patch_size = patch(config)
        processor.vision_feature_select_strategy = config.vision_feature_select_strategy
        # The CLS token, which the strategy "default" takes off again.
        processor.num_additional_image_tokens = 1
    return processor


def tower_side(config: Any, image_size: int | None = None) -> int:
    """Side of the square the tower sees, in px."""
    return config.vision_config.image_size


def patch(config: Any) -> int:
    """Side of an image token in the tower frame, in px."""
    return config.vision_config.patch_size


def text_width(config: Any) -> int:
    """Width of the language model's states."""
    return config.text_config.hidden_size


def encode(
    model: LlavaForConditionalGeneration, features: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Projector output for ``pixel_values`` (images, 3, height, width): (images, tokens, width)."""
    out = model.get_image_features(features["pixel_values"], return_dict=True)
    return torch.stack(list(out.pooler_output))


def tower_norms(
    model: LlavaForConditionalGeneration, features: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Norms of the patches that the projector reads, (images, tokens)."""
    with listening_to(model.model.multi_modal_projector) as heard:
        encode(model, features)
    return torch.cat(heard).norm(dim=-1)


def text_model(model: LlavaForConditionalGeneration) -> nn.Module:
    """The stack of blocks that reads image tokens and text, with its ``rotary_emb`` and ``norm``."""
    return model.model.language_model


def position_ids(model: LlavaForConditionalGeneration, prompt: Prompt) -> torch.Tensor:
    """Places of the prompt counted from its first token, (1, positions)."""
    return torch.arange(len(prompt))[None]


def layers(model: LlavaForConditionalGeneration) -> nn.ModuleList:
    """Blocks of the language model, first to last."""
    return model.model.language_model.layers


def final_norm(model: LlavaForConditionalGeneration) -> nn.Module:
    """The norm between the last block and the unembedding."""
    return model.model.language_model.norm
