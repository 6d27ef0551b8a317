"""What the lens page shows of its few images: stored read-outs, outlines, and where the answer position looks.

The read-outs are there already; the one thing that needs the model again is a forward pass for each image shown,
which gives the attention of the last position of the prompt in every block and what that position itself would say.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.logit_lens import logit_lens
from sightline.instruments.reading import Reading
from sightline.instruments.states import capture
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.vlm import VLM
from sightline.scenes.coco import Coco
from sightline.scenes.outline import outlines
from sightline.scenes.scene import Scene
from sightline.scenes.tokens import Grid, token_coverage
from sightline.studies.neo2025.lens.page_columns import (
    ANSWER_COLUMNS,
    ATTENTION_COLUMNS,
    IMAGE_COLUMNS,
    OBJECT_COLUMNS,
    TABLES,
    WORD_COLUMNS,
)
from sightline.studies.neo2025.lens.page_set import PageSettings, choose_page_images
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.read_out import ReadOut
from sightline.studies.neo2025.lens.stored import LensReader
from sightline.studies.neo2025.lens.words import Lexicon


def word_rows(read_out: ReadOut, texts: np.ndarray) -> pd.DataFrame:
    """WORD_COLUMNS of one image, texts of vocabulary entries given."""
    shape = read_out.entries.shape
    token, state, rank = (axis.reshape(-1) for axis in np.indices(shape))
    frame = pd.DataFrame(
        {
            "image_id": read_out.image_id,
            "token": token,
            "state": state,
            "rank": rank,
            "text": texts[read_out.entries.reshape(-1)],
            "probability": read_out.probabilities.reshape(-1),
        }
    )
    return frame.astype(WORD_COLUMNS)


def object_rows(scene: Scene, vlm: VLM, grid: Grid) -> list[dict[str, Any]]:
    """OBJECT_COLUMNS of one image; objects out of sight are left out."""
    rows = []
    for instance in scene.instances:
        seen = vlm.transform.apply_mask(scene.mask(instance))
        if seen.any():
            rows.append(
                {
                    "image_id": scene.id,
                    "object_id": instance.id,
                    "category": instance.category,
                    "crowd": instance.crowd,
                    "outlines": [one.reshape(-1).tolist() for one in outlines(seen)],
                    "tokens": np.flatnonzero(token_coverage(seen, grid)).tolist(),
                }
            )
    return rows


def look(
    vlm: VLM, scene: Scene, grid: Grid, protocol: LensProtocol, texts: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """ATTENTION_COLUMNS and ANSWER_COLUMNS of one image, from one forward pass."""
    prompt = vlm.prompt(protocol.question, grid=grid)
    reading = Reading(rows="last", queries="last", keys="image", heads="mean")
    captured = capture(vlm, [prompt], vlm.encode_images([scene.image()]), reading)
    weights = captured.attention[:, 0, 0].float().cpu().numpy()
    block, token = (axis.reshape(-1) for axis in np.indices(weights.shape))
    attention = pd.DataFrame(
        {"image_id": scene.id, "block": block, "token": token, "attention": weights.reshape(-1)}
    )
    lens = logit_lens(vlm, captured.states, protocol.top)
    entries = lens.tokens[:, 0].cpu().numpy()
    state, rank = (axis.reshape(-1) for axis in np.indices(entries.shape))
    answer = pd.DataFrame(
        {
            "image_id": scene.id,
            "state": state,
            "rank": rank,
            "text": texts[entries.reshape(-1)],
            "probability": lens.log_probabilities[:, 0].exp().cpu().numpy().reshape(-1),
        }
    )
    return attention.astype(ATTENTION_COLUMNS), answer.astype(ANSWER_COLUMNS)


def main(options: argparse.Namespace) -> None:
    """Write the tables of the page."""
    protocol = LensProtocol.read(options.protocol)
    reader, lexicon = LensReader(options.lens), Lexicon.read(options.about / "words.json")
    objects = pd.read_parquet(options.about / "objects.parquet")
    settings = PageSettings(options.images, tuple(options.chosen), protocol.seed)
    chosen = choose_page_images(objects, reader.tokens, settings)
    pictures = pd.read_parquet(options.about / "pictures.parquet").set_index("image_id")["picture"]
    coco, vlm = Coco(options.dataset, options.split), load_vlm(read_model(options))
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for image in tqdm(chosen, desc="lens page", unit="image"):
        scene, read_out = coco.scene(image), reader.read(image)
        grid = vlm.grid_of(scene.image())
        attention, answer = look(vlm, scene, grid, protocol, lexicon.texts)
        row = {
            "image_id": image, "model": vlm.key, "question": protocol.question, "rows": grid.rows,
            "columns": grid.columns, "patch": grid.patch, "states": read_out.states,
            "picture": pictures[image],
        }  # fmt: skip
        found = {
            "images": pd.DataFrame([row]).astype(IMAGE_COLUMNS),
            "words": word_rows(read_out, lexicon.texts),
            "objects": pd.DataFrame(object_rows(scene, vlm, grid), columns=list(OBJECT_COLUMNS)),
            "attention": attention,
            "answer": answer,
        }
        for name, frame in found.items():
            parts[name].append(frame)
    for name, frames in parts.items():
        table = pd.concat(frames, ignore_index=True).astype(TABLES[name])
        write_parquet(table, options.out / f"{name}.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--lens", type=Path, required=True, help="folder of the stored read-outs")
    parser.add_argument(
        "--about", type=Path, required=True, help="folder of the tables beside them"
    )
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--images", type=int, required=True, help="how many are shown")
    parser.add_argument("--chosen", type=int, nargs="*", default=[], help="images that come first")
    parser.add_argument("--out", type=Path, required=True, help="folder of the tables")
    cli.run(main, parser)
