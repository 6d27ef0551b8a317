"""Train one encoder of the demo from nothing; a killed training goes on where it was.

python -m sightline.demo.encoders.train --objective contrastive --rate 0.5 --scenes drawn --work work --out encoders
"""

import argparse
import logging
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel

from sightline import cli
from sightline.demo import attention
from sightline.demo.architecture import build_caption_tokenizer, build_encoder_processor
from sightline.demo.encoders.body import build_body
from sightline.demo.encoders.captioning import Captioning
from sightline.demo.encoders.classification import Classification
from sightline.demo.encoders.contrastive import Captions, Contrastive, build_clip
from sightline.demo.encoders.distillation import Distillation
from sightline.demo.stage import Stage, train
from sightline.demo.training_set import TRAINING_SEEDS, VALIDATION_SEEDS, draw_training_set
from sightline.files import atomic_path, write_json

OBJECTIVES = ("classification", "contrastive", "captioning", "distillation", "random")
STEPS = {"classification": 2000, "contrastive": 2500, "captioning": 2000, "distillation": 3000}
BATCH = {"classification": 128, "contrastive": 128, "captioning": 128, "distillation": 64}
RECIPE, HEAD = "recipe.json", "head.safetensors"
"""What was asked for, and what reads the objective's answer from the body, beside an encoder's own files."""

_SCENES = 24_000

_log = logging.getLogger(__name__)


def encoder_name(objective: str, rate: float | None, seed: int) -> str:
    """Folder and learning curve of an encoder: "contrastive-0.5-s0"."""
    return "-".join([objective, *([f"{rate:g}"] if rate is not None else []), f"s{seed}"])


def build(
    objective: str, rate: float, name: str, seed: int, folder: Path, threads: int
) -> tuple[PreTrainedModel, Stage | None]:
    """The model that is kept, and the stage that trains it (none for random weights).

    Args:
        objective: one of OBJECTIVES.
        rate: at which captions name each detail; used by contrastive and captioning.
        name: of the stage.
        seed: of weights and batches.
        folder: where drawn scenes are kept.
        threads: for drawing scenes.
    """
    torch.manual_seed(seed)
    tokenizer = build_caption_tokenizer()
    if objective == "random":
        return build_body(), None
    model = (build_clip(tokenizer) if objective == "contrastive" else build_body()).bfloat16()
    model.set_attn_implementation(attention.PLAIN)
    scenes = draw_training_set(TRAINING_SEEDS, _SCENES, threads, folder)
    validation = draw_training_set(VALIDATION_SEEDS, 300, threads, folder)
    common = (scenes, validation, BATCH[objective], seed)
    stage: Stage
    if objective == "classification":
        stage = Classification(name, model, *common)
    elif objective == "contrastive":
        stage = Contrastive(name, model, Captions(tokenizer, rate), *common)
    elif objective == "captioning":
        stage = Captioning(name, model, tokenizer, Captions(tokenizer, rate), *common)
    else:
        stage = Distillation(name, model, *common)
    return model, stage


def run(arguments: argparse.Namespace) -> None:
    """Train and export one encoder."""
    torch.set_num_threads(arguments.threads)
    attention.register()
    captioned = arguments.objective in ("contrastive", "captioning")
    name = encoder_name(arguments.objective, arguments.rate if captioned else None, arguments.seed)
    model, stage = build(
        arguments.objective,
        arguments.rate,
        name,
        arguments.seed,
        arguments.scenes,
        arguments.threads,
    )
    steps = STEPS.get(arguments.objective, 0)
    if stage is not None:
        train(stage, steps, arguments.work, evaluate_every=500)
    out = arguments.out / name
    model.set_attn_implementation("sdpa")
    model.half().save_pretrained(out)
    build_encoder_processor().save_pretrained(out)
    if arguments.objective == "contrastive":
        # Zero-shot questions need the words.
        build_caption_tokenizer().save_pretrained(out)
    recipe = {"objective": arguments.objective, "steps": steps, "seed": arguments.seed}
    recipe |= {"batch": BATCH[arguments.objective]} if steps else {}
    recipe |= {"caption rate": arguments.rate} if captioned else {}
    write_json(recipe, out / RECIPE)
    if head := getattr(stage, "head", None):
        weights = {name: weight.half().contiguous() for name, weight in head.state_dict().items()}
        with atomic_path(out / HEAD) as temporary:
            save_file(weights, temporary)
    if steps:
        (out / "curve.jsonl").write_text((arguments.work / f"{name}.jsonl").read_text())
    _log.info("%s: written to %s", name, out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objective", choices=OBJECTIVES, required=True)
    parser.add_argument(
        "--rate", type=float, default=0.5, help="share of details that captions name"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", type=Path, required=True, help="where drawn scenes are kept")
    parser.add_argument("--work", type=Path, required=True, help="checkpoints and learning curves")
    parser.add_argument("--out", type=Path, required=True, help="folder of the encoders")
    parser.add_argument("--threads", type=int, default=2)
    cli.run(run, parser)
