"""The segmenter learns what objects are, whatever they are called: from clicks and boxes, as the SAM did.

Each training prompt is a box, or one to eight clicks: places on the object, and places off it that are marked so. One
click in ten of several is wrong, so that the mask decoder learns to weigh clicks rather than obey each of them. Prompts
say where and never what.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.packing import turn_rng
from sightline.demo.precision import TRAINING
from sightline.demo.training_set import TrainingSet, jitter, normalise
from sightline.demo.world import SIZE
from sightline.models.segmenter import Segmenter

_WRONG = 0.1
_MOST_CLICKS = 8


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


def draw_clicks(truth: Tensor, clicks: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Clicks for masks; the first is on the object, or near its centroid half of the time.

    Args:
        truth: (images, prompts, height, width), 0 or 1.
        clicks: how many for each mask.
        generator: of the random numbers.

    Returns:
        Places (images, prompts, clicks, 2) as x, y in pixels, and labels (images, prompts, clicks): 1 on, 0 off.
    """
    masks = truth.flatten(0, 1)
    on = _places(masks.flatten(1), clicks, generator)
    # Most clicks off the object fall within a few pixels of it.
    around = F.max_pool2d(F.max_pool2d(masks[:, None], 8), 3, 1, 1)
    near = F.interpolate(around, masks.shape[-2:])[:, 0]
    off = _places(((near + 0.02) * (1 - masks)).flatten(1), clicks, generator)
    labels = (torch.rand(on.shape[:2], generator=generator) < 0.7).long()
    labels[:, 0] = 1
    places = torch.where(labels[..., None] == 1, on, off)
    central = torch.rand(len(masks), generator=generator) < 0.5
    drift = 1.5 * torch.randn(len(masks), 2, generator=generator)
    places[central, 0] = (_centroids(masks) + drift)[central]
    wrong = torch.rand(labels.shape, generator=generator) < _WRONG
    wrong[:, 0] = False
    labels = torch.where(wrong, 1 - labels, labels)
    shape = truth.shape[:2]
    return places.clamp(0, SIZE - 1).view(*shape, clicks, 2), labels.view(*shape, clicks)


def draw_boxes(truth: Tensor, generator: torch.Generator) -> Tensor:
    """Boxes (images, prompts, 4) of masks as x, y, x, y in pixels, each side off by a pixel or two."""
    rows, columns = truth.amax(-1), truth.amax(-2)
    edges = [
        columns.argmax(-1),
        rows.argmax(-1),
        SIZE - 1 - columns.flip(-1).argmax(-1),
        SIZE - 1 - rows.flip(-1).argmax(-1),
    ]
    boxes = torch.stack(edges, -1).float()
    return (boxes + 1.5 * torch.randn(boxes.shape, generator=generator)).clamp(0, SIZE - 1)


def _places(weights: Tensor, number: int, generator: torch.Generator) -> Tensor:
    index = torch.multinomial(weights, number, replacement=True, generator=generator)
    return torch.stack([index % SIZE, index // SIZE], -1).float()


def _centroids(masks: Tensor) -> Tensor:
    along = torch.arange(SIZE, dtype=torch.float32)
    area = masks.sum((-1, -2))
    return torch.stack(
        [(masks.sum(-2) * along).sum(-1) / area, (masks.sum(-1) * along).sum(-1) / area], -1
    )


class SegmenterStage:
    """Class-agnostic training of the whole SAM on clicks and boxes; two objects per image.

    Args:
        segmenter: its SAM is trained, its projection is not.
        scenes: to learn from.
        validation: for the learning curve.
        batch_size: images per step.
        seed: of the batches.
    """

    name = "segmenter"
    cool_down = 0.4

    def __init__(
        self,
        segmenter: Segmenter,
        scenes: TrainingSet,
        validation: TrainingSet,
        batch_size: int,
        seed: int,
    ) -> None:
        self._segmenter = segmenter
        self.module = segmenter.sam
        # The frequencies of the position encoding are drawn once and kept, as in the SAM.
        trained = [
            (n, p) for n, p in self.module.named_parameters() if "positional_embedding" not in n
        ]
        self.optimizer = MasterOptimizer([(trained, 1.5e-3, False)])
        self._scenes, self._validation = scenes, validation
        self._batch_size, self._seed = batch_size, seed

    def _truth(self, scenes: TrainingSet, chosen: Sequence[int], numbers: Tensor) -> Tensor:
        instances = scenes.instances[torch.tensor(list(chosen))][:, None]
        return (instances == numbers[..., None, None]).float()

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mask loss on a batch drawn from the seed and the step."""
        rng = turn_rng(self._seed, self.name, step)
        chosen = rng.sample(range(len(self._scenes)), self._batch_size)
        generator = torch.Generator().manual_seed(rng.getrandbits(48))
        pixels = jitter(normalise(self._scenes.pixels[torch.tensor(chosen)]), generator)
        drawn = [rng.choices(self._scenes.objects[scene], k=2) for scene in chosen]
        numbers = torch.tensor([[thing.number for thing in pair] for pair in drawn])
        truth = self._truth(self._scenes, chosen, numbers)
        form = rng.choice(("box", "click", "click", "clicks"))
        if form == "box":
            prompts = self._segmenter.encode_boxes(draw_boxes(truth, generator))
        else:
            clicks = 1 if form == "click" else rng.randint(2, _MOST_CLICKS)
            prompts = self._segmenter.encode_points(*draw_clicks(truth, clicks, generator))
        logits = self._segmenter.mask_logits(pixels.to(TRAINING), prompts)
        loss = mask_loss(logits, F.avg_pool2d(truth, 2))
        return loss, {form: loss.item()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Mean IoU on the validation scenes by kind of prompt."""
        chosen = range(len(self._validation))
        numbers = torch.tensor(
            [[o.number for o in (turn_rng(0, "objects", s).choices(self._validation.objects[s], k=2))]
             for s in chosen]
        )  # fmt: skip
        truth = self._truth(self._validation, chosen, numbers)
        generator = torch.Generator().manual_seed(0)
        pixels = normalise(self._validation.pixels).to(TRAINING)
        forms = {
            "box": self._segmenter.encode_boxes(draw_boxes(truth, generator)),
            "1 click": self._segmenter.encode_points(*draw_clicks(truth, 1, generator)),
            "4 clicks": self._segmenter.encode_points(*draw_clicks(truth, 4, generator)),
        }
        return {
            f"IoU {form}": intersection_over_union(
                self._segmenter.mask_logits(pixels, prompts).flatten(0, 1), truth.flatten(0, 1)
            )
            .mean()
            .item()
            for form, prompts in forms.items()
        }
