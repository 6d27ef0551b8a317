"""What all encoders offer.

An encoder looks at images through one geometric transform and gives, per layer, one state per token
behind the state of CLS. Layer n is the output of block n, counted from zero, before any final norm.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from sightline.models.encoders.source import EncoderSource
from sightline.models.registry import ModelError
from sightline.scenes.geometry import Grid, ImageTransform, Squash


class Encoder(ABC):
    """A frozen encoder.

    Args:
        source: its entry.
        transform: geometry of its processor; another takes its place where the entry says so.
        mean: of the normalisation, per channel, for pixels from 0 to 1.
        std: likewise.
        device: it runs on.
        dtype: of its activations.

    Attributes:
        widths: of every layer.
        grids: of the tokens of every layer.
        has_cls: False where the state of CLS is the mean of all cells.
    """

    widths: tuple[int, ...]
    grids: tuple[Grid, ...]
    has_cls: bool = True

    def __init__(
        self,
        source: EncoderSource,
        transform: ImageTransform,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        if source.resize == "squash":
            transform = Squash(transform.views(64, 64)[0].window[0], transform.resample)
        self.source, self.transform = source, transform
        self.device, self.dtype = device, dtype
        self._mean = torch.tensor(mean, dtype=torch.float32)[:, None, None]
        self._std = torch.tensor(std, dtype=torch.float32)[:, None, None]

    @property
    def key(self) -> str:
        """Name in results."""
        return self.source.key

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.widths)

    @property
    def spec(self) -> dict[str, Any]:
        """What features depend on, for the spec of a trace set."""
        return {
            "encoder": self.source.identity,
            "widths": list(self.widths),
            "grids": [[grid.rows, grid.columns] for grid in self.grids],
            "has_cls": self.has_cls,
            "dtype": str(self.dtype).removeprefix("torch."),
        }

    def pixels(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """RGB images as the encoder wants them, (images, 3, height, width) float32 on the CPU.

        Equal to what the checkpoint's processor gives with its PIL backend.
        """
        frames = np.stack([np.asarray(self.transform.apply_image(image)) for image in images])
        # The processor rescales in float32 too; the order of the operations is part of equality.
        scaled = torch.from_numpy(frames).permute(0, 3, 1, 2).float() * np.float32(1 / 255).item()
        return (scaled - self._mean) / self._std

    @abstractmethod
    def states(
        self, pixels: torch.Tensor, groups: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        """States of every layer.

        Args:
            pixels: (images, 3, height, width).
            groups: (images, 1 + tokens) int64, for attention within groups: tokens see those of an equal
                number only. None for attention between all.

        Returns:
            Per layer (images, 1 + tokens, width): CLS, then tokens row by row.

        Raises:
            ModelError: groups for an encoder without such attention.
        """

    def embed_images(self, cls: torch.Tensor) -> torch.Tensor:
        """CLS states of the last layer in the space shared with texts, (images, dim), of length one.

        Raises:
            ModelError: the encoder has no texts.
        """
        raise ModelError(
            f"encoders.{self.key}: {self.source.family} has no space shared with texts."
        )

    def embed_tokens(self, tokens: torch.Tensor, normed: bool = True) -> torch.Tensor:
        """States of tokens of the last layer in the space shared with texts.

        Args:
            tokens: (..., width).
            normed: False leaves out the final norm, with which the projection was trained.

        Returns:
            (..., dim) of length one.

        Raises:
            ModelError: the encoder has no texts.
        """
        raise ModelError(
            f"encoders.{self.key}: {self.source.family} has no space shared with texts."
        )

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Texts in the space shared with images, (texts, dim), of length one.

        Raises:
            ModelError: the encoder has no texts.
        """
        raise ModelError(f"encoders.{self.key}: {self.source.family} has no texts.")

    def caption(self, pixels: torch.Tensor) -> list[str]:
        """What the checkpoint's own decoder says of images, decoded as the library does by default.

        Raises:
            ModelError: the encoder has no decoder.
        """
        raise ModelError(f"encoders.{self.key}: {self.source.family} has no decoder of texts.")
