"""Random models of a few thousand weights, saved with tokenizer and processor as real ones are.

All of them have images of 32 px, tokens of 8 px in a 4 x 4 grid, and 4 layers of text.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from sightline.demo.tiny.sam import build_sam as build_tiny_sam
from sightline.demo.tiny.vlms import (
    PATCH,
    SIDE,
    TOKENS,
    WIDTH,
    build_internvl,
    build_llava,
    build_qwen2_5_vl,
)
from sightline.demo.tiny.words import build_tokenizer
from sightline.models.registry import ModelSource
from sightline.models.segmenter import Segmenter

__all__ = ["PATCH", "SIDE", "TINY", "TOKENS", "WIDTH", "Tiny", "build_llava", "build_tiny_sam"]
__all__ += ["build_tiny_segmenter", "build_tokenizer"]


class Tiny(NamedTuple):
    """How to build one kind of model, and its entry but for key and path."""

    build: Callable[..., Path]
    options: dict[str, Any]
    entry: dict[str, Any]

    def write(self, folder: Path) -> ModelSource:
        """Build the model in a folder and give its entry."""
        self.build(folder, **self.options)
        return ModelSource(folder.name, str(folder), device="cpu", **self.entry)


_PHI = {"family": "llava", "prompt": "llava-phi-3"}
_INTERN = {"family": "internvl", "prompt": "internvl"}
_QWEN_ENTRY = {"family": "qwen2_5_vl", "prompt": "qwen2.5-vl", "image_size": SIDE}
# Every family, with every kind of language model that its published checkpoints have.
TINY = {
    "llava-llama": Tiny(build_llava, {"text": "llama"}, {}),
    "llava-llama-mha": Tiny(build_llava, {"text": "llama-mha"}, {}),
    "llava-phi3": Tiny(build_llava, {"text": "phi3"}, _PHI),
    "internvl-qwen2": Tiny(build_internvl, {"text": "qwen2"}, _INTERN),
    "internvl-llama": Tiny(build_internvl, {"text": "llama"}, _INTERN),
    "qwen2_5_vl": Tiny(build_qwen2_5_vl, {}, _QWEN_ENTRY),
}


def build_tiny_segmenter(seed: int = 0, width: int = WIDTH) -> Segmenter:
    """The same with a projection from states of ``width``."""
    return Segmenter(build_tiny_sam(seed), width).eval()
