"""Self-distillation without labels (DINO): a student says of one view of an object what a slow teacher says of another.

Two losses add up. Cross-entropy over prototypes, whose use is evened out over a batch by Sinkhorn's iteration (as in
SwAV and DINOv2), draws views and then alike objects together. By itself it found little to say in the first hundreds of
steps, so the student also has to find the other view among all of the batch (InfoNCE against the teacher, as MoCo v3).
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPVisionModel

from sightline.demo.encoders.body import WIDTH, Batches, clean_pixels, primary_labels
from sightline.demo.encoders.views import Views
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.precision import TRAINING
from sightline.demo.training_set import TrainingSet

_PROTOTYPES = 96
_STUDENT, _TEACHER, _CONTRAST = 0.1, 0.04, 0.2
_SINKHORN = 3
_MOMENTUM = 0.99
_WEAKEST, _FULL_AFTER = 0.1, 600
_NEIGHBOURS = 10


class Direction(nn.Module):
    """Two layers, then length one."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(WIDTH, 256), nn.GELU(), nn.Linear(256, 64))

    def forward(self, states: Tensor) -> Tensor:
        """(batch, 64), float32."""
        return F.normalize(self.layers(states).float(), dim=-1)


class Heads(nn.Module):
    """What both losses read from CLS."""

    def __init__(self) -> None:
        super().__init__()
        self.contrast, self.grouping = Direction(), Direction()
        self.prototypes = nn.Linear(64, _PROTOTYPES, bias=False)

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Directions (batch, 64), and cosines with the prototypes (batch, prototypes)."""
        prototypes = F.normalize(self.prototypes.weight.float(), dim=-1)
        return self.contrast(states), self.grouping(states) @ prototypes.T


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
        self._body, self._heads = body, Heads().to(TRAINING)
        student = nn.ModuleList([body, self._heads])
        self.optimizer = MasterOptimizer([(student.named_parameters(), 1e-3, True)])
        # The slow average needs float32; a copy in half precision speaks.
        self._teacher = copy.deepcopy(student).requires_grad_(False).float()
        self._speaker = copy.deepcopy(student).requires_grad_(False)
        # Part of the module, so that checkpoints hold the teacher too.
        self.module = nn.ModuleDict({"student": student, "teacher": self._teacher})
        self._batches, self._views = Batches(scenes, batch_size, seed), Views(scenes)
        self._scenes, self._validation = scenes, validation

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Both losses, each from the first view to the second and back."""
        chosen, _, generator = self._batches.draw(step)
        strength = min(1.0, _WEAKEST + (1 - _WEAKEST) * step / _FULL_AFTER)
        views = self._views.draw(chosen + chosen, strength, generator)
        with torch.no_grad():
            self._follow()
            body, heads = self._speaker
            known, spoken = (both.chunk(2) for both in heads(body(views).pooler_output))
        seen, said = (both.chunk(2) for both in self._heads(self._body(views).pooler_output))
        same = torch.arange(len(chosen))
        contrast = grouping = torch.zeros(())
        for this, other in ((0, 1), (1, 0)):
            match = F.cross_entropy(seen[this] @ known[other].T / _CONTRAST, same)
            agreement = F.cross_entropy(said[this] / _STUDENT, evened(spoken[other]))
            contrast, grouping = contrast + match / 2, grouping + agreement / 2
        return contrast + grouping, {"contrast": contrast.item(), "grouping": grouping.item()}

    def _follow(self) -> None:
        """The teacher moves a hundredth of the way to the student."""
        student, speaker = self.module["student"].parameters(), self._speaker.parameters()
        for slow, fast, spoken in zip(self._teacher.parameters(), student, speaker, strict=True):
            slow.lerp_(fast.float(), 1 - _MOMENTUM)
            spoken.copy_(slow)

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


def evened(cosines: Tensor) -> Tensor:
    """Soft choices (batch, prototypes) that add up to one per image, and use all prototypes about equally."""
    shares = ((cosines - cosines.max()) / _TEACHER).exp()
    for _ in range(_SINKHORN):
        shares = shares / shares.sum(0, keepdim=True)
        shares = shares / shares.sum(1, keepdim=True)
    return shares
