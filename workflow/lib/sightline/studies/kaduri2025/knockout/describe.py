"""Describe every image without a knockout, and with the image hidden in every way (kaduri2025 Fig. 2).

The prompt runs once; all conditions of a wording are decoded together from it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.clean_run import CleanRun
from sightline.instruments.interventions import Condition
from sightline.instruments.replay import replay_decoding
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.vlm import VLM
from sightline.scenes.coco import Coco
from sightline.shards import add_shard
from sightline.studies.kaduri2025.images import read_images
from sightline.studies.kaduri2025.knockout import conditions
from sightline.studies.kaduri2025.knockout.conditions import Cut, Layout
from sightline.studies.kaduri2025.knockout.descriptions import COLUMNS
from sightline.studies.kaduri2025.knockout.edges import interventions
from sightline.studies.kaduri2025.protocol import Protocol


@dataclass(frozen=True, eq=False)
class Describing:
    """The experiment, ready to describe one image after the other.

    Attributes:
        vlm: the model.
        protocol: of the run.
    """

    vlm: VLM
    protocol: Protocol

    @property
    def depth(self) -> int:
        """Layers of the language model."""
        return len(self.vlm.adapter.layers(self.vlm.model))

    @property
    def layout(self) -> Layout:
        """Where the knockouts hold."""
        middle = self.protocol.middle(self.vlm.key, self.depth)
        return Layout.of(self.depth, middle, self.protocol.points, self.protocol.window_step)

    def describe(self, coco: Coco, image_id: int) -> list[dict[str, Any]]:
        """Rows of one image: both wordings, nothing hidden first."""
        image = coco.scene(image_id).image()
        grid = self.vlm.grid_of(image)
        questions = (self.protocol.question, self.protocol.second_question)
        main, second = (self.vlm.prompt(question, grid=grid) for question in questions)
        clean = CleanRun(self.vlm, main, self.vlm.encode_images([image])[0])
        rows = []
        for run, wording, question in zip(
            (clean, clean.ask(second)), conditions.WORDINGS, questions, strict=True
        ):
            about = {"image_id": image_id, "wording": wording, "question": question}
            rows += [about | row for row in self._decode(run, wording)]
        return rows

    def _decode(self, clean: CleanRun, wording: str) -> list[dict[str, Any]]:
        cuts = list(self.layout.cuts(wording))
        distinct = {cut.key: cut for cut in cuts}
        place = {key: number for number, key in enumerate(distinct, start=1)}
        asked = [Condition(conditions.NONE)]
        asked += [Condition(str(place[key]), interventions(cut)) for key, cut in distinct.items()]
        answers = replay_decoding(clean, asked, self.protocol.max_new_tokens)
        said = [{"text": one.text, "tokens": len(one.tokens)} for one in answers]
        return [_NOTHING_HIDDEN | said[0], *(_row(cut) | said[place[cut.key]] for cut in cuts)]


_NOTHING_HIDDEN = {
    "condition": conditions.NONE, "layers": "", "family": "", "first": -1, "last": -1,
    "variant": conditions.AS_PUBLISHED,
}  # fmt: skip


def _row(cut: Cut) -> dict[str, Any]:
    return {
        "condition": cut.condition,
        "layers": cut.layers,
        "family": cut.family,
        "first": cut.first,
        "last": cut.last,
        "variant": cut.variant,
    }


def describe_all(images: pd.DataFrame, coco: Coco, vlm: VLM, protocol: Protocol) -> pd.DataFrame:
    """Descriptions of all images under all conditions.

    Args:
        images: of `sightline.studies.kaduri2025.images.read_images`.
        coco: the split they were drawn from.
        vlm: the model.
        protocol: of the run.

    Returns:
        `sightline.studies.kaduri2025.knockout.descriptions.COLUMNS`.
    """
    experiment = Describing(vlm, protocol)
    rows: list[dict[str, Any]] = []
    known: Sequence[dict[str, Any]] = images.to_dict("records")
    for image in tqdm(known, desc="hide the image", unit="image"):
        about = {key: image[key] for key in ("place", "objects", "dominant", "theme")}
        about |= {"model": vlm.key, "model_layers": experiment.depth}
        rows += [about | row for row in experiment.describe(coco, image["image_id"])]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def main(options: argparse.Namespace) -> None:
    """Describe the drawn images with one model."""
    vlm = load_vlm(read_model(options))
    coco = Coco(options.dataset, options.split)
    images = options.shard.of(read_images(options.images))
    protocol = Protocol.read(options.protocol)
    write_parquet(describe_all(images, coco, vlm, protocol), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    add_shard(parser)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
