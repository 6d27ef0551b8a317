"""Store the image tokens of a data set, so that the vision tower runs once per image.

Trace set ``image_tokens``: one row per image with column ``image_id`` and tensor ``image_tokens``
(tokens, width).
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from tqdm import tqdm

from sightline import cli
from sightline.cache.keeping import kept_at
from sightline.cache.store import TraceWriter
from sightline.errors import SightlineError
from sightline.models.arguments import add_model, read_model
from sightline.scenes.coco import Coco
from sightline.scenes.scene import Scene

if TYPE_CHECKING:
    from sightline.models.vlm import VLM

log = logging.getLogger(__name__)

TRACE = "image_tokens"
ALL = "all"


class ImageListError(SightlineError):
    """The list of images does not fit the data set."""


def choose_images(coco: Coco, images: str, limit: int | None) -> list[int]:
    """Image ids to encode.

    Args:
        coco: the split.
        images: "all", or a CSV file with a column ``image_id``.
        limit: at most so many, from the beginning of the list; None for all of it.

    Returns:
        In the order of the annotation file, or of the CSV.

    Raises:
        ImageListError: names the file, and the row or key at fault.
    """
    chosen = list(coco.image_ids)
    if images != ALL:
        try:
            chosen = pd.read_csv(images)["image_id"].tolist()
        except (OSError, ValueError, KeyError) as error:
            raise ImageListError(
                f"{images}: expected a CSV file with a column image_id, or {ALL!r} ({error})."
            ) from None
        known = set(coco.image_ids)
        for row, image in enumerate(chosen, start=1):
            if image not in known:
                raise ImageListError(
                    f"{images}: row {row}: image {image} is not in the split. "
                    "List images of this split only."
                )
    if limit is not None and limit < 1:
        raise ImageListError(f"--limit {limit}: give at least 1, or leave it out for all images.")
    return chosen[:limit]


def capture_image_tokens(
    vlm: "VLM", scenes: Sequence[Scene], writer: TraceWriter, batch_size: int
) -> None:
    """Add one row per scene to a trace set."""
    with tqdm(total=len(scenes), desc="encode images", unit="image") as progress:
        for first in range(0, len(scenes), batch_size):
            batch = scenes[first : first + batch_size]
            tokens = vlm.encode_images([scene.image() for scene in batch], batch_size)
            writer.add([{"image_id": scene.id} for scene in batch], {TRACE: tokens.cpu()})
            progress.update(len(batch))


def main(options: argparse.Namespace) -> None:
    """Encode the images of one split with one model."""
    source = read_model(options)
    coco = Coco(options.dataset, options.split)
    images = choose_images(coco, options.images, options.limit)
    # Transformers takes seconds to import; who only reads the trace set does without it.
    from sightline.models.loading import load_vlm

    vlm = load_vlm(source)
    spec = {
        "trace": TRACE,
        "model": vlm.spec,
        "dataset": {"name": options.dataset.name, "split": options.split, "images": len(images)},
    }
    log.info("%s: %d images of %s", source.key, len(images), options.split)
    with TraceWriter(options.out, spec, keep=kept_at(options.out)) as writer:
        capture_image_tokens(
            vlm, [coco.scene(image) for image in images], writer, source.batch_size
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True, help="root of a COCO layout")
    parser.add_argument("--split", required=True, help="such as train2017")
    parser.add_argument("--images", default=ALL, help=f"CSV with image_id, or {ALL!r}")
    parser.add_argument("--limit", type=int, help="most images")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trace set")
    cli.run(main, parser)
