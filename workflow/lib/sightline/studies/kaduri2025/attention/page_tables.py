"""Attention of single tokens on a few images, for looking around in (page of attention routes).

The measurements behind the figures keep means over the tokens of a description. Here the rows of every token of the
question and of the description are kept for a few images, in every layer.

python -m sightline.studies.kaduri2025.attention.page_tables --model model.json --dataset data/coco --split val2017 \
    --images images.parquet --protocol kaduri2025.json --count 12 --out explorer_tables/demo-llava
"""

import argparse
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.states import capture_answers
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.prompts import Prompt
from sightline.models.vlm import VLM
from sightline.scenes.coco import Coco
from sightline.scenes.scene import Scene
from sightline.studies.kaduri2025.attention import peaks
from sightline.studies.kaduri2025.attention.measurements import ALL_KEYS, ROLES
from sightline.studies.kaduri2025.attention.page_columns import (
    GENERATED,
    IMAGE_COLUMNS,
    MAP_COLUMNS,
    QUERY,
    SHARE_COLUMNS,
    TABLES,
    TOKEN_COLUMNS,
)
from sightline.studies.kaduri2025.attention.read import READING, Described, shares
from sightline.studies.kaduri2025.attention.spelled import token_ends
from sightline.studies.kaduri2025.images import read_images
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.shown_objects import shown_objects

IMAGES, MOST_TOKENS = 12, 64
"""Images of a page, and tokens of a description that it shows: a long one's maps would fill gigabytes."""
EVERY_ROW = replace(READING, queries=("query", "last", "generated"))


def describe(vlm: VLM, scene: Scene, protocol: Protocol) -> tuple[Described, Prompt]:
    """One description; attention rows are those of the question's tokens, then the one each token was chosen with."""
    image = scene.image()
    grid = vlm.grid_of(image)
    prompt = vlm.prompt(protocol.question, grid=grid)
    longest = min(protocol.max_new_tokens, MOST_TOKENS)
    answers = capture_answers(vlm, [prompt], vlm.encode_images([image]), EVERY_ROW, longest)
    captured = answers.captured.of(0)
    tokens = answers.tokens[0]
    row_of = {int(place): row for row, place in enumerate(captured.query_positions)}
    asked = [row_of[int(place)] for place in prompt.roles.query]
    chosen = [row_of[prompt.roles.last + step] for step in range(len(tokens))]
    rows = captured.attention[:, 0].float().cpu().numpy()[:, [*asked, *chosen]]
    return Described(scene, grid, prompt.roles, tokens, rows), prompt


def token_rows(vlm: VLM, one: Described, prompt: Prompt) -> pd.DataFrame:
    """TOKEN_COLUMNS of one image."""
    asked = prompt.input_ids[prompt.roles.query].tolist()
    said = one.tokens.tolist()
    whole, ends = vlm.decode(said), token_ends(vlm.decode, said)
    pieces = [whole[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    # What ends an answer is no part of its text, and of some letters a token has only a part.
    texts = [vlm.tokenizer.decode([token]) for token in asked]
    texts += [
        piece or vlm.tokenizer.decode([token]) for piece, token in zip(pieces, said, strict=True)
    ]
    frame = pd.DataFrame(
        {
            "image_id": one.scene.id,
            "token": np.arange(len(texts)),
            "role": [QUERY] * len(asked) + [GENERATED] * len(said),
            "text": texts,
        }
    )
    return frame.astype(TOKEN_COLUMNS)


def share_rows(one: Described) -> pd.DataFrame:
    """SHARE_COLUMNS of one image."""
    parts = []
    for keys, role, values in shares(one):
        if keys == ALL_KEYS and role in ROLES:
            layer, token = (axis.reshape(-1) for axis in np.indices(values.shape))
            found = {"token": token, "layer": layer, "role": role, "share": values.reshape(-1)}
            parts.append(pd.DataFrame({"image_id": one.scene.id} | found))
    return pd.concat(parts, ignore_index=True).astype(SHARE_COLUMNS)


def map_rows(one: Described) -> pd.DataFrame:
    """MAP_COLUMNS of one image."""
    maps = peaks.view_of(one.to_image, one.grid)
    rows = [
        (one.scene.id, token, layer, maps[layer, token])
        for token in range(maps.shape[1])
        for layer in range(maps.shape[0])
    ]
    return pd.DataFrame(rows, columns=list(MAP_COLUMNS)).astype(MAP_COLUMNS)


def page_tables(vlm: VLM, scene: Scene, protocol: Protocol) -> dict[str, pd.DataFrame]:
    """All tables of one image, see TABLES."""
    one, prompt = describe(vlm, scene, protocol)
    view = peaks.whole_view(one.grid)
    layers = len(one.attention)
    middle = protocol.middle(vlm.key, layers)
    frame = peaks.frame_of(np.asarray(vlm.transform.apply_image(scene.image())), one.grid)
    row: dict[str, Any] = {
        "image_id": scene.id, "model": vlm.key, "question": protocol.question,
        "text": vlm.decode(one.tokens), "rows": view.rows, "columns": view.columns, "patch": view.patch,
        "layers": layers, "middle_first": middle.first, "middle_last": middle.last,
        "picture": _jpeg(frame[: view.rows * view.patch, : view.columns * view.patch]),
    }  # fmt: skip
    masks = (
        (
            instance.category,
            "",
            peaks.frame_of(vlm.transform.apply_mask(scene.mask(instance)), one.grid),
        )
        for instance in scene.instances
    )
    return {
        "images": pd.DataFrame([row]).astype(IMAGE_COLUMNS),
        "tokens": token_rows(vlm, one, prompt),
        "shares": share_rows(one),
        "maps": map_rows(one),
        "objects": shown_objects(scene.id, masks, view),
    }


def _jpeg(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def main(options: argparse.Namespace) -> None:
    """Write the tables of the first images that were drawn."""
    vlm, coco = load_vlm(read_model(options)), Coco(options.dataset, options.split)
    protocol = Protocol.read(options.protocol)
    drawn = read_images(options.images)["image_id"][: options.count]
    found = [
        page_tables(vlm, coco.scene(image), protocol)
        for image in tqdm(drawn, desc="attention routes", unit="image")
    ]
    for name, columns in TABLES.items():
        table = pd.concat([one[name] for one in found], ignore_index=True).astype(columns)
        write_parquet(table, options.out / f"{name}.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--count", type=int, default=IMAGES, help="images of the page")
    parser.add_argument("--out", type=Path, required=True, help="folder of the tables")
    cli.run(main, parser)
