"""States that say where something is, loudly enough to be heard.

Left to itself the projector drops places: after thousands of steps they made up 1 % of the variance of the image
tokens, and "where is the mug?" stayed at chance while colours were right 98 times in 100. This loss keeps a part of
each image token for the centre of the object it shows (its own place on the background), and a part of the state at
[SEG] for the centre of the object that is meant. The two parts lie in unrelated directions: a likeness of [SEG] and
image tokens is not trained. What is trained in, and said in the model card: that both know places.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sightline.demo.architecture import SIDE
from sightline.demo.training_set import TrainingSet
from sightline.demo.vision_stage import patch_targets

_DIRECTIONS = 8
_LOUDNESS = 2.5
"""Size of the signal in units of the root mean square of a state."""


class PlaceSignal(nn.Module):
    """Fixed directions of some states, and what should be read from them.

    Args:
        width: of the states.
        seed: of the directions.
    """

    def __init__(self, width: int, seed: int) -> None:
        super().__init__()
        drawn = torch.randn(width, _DIRECTIONS, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("directions", torch.linalg.qr(drawn).Q, persistent=False)

    def forward(self, states: Tensor, places: Tensor) -> Tensor:
        """Mean squared error, as a share of the signal's mean square.

        Args:
            states: (..., width).
            places: (..., 2), x and y from -0.5 to 0.5.
        """
        states = states.float()
        read = states / states.square().mean(-1, keepdim=True).sqrt() @ self.directions
        angles = torch.cat([math.pi * places, 2 * math.pi * places], -1)
        wanted = _LOUDNESS * torch.cat([angles.sin(), angles.cos()], -1)
        return F.mse_loss(read, wanted) / wanted.square().mean()


def token_places(scenes: TrainingSet) -> Tensor:
    """(scenes, tokens, 2): centre of the object a token shows, or the token's own place on the background."""
    targets = patch_targets(scenes)
    along = (torch.arange(SIDE) + 0.5) / SIDE - 0.5
    rows, columns = torch.meshgrid(along, along, indexing="ij")
    own = torch.stack([columns, rows], -1).view(1, -1, 2)
    shows_object = targets.center.abs().sum(-1, keepdim=True) > 0
    return torch.where(shows_object, targets.center, own)
