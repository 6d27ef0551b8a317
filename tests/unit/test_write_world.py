"""Scenes written in the official layouts come back through the official loaders as they were drawn."""

import json

import numpy as np
import pytest

from sightline.demo import write_world
from sightline.demo.language import ALSO_FITS, USES
from sightline.demo.training_set import TRAINING_SEEDS, VALIDATION_SEEDS
from sightline.demo.world import draw_scene
from sightline.demo.write_world import (
    FIRST_SEEDS,
    scene_seeds,
    write_coco,
    write_reasonseg,
    write_refer,
)
from sightline.errors import SightlineError
from sightline.files import sha256
from sightline.scenes.coco import Coco
from sightline.scenes.reasonseg import load_reasonseg
from sightline.scenes.refer import load_refer


def test_coco_round_trip(tmp_path):
    write_coco(tmp_path, "val2017", scene_seeds("val2017", 0, 5), processes=1)
    coco = Coco(tmp_path, "val2017")
    for number, scene in enumerate(coco.scenes()):
        drawn = draw_scene(FIRST_SEEDS["val2017"] + number)
        assert [thing.category for thing in scene.instances] == [t.category for t in drawn.objects]
        for instance, thing in zip(scene.instances, drawn.objects, strict=True):
            assert np.array_equal(scene.mask(instance), thing.mask)
            assert instance.area == thing.area and instance.box == tuple(map(float, thing.box))
            assert instance.attributes == {"color": thing.color, "dominant": thing.dominant}
        assert len(scene.captions) == 5
        difference = np.asarray(scene.image()).astype(int) - drawn.pixels
        assert np.abs(difference).mean() < 3


@pytest.mark.parametrize(
    ("write", "load"),
    [
        (
            lambda out, seeds: write_coco(out, "val2017", seeds, processes=1),
            lambda out: Coco(out, "val2017"),
        ),
        (
            lambda out, seeds: write_refer(out, seeds, processes=1),
            lambda out: load_refer(out, "refcoco", "unc", "val"),
        ),
    ],
    ids=["coco", "refer"],
)
def test_a_killed_second_call_leaves_nothing_that_loads(tmp_path, monkeypatch, write, load):
    """Else the labels of the first call would stand beside pictures of the second."""
    write(tmp_path, scene_seeds("val2017", 0, 6))
    load(tmp_path)
    save, saved = write_world.save_scene, []

    def killed(scene, path):
        if len(saved) == 3:
            raise KeyboardInterrupt
        saved.append(path)
        save(scene, path)

    monkeypatch.setattr(write_world, "save_scene", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, scene_seeds("val2017", 1, 6))
    with pytest.raises(SightlineError):
        load(tmp_path)


def test_same_seed_same_bytes(tmp_path):
    for folder, processes in (("a", 1), ("b", 2)):
        write_coco(tmp_path / folder, "val2017", scene_seeds("val2017", 1, 6), processes)
    first, second = (
        {p.relative_to(tmp_path / f): sha256(p) for p in (tmp_path / f).rglob("*") if p.is_file()}
        for f in "ab"
    )
    assert first == second and len(first) == 6 + 3


def test_reasonseg_round_trip(tmp_path):
    seeds = scene_seeds("reasonseg", 0, 100)
    write_reasonseg(tmp_path, "val", seeds, processes=1)
    queries = load_reasonseg(tmp_path, "val")
    assert len(queries) == 100
    assert {query.is_sentence for query in queries} == {True, False}
    for query in queries:
        number = int(query.scene.path.stem.removeprefix("scene"))
        drawn = draw_scene(seeds[number - 1])
        targets = [thing for thing in drawn.objects if thing.category == query.noun]
        wanted = np.any([thing.mask for thing in targets], axis=0)
        assert np.array_equal(query.target, wanted)
        others = np.any([t.mask for t in drawn.objects if t.category != query.noun], axis=0)
        assert not (np.asarray(query.ignore, bool) & ~others).any()
        (use,) = [use for use in USES[query.noun] if use in query.texts[0]]
        assert ALSO_FITS.get(use) not in query.others
        flags = json.loads(query.scene.path.with_suffix(".json").read_text())["shapes"]
        flags = [flag["points"][0] for flag in flags if flag["label"] == "flag"]
        assert len(flags) == len(targets) and all(wanted[y, x] for x, y in flags)
        assert {query.noun, *query.others} == {thing.category for thing in drawn.objects}


def test_fewer_scenes_of_reasonseg_leave_none_of_the_former(tmp_path):
    """Nor what a killed call left half written; files of others stay."""
    write_reasonseg(tmp_path, "val", scene_seeds("reasonseg", 0, 4), processes=1)
    (tmp_path / "val" / ".scene3-x1_y2z3w.json").write_text("{")
    (tmp_path / "val" / "notes.json").write_text("{}")
    write_reasonseg(tmp_path, "val", scene_seeds("reasonseg", 0, 2), processes=1)
    names = {file.name for file in (tmp_path / "val").iterdir()}
    assert names == {"notes.json"} | {f"scene{n}.{end}" for n in (1, 2) for end in ("jpg", "json")}
    assert len(load_reasonseg(tmp_path, "val")) == 2


def test_refer_round_trip_with_false_premises(tmp_path):
    write_refer(tmp_path, scene_seeds("refer", 0, 20), processes=1)
    true = load_refer(tmp_path, "refcoco", "unc", "val")
    false = load_refer(tmp_path, "fprefcoco", "unc", "val")
    assert true and not any(query.false_premise for query in true)
    absent = [query for query in false if query.false_premise]
    assert absent and len(false) == len(true) + len(absent)
    for query in absent:
        name = query.texts[0].removeprefix("the ")
        there = {(i.attributes["color"], i.category) for i in query.scene.instances}
        assert name not in {category for _, category in there} | {" ".join(pair) for pair in there}
        assert query.correction == "the " + query.correction.removeprefix("the ")
        (wanted,) = {
            i.category for i in query.scene.instances if query.correction.endswith(i.category)
        }
        assert wanted


def test_splits_share_no_scene_with_each_other_or_with_training():
    ranges = [scene_seeds(split, seed, 100_000) for split in FIRST_SEEDS for seed in (0, 9)]
    for place, one in enumerate(ranges):
        assert one.stop <= min(TRAINING_SEEDS, VALIDATION_SEEDS)
        assert all(
            one.stop <= other.start or other.stop <= one.start for other in ranges[place + 1 :]
        )


def test_impossible_sizes_are_refused():
    with pytest.raises(SightlineError, match="images of val2017"):
        scene_seeds("val2017", 0, 100_001)
    with pytest.raises(SightlineError, match="seed of the world"):
        scene_seeds("val2017", 10, 1)
