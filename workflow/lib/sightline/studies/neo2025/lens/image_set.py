"""Which images the lens reads: one object of the wanted size in each (neo2025 section 4.1).

The paper says "170 COCO validation images with objects of 20,000 to 30,000 pixels". Whether the
limits on annotations and on namesakes of the ablation hold too is unknown, so there are two
samples: the main one with both, a wider one without the limit on annotations. A third sample takes
images as they come, for maps and number words.

Every image of the split leaves a row that says what became of it.
"""

import argparse
import logging
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import write_parquet
from sightline.scenes.coco import Coco
from sightline.scenes.scene import Instance, Scene
from sightline.studies.neo2025.candidates import CROWDED, NO_ANNOTATION, NO_CANDIDATE
from sightline.studies.neo2025.lens.protocol import LensProtocol

log = logging.getLogger(__name__)

MAIN, WIDE, SCENE = "main", "wide", "scene"
SAMPLES = (MAIN, WIDE, SCENE)
KEPT = "kept"
CROWD_REGION = "crowd region"
NOT_NEEDED = "enough images before it"
OUT_OF_SIGHT = "less than half inside the crop"

COLUMNS = {
    "image_id": "int64",
    "object_id": "Int64",
    "category": "str",
    "area": "float64",
    "annotations": "int64",
    MAIN: "bool",
    WIDE: "bool",
    SCENE: "bool",
    "reason": "str",
}
"""``reason`` says why an image is not in the main sample; main, wide and scene name the samples."""


class ImageSetError(SightlineError):
    """No image is left to read."""


def find_object(scene: Scene, area: tuple[float, float]) -> Instance | None:
    """First instance of the wanted size that has no namesake in the image."""
    names = [instance.category for instance in scene.instances]
    for instance in scene.instances:
        if names.count(instance.category) == 1 and area[0] < instance.area < area[1]:
            return instance
    return None


def choose_images(scenes: Iterable[Scene], protocol: LensProtocol) -> pd.DataFrame:
    """Sort the images of a split into the samples.

    Args:
        scenes: in annotation-file order.
        protocol: thresholds.

    Returns:
        One row per image, COLUMNS, in the order given.
    """
    rows = []
    counts = dict.fromkeys(SAMPLES, 0)
    limits = {MAIN: protocol.images, WIDE: protocol.images, SCENE: protocol.scenes}
    for scene in scenes:
        instance = find_object(scene, protocol.area)
        reason = _reason(scene, instance, protocol)
        wanted = {
            MAIN: not reason,
            WIDE: reason in ("", CROWDED) and instance is not None,
            SCENE: len(scene.instances) > 0,
        }
        taken = {name: wanted[name] and counts[name] < limits[name] for name in SAMPLES}
        for name in SAMPLES:
            counts[name] += taken[name]
        rows.append(
            {
                "image_id": scene.id,
                "object_id": instance.id if instance else None,
                "category": instance.category if instance else "",
                "area": instance.area if instance else float("nan"),
                "annotations": len(scene.instances),
                **taken,
                "reason": reason or (KEPT if taken[MAIN] else NOT_NEEDED),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _reason(scene: Scene, instance: Instance | None, protocol: LensProtocol) -> str:
    if not scene.instances:
        return NO_ANNOTATION
    if instance is None:
        return NO_CANDIDATE
    if instance.crowd:
        return CROWD_REGION
    return CROWDED if len(scene.instances) > protocol.max_annotations else ""


def main(options: argparse.Namespace) -> None:
    """Sort the images of one split."""
    protocol = LensProtocol.read(options.protocol)
    images = choose_images(Coco(options.dataset, options.split).scenes(), protocol)
    for reason, count in images["reason"].value_counts().items():
        log.info("%6d images: %s", count, reason)
    if not images[MAIN].any():
        raise ImageSetError(
            f"{options.out}: no image of {options.dataset} {options.split} has at most "
            f"{protocol.max_annotations} annotations and a sole instance of "
            f"{list(protocol.area)} pixels. Widen studies.neo2025.lens.area."
        )
    write_parquet(images, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
