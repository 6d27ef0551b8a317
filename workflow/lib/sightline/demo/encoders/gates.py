"""What the demo's encoders learned of their objectives, on held-out scenes (khajuria2025 asks before any probing).

python -m sightline.demo.encoders.gates --encoders resources/demo/encoders/*/ --out results/demo/models/encoders.csv
"""

import argparse
import json
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPModel, CLIPVisionModel, PreTrainedTokenizerFast

from sightline import cli
from sightline.demo.architecture import build_caption_tokenizer
from sightline.demo.encoders.body import WIDTH
from sightline.demo.encoders.captioning import build_decoder, named_categories
from sightline.demo.encoders.classification import named_primaries
from sightline.demo.encoders.contrastive import Captions, recalled
from sightline.demo.encoders.distillation import neighbours_agree
from sightline.demo.folders import HEAD, RECIPE
from sightline.demo.packing import turn_rng
from sightline.demo.quality import FIRST_SEED
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import TrainingSet, draw_training_set
from sightline.errors import SightlineError
from sightline.files import write_csv
from sightline.intervals import bootstrap_mean

GATES = {
    "primary accuracy": 0.95,
    "recall@1 of 256": 0.70,
    "named categories": 0.90,
    "k-NN primary": 0.80,
}
"""Wanted of the objective that the measure belongs to; recall where captions name every detail."""

_SCENES = 1024
_BANK = 2000
_PER_RECALL = 256

_log = logging.getLogger(__name__)


def measure_encoder(folder: Path, scenes: TrainingSet, bank: TrainingSet) -> Iterator[dict]:
    """Rows of quality.csv about one encoder.

    Args:
        folder: as ``sightline.demo.encoders.train`` writes it.
        scenes: held out.
        bank: held out too; neighbours are looked for here.

    Raises:
        SightlineError: the folder lacks its recipe, or its head.
    """
    recipe_file = folder / RECIPE
    if not recipe_file.exists():
        raise SightlineError(f"{recipe_file}: missing. Expected a folder of fit_demo_encoder.")
    recipe = json.loads(recipe_file.read_text())
    objective, rate = recipe["objective"], recipe.get("caption rate")
    tokenizer = build_caption_tokenizer()
    everything = np.arange(len(scenes))
    if objective == "contrastive":
        clip = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
        captions = Captions(tokenizer, rate)
        hits = [
            recalled(clip, captions, scenes, slice(first, first + _PER_RECALL))
            for first in range(0, len(scenes), _PER_RECALL)
        ]
        body = clip.vision_model
        gated = rate == 1
        yield _row(folder.name, "recall@1 of 256", torch.cat(hits).numpy(), everything, gated)
    else:
        body = CLIPVisionModel.from_pretrained(folder, dtype=torch.float32).eval()
    if objective == "classification":
        head = nn.Linear(WIDTH, len(CATEGORIES))
        _load(head, folder)
        right = named_primaries(body, head, scenes)
        yield _row(folder.name, "primary accuracy", right.numpy(), everything, True)
    if objective == "captioning":
        decoder = build_decoder(tokenizer)
        _load(decoder, folder)
        captions = Captions(tokenizer, rate)
        named, scene = named_categories(body, decoder, tokenizer, captions, scenes)
        yield _row(folder.name, "named categories", named.numpy(), scene.numpy(), True)
        best, scene = best_guesses(read_captions(tokenizer, captions, scenes), scenes)
        yield _row(folder.name, "named categories, best possible", best, scene, False)
    right, rank = neighbours_agree(body, bank, scenes)
    gated = objective == "distillation"
    yield _row(folder.name, "k-NN primary", right.numpy(), everything, gated)
    yield {
        "model": folder.name, "gate": "effective rank of CLS", "wanted": None, "measured": rank,
        "ci_low": None, "ci_high": None, "n": len(scenes), "met": "",
    }  # fmt: skip


def read_captions(
    tokenizer: PreTrainedTokenizerFast, captions: Captions, scenes: TrainingSet
) -> list[str]:
    """The captions that `named_categories` asks about."""
    text = captions.draw(scenes, list(range(len(scenes))), turn_rng(0, "captions", 0))
    return tokenizer.batch_decode(text["input_ids"], skip_special_tokens=True)


def best_guesses(texts: list[str], scenes: TrainingSet) -> tuple[np.ndarray, np.ndarray]:
    """How often each category word of captions could be right at best, given the words before it, and its scene.

    The dominant object is certain. A detail is said colour first, and chance decides which of those with that colour.
    """
    found = []
    for scene, (text, present) in enumerate(zip(texts, scenes.objects, strict=True)):
        _, *named = text.removesuffix(" .").partition(" with ")[2].split(" and ")
        found.append((1.0, scene))
        left = Counter((o.color, o.category) for o in present if not o.dominant)
        for color, _, category in (one.removeprefix("a ").partition(" ") for one in named):
            alike = [count for (other, _), count in left.items() if other == color]
            found.append((max(alike) / sum(alike), scene))
            left[color, category] -= 1
    values, where = zip(*found, strict=True)
    return np.array(values), np.array(where)


def _load(head: nn.Module, folder: Path) -> None:
    path = folder / HEAD
    if not path.exists():
        raise SightlineError(f"{path}: missing. It is needed to measure the encoder's objective.")
    head.load_state_dict(load_file(path))
    head.eval()


def _row(model: str, gate: str, hits: np.ndarray, scenes: np.ndarray, gated: bool) -> dict:
    values = hits.astype(float)
    low, high = bootstrap_mean(values, scenes, seed=0)
    wanted = GATES[gate] if gated else None
    measured = float(values.mean())
    return {
        "model": model, "gate": gate, "wanted": wanted, "measured": measured, "ci_low": low,
        "ci_high": high, "n": len(values),
        "met": "" if wanted is None else "yes" if measured >= wanted else "no",
    }  # fmt: skip


def main(arguments: argparse.Namespace) -> None:
    """Measure some encoders, one after another on the same scenes."""
    torch.set_num_threads(arguments.threads)
    scenes = draw_training_set(FIRST_SEED, _SCENES, arguments.threads)
    bank = draw_training_set(FIRST_SEED + 100_000, _BANK, arguments.threads)
    rows = [row for folder in arguments.encoders for row in measure_encoder(folder, scenes, bank)]
    for row in rows:
        _log.info("%(model)s %(gate)s: %(measured).3f (wanted %(wanted)s) %(met)s", row)
    write_csv(pd.DataFrame(rows), arguments.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoders", type=Path, nargs="+", required=True, help="their folders")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
