"""Processors: what makes token ids of text, and features of images.

A processor has a ``tokenizer``, an ``image_processor``, the ``image_token`` that stands for an image
in text, its ``image_token_id``, and is called with an image (or None) and a text. It gives
``input_ids``, ``attention_mask`` and ``mm_token_type_ids`` (1 at image tokens), each
(1, positions), with the one image token of the text repeated as often as the image has tokens.

Hugging Face processors are used where they can be built. Those of families that also read videos
want torchvision, for the videos alone; for them the two halves are paired here.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer
from transformers.feature_extraction_utils import BatchFeature

from sightline.models.registry import ModelSource
from sightline.scenes.geometry import Squash

# The torchvision backend rounds differently: results would depend on what is installed.
_BACKEND = "pil"


def load_whole(source: ModelSource) -> Any:
    """The processor of the family's own."""
    return AutoProcessor.from_pretrained(
        source.location, revision=source.revision, backend=_BACKEND
    )


def load_halves(source: ModelSource, **settings: Any) -> tuple[Any, Any]:
    """Image processor and tokenizer.

    Args:
        source: of the model.
        settings: of the image processor, in place of those of the checkpoint.
    """
    images = AutoImageProcessor.from_pretrained(
        source.location, revision=source.revision, backend=_BACKEND, **settings
    )
    return images, AutoTokenizer.from_pretrained(source.location, revision=source.revision)


def class_of(image_processor: Any) -> str:
    """Class of an image processor, which tells its backend, for the record."""
    if isinstance(image_processor, SquareImages):
        image_processor = image_processor.wrapped
    return type(image_processor).__name__


class PairedProcessor:
    """An image processor and a tokenizer that act as one processor.

    Args:
        image_processor: of the checkpoint.
        tokenizer: of the checkpoint.
        image_token_id: vocabulary entry that stands for an image token.
        count: image tokens of an image of that height and width, in px.
    """

    def __init__(
        self,
        image_processor: Any,
        tokenizer: Any,
        image_token_id: int,
        count: Callable[[int, int], int],
    ) -> None:
        self.image_processor, self.tokenizer = image_processor, tokenizer
        self.image_token_id = image_token_id
        self.image_token = tokenizer.convert_ids_to_tokens(image_token_id)
        self._count = count

    def __call__(self, images: Image.Image | None, text: str, **_: Any) -> dict[str, torch.Tensor]:
        """Token ids of a text with at most one image; only the image's size plays a part."""
        if images is not None:
            count = self._count(images.height, images.width)
            text = text.replace(self.image_token, self.image_token * count)
        inputs = self.tokenizer(text, return_tensors="pt")
        return {
            "input_ids": inputs["input_ids"],
            "attention_mask": inputs["attention_mask"],
            "mm_token_type_ids": (inputs["input_ids"] == self.image_token_id).long(),
        }


class SquareImages:
    """An image processor that takes any size, shown every image squashed to one square.

    So all images have the same number of tokens in the same grid, whatever their shape.

    Args:
        image_processor: one that resizes; told here to leave sizes alone.
        side: of the square in px; a multiple of what the processor rounds sizes to.
    """

    do_resize = True

    def __init__(self, image_processor: Any, side: int) -> None:
        self.resample = image_processor.resample
        self.size = {"height": side, "width": side}
        self.wrapped = image_processor
        self._square = Squash(side, int(self.resample))

    def __call__(self, images: Sequence[Image.Image] | Image.Image, **options: Any) -> BatchFeature:
        """Features of RGB images."""
        images = [images] if isinstance(images, Image.Image) else images
        squares = [self._square.apply_image(image.convert("RGB")) for image in images]
        return self.wrapped(images=squares, do_resize=False, **options)
