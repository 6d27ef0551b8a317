"""What the state at [SEG] aims at: the place of an object, as the segmenter's own prompt encoder writes points.

The mask loss alone taught a small model to mark "all objects" (feasibility runs), so the projected state is drawn
towards a target first. The target is the position encoding of the object's centroid and nothing else: [SEG] has to say
where.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import SamModel

from sightline.demo.training_set import SceneObject
from sightline.demo.world import SIZE


class LocationCode(nn.Module):
    """Position encoding of an object's centroid.

    Args:
        sam: whose frozen frequencies are used.
    """

    def __init__(self, sam: SamModel) -> None:
        super().__init__()
        frequencies = sam.shared_image_embedding.positional_embedding.detach().float()
        self.register_buffer("frequencies", frequencies.clone(), persistent=False)

    def forward(self, objects: Sequence[SceneObject]) -> Tensor:
        """Codes ``(objects, prompt width)``, float32."""
        return self.encode(torch.tensor([thing.center for thing in objects]))

    def encode(self, places: Tensor) -> Tensor:
        """Codes ``(..., prompt width)`` of places ``(..., 2)``: x, y in pixels of the scene."""
        # Half a pixel on, as the SAM does it: whole numbers name pixels, not the lines between them.
        phase = 2 * math.pi * ((2 * (places + 0.5) / SIZE - 1) @ self.frequencies)
        return torch.cat([phase.sin(), phase.cos()], -1)
