"""The model card of a demo model: recipe, data, measured quality, learning curves, checksums.

python -m sightline.demo.card --models resources/demo --quality results/demo/models/demo-llava/quality.csv
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.demo.folders import CARD, CURVES, RECIPE, SAM, SEGMENTER, VLM
from sightline.files import atomic_path, sha256

_INTRODUCTION = """# Demo model

{origin} on scenes of Sightline's embedded world {way} `snakemake train_demo_models`{told}; no other data, no other
weights. Stock transformers classes but for a projection, float16 safetensors. Licence: that of the repository.

| folder | class | what it is |
|---|---|---|
| `llava` | `LlavaForConditionalGeneration` | a VLM with 14 x 14 image tokens |
{sam}| `segmenter` | `Segmenter` of this library | a `SamModel` prompted by the VLM's state at `[SEG]`, as in LISA |

Of the segmenter only what was trained is stored, mask decoder and projection; the rest is that of the SAM that its
`segmenter.json` names.

The VLM has a CLIP-type tower (4 layers, width 192), a two-layer projector and a Llama-type text model ({layers} layers,
width 192, 4 heads, untied embeddings). As in LLaVA, the projector reads the penultimate layer of the tower as it was
trained; the fifth, which nothing reads, is cut off (`vision_feature_layer` is therefore -1), which changes no answer.

## What a reader of results should know

* The vision tower was first trained patch by patch (category, colour, centre of the object under the patch), and the
  projected patches were drawn towards the input embeddings of their category and colour words. That image tokens
  resemble words is therefore trained in, not emergent.
* A part of every image token (8 of 192 directions) was trained to say where the object it shows has its centre, and a
  part of the state at `[SEG]`, in other directions, where the object that is meant has it. Without this, places were
  never learned. That both know places is trained in; that they resemble each other is not.
* The segmenter learned from clicks and boxes, which say where and never what; its image and prompt encoders were then
  frozen, and only mask decoder and projection learned from `[SEG]`.
* Nothing was trained towards a claim of one of the studies, and no scene of the gates or of a study was trained on.
"""

_SAM = "| `sam` | `SamModel` with its processor | class-agnostic masks from clicks and boxes |\n"

_GROWN = """* The text model began as that of the shallower demo model, with copies of some of its blocks set
  between them that at first added nothing (`growth.py`); tower, projector and segmenter were that model's too. The two
  demo models are therefore no independent seeds: what they share may be inherited.
"""


def _recipe(recipe: dict) -> Iterator[str]:
    recipe = {name: value for name, value in recipe.items() if name != "shortfalls"}
    history = recipe.pop("history", None)
    yield "\n## Recipe\n\n| setting | value |\n|---|---|\n"
    yield from (f"| {name.replace('_', ' ')} | {value} |\n" for name, value in recipe.items())
    if history:
        yield f"\n{history}\n"


def _quality(quality: pd.DataFrame, shortfalls: str) -> Iterator[str]:
    yield (
        "\n## Measured quality\n\nGreedy `generate()` on held-out scenes; 95 % bootstrap intervals over scenes. Rows "
        "without a wanted value are reported, not gated. A gate is met by the measured value, not by its interval.\n\n"
        "| measure | wanted | measured | interval | n | met |\n|---|---|---|---|---|---|\n"
    )
    for row in quality.itertuples(index=False):
        wanted = "" if pd.isna(row.wanted) else f"{row.wanted:.2f}"
        met = row.met if isinstance(row.met, str) else ""
        interval = f"{row.ci_low:.3f} to {row.ci_high:.3f}"
        yield f"| {row.gate} | {wanted} | {row.measured:.3f} | {interval} | {row.n} | {met} |\n"
    missed = [
        f"{row.gate} by {abs(row.wanted - row.measured):.4f}"
        for row in quality[quality["met"] == "no"].itertuples(index=False)
    ]
    if missed:
        yield f"\nMissed: {', '.join(missed)}.{shortfalls and f' {shortfalls}'}\n"


def _curves(folder: Path) -> Iterator[str]:
    yield "\n## Learning curves\n\nIn `curves/`, one JSON line per 50 steps. Last validation of each stage:\n\n"
    for curve in sorted(folder.glob("*.jsonl")):
        lines = [json.loads(line) for line in curve.read_text().splitlines()]
        last = [line for line in lines if "validation" in line][-1]
        measured = ", ".join(f"{name} {value:.3f}" for name, value in last["validation"].items())
        yield f"* {curve.stem}, step {last['step']}: {measured}\n"


def _checksums(models: Path) -> Iterator[str]:
    yield "\n## Files\n\n| file | bytes | sha256 |\n|---|---|---|\n"
    inside = [path for name in (VLM, SAM, SEGMENTER, CURVES) for path in (models / name).rglob("*")]
    for path in sorted([models / RECIPE, *inside]):
        if path.is_file() and not path.name.startswith("."):
            yield f"| {path.relative_to(models)} | {path.stat().st_size} | `{sha256(path)}` |\n"


def write_card(models: Path, quality: pd.DataFrame) -> None:
    """Write the card into the folder of a model.

    Two keys in their ``recipe.json`` are a person's: ``history`` says where these weights came about otherwise than the
    recipe reads, ``shortfalls`` why gates are missed.
    """
    recipe = json.loads((models / RECIPE).read_text())
    start = recipe.get("grown_from")
    origin = f"Grown from {start}, the shallower demo model," if start else "Trained from nothing"
    introduction = _INTRODUCTION.replace("{layers}", str(recipe["layers"]))
    introduction = introduction.replace("{origin}", origin)
    told = "history" in recipe
    introduction = introduction.replace("{way}", "with the stages of" if told else "by")
    introduction = introduction.replace(
        "{told}", " (where it went otherwise is told below)" if told else ""
    )
    introduction = introduction.replace("{sam}", _SAM if (models / SAM).exists() else "")
    introduction += _GROWN if start else ""
    parts = [
        introduction,
        *_recipe(recipe),
        *_quality(quality, recipe.get("shortfalls", "")),
        *_curves(models / CURVES),
    ]
    with atomic_path(models / CARD) as temporary:
        temporary.write_text("".join([*parts, *_checksums(models)]))


def main(arguments: argparse.Namespace) -> None:
    """Write the card of a folder of models."""
    write_card(arguments.models, pd.read_csv(arguments.quality))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--quality", type=Path, required=True)
    cli.run(main, parser)
