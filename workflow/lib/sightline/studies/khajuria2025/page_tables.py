"""Cosines of all pairs of tokens of a few images, layer by layer, for looking around in (page of object tokens).

The features of the study keep means over the tokens of an object; here the tokens of a few images are compared one
by one. All encoders show the same images: both objects of a pair, as many of each task.

python -m sightline.studies.khajuria2025.page_tables --encoder encoder.json --dataset results/demo/data/coco \
    --samples samples.parquet --count 12 --out explorer_tables/dino
"""

import argparse
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from PIL import Image
from tqdm import tqdm

from sightline import cli
from sightline.files import write_parquet
from sightline.models.encoders.encoder import Encoder
from sightline.models.encoders.source import EncoderSource
from sightline.scenes.geometry import Grid
from sightline.scenes.scene import Scene
from sightline.studies.khajuria2025 import names as stored
from sightline.studies.khajuria2025.page_columns import (
    COSINE_COLUMNS,
    IMAGE_COLUMNS,
    LAYER_COLUMNS,
    MEMBER_COLUMNS,
    TABLES,
    pack_cosines,
)
from sightline.studies.khajuria2025.placing import Placing, token_groups
from sightline.studies.khajuria2025.probes.similarity import choose, middle_token
from sightline.studies.khajuria2025.scene_files import IMAGE, Scenes, stored_mask
from sightline.studies.shown_objects import shown_objects

IMAGES = 12


def layer_rows(encoder: Encoder) -> pd.DataFrame:
    """LAYER_COLUMNS of an encoder."""
    rows = [(layer, grid.rows, grid.columns) for layer, grid in enumerate(encoder.grids)]
    return pd.DataFrame(rows, columns=list(LAYER_COLUMNS)).astype(LAYER_COLUMNS)


def member_rows(samples: list[dict[str, Any]], placing: Placing) -> pd.DataFrame:
    """MEMBER_COLUMNS of one image; an object has no row in layers where it has no token."""
    rows = []
    for sample in samples:
        sets = placing.tokens(stored_mask(sample), stored.CORRECTED)
        for layer, number in enumerate(placing.grid_of_layer):
            tokens, grid = sets[number], placing.grids[number]
            if len(tokens):
                middle = middle_token(tokens, grid)
                key = (sample["image_id"], sample["role"], sample["category"], layer, middle)
                rows.append((*key, tokens.tolist()))
    return pd.DataFrame(rows, columns=list(MEMBER_COLUMNS)).astype(MEMBER_COLUMNS)


@torch.no_grad()
def cosine_rows(
    encoder: Encoder, image_id: int, picture: Image.Image, groups: torch.Tensor | None
) -> pd.DataFrame:
    """COSINE_COLUMNS of one image."""
    rows = []
    for layer, state in enumerate(encoder.states(encoder.pixels([picture]), groups)):
        unit = torch.nn.functional.normalize(state[0, 1:].float(), dim=1)
        rows.append((image_id, layer, pack_cosines((unit @ unit.T).cpu().numpy())))
    return pd.DataFrame(rows, columns=list(COSINE_COLUMNS)).astype(COSINE_COLUMNS)


def page_tables(
    encoder: Encoder, placing: Placing, scene: Scene, split: str, samples: list[dict[str, Any]]
) -> dict[str, pd.DataFrame]:
    """Tables of one image, all of TABLES but the layers.

    Args:
        encoder: to read with.
        placing: from masks to its tokens.
        scene: the image.
        split: that it is in.
        samples: rows of the study's samples, one per object.
    """
    picture, masks = scene.image(), [stored_mask(sample) for sample in samples]
    frame = encoder.transform.apply_image(picture)
    file = BytesIO()
    frame.save(file, "JPEG", quality=90)
    row = {
        "image_id": scene.id, "split": split, "encoder": encoder.key, "task": samples[0]["task"],
        "width": frame.width, "height": frame.height, "picture": file.getvalue(),
    }  # fmt: skip
    groups = None
    if encoder.source.attention != "all":
        sets = [placing.tokens(mask, stored.CORRECTED)[0] for mask in masks]
        found = token_groups(sets, placing.grids[0].tokens, encoder.source.attention)
        groups = torch.from_numpy(found)[None]
    shown = [
        (sample["category"], sample["role"], encoder.transform.apply_mask(mask))
        for sample, mask in zip(samples, masks, strict=True)
    ]
    return {
        "images": pd.DataFrame([row]).astype(IMAGE_COLUMNS),
        "objects": shown_objects(scene.id, shown, _whole(encoder.grids[0], frame)),
        "members": member_rows(samples, placing),
        "cosines": cosine_rows(encoder, scene.id, picture, groups),
    }


def _whole(grid: Grid, frame: Image.Image) -> Grid:
    """The first layer's grid; the frame may be larger than whole tokens by a margin."""
    return Grid(
        grid.rows, grid.columns, min(frame.height // grid.rows, frame.width // grid.columns)
    )


def main(options: argparse.Namespace) -> None:
    """Write the tables of one encoder."""
    chosen = choose(pd.read_parquet(options.samples), options.count)
    # Transformers takes seconds to import.
    from sightline.models.encoders.loading import load_encoder

    torch.set_num_threads(options.threads)
    encoder = load_encoder(replace(EncoderSource.read(options.encoder), device=options.device))
    placing = Placing(encoder.transform, encoder.grids)
    scenes, found = Scenes(options.dataset), []
    for (split, image), part in tqdm(chosen.groupby(IMAGE, sort=False), desc="object tokens"):
        samples = part.to_dict("records")
        found.append(page_tables(encoder, placing, scenes[split, image], split, samples))
    write_parquet(layer_rows(encoder), options.out / "layers.parquet")
    for name in found[0]:
        table = pd.concat([one[name] for one in found], ignore_index=True).astype(TABLES[name])
        write_parquet(table, options.out / f"{name}.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", type=Path, required=True, help="encoder file, JSON")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--count", type=int, default=IMAGES, help="images of the page")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder of the tables")
    cli.run(main, parser)
