"""Which objects are ablated: those the model names only while it sees them, in simple images.

Filter 1 keeps an image with at most three annotations in which some category has exactly one
instance of the wanted size. Filter 2 keeps it only if the model's description names that object,
and no longer does once the patches under the object are noise: what is still named then was guessed
from the rest (neo2025 section 2.2). The judge as published sees one tile of noise in all patches, which leaves
a pattern; the corrected one sees noise of its own in each (section 5.3, B14).

Every image looked at leaves a row that says what became of it, so that both filters can be counted.
"""

import argparse
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import write_parquet
from sightline.instruments.ablation import Tile, noise_patches
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.vlm import VLM
from sightline.scenes.coco import Coco
from sightline.scenes.geometry import Tiling
from sightline.scenes.mentions import Vocabulary
from sightline.scenes.records import AnnotationError
from sightline.scenes.scene import Instance, Scene
from sightline.scenes.tokens import EmptyObjectError, Grid, object_tokens, published_object_tokens
from sightline.studies.neo2025.candidates import (
    CROWDED,
    NO_ANNOTATION,
    NO_CANDIDATE,
    Candidate,
    find_candidate,
)
from sightline.studies.neo2025.judging import Judgement, judge_description
from sightline.studies.neo2025.protocol import Protocol
from sightline.studies.neo2025.subsets import INDEPENDENT, REPEATED, Tokens

log = logging.getLogger(__name__)

KEPT = "kept"
CROWD_REGION = "crowd region"
OUT_OF_SIGHT = "less than half inside the crop"
NOT_NAMED = "not named in the description"
STILL_NAMED = "still named behind noise"
NOT_NEEDED = "enough images before it"
NO_FILE = "image file absent"
REASONS = (
    NO_ANNOTATION, CROWDED, NO_CANDIDATE, CROWD_REGION, OUT_OF_SIGHT, NO_FILE,
    NOT_NAMED, STILL_NAMED, NOT_NEEDED, KEPT,
)  # fmt: skip

COLUMNS = {
    "image_id": "int64",
    "object_id": "Int64",
    "category": "str",
    "area": "float64",
    "annotations": "int64",
    "filter_1": "bool",
    "reason": "str",
    "kept": "bool",
    "kept_as_published": "bool",
    "published_geometry": "bool",
    "description": "str",
    "description_behind_noise": "str",
    "description_behind_repeated_noise": "str",
}
"""``published_geometry`` tells of kept images that the authors' geometry finds tokens of the object too; without
it there are no rows by that geometry."""


class SelectionError(SightlineError):
    """No image is left to work with."""


def require_one_tile(vlm: VLM) -> None:
    """Refuse models that cut images into tiles: an object would lie in several, and its noise image be cut anew.

    Raises:
        SelectionError: the model's images have tiles.
    """
    if isinstance(vlm.transform, Tiling) and vlm.transform.largest > 1:
        raise SelectionError(
            f"models.{vlm.key}.tiles: {vlm.transform.largest}, and neo2025 takes the tokens of an object from one view "
            "of the image. Give an entry of the model without tiles and name it in studies.neo2025.models."
        )


def in_sight(candidate: Candidate, vlm: VLM) -> bool:
    """Whether the tower sees at least half of an object, and at least one token of it."""
    mask = candidate.scene.mask(candidate.instance)
    if vlm.transform.share_inside(mask) < 0.5:
        return False
    try:
        visible_tokens(candidate, vlm)
    except EmptyObjectError:
        return False
    return True


def visible_tokens(candidate: Candidate, vlm: VLM, buffer: int = 0) -> Tokens:
    """Image tokens over an object, (n,) int64, in the tower's own frame."""
    mask = candidate.scene.mask(candidate.instance)
    return object_tokens(vlm.transform.apply_mask(mask), vlm.grid, buffer)


def published_tokens(candidate: Candidate, grid: Grid, buffers: Sequence[int]) -> dict[int, Tokens]:
    """Buffer -> image tokens by the authors' geometry; empty where it finds no patch."""
    scene, instance = candidate.scene, candidate.instance
    try:
        return {n: published_object_tokens(instance, scene, grid, n) for n in buffers}
    except (EmptyObjectError, AnnotationError) as error:
        log.info("image %d has no tokens by the authors' geometry: %s", scene.id, error)
        return {}


def select(
    scenes: Iterable[Scene],
    vlm: VLM,
    vocabulary: Vocabulary,
    protocol: Protocol,
    batch_size: int,
) -> pd.DataFrame:
    """Apply both filters until enough images are accepted.

    The corrected judge decides when to stop; images that only the judge as published accepts are
    marked as well.

    Args:
        scenes: in annotation-file order.
        vlm: the model that describes.
        vocabulary: names to look for.
        protocol: thresholds and prompts.
        batch_size: images described at a time; the outcome does not depend on it.

    Returns:
        One row per image, COLUMNS, in the order given.
    """
    rows: list[dict] = []
    waiting: list[tuple[Candidate, dict]] = []
    accepted = 0
    progress = tqdm(total=protocol.accepted, desc="select objects", unit="image")

    def screen() -> int:
        found = _screen(waiting, vlm, vocabulary, protocol, protocol.accepted - accepted)
        waiting.clear()
        progress.update(found)
        return found

    for scene in scenes:
        instance, reason = find_candidate(scene, protocol)
        row = _row(scene, instance, reason)
        rows.append(row)
        if instance is None:
            continue
        # Images that are not needed may still have a question: their object must be in sight as well.
        if instance.crowd:
            row["reason"] = CROWD_REGION
        elif not in_sight(candidate := Candidate(scene, instance), vlm):
            row["reason"] = OUT_OF_SIGHT
        elif accepted >= protocol.accepted:
            row["reason"] = NOT_NEEDED
        elif not scene.path.is_file():
            row["reason"] = NO_FILE
        else:
            waiting.append((candidate, row))
        if len(waiting) == batch_size:
            accepted += screen()
    if waiting:
        accepted += screen()
    progress.close()
    _mark_later(rows, protocol.accepted)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _mark_later(rows: Iterable[dict], accepted: int) -> None:
    """Behind the last accepted image none was needed, whether its file is there or not."""
    for row in rows:
        if accepted == 0 and row["reason"] == NO_FILE:
            row["reason"] = NOT_NEEDED
        accepted -= row["kept"]


def _screen(
    waiting: Sequence[tuple[Candidate, dict]],
    vlm: VLM,
    vocabulary: Vocabulary,
    protocol: Protocol,
    wanted: int,
) -> int:
    """Filter 2 on a batch; fills the rows in and returns how many were accepted."""
    pairs = [candidate for candidate, _ in waiting]
    clean = _describe([pair.scene.image() for pair in pairs], vlm, protocol)
    before = _judge(pairs, clean, vocabulary)
    # What a judge does not find named at first needs no second look of his.
    noised = _describe_behind(pairs, [one.corrected for one in before], vlm, protocol, INDEPENDENT)
    tiled = _describe_behind(pairs, [one.as_published for one in before], vlm, protocol, REPEATED)
    behind = _judge(pairs, noised, vocabulary), _judge(pairs, tiled, vocabulary)
    accepted = 0
    for number, (pair, row) in enumerate(waiting):
        if accepted == wanted:
            row["reason"] = NOT_NEEDED
            continue
        first, noise, tile = before[number], behind[0][number], behind[1][number]
        row["description"] = clean[number]
        row["description_behind_noise"] = noised[number]
        row["description_behind_repeated_noise"] = tiled[number]
        row["kept"] = first.corrected and not noise.corrected
        row["kept_as_published"] = first.as_published and not tile.as_published
        row["reason"] = KEPT if row["kept"] else STILL_NAMED if first.corrected else NOT_NAMED
        if row["kept"] or row["kept_as_published"]:
            row["published_geometry"] = bool(published_tokens(pair, vlm.grid, protocol.buffers))
        accepted += row["kept"]
    return accepted


def _judge(
    pairs: Sequence[Candidate], texts: Sequence[str], vocabulary: Vocabulary
) -> list[Judgement]:
    return [
        judge_description(text, pair.instance.category, vocabulary)
        for pair, text in zip(pairs, texts, strict=True)
    ]


def _describe_behind(
    pairs: Sequence[Candidate], wanted: Sequence[bool], vlm: VLM, protocol: Protocol, tile: Tile
) -> list[str]:
    """Descriptions of the wanted images with their objects behind noise; empty for the others."""
    images = [
        noise_image(pair, vlm, protocol.seed, tile)
        for pair, asked in zip(pairs, wanted, strict=True)
        if asked
    ]
    texts = iter(_describe(images, vlm, protocol) if images else [])
    return [next(texts) if asked else "" for asked in wanted]


def noise_image(candidate: Candidate, vlm: VLM, seed: int, tile: Tile) -> Image.Image:
    """The tower's view of an image with every patch that the object touches turned to noise.

    Args:
        candidate: image and object.
        vlm: the model whose tower looks.
        seed: of the run.
        tile: "independent" noise in every patch, or one tile "repeated", as published.
    """
    scene, instance = candidate.scene, candidate.instance
    return noise_patches(
        vlm.transform.apply_image(scene.image()),
        visible_tokens(candidate, vlm),
        vlm.grid,
        np.random.default_rng([seed, scene.id, instance.id]),
        tile,
    )


def _describe(images: Sequence[Image.Image], vlm: VLM, protocol: Protocol) -> list[str]:
    tokens = vlm.encode_images(images)
    return vlm.generate(vlm.prompt(protocol.describe), tokens, protocol.describe_tokens)


def _row(scene: Scene, instance: Instance | None, reason: str) -> dict:
    return {
        "image_id": scene.id,
        "object_id": instance.id if instance else None,
        "category": instance.category if instance else "",
        "area": instance.area if instance else float("nan"),
        "annotations": len(scene.instances),
        "filter_1": instance is not None,
        "reason": reason,
        "kept": False,
        "kept_as_published": False,
        "published_geometry": False,
        "description": "",
        "description_behind_noise": "",
        "description_behind_repeated_noise": "",
    }


def count(selection: pd.DataFrame) -> pd.DataFrame:
    """How many images met each fate: reason, images, in the order of the filters."""
    counts = selection["reason"].value_counts()
    return pd.DataFrame(
        [(reason, int(counts[reason])) for reason in REASONS if reason in counts],
        columns=["reason", "images"],
    )


def main(options: argparse.Namespace) -> None:
    """Screen the images of a split with one model."""
    protocol = Protocol.read(options.protocol)
    coco = Coco(options.dataset, options.split)
    source = read_model(options)
    vocabulary = Vocabulary(coco.categories.values())
    vlm = load_vlm(source)
    require_one_tile(vlm)
    selection = select(coco.scenes(), vlm, vocabulary, protocol, source.batch_size)
    for reason, images in count(selection).itertuples(index=False):
        log.info("%6d images: %s", images, reason)
    kept = selection[selection["kept"] | selection["kept_as_published"]]
    log.info(
        "%6d of them without tokens by the authors' geometry", (~kept["published_geometry"]).sum()
    )
    if not selection["kept"].any():
        raise SelectionError(
            f"{options.out}: no image of {options.dataset} {options.split} passed both filters. "
            "Widen studies.neo2025.ablation_set.area, raise max_annotations, or read the "
            "descriptions of the model."
        )
    write_parquet(selection, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
