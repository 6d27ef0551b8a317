"""Which images of a split the studies of a run will look at: from the annotations alone, before any is fetched.

    python -m sightline.studies.wanted_images --dataset results/data/coco --split val2017 \
        --settings results/quick/settings/wanted_images.json --out results/quick/data/coco/val2017_wanted.csv

Each study's own code chooses, told that all images are there; so a run on these images is the run on all of them. The
one exception is neo2025's filter by description, for which nobody knows beforehand how far it must search: it gets
CANDIDATES times the images it wants, and its log says if that was not enough.
"""

import argparse
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from sightline import cli
from sightline.files import write_csv
from sightline.scenes.coco import Coco
from sightline.scenes.pope import coco_ids
from sightline.scenes.records import read_json
from sightline.scenes.scene import Scene
from sightline.studies.image_counts import CANDIDATES
from sightline.studies.kaduri2025.images import draw_images
from sightline.studies.khajuria2025.protocol import Protocol as ProbingProtocol
from sightline.studies.khajuria2025.selection import Selection
from sightline.studies.neo2025.candidates import candidates
from sightline.studies.neo2025.lens.image_set import SAMPLES, choose_images
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.protocol import Protocol as AblationProtocol
from sightline.studies.neo2025.questions import from_authors, from_templates

log = logging.getLogger(__name__)

COLUMNS = ("file", "width", "height", "studies")


class Present(Coco):
    """A split whose images count as being there, whether they are or not."""

    def scene(self, image_id: int) -> Scene:
        """One scene; its path is that of a file which exists."""
        return replace(super().scene(image_id), path=self._source)


def find_wanted(coco: Coco, split: str, studies: Mapping[str, Any]) -> dict[int, set[str]]:
    """Image -> studies that will look at it, in the order of the split.

    Args:
        coco: the split, a `Present`.
        split: its name.
        studies: settings of each study as the configuration gives them, with the run's ``seed``; those of kaduri2025
            name the folder of a local ``pope``, if it is asked.
    """
    found: dict[int, set[str]] = {}
    finders = {"neo2025": _neo2025, "kaduri2025": _kaduri2025, "khajuria2025": _khajuria2025}
    for name, finder in finders.items():
        if name in studies:
            for image_id in finder(coco, split, studies[name]):
                found.setdefault(image_id, set()).add(name)
    return {image_id: found[image_id] for image_id in coco.image_ids if image_id in found}


def _neo2025(coco: Coco, split: str, settings: Mapping[str, Any]) -> Iterator[int]:
    if split == settings["ablation_set"]["split"]:
        protocol = AblationProtocol.parse(settings)
        pool = candidates(coco.scenes(), protocol)
        yield from (one.scene.id for one in islice(pool, CANDIDATES * protocol.accepted))
        authors = protocol.question_source == "authors"
        questions = (
            from_authors(coco.scenes(), protocol, protocol.question_file)
            if authors
            else from_templates(coco.scenes(), protocol)
        )
        yield from questions["image_id"].tolist()
    reference = settings["reference"]
    if "images" in reference and split == reference["split"]:
        yield from coco.image_ids[: reference["images"]]
    if split == settings["lens"]["split"]:
        protocol = LensProtocol.parse(
            {**settings["lens"], "seed": settings["seed"], "bootstrap": settings["bootstrap"]}
        )
        samples = choose_images(coco.scenes(), protocol)
        yield from samples.loc[samples[list(SAMPLES)].any(axis=1), "image_id"].tolist()


def _kaduri2025(coco: Coco, split: str, settings: Mapping[str, Any]) -> Iterator[int]:
    if split == settings["images"]["split"]:
        images = draw_images(coco.scenes(), settings["images"]["count"], settings["seed"])
        yield from images.loc[images["drawn"], "image_id"].tolist()
    if settings.get("pope"):
        yield from coco_ids(settings["pope"])


def _khajuria2025(coco: Coco, split: str, settings: Mapping[str, Any]) -> Iterator[int]:
    protocol = ProbingProtocol.parse(settings)
    if split == protocol.pair_split:
        yield from (scene.id for scene, _ in Selection(protocol).pairs(coco.scenes()))
    for images in (protocol.global_train, protocol.global_test):
        if split == images.split:
            yield from coco.image_ids[: images.images]


def main(options: argparse.Namespace) -> None:
    """Write the list of one split."""
    coco = Present(options.dataset, options.split)
    plain = Coco(options.dataset, options.split)
    wanted = find_wanted(coco, options.split, read_json(options.settings))
    rows = []
    for image_id, studies in wanted.items():
        scene = plain.scene(image_id)
        file = f"{options.split}/{scene.path.name}"
        rows.append((file, scene.width, scene.height, ";".join(sorted(studies))))
    log.info("%d of %d images of %s wanted", len(rows), len(coco), options.split)
    write_csv(pd.DataFrame(rows, columns=list(COLUMNS)), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--settings", type=Path, required=True, help="JSON: study -> its settings")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
