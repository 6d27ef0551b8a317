"""The pixels of each patch as its state: what a probe reads without any encoder."""

import torch
from torch.nn import functional
from transformers import AutoImageProcessor

from sightline.models.encoders.encoder import Encoder
from sightline.models.encoders.source import EncoderSource
from sightline.models.registry import ModelError
from sightline.scenes.geometry import ImageTransform, transform_of

_PATCH = 14
"""Side of a patch where the folder does not say: that of CLIP ViT-L and of the demo's encoders."""


class Patches(Encoder):
    """One layer: normalised pixels (3 x patch x patch); the state of CLS is their mean.

    Args:
        source: its entry; the folder is that of the encoder it is the floor of.
        transform: geometry of that encoder's processor.
        mean: of its normalisation.
        std: likewise.
        patch: side of a patch in px.
        device: it runs on.
    """

    has_cls = False

    def __init__(
        self,
        source: EncoderSource,
        transform: ImageTransform,
        mean: list[float],
        std: list[float],
        patch: int,
        device: torch.device,
    ) -> None:
        super().__init__(source, transform, mean, std, device, torch.float32)
        self._patch = patch
        # Squares and crops have the same window for every image.
        side = self.transform.views(64, 64)[0].window[0]
        self.grids = (self.transform.grid(patch, side, side),)
        self.widths = (3 * patch * patch,)

    def states(
        self, pixels: torch.Tensor, groups: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        """Pixels of every patch behind their mean."""
        if groups is not None:
            raise ModelError(f"encoders.{self.key}: patches have no attention, hence no groups.")
        cells = functional.unfold(pixels.to(self.device), self._patch, stride=self._patch)
        cells = cells.transpose(1, 2)
        return [torch.cat([cells.mean(1, keepdim=True), cells], dim=1)]


def load_patches(source: EncoderSource, device: torch.device) -> Patches:
    """Take processor and patch size from the folder of an encoder."""
    where = {"revision": source.revision}
    processor = AutoImageProcessor.from_pretrained(source.location, backend="pil", **where)
    return Patches(
        source,
        transform_of(processor),
        list(processor.image_mean),
        list(processor.image_std),
        _patch_size(source),
        device,
    )


def _patch_size(source: EncoderSource) -> int:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(source.location, revision=source.revision)
    for part in ("vision_config", "image_config"):
        config = getattr(config, part, config)
    return getattr(config, "patch_size", _PATCH)
