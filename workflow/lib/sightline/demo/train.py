"""Train the demo models: scenes, text, vision, segmenter, language, aim, export.

The first model is trained from nothing. The second has more blocks and is grown from the first, with whose tower and
segmenter it begins (as LLaVA's models share a tower): it goes on with the language stage.

Every stage keeps a checkpoint in the work folder; a killed training goes on where it was, and one by another recipe or
from another start begins anew. All random numbers come from the recipe's seed and the step, so a restart sees the
batches it would have seen.

    python -m sightline.demo.train --recipe llava-8 --work checkpoints/llava-8 --out llava-8
    python -m sightline.demo.train --recipe llava-12 --start llava-8 --work checkpoints/llava-12 --out llava-12
"""

import argparse
import copy
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast, SamModel

from sightline import cli
from sightline.demo import attention
from sightline.demo.aim_stage import AimStage
from sightline.demo.architecture import build_segmenter, build_tokenizer, build_vlm
from sightline.demo.export import export
from sightline.demo.folders import SAM, SEGMENTER, VLM
from sightline.demo.growth import grow
from sightline.demo.language_stage import COUNTED, GROWN, LANGUAGE, LanguageStage
from sightline.demo.location_code import LocationCode
from sightline.demo.precision import PRECISION, TRAINING
from sightline.demo.segmenter_stage import SegmenterStage
from sightline.demo.stage import train
from sightline.demo.text_stage import TextStage
from sightline.demo.training_set import (
    TRAINING_SEEDS,
    VALIDATION_SEEDS,
    TrainingSet,
    draw_training_set,
)
from sightline.demo.vision_stage import VisionStage
from sightline.demo.world import VERSION
from sightline.errors import SightlineError
from sightline.files import sha256
from sightline.models.segmenter import Segmenter, load_segmenter


@dataclass(frozen=True)
class Recipe:
    """Sizes, steps and seed, written into the model card; learning rates stand with the stages.

    A model that is grown from another has no text, vision and segmenter stages of its own.
    """

    world_version: int = VERSION
    seed: int = 0
    training_scenes: int = 24_000
    validation_scenes: int = 300
    grown_from: str = ""
    layers: int = 8
    text_steps: int = 400
    text_batch: int = 16
    vision_steps: int = 900
    vision_batch: int = 64
    segmenter_steps: int = 1800
    segmenter_batch: int = 32
    language_steps: int = 6000
    language_batch: int = 8
    counted_steps: int = 0
    aim_scenes: int = 3000
    aim_steps: int = 1200
    aim_batch: int = 64


RECIPES = {
    "llava-8": Recipe(seed=2),
    "llava-12": Recipe(
        grown_from="llava-8", seed=1, layers=12, language_steps=3000, counted_steps=3600
    ),
}
"""Two models, as the studies look at two. The deeper one is no independent seed."""


def run(recipe: Recipe, start: Path | None, work: Path, out: Path, threads: int) -> None:
    """Train all stages that are not finished yet and export the models."""
    torch.set_num_threads(threads)
    attention.register()
    scenes = draw_training_set(TRAINING_SEEDS, recipe.training_scenes, threads, work)
    validation = draw_training_set(VALIDATION_SEEDS, recipe.validation_scenes, threads, work)
    data = (scenes, validation)
    tokenizer = build_tokenizer()
    torch.manual_seed(recipe.seed)
    wanted = described(recipe) | ({"start": _checksum(start)} if start else {})
    if recipe.grown_from:
        if start is None:
            raise SightlineError(f"--start: give the folder of {recipe.grown_from}, to grow from.")
        vlm, segmenter, original = _grown(start, tokenizer, recipe.layers)
        lessons = [(GROWN, recipe.language_steps), (COUNTED, recipe.counted_steps)]
    else:
        vlm, segmenter = _from_nothing(recipe, tokenizer, data, work, wanted)
        original = copy.deepcopy(segmenter.sam)
        lessons = [(LANGUAGE, recipe.language_steps)]
    # Frequencies are part of the segmenter's checkpoint.
    code = LocationCode(segmenter.sam)
    for emphasis, steps in lessons:
        talk = LanguageStage(
            emphasis, vlm, tokenizer, segmenter, code, *data, recipe.language_batch, recipe.seed
        )
        train(talk, steps, work, wanted, evaluate_every=250)
    aim = AimStage(talk, segmenter, *data, recipe.aim_scenes, recipe.aim_batch, recipe.seed)
    train(aim, recipe.aim_steps, work, wanted, evaluate_every=250)
    export(vlm, tokenizer, segmenter, original, described(recipe), work, out)


def described(recipe: Recipe) -> dict[str, int | str]:
    """What a recipe asks for, without the stages that a grown model does not have, and the format of its weights."""
    skipped = ("text_", "vision_", "segmenter_") if recipe.grown_from else ("grown_from",)
    asked = {name: value for name, value in asdict(recipe).items() if not name.startswith(skipped)}
    return asked | {"precision": PRECISION}


def _from_nothing(
    recipe: Recipe,
    tokenizer: PreTrainedTokenizerFast,
    data: tuple[TrainingSet, TrainingSet],
    work: Path,
    wanted: Mapping[str, int | str],
) -> tuple[LlavaForConditionalGeneration, Segmenter]:
    vlm = build_vlm(tokenizer, recipe.layers)
    vlm.set_attn_implementation(attention.PLAIN)
    vlm = vlm.to(TRAINING)
    segmenter = Segmenter(build_segmenter(), vlm.config.text_config.hidden_size).to(TRAINING)
    text = TextStage(vlm, tokenizer, *data, recipe.text_batch, recipe.seed)
    train(text, recipe.text_steps, work, wanted, evaluate_every=100)
    vision = VisionStage(vlm, tokenizer, *data, recipe.vision_batch, recipe.seed)
    train(vision, recipe.vision_steps, work, wanted, evaluate_every=150)
    masks = SegmenterStage(segmenter, *data, recipe.segmenter_batch, recipe.seed)
    train(masks, recipe.segmenter_steps, work, wanted, evaluate_every=200)
    return vlm, segmenter


def _checksum(start: Path) -> str:
    """Of all weights that a grown model begins with."""
    files = sorted(
        file for name in (VLM, SAM, SEGMENTER) for file in (start / name).glob("*.safetensors")
    )
    return hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()


def _grown(
    start: Path, tokenizer: PreTrainedTokenizerFast, layers: int
) -> tuple[LlavaForConditionalGeneration, Segmenter, SamModel]:
    known = PreTrainedTokenizerFast.from_pretrained(start / VLM)
    trained = LlavaForConditionalGeneration.from_pretrained(start / VLM, dtype=torch.float32)
    vlm = grow(trained, known, tokenizer, layers)
    vlm.set_attn_implementation(attention.PLAIN)
    segmenter = load_segmenter(start / SEGMENTER)
    original = SamModel.from_pretrained(start / SAM, dtype=torch.float32)
    segmenter.sam.mask_decoder.load_state_dict(original.mask_decoder.state_dict())
    return vlm.to(TRAINING), segmenter.train().to(TRAINING), original


def main(arguments: argparse.Namespace) -> None:
    """Train by a recipe."""
    recipe = RECIPES[arguments.recipe]
    run(recipe, arguments.start, arguments.work, arguments.out, arguments.threads)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--start", type=Path, help="models to grow from, where the recipe says so")
    parser.add_argument("--work", type=Path, required=True, help="checkpoints and learning curves")
    parser.add_argument("--out", type=Path, required=True, help="where the models are written")
    parser.add_argument("--threads", type=int, default=2)
    cli.run(main, parser)
