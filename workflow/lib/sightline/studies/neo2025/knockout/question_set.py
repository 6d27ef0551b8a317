"""What becomes of each question: asked again with attention cut, or left out, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sightline.models.vlm import VLM
from sightline.scenes.coco import Coco
from sightline.studies.neo2025.candidates import Candidate
from sightline.studies.neo2025.knockout.pairs import NONE
from sightline.studies.neo2025.measurements import MeasurementError
from sightline.studies.neo2025.selection import (
    CROWD_REGION,
    OUT_OF_SIGHT,
    in_sight,
    published_tokens,
)

CUT = "asked again under cuts"
NOT_ANSWERED = "not answered correctly with nothing cut"
REASONS = (CUT, CROWD_REGION, OUT_OF_SIGHT, NOT_ANSWERED)

COLUMNS = {
    "model": "str",
    "image_id": "int64",
    "object_id": "int64",
    "category": "str",
    "kind": "str",
    "question": "str",
    "reason": "str",
    "published_geometry": "bool",
}
"""One row per question of the set. ``reason`` is one of REASONS; without ``published_geometry`` the authors' code
finds no token of the object, so cuts by it are missing."""


@dataclass(frozen=True)
class Asked:
    """One question and the object that answers it; ``kind`` is how the question was made."""

    candidate: Candidate
    question: str
    kind: str


@dataclass(frozen=True)
class QuestionSet:
    """Questions about objects that the model can see, and what keeps the others out.

    Attributes:
        asked: in order.
        hidden: image -> reason, of the questions left out.
        with_published_geometry: images in which the authors' geometry finds the object.
    """

    asked: list[Asked]
    hidden: dict[int, str]
    with_published_geometry: set[int]


def sort_questions(
    coco: Coco, questions: pd.DataFrame, vlm: VLM, buffers: Sequence[int] = (0,)
) -> QuestionSet:
    """Tell questions about objects in sight from the others.

    Crowd regions and objects less than half inside the crop are left out, as in the ablation.

    Raises:
        MeasurementError: the questions are of other annotations.
    """
    found = QuestionSet([], {}, set())
    for row in questions.itertuples():
        scene = coco.scene(row.image_id)
        instance = {one.id: one for one in scene.instances}.get(row.object_id)
        if instance is None:
            raise MeasurementError(
                f"questions: image {scene.id} has no object {row.object_id}. Questions and "
                "annotations do not belong together; write them again "
                "(snakemake --forcerun write_questions)."
            )
        candidate = Candidate(scene, instance)
        if instance.crowd:
            found.hidden[scene.id] = CROWD_REGION
        elif not in_sight(candidate, vlm):
            found.hidden[scene.id] = OUT_OF_SIGHT
        else:
            found.asked.append(Asked(candidate, row.question, row.kind))
            if published_tokens(candidate, vlm.grid, buffers):
                found.with_published_geometry.add(scene.id)
    return found


def account(
    questions: pd.DataFrame, sorted_out: QuestionSet, measured: pd.DataFrame, model: str
) -> pd.DataFrame:
    """One row per question, COLUMNS, in the order of the questions.

    Args:
        questions: the set.
        sorted_out: of `sort_questions`.
        measured: rows of `sightline.studies.neo2025.knockout.measurements` of one model.
        model: its key.
    """
    uncut = measured[measured["pair"] == NONE].set_index("image_id")
    right = uncut["correct"] | uncut["correct_as_published"]
    reasons = [
        sorted_out.hidden.get(image) or (CUT if right[image] else NOT_ANSWERED)
        for image in questions["image_id"]
    ]
    table = questions.assign(
        model=model,
        reason=reasons,
        published_geometry=questions["image_id"].isin(sorted_out.with_published_geometry),
    )
    return table[list(COLUMNS)].astype(COLUMNS)
