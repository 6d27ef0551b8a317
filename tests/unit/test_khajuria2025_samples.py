"""Which objects become samples, what captions say of them, and what became of all other images."""

from pathlib import Path

import numpy as np
import pytest

from khajuria2025_scenes import settings
from sightline.scenes.scene import Instance, Scene
from sightline.studies.khajuria2025.aux_tasks import build
from sightline.studies.khajuria2025.naming import CaptionJudge, named_as_published, one_caption
from sightline.studies.khajuria2025.protocol import Protocol
from sightline.studies.khajuria2025.selection import Pair, Selection
from sightline.studies.protocols import ProtocolError
from sightline.studies.published import load_published

PROTOCOL = Protocol.parse(settings())


def scene(number: int, *categories: str, **attributes) -> Scene:
    square = [[0.0, 0.0, 4.0, 0.0, 4.0, 4.0, 0.0, 4.0]]
    instances = tuple(
        Instance(n, name, (0, 0, 4, 4), 16, False, square) for n, name in enumerate(categories)
    )
    return Scene(number, Path(__file__), 8, 8, instances, attributes=attributes)


def test_exactly_one_primary_and_one_secondary():
    selection = Selection(PROTOCOL)
    scenes = [
        scene(1, "cat", "chair", "tree", "cat"),
        scene(2, "cat", "bird", "chair"),
        scene(3, "cat", "chair", "hat"),
        scene(4, "bird", "tree"),
        scene(5, "chair"),
        scene(6, "bird", "hat", "boat", "star"),
    ]
    found = {one.id: pairs for one, pairs in selection.pairs(scenes)}
    assert found == {
        1: [Pair(0, "pairs", 0, 0)],
        6: [Pair(0, "pairs", 1, 3), Pair(1, "pairs", 1, 3)],
    }
    reasons = selection.reasons().query("task == 0").set_index("reason")["images"]
    assert reasons[reasons > 0].to_dict() == {
        "kept": 2,
        "both primaries": 1,
        "several secondaries": 1,
        "no secondary": 1,
        "neither primary": 1,
    }
    assert reasons.sum() == len(scenes)


def test_no_more_images_than_wanted():
    selection = Selection(PROTOCOL)
    kept = list(selection.pairs(scene(number, "cat", "chair") for number in range(5)))
    assert [one.id for one, _ in kept] == [0, 1]
    reasons = selection.reasons().set_index(["task", "reason"])["images"]
    assert reasons[0, "enough images of the pair"] == 3


def test_all_images_where_no_number_is_given():
    pairs = {k: v for k, v in settings()["pairs"].items() if k != "images_per_pair"}
    selection = Selection(Protocol.parse(settings(pairs=pairs)))
    assert len(list(selection.pairs(scene(number, "cat", "chair") for number in range(9)))) == 9


def test_scenes_drawn_for_a_task_serve_it_alone():
    selection = Selection(PROTOCOL)
    both = scene(1, "bird", "hat", "boat", "star", task=1, part="swapped")
    ((_, pairs),) = selection.pairs([both])
    assert pairs == [Pair(1, "swapped", 1, 3)]


def test_composition_tells_what_balancing_leaves():
    selection = Selection(PROTOCOL)
    list(selection.pairs([scene(1, "cat", "hat"), scene(2, "cat", "hat"), scene(3, "bird", "hat")]))
    rows = selection.composition().query("part == 'pairs' and secondary == 'hat'")
    assert rows[["primary", "images", "balanced"]].to_numpy().tolist() == [
        ["cat", 2, 1],
        ["bird", 1, 1],
    ]


def test_published_numbers_stand_beside_the_papers_own_tasks_only():
    task = {"primary": ["cat", "dog"], "secondary": ["bench", "bed", "couch", "chair"]}
    published = load_published("khajuria2025")
    for tasks, known in (([task], True), (settings()["pairs"]["tasks"], False)):
        protocol = Protocol.parse(settings(pairs={"split": "x", "tasks": tasks}))
        table = build(Selection(protocol).composition(), published)
        assert table["published"].notna().all() == known
        if known:
            assert table.set_index(["primary", "secondary"])["published"]["dog", "couch"] == 285
        else:
            assert table["published"].isna().all()


CAPTIONS = ("A hot dog on a plate.", "Two dogs near fire hydrants, and a bus")


def test_captions_are_judged_by_whole_phrases():
    judge = CaptionJudge(["dog", "hot dog", "fire hydrant", "bus", "cat"])
    assert judge.named(CAPTIONS) == {"dog", "hot dog", "fire hydrant", "bus"}
    assert judge.named(CAPTIONS[:1]) == {"hot dog"}
    assert judge.named(()) == set()


def test_one_caption_is_drawn_by_the_seed():
    assert not one_caption((), (0, 1))
    drawn = [one_caption(CAPTIONS, (0, image)) for image in range(20)]
    assert set(drawn) == {CAPTIONS[:1], CAPTIONS[1:]}
    assert drawn == [one_caption(CAPTIONS, (0, image)) for image in range(20)]


@pytest.mark.parametrize(
    ("name", "found"),
    [("dog", True), ("bus", True), ("hot dog", False), ("fire hydrant", False), ("plate", False)],
)
def test_the_published_rule_knows_no_phrases_and_no_punctuation(name, found):
    assert named_as_published(CAPTIONS, name) == found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants": ["published"]}, "variants: .* give corrected"),
        ({"pairs": {"split": "x"}}, "pairs.tasks is missing"),
        (
            {"pairs": {"split": "x", "tasks": [{"primary": ["a", "b"], "secondary": ["c"]}]}},
            "pairs.tasks.0: 2 primary and 1 secondary",
        ),
        (
            {
                "pairs": {
                    "split": "x",
                    "tasks": [{"primary": ["a", "b"], "secondary": list("acde")}],
                }
            },
            "pairs.tasks.0: a occurs twice",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ProtocolError, match=message):
        Protocol.parse(settings(**changes))


def test_defects_are_variants_of_their_own():
    assert PROTOCOL.bare_variants == ("shift_1", "wrong_grid")
    assert Protocol.parse(settings(defects={})).bare_variants == ()
    assert np.isfinite(PROTOCOL.per_pair)


def test_a_coarser_grid_is_a_variant_of_its_encoder_alone():
    protocol = Protocol.parse(settings(equal_grids={"blip": 14}))
    assert protocol.of_encoder("blip").bare_variants == ("shift_1", "wrong_grid", "equal_grid")
    assert protocol.of_encoder("clip").bare_variants == PROTOCOL.bare_variants
