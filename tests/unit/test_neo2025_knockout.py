"""The knockout on a random model: controls that must hold whatever the weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neo2025_fakes import PROTOCOL
from sightline.files import write_parquet
from sightline.instruments.clean_run import CleanRun
from sightline.instruments.edges import rows_of
from sightline.models.vlm import VLM
from sightline.scenes.scene import Instance, Scene
from sightline.studies.neo2025.candidates import Candidate
from sightline.studies.neo2025.knockout import pairs
from sightline.studies.neo2025.knockout.measure import (
    last_row,
    measure_all,
    target_rows,
)
from sightline.studies.neo2025.knockout.measurements import COLUMNS, read_knockout
from sightline.studies.neo2025.knockout.question_set import (
    CUT,
    NOT_ANSWERED,
    Asked,
    QuestionSet,
    account,
    sort_questions,
)
from sightline.studies.neo2025.measurements import MeasurementError
from sightline.studies.neo2025.selection import CROWD_REGION, OUT_OF_SIGHT

QUESTION = "What is on the street?"


def scene_of(image: Image.Image, folder: Path, corner: int = 12) -> Scene:
    """An image with a square object."""
    folder.mkdir(exist_ok=True)
    image.save(folder / "1.png")
    a, b = corner, corner + 12
    outline = [[a, a, b, a, b, b, a, b]]
    thing = Instance(5, "car", (a, a, 12, 12), 144.0, False, outline)
    return Scene(1, folder / "1.png", *image.size, (thing,))


def asked_about(scene: Scene, vlm: VLM) -> Asked:
    """A question that the model answers correctly: the object is called what the model says."""
    prompt = vlm.prompt(QUESTION, prefix=PROTOCOL.vqa_prefix)
    tokens = vlm.encode_images([scene.image()])
    word = vlm.decode([int(vlm.logits(prompt, tokens)[0].argmax())]).strip()
    named = replace(scene.instances[0], category=word)
    return Asked(Candidate(replace(scene, instances=(named,)), named), QUESTION, "color")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, images: list[Image.Image], tiny_llava: VLM):
    """The first random image whose answer is a word and not a special token."""
    for number, image in enumerate(images):
        one = asked_about(
            scene_of(image, tmp_path_factory.mktemp("scene") / str(number)), tiny_llava
        )
        if one.candidate.instance.category:
            return one
    pytest.fail("the random model says nothing about any image; change its seed")


@pytest.fixture(scope="module")
def measured(asked: Asked, tiny_llava: VLM) -> pd.DataFrame:
    """Measurements of the question."""
    return measure_all([asked], tiny_llava, PROTOCOL)


def test_one_row_per_pair_variant_and_window(measured: pd.DataFrame):
    expected = {(p.name, variant, window.name) for p, variant, window in pairs.cuts(4)}
    found = measured[measured["pair"] != pairs.NONE]
    keys = set(found[["pair", "variant", "window"]].itertuples(index=False, name=None))
    # Three rows of neighbours fill a grid of 4 x 4: no random token is left outside.
    assert keys == {key for key in expected if key[1] != "outside"}
    assert len(found) == len(keys)
    assert len(measured) == len(found) + 1


def test_nothing_cut_is_the_plain_model(measured: pd.DataFrame, asked: Asked, tiny_llava: VLM):
    uncut = measured[measured["pair"] == pairs.NONE].iloc[0]
    tokens = tiny_llava.encode_images([asked.candidate.scene.image()])
    prompt = tiny_llava.prompt(QUESTION, prefix=PROTOCOL.vqa_prefix)
    logits = tiny_llava.logits(prompt, tokens)[0]
    expected = logits.softmax(-1)[tiny_llava.first_token(uncut["category"], prompt)]
    assert uncut["correct"] and uncut["logit_change"] == 0
    np.testing.assert_allclose(uncut["p_expected"], expected, rtol=1e-4)


def test_text_cut_off_from_the_image_is_blind(
    tiny_llava: VLM, images: list[Image.Image], tmp_path: Path
):
    """Under I -> all text in all layers every image gets the same answer; in the early ones they differ."""
    found = []
    for number, image in enumerate(images):
        one = asked_about(scene_of(image, tmp_path / str(number)), tiny_llava)
        if one.candidate.instance.category:
            table = measure_all([one], tiny_llava, PROTOCOL)
            cut = table[table["pair"] == "image to all text"].set_index("window")["answer"]
            found.append((cut["all"], cut["early"], table["answer"].iloc[0]))
    blind, early, uncut = map(set, zip(*found, strict=True))
    assert len(blind) == 1
    assert len(early) > 1 and len(uncut) > 1


def test_larger_cuts_hold_smaller_ones(measured: pd.DataFrame):
    """Tokens of the groups: rings grow, context is what is left, upper rows are all rows but the last."""
    tokens = measured.drop_duplicates("source").set_index("source")["n_tokens"]
    assert tokens["object"] <= tokens["object_plus_1"] <= tokens["object_plus_2"]
    assert tokens["object_plus_1"] + tokens["image without object_plus_1"] == tokens["image"] == 16
    assert tokens["image without last visual row"] == 12


def test_a_question_answered_wrongly_is_asked_once(asked: Asked, tiny_llava: VLM):
    named = replace(asked.candidate.instance, category="fish")
    wrong = replace(asked, candidate=replace(asked.candidate, instance=named))
    table = measure_all([wrong], tiny_llava, PROTOCOL)
    assert table["pair"].tolist() == [pairs.NONE]
    assert not table["correct"].any()


def test_targets_are_the_rows_they_name(tiny_llava: VLM):
    """Question tokens and last position make up all text behind the image; the last row is the engine's."""
    prompt = tiny_llava.prompt(QUESTION, prefix=PROTOCOL.vqa_prefix)
    rows = {t: rows_of(target_rows(t, prompt.roles), prompt.roles, t)[0] for t in pairs.TARGETS}
    assert rows[pairs.LAST].sum() == 1 and rows[pairs.LAST][-1]
    assert not (rows[pairs.QUESTION] & rows[pairs.LAST]).any()
    assert ((rows[pairs.QUESTION] | rows[pairs.LAST]) == rows[pairs.TEXT]).all()
    assert np.flatnonzero(rows[pairs.TEXT]).tolist() == prompt.roles.query.tolist()
    placed = prompt.roles.image[last_row(prompt.roles)]
    assert np.flatnonzero(rows[pairs.LAST_ROW]).tolist() == placed.tolist()


class Folder:
    """A data set of one scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def scene(self, image_id: int) -> Scene:
        return self._scene


def test_objects_out_of_sight_are_not_asked_about(asked: Asked, tiny_llava: VLM, tmp_path: Path):
    scene = asked.candidate.scene
    questions = pd.DataFrame(
        {"image_id": [1], "object_id": [5], "question": [QUESTION], "kind": ["color"]}
    )
    found = sort_questions(Folder(scene), questions, tiny_llava)
    assert [one.question for one in found.asked] == [QUESTION]
    assert found.with_published_geometry == {1}
    crowd = replace(scene, instances=(replace(scene.instances[0], crowd=True),))
    hidden = sort_questions(Folder(crowd), questions, tiny_llava)
    assert (hidden.asked, hidden.hidden) == ([], {1: CROWD_REGION})
    with pytest.raises(MeasurementError, match="has no object 6"):
        sort_questions(Folder(scene), questions.assign(object_id=6), tiny_llava)
    nothing = measure_all([], tiny_llava, PROTOCOL)
    assert nothing.empty and list(nothing.columns) == list(COLUMNS)
    write_parquet(nothing, tmp_path / "none.parquet")
    with pytest.raises(MeasurementError, match="none is about an object in sight"):
        read_knockout([tmp_path / "none.parquet"])


def test_every_question_is_accounted_for():
    """Four questions, four fates; the judge as published is enough to be asked again."""
    questions = pd.DataFrame(
        {
            "image_id": [4, 1, 2, 3], "object_id": 5, "category": "car", "kind": "color",
            "question": QUESTION,
        }
    )  # fmt: skip
    measured = pd.DataFrame(
        {
            "model": "toy", "image_id": [1, 4, 4], "pair": [pairs.NONE, pairs.NONE, "object to last"],
            "correct": False, "correct_as_published": [False, True, False],
        }
    )  # fmt: skip
    found = QuestionSet([], {2: CROWD_REGION, 3: OUT_OF_SIGHT}, {4})
    table = account(questions, found, measured, "toy")
    assert table["reason"].tolist() == [CUT, NOT_ANSWERED, CROWD_REGION, OUT_OF_SIGHT]
    assert table["published_geometry"].tolist() == [True, False, False, False]
    assert set(table["model"]) == {"toy"}


def test_processes_change_no_number(asked: Asked, tiny_llava: VLM, measured: pd.DataFrame):
    """Two questions in two processes are the same two one after the other."""
    table = measure_all([asked, asked], tiny_llava, PROTOCOL, processes=2)
    pd.testing.assert_frame_equal(table, pd.concat([measured] * 2, ignore_index=True))


def test_the_clean_run_is_made_once(asked: Asked, tiny_llava: VLM, monkeypatch):
    """All cuts replay one run of the prompt: that is what makes them cheap."""
    made = []
    before = CleanRun.__init__
    monkeypatch.setattr(
        CleanRun, "__init__", lambda self, *a, **k: made.append(1) or before(self, *a, **k)
    )
    measure_all([asked], tiny_llava, PROTOCOL)
    assert len(made) == 1


def test_rows_survive_the_file(measured: pd.DataFrame, tmp_path: Path):
    measured.to_parquet(tmp_path / "m.parquet")
    assert read_knockout([tmp_path / "m.parquet"]).dtypes.equals(measured.dtypes)
    measured[measured["pair"] != pairs.NONE].to_parquet(tmp_path / "n.parquet")
    with pytest.raises(MeasurementError, match="image 1 has no answer"):
        read_knockout([tmp_path / "n.parquet"])
    measured[list(COLUMNS)[:-1]].to_parquet(tmp_path / "o.parquet")
    with pytest.raises(MeasurementError, match="no column logit_change"):
        read_knockout([tmp_path / "o.parquet"])
