"""The ablation on a random model: controls that must hold whatever the weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from neo2025_fakes import PROTOCOL
from sightline.models.vlm import VLM
from sightline.scenes.mentions import Vocabulary
from sightline.scenes.scene import Instance, Scene
from sightline.studies.neo2025.ablation import Ablation, Task, list_tasks
from sightline.studies.neo2025.candidates import Candidate
from sightline.studies.neo2025.diagrams.example import example_rows
from sightline.studies.neo2025.diagrams.example_columns import SHOWN
from sightline.studies.neo2025.measurements import COLUMNS, MeasurementError

SMALL = replace(PROTOCOL, sizes=(2, 5, 100), describe="Describe this image.", describe_tokens=6)
VOCABULARY = Vocabulary(("cat", "dog", "car"))


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory, images: list[Image.Image]) -> Task:
    """A car in the corner of a random image."""
    path = tmp_path_factory.mktemp("scene") / "1.png"
    images[2].save(path)
    outline = [[12, 12, 24, 12, 24, 24, 12, 24]]
    car = Instance(5, "car", (12, 12, 12, 12), 144.0, False, outline)
    scene = Scene(1, path, *images[2].size, (car,))
    return Task(Candidate(scene, car), True, True, "What is on the street?")


def run(task: Task, vlm: VLM, batch_size: int = 64) -> pd.DataFrame:
    """Measurements of one image."""
    mean = torch.full((vlm.width,), 0.1)
    rows = Ablation(vlm, mean, VOCABULARY, SMALL, batch_size).measure(task)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


@pytest.fixture(scope="module")
def measured(task: Task, tiny_llava: VLM) -> pd.DataFrame:
    """Measurements of the task."""
    return run(task, tiny_llava)


def test_one_row_per_condition_and_setting(measured: pd.DataFrame):
    """All three settings, each with its controls; gradients of the class in VQA alone."""
    keys = ["setting", "condition", "variant", "draw"]
    assert not measured.duplicated(keys).any()
    for setting in ("generative", "polling", "vqa"):
        conditions = set(measured.loc[measured["setting"] == setting, "condition"])
        assert {"none", "object", "object_plus_2", "register", "all_tokens", "image_noise"} <= (
            conditions
        )
        assert "random_100" not in conditions
    assert set(measured.loc[measured["variant"] == "ig_class", "setting"]) == {"vqa"}
    variants = measured.groupby("condition")["variant"].agg(set)
    assert variants["register"] == {"projector", "tower"}
    assert variants["image_noise"] == {"independent", "repeated"}
    assert measured["p_expected"].notna().equals(measured["setting"] != "generative")


def test_norm_ratios_are_those_of_the_norms_that_choose(
    measured: pd.DataFrame, task: Task, tiny_llava: VLM
):
    """Those of the tower in the rows of its registers, those of the image tokens in all others."""
    image = task.candidate.scene.image()
    (tokens,), (tower,) = tiny_llava.encode_images([image]), tiny_llava.tower_norms([image])
    for norms, of_tower in ((tokens.norm(dim=-1), False), (tower, True)):
        rows = measured[(measured["variant"] == "tower") == of_tower]
        np.testing.assert_allclose(rows["norm_ratio"], norms.max() / norms.median(), rtol=1e-5)


def test_example_holds_the_tokens_that_were_replaced(
    measured: pd.DataFrame, task: Task, tiny_llava: VLM
):
    """Found again for the figure, every subset has the size that was measured."""
    mean = torch.full((tiny_llava.width,), 0.1)
    shown = example_rows(Ablation(tiny_llava, mean, VOCABULARY, SMALL, 64), task)
    sizes = measured[measured["setting"] == "vqa"].set_index(["condition", "variant"])["n_tokens"]
    found = {(one.condition, one.variant): list(one.tokens) for one in shown.itertuples()}
    assert set(found) <= set(SHOWN)
    assert {key: len(tokens) for key, tokens in found.items()} == sizes[list(found)].to_dict()
    assert set(found["object", "mask"]) < set(found["object_plus_1", "mask"])


def test_nothing_replaced_equals_the_plain_model(
    measured: pd.DataFrame, task: Task, tiny_llava: VLM
):
    """The baseline rows are the model's own answers."""
    tokens = tiny_llava.encode_images([task.candidate.scene.image()])
    clean = measured[measured["condition"] == "none"].set_index("setting")["answer"]
    described = tiny_llava.generate(tiny_llava.prompt(SMALL.describe), tokens, 6)
    polled = tiny_llava.generate(tiny_llava.prompt(SMALL.polling_question("car")), tokens, 10)
    assert [clean["generative"], clean["polling"]] == [*described, *polled]


def test_all_tokens_replaced_hides_the_image(task: Task, tiny_llava: VLM, tmp_path: Path):
    """With every token the mean, two different images give the same answers."""
    path = tmp_path / "other.png"
    scene = task.candidate.scene
    Image.effect_noise((scene.width, scene.height), 90).convert("RGB").save(path)
    moved = replace(task.candidate, scene=replace(scene, path=path))
    other = replace(task, candidate=moved)
    first, second = (run(one, tiny_llava) for one in (task, other))
    blind = first["condition"] == "all_tokens"
    columns = ["setting", "answer"]
    assert first.loc[blind, columns].equals(
        second.loc[second["condition"] == "all_tokens", columns]
    )
    p = [table.loc[blind, "p_expected"].to_numpy() for table in (first, second)]
    np.testing.assert_allclose(*p, rtol=1e-5)
    seen = [
        table.query("condition == 'none'")["p_expected"].to_numpy() for table in (first, second)
    ]
    assert not np.allclose(*seen, rtol=1e-3, equal_nan=True)


def test_batch_size_changes_no_answer(measured: pd.DataFrame, task: Task, tiny_llava: VLM):
    """Three conditions at a time or all at once."""
    other = run(task, tiny_llava, batch_size=3)
    exact = [column for column in COLUMNS if column != "p_expected"]
    assert measured[exact].equals(other[exact])
    np.testing.assert_allclose(measured["p_expected"], other["p_expected"], rtol=1e-4)


def test_image_with_a_question_but_not_selected_is_asked_in_vqa_only(task: Task, tiny_llava: VLM):
    """Filter 2 does not apply to the questions."""
    rejected = replace(task, selected=False, selected_as_published=False)
    assert set(run(rejected, tiny_llava)["setting"]) == {"vqa"}


def test_rows_can_be_written(measured: pd.DataFrame, tmp_path: Path):
    """Types survive the file."""
    measured.to_parquet(tmp_path / "m.parquet")
    assert pd.read_parquet(tmp_path / "m.parquet").dtypes.equals(measured.dtypes)


class Folder:
    """A data set of the one scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def scene(self, image_id: int) -> Scene:
        return self._scene


def test_tasks_are_selected_images_and_those_with_a_question(task: Task):
    scene = task.candidate.scene
    selection = pd.DataFrame(
        {
            "image_id": [1, 2, 3, 4],
            "object_id": [5, 5, 5, 5],
            "kept": [True, False, False, False],
            "kept_as_published": [False, False, False, False],
            "reason": ["kept", "not named", "crowd region", "not named"],
        }
    )
    questions = pd.DataFrame({"image_id": [1, 3, 4], "question": ["a?", "b?", "c?"]})
    tasks = list_tasks(Folder(scene), selection, questions)
    assert [one.selected for one in tasks] == [True, False]
    few = list_tasks(
        Folder(scene), selection, replace(PROTOCOL, ablated=2).under_ablation(questions)
    )
    assert [one.question for one in few] == ["a?"] and len(questions) == 3
    assert replace(PROTOCOL, ablated=None).under_ablation(questions).equals(questions)
    selection["object_id"] = 6
    with pytest.raises(MeasurementError, match="has no object 6"):
        list_tasks(Folder(scene), selection, questions)
