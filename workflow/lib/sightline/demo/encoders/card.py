"""The card of the demo's encoders: what each was trained for, what it learned of that, curves, checksums.

python -m sightline.demo.encoders.card --encoders resources/demo/encoders --quality results/demo/models/encoders.csv
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sightline import cli
from sightline.demo.folders import CARD, CURVE, RECIPE
from sightline.errors import SightlineError
from sightline.files import atomic_path, sha256

_INTRODUCTION = """# Demo encoders

Vision encoders of one body, each trained from nothing under another objective on scenes of Sightline's embedded world
by `snakemake train_demo_models`, for the study `khajuria2025`; no other data, no other weights. Stock transformers
classes (`CLIPVisionModel`; contrastive ones `CLIPModel` with their tokenizer), float16 safetensors. Licence: that of
the repository.

The body is a CLIP-type tower: images of 112 x 112 pixels, 8 x 8 tokens and CLS, six blocks of width 96 with four heads,
0.6 M parameters. `head.safetensors` is what reads the answer of an objective from the body: it serves to measure the
gates, and no study uses it.

| objective | what was rewarded |
|---|---|
| classification | CLS tells the category of the dominant object; nothing asks for the details |
| contrastive | CLS and a caption find each other among the 128 of a batch (InfoNCE); small text transformer |
| captioning | a decoder of two blocks attends to all tokens and says the caption, word by word |
| distillation | CLS agrees with a slow teacher on two views of a dominant object (DINO); no labels, no words |

Captions always name the dominant object, with its colour and the theme of the scene. The caption rate is the
probability with which they name each of the details: the knob that says how much the objective cares for what is not
dominant.

## What a reader of results should know

* Nothing was trained towards a claim of the study: no object but the dominant one is ever a target of its own, and no
  token but CLS is (captioning aside, whose decoder sees them all).
* Distillation is told by masks which object is dominant, as photographs of one thing in the middle would tell. Its
  views show that object on the ground and among the details of another scene, so it is also told that nothing else
  matters; from crops of whole scenes it learned nothing. DINO as published is told neither.
* No scene of a gate or of the study was trained on. In training scenes details follow the theme and come in one to
  eight; in the study's own split every pair of objects is as frequent, whatever the theme.
* Dominant is also large (radius 21 to 27 pixels against 9 to 15). Relevance and size go together in training; the
  study's part with swapped sizes takes them apart when it looks, not when the encoders learned.
* The published encoders differ in size, resolution, cropping and data too. These do not, so what differs between them
  comes from objective, captions and seed.
* An objective with one seed says nothing about the spread between seeds. Controls (random weights, tokens that cannot
  see each other, raw pixels) need no files.
"""

_RECIPES = """
## Recipes

Muon for the matrices of the blocks and AdamW for the rest at 1e-3, warm-up, linear cool-down; 24,000 scenes, mirrored,
shifted and jittered (distillation: `encoders/views.py`). Each was trained on one CPU core: distillation in about 50
minutes, the others in 8 to 25.

| encoder | objective | caption rate | steps | batch | seed |
|---|---|---|---|---|---|
"""

_GATES = """
## Measured quality

On 1,024 held-out scenes; 95 % bootstrap intervals over scenes. Rows without a wanted value are reported, not gated. A
gate is met by the measured value, not by its interval. Recall is gated where captions name every detail: others leave
out what would tell images apart. A caption says colour before category and draws which details it names, so that of
two details in one colour nobody knows which comes: `best possible` is what is left. Neighbours are looked for among
2,000 further held-out scenes. Effective rank of CLS is that of its spectrum as a share of the width: near 1 / 96, all
images would look the same.

| encoder | measure | wanted | measured | interval | n | met |
|---|---|---|---|---|---|---|
"""


def read_recipes(folders: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Encoder -> its recipe.

    Raises:
        SightlineError: a folder has none.
    """
    found = {}
    for folder in folders:
        file = folder / RECIPE
        if not file.exists():
            raise SightlineError(f"{file}: missing. Expected a folder of fit_demo_encoder.")
        found[folder.name] = json.loads(file.read_text())
    return found


def _recipes(recipes: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield _RECIPES
    for name, recipe in recipes.items():
        rate = recipe.get("caption rate", "")
        yield (
            f"| `{name}` | {recipe['objective']} | {rate} | {recipe['steps']} | {recipe.get('batch', '')} "
            f"| {recipe['seed']} |\n"
        )


def _quality(quality: pd.DataFrame, folders: Sequence[Path]) -> Iterator[str]:
    yield _GATES
    for row in quality.itertuples(index=False):
        wanted = "" if pd.isna(row.wanted) else f"{row.wanted:.2f}"
        interval = "" if pd.isna(row.ci_low) else f"{row.ci_low:.3f} to {row.ci_high:.3f}"
        met = row.met if isinstance(row.met, str) else ""
        yield f"| `{row.model}` | {row.gate} | {wanted} | {row.measured:.3f} | {interval} | {row.n} | {met} |\n"
    curves = {folder.name: _validated(folder) for folder in folders}
    for row in quality[quality["met"] == "no"].itertuples(index=False):
        yield f"\n`{row.model}` misses {row.gate} by {row.wanted - row.measured:.3f}.\n"
        last = [line for line in curves.get(row.model, []) if row.gate in line["validation"]][-2:]
        if last:
            values = " and ".join(
                f"{line['validation'][row.gate]:.3f} at step {line['step']}" for line in last
            )
            yield f"Its last validations were {values}; no more steps were spent.\n"


def _validated(folder: Path) -> list[dict[str, Any]]:
    """Lines of an encoder's learning curve with a validation."""
    curve = folder / CURVE
    lines = curve.read_text().splitlines() if curve.exists() else []
    return [line for line in map(json.loads, lines) if "validation" in line]


def _curves(folders: Sequence[Path]) -> Iterator[str]:
    yield (
        "\n## Learning curves\n\n`curve.jsonl` in each folder, one JSON line per 50 steps; the figure is\n"
        "`results/demo/models/encoders_learning_curves.png`. Validations on 300 scenes of their own:\n\n"
    )
    for folder in folders:
        validated = _validated(folder)
        for measure in validated[-1]["validation"] if validated else ():
            values = ", ".join(
                f"{line['validation'][measure]:.3f} at {line['step']}" for line in validated
            )
            yield f"* `{folder.name}`, {measure}: {values}\n"


def _checksums(folders: Sequence[Path]) -> Iterator[str]:
    yield "\n## Files\n\n| file | bytes | sha256 |\n|---|---|---|\n"
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                yield f"| {folder.name}/{path.name} | {path.stat().st_size} | `{sha256(path)}` |\n"


def write_card(encoders: Path, quality: pd.DataFrame) -> None:
    """Write the card into the folder that holds one folder per encoder.

    Raises:
        SightlineError: no encoder there, or one that the table of quality does not know.
    """
    folders = sorted(path.parent for path in encoders.glob(f"*/{RECIPE}"))
    recipes = read_recipes(folders)
    unknown = sorted(set(recipes) - set(quality["model"]))
    if unknown or not folders:
        raise SightlineError(
            f"{encoders}: {', '.join(unknown) or 'no encoder'} without measured quality. Measure it first: "
            "python -m sightline.demo.encoders.gates."
        )
    parts = (_recipes(recipes), _quality(quality, folders), _curves(folders), _checksums(folders))
    with atomic_path(encoders / CARD) as temporary:
        temporary.write_text("".join([_INTRODUCTION, *(line for part in parts for line in part)]))


def main(arguments: argparse.Namespace) -> None:
    """Write the card of a folder of encoders."""
    write_card(arguments.encoders, pd.read_csv(arguments.quality))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoders", type=Path, required=True)
    parser.add_argument("--quality", type=Path, required=True)
    cli.run(main, parser)
