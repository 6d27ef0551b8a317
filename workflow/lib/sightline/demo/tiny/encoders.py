"""Encoders with images of 28 px or 56 px and tokens of 7 px or 14 px, as ``save_pretrained`` writes them."""

from collections.abc import Callable, Iterable
from pathlib import Path

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
    PreTrainedTokenizerBase,
    ViTConfig,
    ViTImageProcessorPil,
    ViTModel,
)

from sightline.demo.tiny.words import FEW, build_tokenizer, prefer_answers

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


def _crop(side: int, edge: int | None = None) -> dict[str, dict[str, int]]:
    """A square from the middle; where ``edge`` is longer, as in DINOv2, of an inner part."""
    return {
        "size": {"shortest_edge": edge or side},
        "crop_size": {"height": side, "width": side},
    }


def _squash(side: int) -> dict[str, dict[str, int]]:
    return {"size": {"height": side, "width": side}}


def _clip(folder: Path, words: Iterable[str] = FEW, side: int = SIDE) -> None:
    seen = _VISION | {"image_size": side}
    tokenizer = build_tokenizer((), words)
    text = {
        **{key: _VISION[key] for key in ("hidden_size", "intermediate_size", "initializer_range")},
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": _vocabulary(tokenizer),
        "max_position_embeddings": 16,
        **{"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
    }
    vision = CLIPVisionConfig(**seen, projection_dim=16).to_dict()
    CLIPModel(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    ).save_pretrained(folder)
    CLIPImageProcessorPil(**_crop(side)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _clip_vision(folder: Path, words: Iterable[str] = FEW, side: int = SIDE) -> None:
    seen = _VISION | {"image_size": side}
    CLIPVisionModel(CLIPVisionConfig(**seen)).save_pretrained(folder)
    CLIPImageProcessorPil(**_crop(side)).save_pretrained(folder)


def _vit(folder: Path, words: Iterable[str] = FEW, side: int = SIDE) -> None:
    seen = _VISION | {"image_size": side}
    ViTModel(ViTConfig(**seen), add_pooling_layer=False).save_pretrained(folder)
    ViTImageProcessorPil(**_squash(side)).save_pretrained(folder)


def _dinov2(folder: Path, words: Iterable[str] = FEW, side: int = SIDE) -> None:
    settings = {key: value for key, value in _VISION.items() if key != "intermediate_size"}
    # Position embeddings of a larger image are interpolated.
    Dinov2Model(
        Dinov2Config(**settings | {"image_size": 2 * side, "mlp_ratio": 2})
    ).save_pretrained(folder)
    BitImageProcessorPil(
        **_crop(side, side * 8 // 7), image_mean=[0.4, 0.5, 0.6], image_std=[0.2] * 3
    ).save_pretrained(folder)


def _blip(folder: Path, words: Iterable[str] = FEW, side: int = SIDE) -> None:
    seen = _VISION | {"image_size": side}
    tokenizer = build_tokenizer((), words)
    text = {"hidden_size": WIDTH, "intermediate_size": 48, "num_hidden_layers": 2}
    text |= {
        "num_attention_heads": 4,
        "vocab_size": _vocabulary(tokenizer),
        "encoder_hidden_size": WIDTH,
    }
    text |= {"bos_token_id": 1, "eos_token_id": 2, "sep_token_id": 2, "pad_token_id": 0}
    text |= {"initializer_range": 0.1}
    config = BlipConfig(text_config=text, vision_config=seen)
    model = BlipForConditionalGeneration(config)
    if len(tokenizer) > 2 * len(FEW):
        prefer_answers(model.text_decoder.get_output_embeddings().weight.data, tokenizer)
    model.save_pretrained(folder)
    BlipImageProcessorPil(**_squash(side)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _flava(folder: Path, words: Iterable[str] = FEW, side: int = SIDE) -> None:
    seen = _VISION | {"image_size": side}
    part = {key: value for key, value in _VISION.items() if key not in ("image_size", "patch_size")}
    small = part | {"num_hidden_layers": 1}
    config = FlavaConfig(
        image_config=seen, text_config=small | {"vocab_size": 60}, multimodal_config=small
    )
    FlavaModel(config).save_pretrained(folder)
    FlavaImageProcessorPil(**_squash(side), do_center_crop=False).save_pretrained(folder)


def _vocabulary(tokenizer: PreTrainedTokenizerBase) -> int:
    return max(120, len(tokenizer))


BUILD: dict[str, Callable[..., None]] = {
    "clip": _clip,
    "clip-vision": _clip_vision,
    "vit": _vit,
    "dinov2": _dinov2,
    "blip": _blip,
    "flava": _flava,
}
"""Class -> what writes one into a folder, with the tokenizer's words where it has one; torch's seed decides."""
