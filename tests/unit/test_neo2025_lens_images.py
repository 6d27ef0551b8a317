"""Which images the lens reads, how much of a token an object covers, what a word is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from neo2025_lens_fakes import (
    BIG_CAT,
    CA,
    CAT,
    CATS,
    LEXICON,
    LIGHT,
    PROTOCOL,
    REGIONS,
    SETTINGS,
    SEVEN,
    TRAFFIC,
)
from sightline.scenes.scene import Instance, Scene
from sightline.scenes.tokens import Grid, token_coverage
from sightline.studies.neo2025.lens.image_set import (
    CROWD_REGION,
    KEPT,
    MAIN,
    NOT_NEEDED,
    SCENE,
    WIDE,
    choose_images,
)
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.regions import (
    intersection_over_union,
    regions_by_image,
)
from sightline.studies.neo2025.lens.words import WordsError, content_words, strictly
from sightline.studies.protocols import ProtocolError


def scene(number: int, *objects: tuple[str, float], crowd: bool = False) -> Scene:
    """An image with objects of a category and an area."""
    instances = tuple(
        Instance(place, name, (0, 0, 1, 1), area, crowd, [])
        for place, (name, area) in enumerate(objects)
    )
    return Scene(number, Path("none.jpg"), 32, 32, instances)


def test_samples_and_reasons():
    """Sole instances of the wanted size; the main sample limits annotations and length."""
    scenes = [
        scene(1, ("cat", 50)),
        scene(2),
        scene(3, ("cat", 50), ("cat", 50)),
        scene(4, ("cat", 10), ("dog", 100)),
        scene(5, ("dog", 5), ("car", 6), ("cat", 50)),
        scene(6, ("cat", 50), crowd=True),
        scene(7, ("dog", 500), ("cat", 20)),
        scene(8, ("cat", 50)),
        scene(9, ("cat", 50)),
    ]
    images = choose_images(scenes, PROTOCOL).set_index("image_id")
    assert images["reason"].to_dict() == {
        1: KEPT, 2: "no annotation", 3: "no sole instance of the wanted size",
        4: "no sole instance of the wanted size", 5: "too many annotations", 6: CROWD_REGION,
        7: KEPT, 8: KEPT, 9: NOT_NEEDED,
    }  # fmt: skip
    assert images.index[images[MAIN]].tolist() == [1, 7, 8]
    assert images.index[images[WIDE]].tolist() == [1, 5, 7]
    assert images.index[images[SCENE]].tolist() == [1, 3]
    assert images.loc[7, ["object_id", "category"]].tolist() == [1, "cat"]


def test_protocol_names_what_is_missing_or_wrong():
    with pytest.raises(ProtocolError, match=r"lens\.top is missing"):
        LensProtocol.parse({k: v for k, v in SETTINGS.items() if k != "top"})
    with pytest.raises(ProtocolError, match=r"\[9, 5\] is no interval"):
        LensProtocol.parse(SETTINGS | {"area": [9, 5]})


def test_states_of_the_published_depth():
    """Of 33 states, the maps take one of 20 to 26, and the later half begins at 16."""
    assert 20 <= PROTOCOL.map_state(33) <= 26
    assert PROTOCOL.late_states(33) == range(16, 33)
    assert (PROTOCOL.map_state(9), PROTOCOL.late_states(9)) == (6, range(4, 9))


def test_coverage_counts_pixels():
    """A mask of one full patch and a quarter of the next; the rest of the frame has no token."""
    mask = np.zeros((9, 9), bool)
    mask[:4, :4] = mask[:2, 4:6] = True
    mask[8, 8] = True
    cover = token_coverage(mask, Grid(2, 2, 4))
    assert cover.tolist() == [1, 0.25, 0, 0]
    assert intersection_over_union(np.array([1, 0, 0, 0], bool), cover, 21, 4) == 16 / 21
    assert intersection_over_union(np.array([1, 1, 0, 0], bool), cover, 21, 4) == 20 / 33
    assert intersection_over_union(np.zeros(4, bool), np.zeros(4), 0, 4) == 0


def test_regions_leave_crowds_out_and_join_a_category():
    objects = pd.DataFrame(
        {
            "image_id": 7, "object_id": [1, 2, 3], "category": ["cat", "cat", "dog"],
            "crowd": [False, False, True], "inside": 1.0, "pixels": [16, 8, 4], "new_pixels": [16, 6, 4], "patch": 4,
        }
    )  # fmt: skip
    coverage = pd.DataFrame(
        {
            "image_id": 7, "object_id": [1, 2, 2, 3], "token": [0, 0, 1, 2],
            "coverage": [0.75, 0.5, 0.25, 1.0], "new_coverage": [0.75, 0.125, 0.25, 1.0],
            "published": [True, False, True, True],
        }
    )  # fmt: skip
    (regions,) = regions_by_image(objects, coverage, {7: 4}).values()
    # A crowd region is no object, but what it touches is no background either.
    assert regions.covered.tolist() == [True, True, True, False]
    assert set(regions.coverage) == {1, 2}
    cover, pixels = regions.of_category("cat")
    assert (cover.tolist(), pixels) == ([0.875, 0.25, 0, 0], 22)
    assert regions.published[2].tolist() == [False, True, False, False]
    assert REGIONS.covered.tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("rule", "cats", "lights"),
    [
        ("strict", [CAT], [TRAFFIC]),
        ("any_case", [CAT, BIG_CAT], [TRAFFIC]),
        ("whole", [CAT, BIG_CAT], []),
        ("prefix", [CAT, BIG_CAT], [TRAFFIC]),
        ("synonym", [CAT, BIG_CAT, CATS], [TRAFFIC]),
    ],
)
def test_matching_rules(rule, cats, lights):
    """Two letters are too few for a prefix, "light" begins no name, "cats" is a plural."""
    found = [np.flatnonzero(row).tolist() for row in LEXICON.entries[rule]]
    assert found == [cats, lights]
    assert CA not in found[0]
    assert LIGHT not in found[1]


def test_numbers_and_words():
    assert LEXICON.numbers(np.array([SEVEN, CAT])).tolist() == [7, 0]
    assert np.flatnonzero(LEXICON.are_words(["CAT"])).tolist() == [CAT, BIG_CAT]
    assert strictly("cat", [CAT, BIG_CAT, CATS], LEXICON.texts) == [CAT]
    with pytest.raises(WordsError, match="'zebra'"):
        LEXICON.row("zebra")
    said = content_words(["A red Bus parked next to two cats.", "a bus"], ["bus"])
    assert said == ["cats", "red"]
