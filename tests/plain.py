"""What a model's own code makes of an image and a text, written out without the library."""

from typing import Any

import torch
from PIL import Image
from transformers import (
    AutoProcessor,
    AutoTokenizer,
    GotOcr2ImageProcessorPil,
    Qwen2VLImageProcessorPil,
)

from sightline.models.registry import ModelSource
from tiny import PATCH, SIDE, TOKENS


class PlainInternVL:
    """InternVLProcessor's doing for one image, which cannot be built without torchvision."""

    def __init__(self, folder: str, tiles: int = 1) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self._images = GotOcr2ImageProcessorPil(
            size={"height": SIDE, "width": SIDE}, crop_to_patches=tiles > 1, max_patches=tiles
        )

    def __call__(self, images: Image.Image, text: str, return_tensors: str) -> dict[str, Any]:
        features = self._images(images=images, return_tensors=return_tensors)
        count = int(features["num_patches"].sum()) * TOKENS
        text = text.replace("<IMG_CONTEXT>", "<IMG_CONTEXT>" * count)
        return {
            **self.tokenizer(text, return_tensors=return_tensors),
            "pixel_values": features["pixel_values"],
        }


class PlainQwen:
    """Qwen2_5_VLProcessor's doing for one image already squashed to the size it is to have."""

    def __init__(self, folder: str) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self._images = Qwen2VLImageProcessorPil(
            patch_size=PATCH // 2, size={"shortest_edge": SIDE**2, "longest_edge": SIDE**2}
        )

    def __call__(self, images: Image.Image, text: str, return_tensors: str) -> dict[str, Any]:
        square = images.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        features = self._images(images=square, return_tensors=return_tensors)
        count = int(features["image_grid_thw"].prod()) // 4
        text = text.replace("<|image_pad|>", "<|image_pad|>" * count)
        inputs = self.tokenizer(text, return_tensors=return_tensors)
        token = self.tokenizer.convert_tokens_to_ids("<|image_pad|>")
        marks = (inputs["input_ids"] == token).to(torch.int)
        return {**inputs, **features, "mm_token_type_ids": marks}


def plain_processor(source: ModelSource) -> Any:
    """The processor to compare with; call it with ``images``, ``text`` and ``return_tensors``."""
    if source.family == "internvl":
        return PlainInternVL(source.path, source.tiles)
    if source.family == "qwen2_5_vl":
        return PlainQwen(source.path)
    return AutoProcessor.from_pretrained(source.path, backend="pil")
