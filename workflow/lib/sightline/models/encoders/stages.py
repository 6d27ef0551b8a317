"""Convolutional encoders of timm: the four stages of a ResNet, cells row by row.

timm is an extra (``pip install timm``; its dependency torchvision must match the build of torch), imported
here alone. The state of CLS is the mean over all cells, as the published study takes it: the attention pool
of CLIP's ResNets is not used.
"""

import json
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch
from PIL import Image

from sightline.models.encoders.encoder import Encoder
from sightline.models.encoders.source import EncoderSource
from sightline.models.registry import ModelError
from sightline.scenes.geometry import Grid, ShortestSideCrop

# Behind the stem; reductions 4, 8, 16 and 32.
_STAGES = (1, 2, 3, 4)


class Stages(Encoder):
    """A network whose stages give maps of unequal grid and width.

    Args:
        source: its entry.
        network: pixels -> list of maps (images, channels, rows, columns).
        side: of the square it sees, in px.
        mean: of the normalisation.
        std: likewise.
        device: it runs on.
        dtype: of its weights.
    """

    has_cls = False

    def __init__(
        self,
        source: EncoderSource,
        network: torch.nn.Module,
        side: int,
        mean: list[float],
        std: list[float],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        bicubic = int(Image.Resampling.BICUBIC)
        super().__init__(source, ShortestSideCrop(side, side, bicubic), mean, std, device, dtype)
        self._network = network
        with torch.inference_mode():
            maps = network(torch.zeros(1, 3, side, side, device=device, dtype=dtype))
        self.widths = tuple(found.shape[1] for found in maps)
        self.grids = tuple(Grid(*found.shape[2:], side // found.shape[2]) for found in maps)

    @torch.inference_mode()
    def states(
        self, pixels: torch.Tensor, groups: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        """Cells of every stage behind their mean."""
        if groups is not None:
            raise ModelError(f"encoders.{self.key}: a ResNet has no attention, hence no groups.")
        maps = self._network(pixels.to(self.device, self.dtype))
        cells = [found.flatten(2).transpose(1, 2) for found in maps]
        return [torch.cat([found.mean(1, keepdim=True), found], dim=1) for found in cells]


def load_stages(source: EncoderSource, device: torch.device, dtype: torch.dtype | str) -> Stages:
    """Load a folder as timm publishes it: config.json with the architecture, model.safetensors.

    Raises:
        ModelError: timm is absent, or the folder is not of that kind.
    """
    timm = _timm(source)
    folder = source.folder
    if folder is None:
        raise ModelError(
            f"encoders.{source.key}.path: give the folder of the checkpoint, or a revision, which fetches it."
        )
    about = _about(source, folder)
    settings = about["pretrained_cfg"]
    network = timm.create_model(
        about["architecture"],
        pretrained=True,
        pretrained_cfg_overlay={"file": str(folder / "model.safetensors")},
        features_only=True,
        out_indices=_STAGES,
    )
    dtype = dtype if isinstance(dtype, torch.dtype) else torch.float32
    network = network.to(device, dtype).eval()
    side = settings["input_size"][-1]
    return Stages(source, network, side, settings["mean"], settings["std"], device, dtype)


def _timm(source: EncoderSource) -> ModuleType:
    try:
        return import_module("timm")
    except ImportError as error:
        raise ModelError(
            f"encoders.{source.key}: family resnet needs timm ({error}). Install it with a torchvision that "
            "matches your torch (pip install timm), or take the encoder off the list."
        ) from None


def _about(source: EncoderSource, folder: Path) -> dict:
    try:
        about = json.loads((folder / "config.json").read_text())
        missing = {"input_size", "mean", "std"} - set(about["pretrained_cfg"])
        if missing or "architecture" not in about:
            raise KeyError(", ".join(sorted(missing)) or "architecture")
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"encoders.{source.key}: config.json of {folder} is not one of timm's ({error}); it needs "
            "architecture and pretrained_cfg with input_size, mean and std."
        ) from None
    return about
