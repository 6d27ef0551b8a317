"""Where a model's image tokens lie, without loading its weights."""

from importlib import import_module

from transformers import AutoConfig

from sightline.models.registry import ModelSource
from sightline.scenes.geometry import ImageTransform, ShortestSideCrop, transform_of


def load_geometry(source: ModelSource) -> tuple[ImageTransform, int]:
    """Transform from an image to the tower frame, and the side of a token there in px."""
    adapter = import_module(f"sightline.models.adapters.{source.family}")
    config = AutoConfig.from_pretrained(source.location, revision=source.revision)
    processor = adapter.load_processor(source, config)
    return transform_of(processor.image_processor), adapter.patch(config)


def released_geometry(transform: ImageTransform) -> ImageTransform | None:
    """None where the tower sees the central square, which released code takes for granted; else the tower's own."""
    square = isinstance(transform, ShortestSideCrop) and transform.resize == transform.crop
    return None if square else transform
