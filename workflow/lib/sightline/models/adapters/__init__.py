"""Where things are, one small module per model family; ``docs/models.md`` says how to add one."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from sightline.models.prompts import Prompt
from sightline.models.registry import ModelSource


class Adapter(Protocol):
    """What a module in this package holds; everything above it speaks of roles, layers and tokens."""

    model_class: type

    def load_processor(self, source: ModelSource, config: Any) -> Any:
        """What makes inputs of images and text, as ``sightline.models.inputs`` describes it."""

    def tower_side(self, config: Any, image_size: int | None = None) -> int:
        """Side of the square the tower sees, in px; ``image_size`` counts where a tower takes any."""

    def patch(self, config: Any) -> int:
        """Side of an image token in the tower frame, in px."""

    def text_width(self, config: Any) -> int:
        """Width of the language model's states."""

    def encode(self, model: Any, features: Mapping[str, Tensor]) -> Tensor:
        """Projector output for the image processor's output: (images, tokens, width), row-major.

        All images have the same number of tokens.
        """

    def tower_norms(self, model: Any, features: Mapping[str, Tensor]) -> Tensor:
        """Euclidean norms of the tower's patches as the projector reads them: (images, tokens), row-major.

        Where a token is made of several patches, the largest of theirs.
        """

    def text_model(self, model: Any) -> nn.Module:
        """The stack of blocks that reads image tokens and text, with its ``rotary_emb`` and ``norm``."""

    def position_ids(self, model: Any, prompt: Prompt) -> Tensor:
        """Positions of a prompt for the rotary embedding, (axes, positions); one axis in most families."""

    def layers(self, model: Any) -> nn.ModuleList:
        """Blocks of the language model, first to last."""

    def final_norm(self, model: Any) -> nn.Module:
        """The norm between the last block and the unembedding."""
