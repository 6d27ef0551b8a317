"""Self-distillation without labels (DINO): crops of an image are to agree on what a slow teacher says of it."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPVisionModel

from sightline.demo.encoders.body import WIDTH, Batches, clean_pixels, primary_labels
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.training_set import TrainingSet
from sightline.demo.world import SIZE

_PROTOTYPES = 128
_STUDENT, _TEACHER = 0.1, 0.04
_MOMENTUM, _CENTER_MOMENTUM = 0.99, 0.9
_LOCAL = 56
_NEIGHBOURS = 10


class Head(nn.Module):
    """Two layers, then cosines with learned prototypes."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(WIDTH, 256), nn.GELU(), nn.Linear(256, 64))
        self.prototypes = nn.Linear(64, _PROTOTYPES, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        """Cosines ``(batch, prototypes)``."""
        found = F.normalize(self.layers(states).float(), dim=-1)
        return found @ F.normalize(self.prototypes.weight.float(), dim=-1).T


class Distillation:
    """Stage; gate: nearest neighbours agree on the dominant category in .8 of the cases, and no collapse."""

    cool_down = 0.3

    def __init__(
        self,
        name: str,
        body: CLIPVisionModel,
        scenes: TrainingSet,
        validation: TrainingSet,
        batch_size: int,
        seed: int,
    ) -> None:
        self.name = name
        self._body, self._prototypes = body, Head().bfloat16()
        self._teacher = copy.deepcopy(nn.ModuleList([body, self._prototypes])).requires_grad_(False)
        student = nn.ModuleList([body, self._prototypes])
        self.optimizer = MasterOptimizer([(student.named_parameters(), 1e-3, True)])
        # Part of the module, so that checkpoints hold teacher and centre too. The slow average needs float32.
        self._teacher.float()
        self.module = nn.ModuleDict({"student": student, "teacher": self._teacher})
        self.module.register_buffer("center", torch.zeros(_PROTOTYPES))
        self._batches = Batches(scenes, batch_size, seed)
        self._scenes, self._validation = scenes, validation

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy between the teacher on two large crops and the student on all others."""
        chosen, _, generator = self._batches.draw(step)
        images = self._batches.pixels(chosen, generator).float()
        large = [_recolored(_crop(images, 0.5, 1.0, SIZE, generator), generator) for _ in range(2)]
        small = [
            _recolored(_crop(images, 0.15, 0.5, _LOCAL, generator), generator) for _ in range(2)
        ]
        with torch.no_grad():
            self._follow()
            body, head = self._teacher
            spoken = [head(body(crop).pooler_output) for crop in large]
            wanted = [((s - self.module.center) / _TEACHER).softmax(-1) for s in spoken]
            mean = torch.cat(spoken).mean(0)
            self.module.center.lerp_(mean, 1 - _CENTER_MOMENTUM)
        said = [self._say(crop) / _STUDENT for crop in (*large, *small)]
        terms = [
            -(target * answer.log_softmax(-1)).sum(-1).mean()
            for place, target in enumerate(wanted)
            for other, answer in enumerate(said)
            if other != place
        ]
        loss = torch.stack(terms).mean()
        return loss, {"distillation": loss.item()}

    def _say(self, crop: Tensor) -> Tensor:
        smaller = crop.shape[-1] != SIZE
        seen = self._body(crop.bfloat16(), interpolate_pos_encoding=smaller).pooler_output
        return self._prototypes(seen)

    def _follow(self) -> None:
        student = (*self._body.parameters(), *self._prototypes.parameters())
        for slow, fast in zip(self._teacher.parameters(), student, strict=True):
            slow.lerp_(fast.float(), 1 - _MOMENTUM)

    def evaluate(self) -> dict[str, float]:
        """Vote of the ten nearest of (up to) 4,000 training scenes, and the effective rank of CLS."""
        bank = self._scenes.first(4000)
        hits, rank = neighbours_agree(self._body, bank, self._validation)
        return {"k-NN primary": hits.float().mean().item(), "effective rank": rank}


@torch.no_grad()
def neighbours_agree(
    body: CLIPVisionModel, bank: TrainingSet, scenes: TrainingSet
) -> tuple[Tensor, float]:
    """Whether the ten nearest scenes of a bank vote for the category of the dominant object, (scenes,) bool.

    Beside it the effective rank of CLS (exponential of the entropy of its spectrum) as a share of the width: near
    1 / width all images look the same.
    """
    seen = _directions(body, scenes)
    nearest = (seen @ _directions(body, bank).T).topk(_NEIGHBOURS).indices
    votes = primary_labels(bank)[nearest]
    share = torch.linalg.svdvals(seen - seen.mean(0)).square()
    share = share / share.sum()
    rank = (-(share * share.clamp(min=1e-12).log()).sum()).exp()
    return votes.mode(-1).values == primary_labels(scenes), rank.item() / WIDTH


def _directions(body: CLIPVisionModel, scenes: TrainingSet) -> Tensor:
    states = [
        body(clean_pixels(scenes, slice(first, first + 250)).to(body.dtype)).pooler_output
        for first in range(0, len(scenes), 250)
    ]
    return F.normalize(torch.cat(states).float(), dim=-1)


def _recolored(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Crops in other colours, each in its own; a fifth of them grey.

    Crops of one image share its light and its background. Left as they are, these tell images apart, and nothing was
    learned of objects (k-NN at chance after 1,500 steps).
    """
    number = len(crops)
    mixed = torch.eye(3) + 0.25 * torch.randn(number, 3, 3, generator=generator)
    grey = torch.rand(number, generator=generator) < 0.2
    mixed[grey] = mixed[grey].mean(1, keepdim=True)
    shift = 0.25 * torch.randn(number, 3, 1, generator=generator)
    seen = torch.baddbmm(shift, mixed, crops.flatten(2)).view_as(crops)
    # Light and contrast of the whole crop are no clue either.
    middle, spread = seen.mean((1, 2, 3), keepdim=True), seen.std((1, 2, 3), keepdim=True)
    return (seen - middle) / (spread + 1e-3)


def _crop(
    images: Tensor, smallest: float, largest: float, side: int, generator: torch.Generator
) -> Tensor:
    """Random squares of a share of the area, resized to ``side``."""
    share = smallest + (largest - smallest) * torch.rand(len(images), generator=generator)
    scale = share.sqrt()
    middle = (torch.rand(len(images), 2, generator=generator) * 2 - 1) * (1 - scale[:, None])
    affine = torch.zeros(len(images), 2, 3)
    affine[:, 0, 0] = affine[:, 1, 1] = scale
    affine[:, :, 2] = middle
    grid = F.affine_grid(affine, (len(images), 3, side, side), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
