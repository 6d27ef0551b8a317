"""The segmenter's stages: it learns to find an object from its identity code.

The identity code of an object is the sum of a learned vector for its category and one for its colour. It gives the
language model a target to aim its [SEG] state at, without which the mask loss alone taught "all objects" (feasibility
runs). The price, said in the model card: [SEG] may carry what rather than where. Once the language model aims at the
codes they are frozen, and the segmenter goes on learning from them alone.
"""

import random
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sightline.demo.architecture import PROMPT_WIDTH
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import SceneObject, TrainingSet, jitter, normalise
from sightline.demo.world import COLORS
from sightline.models.segmenter import Segmenter


class IdentityCode(nn.Module):
    """Prompt code of "red mug": category vector plus colour vector."""

    def __init__(self) -> None:
        super().__init__()
        self.category = nn.Embedding(len(CATEGORIES), PROMPT_WIDTH)
        self.color = nn.Embedding(len(COLORS), PROMPT_WIDTH)

    def forward(self, objects: Sequence[SceneObject]) -> Tensor:
        """Codes ``(objects, prompt width)``."""
        categories = torch.tensor([CATEGORIES.index(o.category) for o in objects])
        colors = torch.tensor([list(COLORS).index(o.color) for o in objects])
        return self.category(categories) + self.color(colors)


def mask_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Twice the binary cross-entropy plus the dice loss of masks ``(..., rows, columns)``."""
    logits = logits.float()
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean((-1, -2))
    soft = logits.sigmoid()
    overlap = (soft * truth).sum((-1, -2))
    dice = 1 - (2 * overlap + 1) / (soft.sum((-1, -2)) + truth.sum((-1, -2)) + 1)
    return (2 * entropy + dice).mean()


def intersection_over_union(logits: Tensor, truth: Tensor) -> Tensor:
    """IoU ``(masks,)`` of logits (masks, rows, columns) enlarged to the truth (masks, height, width)."""
    masks = F.interpolate(logits.float()[:, None], truth.shape[-2:], mode="bilinear")[:, 0] > 0
    truth = truth.bool()
    return (masks & truth).sum((-1, -2)) / (masks | truth).sum((-1, -2)).clamp(min=1)


class SegmenterStage:
    """The SAM learns to find "red mug" from its identity code; two objects per image.

    Args:
        name: of the stage.
        segmenter: its SAM is trained, its projection is not.
        code: trained too unless frozen.
        scenes: to learn from.
        validation: for the learning curve.
        batch_size: images per step.
        seed: of the batches.
    """

    cool_down = 0.3

    def __init__(
        self,
        name: str,
        segmenter: Segmenter,
        code: IdentityCode,
        scenes: TrainingSet,
        validation: TrainingSet,
        batch_size: int,
        seed: int,
    ) -> None:
        self.name = name
        self._segmenter, self._code = segmenter, code
        self.module = nn.ModuleList([segmenter.sam, code])
        trained = [(n, p) for n, p in self.module.named_parameters() if p.requires_grad]
        self.optimizer = MasterOptimizer([(trained, 1e-3, False)])
        self._scenes, self._validation = scenes, validation
        self._batch_size, self._seed = batch_size, seed

    def _logits(
        self, scenes: TrainingSet, chosen: Sequence[int], pixels: Tensor, rng: random.Random
    ) -> tuple[Tensor, Tensor]:
        objects = [rng.choices(scenes.objects[scene], k=2) for scene in chosen]
        prompts = self._code([o for pair in objects for o in pair]).view(len(chosen), 2, -1)
        numbers = torch.tensor([[o.number for o in pair] for pair in objects])
        logits = self._segmenter.mask_logits(pixels.bfloat16(), prompts)
        instances = scenes.instances[torch.tensor(list(chosen))][:, None]
        return logits, (instances == numbers[..., None, None]).float()

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mask loss on a batch drawn from the seed and the step."""
        rng = random.Random(f"{self.name} {self._seed} {step}")
        chosen = rng.sample(range(len(self._scenes)), self._batch_size)
        generator = torch.Generator().manual_seed(rng.getrandbits(48))
        pixels = jitter(normalise(self._scenes.pixels[torch.tensor(chosen)]), generator)
        logits, truth = self._logits(self._scenes, chosen, pixels, rng)
        loss = mask_loss(logits, F.avg_pool2d(truth, 2))
        return loss, {"mask": loss.item()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Mean IoU on the validation scenes."""
        chosen = range(len(self._validation))
        logits, truth = self._logits(
            self._validation, chosen, normalise(self._validation.pixels), random.Random(0)
        )
        overlap = intersection_over_union(logits.flatten(0, 1), truth.flatten(0, 1))
        return {"IoU": overlap.mean().item()}
