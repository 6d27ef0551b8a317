"""Which images are described: as many as wanted, drawn at random from a split.

The paper's list of 80 COCO validation images is not public (dossier U1), so the seed stands for it. Every image of
the split leaves a row that says what became of it.
"""

import argparse
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import write_parquet
from sightline.scenes.coco import Coco
from sightline.scenes.scene import Scene
from sightline.studies.kaduri2025.protocol import Protocol

log = logging.getLogger(__name__)

DRAWN = "drawn"
NOT_DRAWN = "not drawn"
NO_FILE = "image file absent"

COLUMNS = {
    "image_id": "int64",
    "place": "int64",
    "drawn": "bool",
    "reason": "str",
    "annotations": "int64",
    "objects": "str",
    "dominant": "str",
    "theme": "str",
}
"""``place`` is the image's place in the random order, ``objects`` are the annotated categories, joined by ";";
``dominant`` and ``theme`` are empty where the data set does not tell them."""


class ImagesError(SightlineError):
    """No image is left to describe."""


def draw_images(scenes: Iterable[Scene], count: int, seed: int) -> pd.DataFrame:
    """Put the images of a split in random order and take the first ones.

    Args:
        scenes: of a split, in any order: the draw depends on seed and ids alone.
        count: images wanted.
        seed: of the order.

    Returns:
        One row per image, COLUMNS, in random order.
    """
    known = {scene.id: scene for scene in scenes}
    ids = np.array(sorted(known), dtype=np.int64)
    rows, taken = [], 0
    for place, image_id in enumerate(np.random.default_rng(seed).permutation(ids).tolist()):
        scene = known[image_id]
        reason = NOT_DRAWN
        if taken < count:
            reason = DRAWN if scene.path.is_file() else NO_FILE
        taken += reason == DRAWN
        rows.append(
            {
                "image_id": image_id,
                "place": place,
                "drawn": reason == DRAWN,
                "reason": reason,
                "annotations": len(scene.instances),
                "objects": ";".join(dict.fromkeys(one.category for one in scene.instances)),
                "dominant": dominant_object(scene),
                "theme": str(scene.attributes.get("theme", "")),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def dominant_object(scene: Scene) -> str:
    """Category of the object that the data set marks as dominant; empty where it marks none."""
    marked = [one.category for one in scene.instances if one.attributes.get("dominant")]
    return marked[0] if marked else ""


def read_images(path: Path | str) -> pd.DataFrame:
    """The drawn images alone, in the order drawn.

    Raises:
        ImagesError: the file is not what `draw_images` writes, or holds no drawn image.
    """
    frame = pd.read_parquet(path)
    absent = [column for column in COLUMNS if column not in frame.columns]
    if absent:
        raise ImagesError(
            f"{path}: no column {absent[0]}. Draw again (snakemake --forcerun draw_images)."
        )
    drawn = frame[frame["drawn"]].reset_index(drop=True)
    if drawn.empty:
        raise ImagesError(f"{path}: no image was drawn. Check studies.kaduri2025.images.")
    return drawn


def main(options: argparse.Namespace) -> None:
    """Draw the images of one split."""
    protocol = Protocol.read(options.protocol)
    images = draw_images(
        Coco(options.dataset, options.split).scenes(), protocol.count, protocol.seed
    )
    for reason, count in images["reason"].value_counts().items():
        log.info("%6d images: %s", count, reason)
    if images["drawn"].sum() < protocol.count:
        log.warning(
            "%d images wanted, %d found in %s", protocol.count, images["drawn"].sum(), options.split
        )
    if not images["drawn"].any():
        raise ImagesError(
            f"{options.out}: {options.dataset} {options.split} holds no image. "
            "Check studies.kaduri2025.images.split."
        )
    write_parquet(images, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
