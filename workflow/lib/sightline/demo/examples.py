"""What the demo models say about the first held-out scenes, for a person to look at.

The scenes are those with the smallest held-out seeds, not chosen ones.

    python -m sightline.demo.examples --models resources/demo --key demo-llava --scenes 20 \
        --out results/demo/models/demo-llava/examples.parquet

Columns: scene, kind, question, expected, answer, right, and for masks iou, mask and truth (compressed RLE of
pycocotools, JSON); the row of the description carries the picture (image, PNG bytes).
"""

import argparse
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from sightline import cli
from sightline.demo.folders import SEGMENTER, VLM
from sightline.demo.language import DESCRIBE, describe
from sightline.demo.quality import HeldOut, Said, answer, draw_held_out, predict_masks
from sightline.demo.training_set import instance_map
from sightline.files import atomic_path
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.models.segmenter import Segmenter, load_segmenter
from sightline.models.vlm import VLM as Model

_ASKED = ("exists", "color", "count", "where", "hop", "relation")


def collect(vlm: Model, segmenter: Segmenter, scenes: int) -> pd.DataFrame:
    """Descriptions, one answer of each kind, and one mask per scene."""
    held_out = draw_held_out(vlm, scenes)
    answers = answer(vlm, held_out, set(_ASKED))
    answers["right"] = answers["answer"] == answers["expected"]
    first = answers.groupby(["scene", "kind"], as_index=False).first()
    described = pd.DataFrame(_descriptions(vlm, held_out))
    masks = pd.DataFrame(_masks(vlm, segmenter, held_out))
    found = pd.concat([described, first.drop(columns="blind"), masks], ignore_index=True)
    order = {kind: place for place, kind in enumerate(("describe", *_ASKED, "segment"))}
    found = found.assign(order=found["kind"].map(order)).sort_values(["scene", "order"])
    return found.drop(columns="order").reset_index(drop=True)


def _descriptions(vlm: Model, held_out: HeldOut) -> list[dict[str, object]]:
    texts = vlm.generate(vlm.prompt(DESCRIBE[0]), held_out.image_tokens, 80)
    rows = []
    for number, (scene, text) in enumerate(zip(held_out.scenes, texts, strict=True)):
        expected = describe(scene.theme, held_out.objects[number])
        picture = io.BytesIO()
        Image.fromarray(scene.pixels).save(picture, "PNG")
        rows.append(
            {"scene": number, "kind": "describe", "question": DESCRIBE[0], "expected": expected,
             "answer": text, "right": text == expected, "image": picture.getvalue()}
        )  # fmt: skip
    return rows


def _masks(vlm: Model, segmenter: Segmenter, held_out: HeldOut) -> list[dict[str, object]]:
    rows = []
    turns = [next(one for one in asked if one.kind == "segment") for asked in held_out.asked]
    said = [Said(number, turn.question, turn.answer) for number, turn in enumerate(turns)]
    masks = predict_masks(vlm, segmenter, held_out, said)
    for number, (turn, mask) in enumerate(zip(turns, masks, strict=True)):
        truth = instance_map(held_out.scenes[number]) == turn.target
        overlap = (mask & truth).sum() / (mask | truth).sum()
        rows.append(
            {"scene": number, "kind": "segment", "question": turn.question, "expected": turn.answer,
             "answer": turn.answer, "right": overlap > 0.5, "iou": float(overlap), "mask": _rle(mask),
             "truth": _rle(truth)}
        )  # fmt: skip
    return rows


def _rle(mask: np.ndarray) -> str:
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return json.dumps({"size": encoded["size"], "counts": encoded["counts"].decode("ascii")})


def main(arguments: argparse.Namespace) -> None:
    """Ask the models of a folder."""
    torch.set_num_threads(arguments.threads)
    source = ModelSource(key=arguments.key, path=str(arguments.models / VLM))
    vlm = load_vlm(source, arguments.device)
    segmenter = load_segmenter(arguments.models / SEGMENTER)
    found = collect(vlm, segmenter, arguments.scenes)
    with atomic_path(arguments.out) as temporary:
        found.to_parquet(temporary, index=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--key", required=True, help="name of the VLM in messages")
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--device", default="auto", help="of the VLM")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
