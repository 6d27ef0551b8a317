"""The segmenter's two stages: first prompted by an identity code, at the end by the language model's [SEG] states.

The identity code of an object is the sum of a learned vector for its category and one for its colour. It gives the
language model a target to aim its [SEG] state at, without which the mask loss alone taught "all objects" (feasibility
runs). The price, said in the model card: [SEG] may carry what rather than where.
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


class _MaskStage:
    """What both stages share: two objects per image, jittered pixels, masks at the decoder's resolution."""

    def __init__(
        self, scenes: TrainingSet, validation: TrainingSet, batch_size: int, seed: int
    ) -> None:
        self._scenes, self._validation = scenes, validation
        self._batch_size, self._seed = batch_size, seed

    def _truth(self, scenes: TrainingSet, chosen: Sequence[int], numbers: Tensor) -> Tensor:
        """Masks ``(images, prompts, height, width)`` of the objects with these numbers (images, prompts)."""
        return (scenes.instances[torch.tensor(chosen)][:, None] == numbers[..., None, None]).float()


class SegmenterStage(_MaskStage):
    """The SAM learns to find "red mug" from its identity code."""

    name = "segmenter"
    cool_down = 0.3

    def __init__(
        self,
        segmenter: Segmenter,
        code: IdentityCode,
        scenes: TrainingSet,
        validation: TrainingSet,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__(scenes, validation, batch_size, seed)
        self._segmenter, self._code = segmenter, code
        self.module = nn.ModuleList([segmenter.sam, code])
        self.optimizer = MasterOptimizer([(self.module.named_parameters(), 1e-3, False)])

    def _logits(
        self, scenes: TrainingSet, chosen: Sequence[int], pixels: Tensor, rng: random.Random
    ) -> tuple[Tensor, Tensor]:
        objects = [rng.choices(scenes.objects[scene], k=2) for scene in chosen]
        prompts = self._code([o for pair in objects for o in pair]).view(len(chosen), 2, -1)
        numbers = torch.tensor([[o.number for o in pair] for pair in objects])
        logits = self._segmenter.mask_logits(pixels.bfloat16(), prompts)
        return logits, self._truth(scenes, chosen, numbers)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mask loss on a batch drawn from the seed and the step."""
        rng = random.Random(f"segmenter {self._seed} {step}")
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


class SegmentAnswerStage(_MaskStage):
    """Projection and SAM learn to read the frozen language model's [SEG] states.

    Args:
        segmenter: the segmenter of the first stage.
        states: (scenes, 2, text width) states at [SEG] for two questions about each training scene.
        numbers: (scenes, 2) the objects that were asked for.
        validation_states: the same for the validation scenes.
        validation_numbers: the same for the validation scenes.
    """

    name = "segment-answer"
    cool_down = 0.5

    def __init__(
        self,
        segmenter: Segmenter,
        states: Tensor,
        numbers: Tensor,
        validation_states: Tensor,
        validation_numbers: Tensor,
        scenes: TrainingSet,
        validation: TrainingSet,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__(scenes, validation, batch_size, seed)
        self.module = segmenter
        self._states, self._numbers = states, numbers
        self._validation_states, self._validation_numbers = validation_states, validation_numbers
        self.optimizer = MasterOptimizer([(segmenter.named_parameters(), 1e-3, False)])

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mask loss on a batch drawn from the seed and the step."""
        rng = random.Random(f"segment answer {self._seed} {step}")
        chosen = rng.sample(range(len(self._states)), self._batch_size)
        generator = torch.Generator().manual_seed(rng.getrandbits(48))
        pixels = jitter(normalise(self._scenes.pixels[torch.tensor(chosen)]), generator)
        prompts = self.module.projection(self._states[chosen])
        logits = self.module.mask_logits(pixels.bfloat16(), prompts)
        truth = self._truth(self._scenes, chosen, self._numbers[chosen])
        loss = mask_loss(logits, F.avg_pool2d(truth, 2))
        return loss, {"mask": loss.item()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Mean IoU on the validation scenes, explicit (first question) and implicit (second)."""
        pixels = normalise(self._validation.pixels).bfloat16()
        logits = self.module.mask_logits(pixels, self.module.projection(self._validation_states))
        truth = self._truth(
            self._validation, range(len(self._validation)), self._validation_numbers
        )
        overlap = intersection_over_union(logits.flatten(0, 1), truth.flatten(0, 1)).view(-1, 2)
        explicit, implicit = overlap.mean(0).tolist()
        return {"IoU explicit": explicit, "IoU implicit": implicit}
