"""One question per image whose answer is the object that passed filter 1, and only that object.

The published run takes the authors' hand-written questions. The embedded world has no authors:
there the questions are made from the annotations, by colour ("Which object is red?") or by place
("What is left of the car?"), and only where one object alone answers. None of them names the object
(neo2025 section 2.2, set D2).
"""

import argparse
import json
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import write_parquet
from sightline.scenes.coco import Coco
from sightline.scenes.scene import Instance, Scene
from sightline.studies.neo2025.candidates import candidates
from sightline.studies.neo2025.protocol import Protocol

log = logging.getLogger(__name__)

COLUMNS = ("image_id", "object_id", "category", "question", "kind")
BY_COLOR = "Which object is {color}?"
BY_PLACE = "What is {place} the {other}?"
# Axis of the image, and the direction along it.
PLACES = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}
# Shares of the image side between two centres: from CLEAR on everybody agrees, up to LEVEL nobody
# claims it.
CLEAR, LEVEL = 0.1, 0.03


class QuestionError(SightlineError):
    """The question file cannot be read or fits no image."""


def color_question(scene: Scene, target: Instance) -> str | None:
    """Ask by colour, if no other object of the image wears it."""
    color = target.attributes.get("color")
    worn = [instance.attributes.get("color") for instance in scene.instances]
    return BY_COLOR.format(color=color) if color and worn.count(color) == 1 else None


def place_questions(scene: Scene, target: Instance) -> list[str]:
    """Ask by place beside another object, wherever the target alone is on that side of it."""
    names = [instance.category for instance in scene.instances]
    asked = []
    for other in scene.instances:
        if other is target or names.count(other.category) > 1:
            continue
        for place, (axis, sign) in PLACES.items():
            side = (scene.width, scene.height)[axis]
            beyond = {
                instance.id: sign * (_centre(instance)[axis] - _centre(other)[axis]) / side
                for instance in scene.instances
                if instance is not other
            }
            mine = beyond.pop(target.id)
            if mine >= CLEAR and all(offset <= LEVEL for offset in beyond.values()):
                asked.append(BY_PLACE.format(place=place, other=other.category))
    return asked


def from_templates(scenes: Iterable[Scene], protocol: Protocol) -> pd.DataFrame:
    """Questions made from annotations.

    Colour and place take turns by chance, so that neither kind of question carries the whole
    column.

    Returns:
        At most ``protocol.questions`` rows, COLUMNS, in the order of the scenes.
    """
    rows = []
    for candidate in candidates(scenes, protocol):
        if len(rows) == protocol.questions:
            break
        scene, target = candidate.scene, candidate.instance
        kinds = {}
        if question := color_question(scene, target):
            kinds["color"] = [question]
        if questions := place_questions(scene, target):
            kinds["place"] = questions
        if not kinds:
            continue
        rng = np.random.default_rng([protocol.seed, scene.id, target.id])
        kind = sorted(kinds)[rng.integers(len(kinds))]
        question = kinds[kind][rng.integers(len(kinds[kind]))]
        rows.append((scene.id, target.id, target.category, question, kind))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def from_authors(scenes: Iterable[Scene], protocol: Protocol, path: Path | str) -> pd.DataFrame:
    """The authors' questions, COCO image id -> list of questions, empty where none was written.

    The first question of a list is the one their code asks. The answer is not in the file: it is
    the category of the object that passes filter 1.

    Raises:
        QuestionError: the file is missing or holds something else.
    """
    path = Path(path)
    try:
        entries = json.loads(path.read_text())
        written = {int(image): asked[0].strip() for image, asked in entries.items() if asked}
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise QuestionError(
            f"{path}: expected a JSON object of image id -> list of questions ({error}). It is "
            "src/data/clean_questions.json of the authors' repository; name it under "
            "studies.neo2025.vqa_set.file."
        ) from None
    rows = [
        (c.scene.id, c.instance.id, c.instance.category, written[c.scene.id], "authors")
        for c in candidates(scenes, protocol)
        if c.scene.id in written
    ]
    if len(rows) < len(written):
        log.warning(
            "%s: %d of %d questions are about images that do not pass filter 1 here; left out",
            path, len(written) - len(rows), len(written),
        )  # fmt: skip
    return pd.DataFrame(rows[: protocol.questions], columns=list(COLUMNS))


def _centre(instance: Instance) -> tuple[float, float]:
    x, y, width, height = instance.box
    return x + width / 2, y + height / 2


def main(options: argparse.Namespace) -> None:
    """Write the questions of a split."""
    protocol = Protocol.read(options.protocol)
    coco = Coco(options.dataset, options.split)
    if protocol.question_source == "authors":
        questions = from_authors(coco.scenes(), protocol, protocol.question_file)
    else:
        questions = from_templates(coco.scenes(), protocol)
    if questions.empty:
        raise QuestionError(
            f"{options.dataset} {options.split}: no image gives an unambiguous question; widen "
            "studies.neo2025.ablation_set, or check vqa_set.source."
        )
    log.info("%d questions, %d wordings", len(questions), questions["question"].nunique())
    write_parquet(questions, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
