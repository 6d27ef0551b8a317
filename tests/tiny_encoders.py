"""Random encoders of a few thousand weights, saved as real ones are; 28 px or 56 px, tokens of 7 px or 14 px."""

from pathlib import Path

import torch

from sightline.demo.tiny.encoders import BUILD, LAYERS, PATCH, SIDE, TOKENS, WIDTH
from sightline.models.encoders.source import EncoderSource

__all__ = ["BUILD", "LAYERS", "PATCH", "SIDE", "TOKENS", "WIDTH", "save_encoder"]


def save_encoder(name: str, folder: Path) -> EncoderSource:
    """Save a random encoder and give its entry."""
    torch.manual_seed(7)
    BUILD[name](folder / name)
    family = name.removesuffix("-vision")
    return EncoderSource(name, str(folder / name), family, device="cpu", batch_size=4)
