"""Train one encoder of the demo from nothing; a killed training goes on where it was.

python -m sightline.demo.encoders.train --encoder contrastive-0.5-s0 --scenes drawn --work work --out encoders
"""

import argparse
import logging
import re
from dataclasses import dataclass
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
from sightline.demo.folders import CURVE, HEAD, RECIPE
from sightline.demo.precision import PRECISION, TRAINING
from sightline.demo.stage import Stage, train
from sightline.demo.training_set import TRAINING_SEEDS, VALIDATION_SEEDS, draw_training_set
from sightline.demo.world import VERSION
from sightline.errors import SightlineError
from sightline.files import atomic_path, write_json
from sightline.models.checksums import write_checksums

OBJECTIVES = ("classification", "contrastive", "captioning", "distillation", "random")
CAPTIONED = ("contrastive", "captioning")
STEPS = {"classification": 2000, "contrastive": 2500, "captioning": 2000, "distillation": 5000}
BATCH = {"classification": 128, "contrastive": 128, "captioning": 128, "distillation": 96}

_SCENES = 24_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """What an encoder is to be trained for.

    Attributes:
        objective: one of OBJECTIVES.
        rate: at which captions name each detail; None where there are no captions.
        seed: of weights and batches.
    """

    objective: str
    rate: float | None
    seed: int

    @classmethod
    def parse(cls, name: str) -> "Wanted":
        """Read the name of an encoder's folder, such as contrastive-0.5-s0.

        Raises:
            SightlineError: it is not how such a folder is called.
        """
        found = re.fullmatch(r"([a-z]+)(?:-(\d(?:\.\d+)?))?-s(\d+)", name)
        if found:
            objective, rate, seed = found.groups()
            wanted = cls(objective, None if rate is None else float(rate), int(seed))
            # One name each: a rule waits for the folder that it asked for.
            if wanted.makes_sense and wanted.name == name:
                return wanted
        plain = sorted(set(OBJECTIVES) - set(CAPTIONED))
        raise SightlineError(
            f"{name}: no encoder can be trained for that. Expected <objective>-s<seed> with one of {', '.join(plain)}, "
            f"or <objective>-<caption rate from 0 to 1>-s<seed> with {' or '.join(CAPTIONED)}, such as "
            "contrastive-0.5-s0."
        )

    @property
    def makes_sense(self) -> bool:
        """Whether there is such an objective, with a caption rate where there are captions and none elsewhere."""
        if self.objective in CAPTIONED:
            return self.rate is not None and 0 <= self.rate <= 1
        return self.objective in OBJECTIVES and self.rate is None

    @property
    def name(self) -> str:
        """Folder and learning curve: contrastive-0.5-s0."""
        rate = [f"{self.rate:g}"] if self.rate is not None else []
        return "-".join([self.objective, *rate, f"s{self.seed}"])


def build(wanted: Wanted, folder: Path, threads: int) -> tuple[PreTrainedModel, Stage | None]:
    """The model that is kept, and the stage that trains it (none for random weights).

    Args:
        wanted: objective, caption rate and seed.
        folder: where drawn scenes are kept.
        threads: for drawing scenes.
    """
    objective, name, seed = wanted.objective, wanted.name, wanted.seed
    torch.manual_seed(seed)
    tokenizer = build_caption_tokenizer()
    if objective == "random":
        return build_body(), None
    model = (build_clip(tokenizer) if objective == "contrastive" else build_body()).to(TRAINING)
    model.set_attn_implementation(attention.PLAIN)
    scenes = draw_training_set(TRAINING_SEEDS, _SCENES, threads, folder)
    validation = draw_training_set(VALIDATION_SEEDS, 300, threads, folder)
    common = (scenes, validation, BATCH[objective], seed)
    stage: Stage
    if objective == "classification":
        stage = Classification(name, model, *common)
    elif objective == "contrastive":
        stage = Contrastive(name, model, Captions(tokenizer, wanted.rate), *common)
    elif objective == "captioning":
        stage = Captioning(name, model, tokenizer, Captions(tokenizer, wanted.rate), *common)
    else:
        stage = Distillation(name, model, *common)
    return model, stage


def run(arguments: argparse.Namespace) -> None:
    """Train and export one encoder."""
    torch.set_num_threads(arguments.threads)
    attention.register()
    wanted = Wanted.parse(arguments.encoder)
    objective, name = wanted.objective, wanted.name
    model, stage = build(wanted, arguments.scenes, arguments.threads)
    steps = STEPS.get(objective, 0)
    recipe = {"objective": objective, "steps": steps, "seed": wanted.seed}
    recipe |= {"batch": BATCH[objective], "precision": PRECISION} if steps else {}
    recipe |= {"caption rate": wanted.rate} if wanted.rate is not None else {}
    if stage is not None:
        train(stage, steps, arguments.work, recipe | {"scenes": _SCENES, "world_version": VERSION})
    out = arguments.out / name
    model.set_attn_implementation("sdpa")
    model.half().save_pretrained(out)
    build_encoder_processor().save_pretrained(out)
    if objective == "contrastive":
        # Zero-shot questions need the words.
        build_caption_tokenizer().save_pretrained(out)
    if head := getattr(stage, "head", None):
        weights = {name: weight.half().contiguous() for name, weight in head.state_dict().items()}
        with atomic_path(out / HEAD) as temporary:
            save_file(weights, temporary)
    if steps:
        with atomic_path(out / CURVE) as temporary:
            temporary.write_text((arguments.work / f"{name}.jsonl").read_text())
    write_checksums(out)
    # Last, as it says that everything else is there.
    write_json(recipe, out / RECIPE)
    _log.info("%s: written to %s", name, out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--encoder",
        required=True,
        help="objective, share of details that captions name (where there are captions), seed: contrastive-0.5-s0",
    )
    parser.add_argument("--scenes", type=Path, required=True, help="where drawn scenes are kept")
    parser.add_argument("--work", type=Path, required=True, help="checkpoints and learning curves")
    parser.add_argument("--out", type=Path, required=True, help="folder of the encoders")
    parser.add_argument("--threads", type=int, default=2)
    cli.run(run, parser)
