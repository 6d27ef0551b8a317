"""Train the demo models from nothing: scenes, text, vision, segmenter, language, aim, export.

Every stage keeps a checkpoint in the work folder; a killed training goes on where it was. All random numbers come from
the recipe's seed and the step, so a restart sees the batches it would have seen.

    python -m sightline.demo.train --recipe llava-12 --work results/demo/training/llava-12/checkpoints --out llava-12
"""

import argparse
import copy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from sightline import cli
from sightline.demo import attention
from sightline.demo.aim_stage import AimStage
from sightline.demo.architecture import build_segmenter, build_tokenizer, build_vlm
from sightline.demo.export import export
from sightline.demo.language_stage import LANGUAGE, LanguageStage
from sightline.demo.location_code import LocationCode
from sightline.demo.segmenter_stage import SegmenterStage
from sightline.demo.stage import train
from sightline.demo.text_stage import TextStage
from sightline.demo.training_set import (
    TRAINING_SEEDS,
    VALIDATION_SEEDS,
    draw_training_set,
)
from sightline.demo.vision_stage import VisionStage
from sightline.demo.world import VERSION
from sightline.models.segmenter import Segmenter


@dataclass(frozen=True)
class Recipe:
    """Sizes, steps and seed, written into the model card; learning rates stand with the stages."""

    world_version: int = VERSION
    seed: int = 0
    training_scenes: int = 24_000
    validation_scenes: int = 300
    layers: int = 12
    text_steps: int = 400
    text_batch: int = 16
    vision_steps: int = 900
    vision_batch: int = 64
    segmenter_steps: int = 1800
    segmenter_batch: int = 32
    language_steps: int = 6000
    language_batch: int = 8
    aim_scenes: int = 3000
    aim_steps: int = 1200
    aim_batch: int = 64


RECIPES = {"llava-12": Recipe(layers=12, seed=1), "llava-8": Recipe(layers=8, seed=2)}
"""Two models, as the studies look at two: another depth and another seed."""


def run(recipe: Recipe, work: Path, out: Path, threads: int) -> None:
    """Train all stages that are not finished yet and export the models."""
    torch.set_num_threads(threads)
    # Denormal numbers in optimizer states slow a CPU down many times.
    torch.set_flush_denormal(True)
    attention.register()
    scenes = draw_training_set(TRAINING_SEEDS, recipe.training_scenes, threads, work)
    validation = draw_training_set(VALIDATION_SEEDS, recipe.validation_scenes, threads, work)
    tokenizer = build_tokenizer()
    torch.manual_seed(recipe.seed)
    vlm = build_vlm(tokenizer, recipe.layers)
    vlm.set_attn_implementation(attention.PLAIN)
    vlm = vlm.bfloat16()
    segmenter = Segmenter(build_segmenter(), vlm.config.text_config.hidden_size).bfloat16()
    data = (scenes, validation)

    text = TextStage(vlm, tokenizer, *data, recipe.text_batch, recipe.seed)
    train(text, recipe.text_steps, work, evaluate_every=100)
    vision = VisionStage(vlm, tokenizer, *data, recipe.vision_batch, recipe.seed)
    train(vision, recipe.vision_steps, work, evaluate_every=150)
    masks = SegmenterStage(segmenter, *data, recipe.segmenter_batch, recipe.seed)
    train(masks, recipe.segmenter_steps, work, evaluate_every=200)
    # Frequencies are part of the segmenter's checkpoint.
    code = LocationCode(segmenter.sam)
    talk = LanguageStage(
        LANGUAGE, vlm, tokenizer, segmenter, code, *data, recipe.language_batch, recipe.seed
    )
    train(talk, recipe.language_steps, work, evaluate_every=250)
    original = copy.deepcopy(segmenter.sam)
    aim = AimStage(talk, segmenter, *data, recipe.aim_scenes, recipe.aim_batch, recipe.seed)
    train(aim, recipe.aim_steps, work, evaluate_every=250)
    export(vlm, tokenizer, segmenter, original, asdict(recipe), work, out)


def main(arguments: argparse.Namespace) -> None:
    """Train by a recipe."""
    run(RECIPES[arguments.recipe], arguments.work, arguments.out, arguments.threads)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--work", type=Path, required=True, help="checkpoints and learning curves")
    parser.add_argument("--out", type=Path, required=True, help="where the models are written")
    parser.add_argument("--threads", type=int, default=2)
    cli.run(main, parser)
