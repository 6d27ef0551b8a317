"""Random encoders of a few thousand weights, saved as real ones are; 28 px or 56 px, tokens of 7 px or 14 px."""

from pathlib import Path

import torch
from transformers import (
    BitImageProcessorPil,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    FlavaConfig,
    FlavaImageProcessorPil,
    FlavaModel,
    ViTConfig,
    ViTImageProcessorPil,
    ViTModel,
)

from sightline.models.encoders.source import EncoderSource
from tiny import build_tokenizer

LAYERS, WIDTH, SIDE, PATCH = 3, 32, 28, 7
TOKENS = (SIDE // PATCH) ** 2
_VISION = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "image_size": SIDE,
    "patch_size": PATCH,
    # From the usual 0.02 the states of all images are nearly equal.
    "initializer_range": 0.3,
}
_CROP = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}
_SQUASH = {"size": {"height": SIDE, "width": SIDE}}
# Larger than the crop, as in DINOv2: the crop takes an inner part.
_INNER = {"size": {"shortest_edge": 32}, "crop_size": {"height": SIDE, "width": SIDE}}


def _clip(folder: Path) -> None:
    text = {
        **{key: _VISION[key] for key in ("hidden_size", "intermediate_size", "initializer_range")},
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 120,
        "max_position_embeddings": 16,
        **{"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
    }
    vision = CLIPVisionConfig(**_VISION, projection_dim=16).to_dict()
    CLIPModel(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    ).save_pretrained(folder)
    CLIPImageProcessorPil(**_CROP).save_pretrained(folder)
    build_tokenizer(()).save_pretrained(folder)


def _clip_vision(folder: Path) -> None:
    CLIPVisionModel(CLIPVisionConfig(**_VISION)).save_pretrained(folder)
    CLIPImageProcessorPil(**_CROP).save_pretrained(folder)


def _vit(folder: Path) -> None:
    ViTModel(ViTConfig(**_VISION), add_pooling_layer=False).save_pretrained(folder)
    ViTImageProcessorPil(**_SQUASH).save_pretrained(folder)


def _dinov2(folder: Path) -> None:
    settings = {key: value for key, value in _VISION.items() if key != "intermediate_size"}
    # Position embeddings of a larger image are interpolated.
    Dinov2Model(Dinov2Config(**settings | {"image_size": 56, "mlp_ratio": 2})).save_pretrained(
        folder
    )
    BitImageProcessorPil(**_INNER, image_mean=[0.4, 0.5, 0.6], image_std=[0.2] * 3).save_pretrained(
        folder
    )


def _blip(folder: Path) -> None:
    text = {"hidden_size": WIDTH, "intermediate_size": 48, "num_hidden_layers": 2}
    text |= {"num_attention_heads": 4, "vocab_size": 120, "encoder_hidden_size": WIDTH}
    text |= {"bos_token_id": 1, "eos_token_id": 2, "sep_token_id": 2, "pad_token_id": 0}
    config = BlipConfig(text_config=text, vision_config=_VISION)
    BlipForConditionalGeneration(config).save_pretrained(folder)
    BlipImageProcessorPil(**_SQUASH).save_pretrained(folder)
    build_tokenizer(()).save_pretrained(folder)


def _flava(folder: Path) -> None:
    part = {key: value for key, value in _VISION.items() if key not in ("image_size", "patch_size")}
    small = part | {"num_hidden_layers": 1}
    config = FlavaConfig(
        image_config=_VISION, text_config=small | {"vocab_size": 60}, multimodal_config=small
    )
    FlavaModel(config).save_pretrained(folder)
    FlavaImageProcessorPil(**_SQUASH, do_center_crop=False).save_pretrained(folder)


BUILD = {
    "clip": _clip,
    "clip-vision": _clip_vision,
    "vit": _vit,
    "dinov2": _dinov2,
    "blip": _blip,
    "flava": _flava,
}


def save_encoder(name: str, folder: Path) -> EncoderSource:
    """Save a random encoder and give its entry."""
    torch.manual_seed(7)
    BUILD[name](folder / name)
    family = name.removesuffix("-vision")
    return EncoderSource(name, str(folder / name), family, device="cpu", batch_size=4)
