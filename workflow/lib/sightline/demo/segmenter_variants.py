"""Train one small segmenter with or without points (qian2025, Tables 6 and 7), from a trained demo model.

    python -m sightline.demo.segmenter_variants --variant points-dtoc --seed 0 --models resources/demo \
        --work training/checkpoints --out training/segmenter-variants/points-dtoc-s0

All variants see the same batches in the same order. They begin with a new projection and the mask decoder of the SAM
that was never told of [SEG]; a killed training goes on where it was.
"""

import argparse
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from transformers import SamModel

from sightline import cli
from sightline.demo.folders import SAM, VLM
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.packing import turn_rng
from sightline.demo.questions import segmentations
from sightline.demo.segmenter_stage import intersection_over_union, mask_loss
from sightline.demo.stage import train
from sightline.demo.training_set import (
    TRAINING_SEEDS,
    VALIDATION_SEEDS,
    TrainingSet,
    draw_training_set,
)
from sightline.demo.world import VERSION
from sightline.files import atomic_path, sha256
from sightline.instruments.point_rules import PointRule
from sightline.instruments.pointed_segmenter import (
    VARIANTS,
    Features,
    PointedSegmenter,
    gather_features,
)
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.models.segmenter import load_frame
from sightline.models.vlm import VLM as Model

RULE = PointRule(number=5, pool=1)
"""That of the demo's configuration."""
ANSWER = "sure , [SEG]"


class VariantStage:
    """Mask loss on the states of a frozen language model with LoRA in its last block.

    Args:
        name: of the checkpoint and the learning curve.
        module: what is trained.
        training: features and masks (queries, height, width) to learn from.
        validation: the same, for the learning curve.
        batch_size: queries per step.
        seed: of the batches.
    """

    cool_down = 0.5

    def __init__(
        self,
        name: str,
        module: PointedSegmenter,
        training: tuple[Features, Tensor],
        validation: tuple[Features, Tensor],
        batch_size: int,
        seed: int,
    ) -> None:
        self.name, self.module = name, module
        trained = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
        lora = [(n, p) for n, p in trained if n.startswith("lora")]
        rest = [(n, p) for n, p in trained if not n.startswith("lora")]
        self.optimizer = MasterOptimizer([(rest, 1e-3, False), (lora, 5e-4, False)])
        self._training, self._validation = training, validation
        self._batch_size, self._seed = batch_size, seed

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mask loss of a batch drawn from the seed and the step."""
        features, masks = self._training
        rng = turn_rng(self._seed, "variant", step)
        chosen = rng.sample(range(len(masks)), self._batch_size)
        truth = masks[chosen].float()
        logits = self.module.logits(features.of(chosen), cells(truth, self.module))
        loss = mask_loss(logits, F.adaptive_avg_pool2d(truth, logits.shape[-2:]))
        return loss, {"mask": loss.item()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Mean IoU on validation scenes."""
        features, masks = self._validation
        found = []
        for first in range(0, len(masks), 32):
            chosen = range(first, min(first + 32, len(masks)))
            truth = masks[first : chosen.stop].float()
            logits = self.module.logits(features.of(chosen), cells(truth, self.module))
            found.append(intersection_over_union(logits, truth))
        return {"IoU": torch.cat(found).mean().item()}


def cells(truth: Tensor, module: PointedSegmenter) -> Tensor:
    """Masks (queries, height, width) as shares of the cells of the map."""
    return F.adaptive_avg_pool2d(truth, (module.grid.rows, module.grid.columns))


def gather(
    vlm: Model, sam: SamModel, folder: Path, scenes: TrainingSet, number: int, kept: Path
) -> tuple[Features, Tensor]:
    """Features and masks of the first scenes, two queries each; kept in a file for the other variants."""
    if not kept.exists():
        asked = [
            (place, turn)
            for place in range(number)
            for turn in segmentations(
                scenes.themes[place], scenes.objects[place], random.Random(f"variant {place}")
            )
        ]
        prompts = [vlm.prompt(turn.question, prefix=ANSWER) for _, turn in asked]
        images = [
            Image.fromarray(scenes.pixels[place].permute(1, 2, 0).numpy()) for place, _ in asked
        ]
        features = gather_features(vlm, sam, load_frame(folder), prompts, images)
        masks = torch.stack([scenes.instances[place] == turn.target for place, turn in asked])
        # Jobs of other variants may gather them at the same time.
        with atomic_path(kept) as temporary:
            torch.save(vars(features) | {"masks": masks}, temporary)
    stored = torch.load(kept, weights_only=True, mmap=True)
    masks = stored.pop("masks")
    return Features(**stored), masks


def main(options: argparse.Namespace) -> None:
    """Train one variant."""
    torch.set_num_threads(options.threads)
    # Features and masks of all scenes stay on the CPU, and so do the small parts that are trained on them.
    start_from = ModelSource(
        key="start", path=str(options.models / VLM), device="cpu", dtype="float32"
    )
    vlm = load_vlm(start_from)
    sam = SamModel.from_pretrained(options.models / SAM, dtype=torch.float32, local_files_only=True)
    start, sam_start = (sha256(options.models / part / "model.safetensors") for part in (VLM, SAM))
    sets = {}
    for name, seed, number in (
        ("training", TRAINING_SEEDS, options.scenes), ("validation", VALIDATION_SEEDS, options.validation),
    ):  # fmt: skip
        scenes = draw_training_set(seed, number, options.threads, options.work)
        kept = (
            options.work / f"features-v{VERSION}-{start[:12]}-{sam_start[:12]}-{name}-{number}.pt"
        )
        sets[name] = gather(vlm, sam, options.models / SAM, scenes, number, kept)
    module = PointedSegmenter(vlm, sam, VARIANTS[options.variant], RULE, seed=options.seed)
    stage = VariantStage(
        f"{options.variant}-s{options.seed}", module, sets["training"], sets["validation"],
        options.batch, options.seed,
    )  # fmt: skip
    about = {"name": options.variant, "seed": options.seed, "steps": options.steps,
             "batch": options.batch, "scenes": options.scenes, "start": start}  # fmt: skip
    wanted = about | {"sam": sam_start, "world_version": VERSION}
    train(stage, options.steps, options.work, wanted, evaluate_every=100)
    module.save(options.out, about)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", choices=tuple(VARIANTS), required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, required=True, help="folder with llava and sam")
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--validation", type=int, default=60, help="scenes of the curve")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, required=True, help="checkpoints, curves and features")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
