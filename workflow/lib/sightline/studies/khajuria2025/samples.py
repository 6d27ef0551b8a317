"""The samples of the study: objects of images, with labels and what captions say of them.

python -m sightline.studies.khajuria2025.samples --dataset results/demo/data/coco --protocol khajuria2025.json \
    --out samples.parquet --composition pairs.csv --reasons reasons.csv
"""

import argparse
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pycocotools import mask as coco_mask
from tqdm import tqdm

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import write_csv, write_parquet
from sightline.scenes.coco import Coco
from sightline.scenes.geometry import Grid, Squash
from sightline.scenes.scene import Mask, Scene
from sightline.studies.khajuria2025.names import (
    GLOBAL_TEST,
    GLOBAL_TRAIN,
    OBJECT,
    PRIMARY,
    SAMPLE_COLUMNS,
    SECONDARY,
)
from sightline.studies.khajuria2025.naming import CaptionJudge, named_as_published, one_caption
from sightline.studies.khajuria2025.placing import covered_cells
from sightline.studies.khajuria2025.protocol import ImageSet, Protocol
from sightline.studies.khajuria2025.scene_files import MASK_COLUMNS
from sightline.studies.khajuria2025.selection import Selection

log = logging.getLogger(__name__)

_COMMON = 14
"""Side of the grid that five of the nine published encoders have; none of the others is much coarser."""


class SampleError(SightlineError):
    """A split holds nothing for the study."""


def merged_mask(scene: Scene, category: str) -> Mask:
    """All instances of a category in one mask, crowds included, (height, width) bool."""
    mask = np.zeros((scene.height, scene.width), bool)
    for instance in scene.instances:
        if instance.category == category:
            mask |= scene.mask(instance)
    return mask


class Describer:
    """Makes rows of samples.

    Args:
        coco: the split.
        split: its name.
        seed: of the one caption.
    """

    def __init__(self, coco: Coco, split: str, seed: int) -> None:
        self._judge = CaptionJudge(coco.categories.values())
        self._split, self._seed = split, seed

    def rows(
        self, scene: Scene, samples: Iterable[tuple[str, int, str, str, int]]
    ) -> Iterator[dict[str, Any]]:
        """Rows of a scene, without their number.

        Args:
            scene: with captions.
            samples: part, task, role, category and label of each.
        """
        named = self._judge.named(scene.captions)
        one = one_caption(scene.captions, (self._seed, scene.id))
        in_one = self._judge.named(one)
        for part, task, role, category, label in samples:
            mask = merged_mask(scene, category)
            cells = covered_cells(mask, Squash(_COMMON), Grid(_COMMON, _COMMON, 1))
            yield {
                "part": part,
                "split": self._split,
                "image_id": scene.id,
                "task": task,
                "role": role,
                "category": category,
                "label": label,
                "instances": sum(one.category == category for one in scene.instances),
                "share": float(mask.mean()),
                "cells": int(cells.sum()),
                "captions": len(scene.captions),
                "in_caption": category in named,
                "in_caption_published": named_as_published(scene.captions, category),
                "in_one_caption": category in in_one,
                "in_one_caption_published": named_as_published(one, category),
                "height": scene.height,
                "width": scene.width,
                "runs": coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"],
            }


def pair_rows(
    coco: Coco, split: str, protocol: Protocol, selection: Selection
) -> Iterator[dict[str, Any]]:
    """Two rows per kept image and task: its primary and its secondary object."""
    describer = Describer(coco, split, protocol.seed)
    for scene, pairs in selection.pairs(tqdm(coco.scenes(), total=len(coco), desc="pairs")):
        wanted = []
        for pair in pairs:
            task = protocol.tasks[pair.task]
            for role, names, label in (
                (PRIMARY, task.primary, pair.primary),
                (SECONDARY, task.secondary, pair.secondary),
            ):
                wanted.append((pair.part, pair.task, role, names[label], label))
        yield from describer.rows(scene, wanted)


def global_rows(
    coco: Coco, part: str, images: ImageSet, protocol: Protocol
) -> Iterator[dict[str, Any]]:
    """One row per image and category of the global list that it shows."""
    describer = Describer(coco, images.split, protocol.seed)
    labels = {name: label for label, name in enumerate(protocol.categories)}
    for image_id in tqdm(coco.image_ids[: images.images], desc=part):
        scene = coco.scene(image_id)
        present = dict.fromkeys(one.category for one in scene.instances if one.category in labels)
        if present and scene.path.is_file():
            yield from describer.rows(
                scene, ((part, -1, OBJECT, name, labels[name]) for name in present)
            )


def number_samples(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """All rows with their numbers, SAMPLE_COLUMNS and MASK_COLUMNS."""
    frame = pd.DataFrame(rows)
    frame.insert(0, "sample", np.arange(len(frame)))
    return frame[[*SAMPLE_COLUMNS, *MASK_COLUMNS]].astype(SAMPLE_COLUMNS)


def main(options: argparse.Namespace) -> None:
    """Find the samples of all parts."""
    protocol = Protocol.read(options.protocol)
    selection = Selection(protocol)
    rows: list[dict[str, Any]] = []
    splits: dict[str, Coco] = {}

    def split(name: str) -> Coco:
        if name not in splits:
            splits[name] = Coco(options.dataset, name)
        return splits[name]

    pairs = split(protocol.pair_split)
    _require(protocol, pairs)
    rows += pair_rows(pairs, protocol.pair_split, protocol, selection)
    for reason, images in selection.reasons().groupby("reason", sort=False)["images"].sum().items():
        log.info("%8d times: %s", images, reason)
    if not rows:
        raise SampleError(
            f"{options.dataset} {protocol.pair_split}: no image fits a task of studies.khajuria2025.pairs."
        )
    for part, images in (
        (GLOBAL_TRAIN, protocol.global_train),
        (GLOBAL_TEST, protocol.global_test),
    ):
        rows += global_rows(split(images.split), part, images, protocol)
    samples = number_samples(rows)
    for part, count in samples["part"].value_counts(sort=False).items():
        log.info("%8d samples: %s", count, part)
    write_parquet(samples, options.out)
    write_csv(selection.composition(), options.composition)
    write_csv(selection.reasons(), options.reasons)


def _require(protocol: Protocol, coco: Coco) -> None:
    """A misspelt category would silently be absent from every image."""
    known = set(coco.categories.values())
    asked = [name for task in protocol.tasks for name in task.categories]
    for name in (*asked, *protocol.categories):
        if name not in known:
            raise SampleError(
                f"studies.khajuria2025: {name!r} is no category of the data set; known are "
                f"{', '.join(sorted(known))}."
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="samples, Parquet")
    parser.add_argument("--composition", type=Path, required=True, help="images per pair, CSV")
    parser.add_argument("--reasons", type=Path, required=True, help="images per reason, CSV")
    cli.run(main, parser)
