"""Last stage: the mask decoder gets used to the prompts that the language model writes, as in LISA.

Language model, image encoder and prompt encoder are frozen; projection and mask decoder learn from the mask loss. The
states at [SEG] and the image embeddings are computed once, so that a step costs the mask decoder alone.
"""

import logging
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sightline.demo.language import Turn
from sightline.demo.language_stage import LanguageStage
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.packing import turn_rng
from sightline.demo.precision import TRAINING
from sightline.demo.questions import segmentations
from sightline.demo.segmenter_stage import intersection_over_union, mask_loss
from sightline.demo.training_set import TrainingSet, normalise
from sightline.models.segmenter import Segmenter

_GATHERED = 16
_ROUNDS = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Aims:
    """What the language model says about a set of scenes.

    Attributes:
        states: (aims, text width) at [SEG].
        scene: (aims,) index of the scene.
        number: (aims,) of the object that is meant.
        implicit: (aims,) bool, asked for by its use instead of its name.
        embeddings: (scenes, prompt width, grid, grid) of the segmenter's image encoder.
    """

    states: Tensor
    scene: Tensor
    number: Tensor
    implicit: Tensor
    embeddings: Tensor


@torch.no_grad()
def gather_aims(
    language: LanguageStage, segmenter: Segmenter, scenes: TrainingSet, number: int
) -> Aims:
    """Ask for masks on the first scenes of a set."""
    states, scene, wanted, implicit, embeddings = [], [], [], [], []
    for first in range(0, number, _GATHERED):
        chosen = range(first, min(first + _GATHERED, number))
        pixels = normalise(scenes.pixels[first : chosen.stop])
        embeddings.append(segmenter.sam.vision_encoder(pixels.to(TRAINING)).last_hidden_state)
        asked = [_ask(scenes, place) for place in chosen]
        pack = language.packer.pack(asked, 24 * 2 * _ROUNDS)
        found = language.states(language.image_tokens(pixels), pack)
        for image, place, target in pack.segments:
            states.append(found[image, place])
            scene.append(first + image)
            wanted.append(target)
            turn = asked[image][pack.turn[image, place]]
            implicit.append(turn.kind == "implicit")
        if first % (100 * _GATHERED) == 0:
            _log.info("asked for masks in %d of %d scenes", first, number)
    return Aims(
        torch.stack(states),
        torch.tensor(scene),
        torch.tensor(wanted),
        torch.tensor(implicit),
        torch.cat(embeddings),
    )


def _ask(scenes: TrainingSet, place: int) -> list[Turn]:
    rng = turn_rng(0, "aims", place)
    return [
        turn
        for _ in range(_ROUNDS)
        for turn in segmentations(scenes.themes[place], scenes.objects[place], rng)
    ]


class AimStage:
    """Projection and mask decoder on the states of the frozen language model.

    Args:
        language: gives the states.
        segmenter: its image and prompt encoders stay as they are.
        scenes: to learn from, the first ``number`` of them.
        validation: for the learning curve.
        number: of scenes.
        batch_size: aims per step.
        seed: of the batches.
    """

    name = "aim"
    cool_down = 0.5

    def __init__(
        self,
        language: LanguageStage,
        segmenter: Segmenter,
        scenes: TrainingSet,
        validation: TrainingSet,
        number: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self._segmenter = segmenter
        self.module = nn.ModuleDict(
            {"projection": segmenter.projection, "decoder": segmenter.sam.mask_decoder}
        )
        self.optimizer = MasterOptimizer([(self.module.named_parameters(), 5e-4, False)])
        self._scenes, self._validation = scenes, validation
        self._language, self._number = language, number
        self._batch_size, self._seed = batch_size, seed
        self._aims: dict[str, Aims] = {}

    def _gathered(self, name: str) -> Aims:
        if name not in self._aims:
            scenes, number = {
                "training": (self._scenes, self._number),
                "validation": (self._validation, len(self._validation)),
            }[name]
            self._aims[name] = gather_aims(self._language, self._segmenter, scenes, number)
        return self._aims[name]

    def _logits(self, aims: Aims, chosen: Tensor) -> Tensor:
        prompts = self._segmenter.projection(aims.states[chosen])[:, None, None]
        return self._segmenter.decode(aims.embeddings[aims.scene[chosen]], prompts)[:, 0]

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mask loss on a batch drawn from the seed and the step."""
        aims = self._gathered("training")
        rng = turn_rng(self._seed, self.name, step)
        chosen = torch.tensor(rng.sample(range(len(aims.scene)), self._batch_size))
        truth = _truth(self._scenes, aims, chosen)
        loss = mask_loss(self._logits(aims, chosen), F.avg_pool2d(truth, 2))
        return loss, {"mask": loss.item()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Mean IoU on the validation scenes, explicit and implicit."""
        aims = self._gathered("validation")
        everything = torch.arange(len(aims.scene))
        overlap = torch.cat(
            [
                intersection_over_union(
                    self._logits(aims, chosen), _truth(self._validation, aims, chosen)
                )
                for chosen in everything.split(128)
            ]
        )
        return {
            "IoU explicit": overlap[~aims.implicit].mean().item(),
            "IoU implicit": overlap[aims.implicit].mean().item(),
        }


def _truth(scenes: TrainingSet, aims: Aims, chosen: Tensor) -> Tensor:
    instances = scenes.instances[aims.scene[chosen]]
    return (instances == aims.number[chosen, None, None]).float()
