"""Measurements of the made-up image, worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from neo2025_lens_fakes import LEXICON, PROTOCOL, REGIONS, read_out
from sightline.scenes.scene import Instance, Scene
from sightline.studies.neo2025.lens import curves
from sightline.studies.neo2025.lens.curves import Curves, share_curves, word_curves
from sightline.studies.neo2025.lens.decoded import (
    CONFIDENT,
    EVERY,
    Attributes,
    Maps,
    count_rows,
    number_rows,
    true_words,
)
from sightline.studies.neo2025.lens.examples import (
    ABSENT,
    ATTRIBUTE,
    CLASS,
    ELSEWHERE,
    NUMBER,
    OTHER,
    Kinds,
    Said,
)

IMAGES = pd.DataFrame(
    {
        "image_id": [7, 8], "object_id": [1, 1], "category": ["cat", "traffic light"],
        "main": [True, False], "wide": True, "scene": True,
    }
)  # fmt: skip


def test_share_curves_by_hand():
    """The cat covers tokens 0 and 1, half or more of 0; token 2 is in the published set as well."""
    found, best = share_curves(read_out(), REGIONS, 1, LEXICON, {"traffic light": 1.0})
    shares = {key: curve.tolist() for key, (curve, _) in found.items()}
    assert shares[curves.OBJECT, "strict"] == [0, 0.5, 0.5]
    assert shares[curves.OBJECT, "any_case"] == [0, 0.5, 1]
    assert shares[curves.HALF, "strict"] == [0, 1, 1]
    assert shares[curves.OUTSIDE, "strict"] == [0, 0, 0.5]
    # A second norm leaves no cat in the last state.
    assert shares[curves.PUBLISHED, "strict"] == pytest.approx([0, 1 / 3, 0])
    assert shares[curves.INPUT, "strict"] == [1, 1, 1]
    assert shares[curves.SHUFFLED, "strict"] == shares[curves.PRESENT, "strict"] == [0, 0, 0]
    assert best[curves.OBJECT, "strict"] == (0.5, 1)
    assert best[curves.OBJECT, "any_case"] == (1, 2)
    # Without any match the first state is the best, as the first of equals.
    assert best[curves.SHUFFLED, "strict"] == (0, 0)
    assert [found[key][1] for key in ((curves.OBJECT, "strict"), (curves.OUTSIDE, "strict"))] == [
        2, 2,
    ]  # fmt: skip


def test_shuffled_classes_weigh_as_they_occur():
    """Best over the states of each class first, then the mean: the mean curve peaks lower."""
    found, best = share_curves(
        read_out(), REGIONS, 2, LEXICON, {"cat": 0.75, "traffic light": 0.25}
    )
    assert found[curves.SHUFFLED, "strict"][0].tolist() == [0, 0.25, 0.75]
    assert best[curves.SHUFFLED, "strict"] == (1, 0.75 * 2 + 0.25 * 1)


def test_word_curves():
    inside = np.array([True, True, False, False])
    found = {(series, measure): (v, n) for series, measure, v, n in word_curves(read_out(), inside)}
    assert found[curves.OBJECT, curves.RANK][0].tolist() == [1, 1, 1]
    assert found[curves.ABSENT, curves.RANK][0].tolist() == [2, 2, 2]
    assert found[curves.OUTSIDE, curves.PROBABILITY][0].tolist() == pytest.approx([0.2] * 3)
    assert found[curves.EVERY_TOKEN, curves.TOP][1] == 4


def test_curves_pass_over_images_without_an_object():
    collected = Curves("toy", IMAGES, LEXICON)
    collected.add(read_out(), REGIONS)
    collected.add(read_out(image=9), REGIONS)
    states, best = collected.tables()
    assert set(states["image_id"]) == set(best["image_id"]) == {7}
    assert states["main"].all()


def test_attributes_leave_the_class_out():
    """In the last state both cat tokens are sure; one says cat, one says Cat, which is no attribute."""
    words = {7: ("attributes", {1: ["cat", "is"]}), 8: ("attributes", {1: ["red"]})}
    collected = Attributes("toy", IMAGES, words, LEXICON, PROTOCOL)
    collected.add(read_out(), REGIONS)
    table = collected.table().set_index("state")
    assert table["confident"].tolist() == [2, 2, 2]
    # "is" counts as an attribute here; the class word does not, spelled as it is matched.
    assert table["attribute"].tolist() == [1, 0.5, 0.5]
    assert table["class"].tolist() == [0, 0.5, 0.5]
    assert table["shuffled"].tolist() == [0, 0, 0]
    collected = Attributes("toy", IMAGES, words, LEXICON, PROTOCOL)
    collected.add(read_out(chances=0.05), REGIONS)
    assert collected.table()["attribute"].isna().all()


def test_true_words_are_attributes_or_captions():
    red = Instance(1, "cat", (0, 0, 1, 1), 9, False, [], {"color": "red", "dominant": True})
    plain = Instance(1, "cat", (0, 0, 1, 1), 9, False, [])
    said = ("A sleepy cat on a sofa.",)
    assert true_words(Scene(1, None, 9, 9, (red,), said), ["cat"]) == ("attributes", {1: ["red"]})
    found = true_words(Scene(1, None, 9, 9, (plain,), said), ["cat"])
    assert found == ("captions", {1: ["sleepy", "sofa"]})


def test_numbers_are_found_with_their_place():
    rows = number_rows(read_out(), REGIONS, LEXICON, PROTOCOL, "toy")
    assert [(row[2], row[4], row[5], row[6], row[7], row[8]) for row in rows] == [
        (3, 0, False, True, "seven", 7),
        (3, 2, True, True, "seven", 7),
    ]
    cats = tuple(Instance(n, "cat", (0, 0, 1, 1), 9, n == 2, []) for n in range(3))
    assert count_rows(Scene(7, None, 9, 9, cats), "toy") == [
        ("toy", 7, "", 2),
        ("toy", 7, "cat", 2),
    ]


def test_maps_by_hand():
    """State 2 says cat on tokens 0 and 2: one full patch of the 20 pixels, and a wrong one."""
    collected = Maps("toy", IMAGES, pd.Series(["cat", "traffic light"]), PROTOCOL, LEXICON)
    collected.add(read_out(), REGIONS)
    table = collected.table().set_index(["category", "variant", "state"])
    assert table.loc[("cat", EVERY, 2), "iou"] == 16 / (32 + 20 - 16)
    assert table.loc[("cat", EVERY, 1), "iou"] == 16 / 20
    assert table.loc[("cat", EVERY, 0), "iou"] == 0
    assert table.loc[("cat", CONFIDENT, 2), "patches"] == 2
    # The other label: "traffic" on token 2 in state 1 against the cat's mask, then the reverse.
    assert table.loc[("cat", EVERY, 1), "shuffled"] == 0
    assert table.loc[("traffic light", EVERY, 1), "iou"] == 8 / 16
    assert table.loc[("traffic light", EVERY, 2), "shuffled"] == 8 / (32 + 8 - 8)
    assert table.loc[("cat", EVERY, 0), "ceiling"] == 16 / 20


def test_kinds_are_judged_where_the_patch_is():
    kinds = Kinds(LEXICON, {7: {1: ["red"], 2: []}}, {7: REGIONS})
    expected = [
        ("cat", 0, CLASS), ("cat", 3, ELSEWHERE), ("traffic", 2, CLASS), ("red", 1, ATTRIBUTE),
        ("red", 3, OTHER), ("seven", 3, NUMBER), ("is", 0, OTHER),
    ]  # fmt: skip
    texts = list(LEXICON.texts)
    for word, token, kind in expected:
        assert kinds.of(texts.index(word), 7, token) == kind, word
    empty = Kinds(LEXICON, {8: {}}, {8: type(REGIONS)({}, {}, {}, {}, {}, np.zeros(4, bool), 4)})
    assert empty.of(texts.index("cat"), 8, 0) == ABSENT


def test_telling_words_are_words_said_with_confidence():
    """Late states only: "is" is too short; without confidence nothing is said."""
    said = Said(LEXICON, PROTOCOL)
    said.add(read_out())
    assert {LEXICON.texts[entry] for entry in said.telling(7)} == {"cat", "Cat", "traffic", "seven"}
    said.add(read_out(image=8, chances=0.05))
    assert not said.telling(8)
