"""The probing split: one large and one small object of a task, labels independent, roles swapped in a part."""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

from khajuria2025_scenes import TASKS, settings, write_settings
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.write_probing import Plan, draw_planned, main, plans
from sightline.errors import SightlineError
from sightline.files import sha256
from sightline.scenes.coco import Coco
from sightline.studies.khajuria2025.protocol import Protocol
from sightline.studies.khajuria2025.selection import Selection

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    protocol = write_settings(folder)
    main(argparse.Namespace(protocol=protocol, seed=0, processes=1, out=folder))
    return folder


def test_every_pair_is_drawn_as_often(root):
    drawn = Counter()
    for scene in Coco(root, "probing").scenes():
        task = TASKS[scene.attributes["task"]]
        large, small = (one.category for one in scene.instances[:2])
        first, second = (large, small) if scene.attributes["part"] == "pairs" else (small, large)
        assert first in task["primary"] and second in task["secondary"]
        drawn[scene.attributes["task"], scene.attributes["part"], first, second] += 1
    assert {count for key, count in drawn.items() if key[1] == "pairs"} == {2}
    assert {count for key, count in drawn.items() if key[1] == "swapped"} == {1}
    assert len(drawn) == 2 * 2 * 8


def test_tasks_of_the_demo_use_every_category_once_as_secondary():
    """What is dominant in one task is a detail in another, so no category is easy in one role alone."""
    config = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    tasks = config["studies"]["khajuria2025"]["pairs"]["tasks"]
    assert len(tasks) == 6
    primary, secondary = (
        [name for task in tasks for name in task[role]] for role in ("primary", "secondary")
    )
    assert sorted(secondary) == sorted(CATEGORIES)
    assert len(set(primary)) == len(primary) == 12
    assert not any(set(task["primary"]) & set(task["secondary"]) for task in tasks)


def test_the_first_object_is_the_large_one(root):
    shares = [
        [scene.mask(one).mean() for one in scene.instances]
        for scene in Coco(root, "probing").scenes()
    ]
    first, second = np.array([one[:2] for one in shares]).T
    assert (first > second).all()
    assert first.mean() > 0.07 and second.mean() > 0.03
    assert all(1 < len(one) <= 4 for one in shares)


def test_selection_keeps_every_scene_for_its_task(root):
    selection = Selection(Protocol.parse(settings()))
    kept = list(selection.pairs(Coco(root, "probing").scenes()))
    assert len(kept) == len(Coco(root, "probing"))
    assert all(len(pairs) == 1 for _, pairs in kept)
    for scene, (pair,) in kept:
        assert (pair.task, pair.part) == (scene.attributes["task"], scene.attributes["part"])


def test_the_same_settings_give_the_same_bytes(root, tmp_path):
    main(argparse.Namespace(protocol=write_settings(tmp_path), seed=0, processes=2, out=tmp_path))
    names = [
        "probing.csv",
        "annotations/instances_probing.json",
        "annotations/captions_probing.json",
    ]
    assert [sha256(root / name) for name in names] == [sha256(tmp_path / name) for name in names]


def test_more_images_leave_the_first_ones_as_they_are():
    few, many = (list(plans({"tasks": TASKS, "images_per_pair": n})) for n in (1, 3))
    assert many[: len(few)] == few
    assert [plan.task for plan in few] == [0] * 8 + [1] * 8


def test_the_background_does_not_tell_the_object():
    plan = Plan(0, "pairs", "cat", "hat", ("tree", "star"))
    assert len({draw_planned(seed, plan).theme for seed in range(20)}) == 5


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"tasks": TASKS}, "pairs.images_per_pair: the world needs a number"),
        (
            {"tasks": [{"primary": ["dog"], "secondary": []}], "images_per_pair": 1},
            "the world has no 'dog'",
        ),
    ],
)
def test_what_cannot_be_drawn_is_named(pairs, message):
    with pytest.raises(SightlineError, match=message):
        list(plans(pairs))
