"""The refer loader: sentences, false premises, and pickles that try more than they should."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from sightline.scenes.records import AnnotationError
from sightline.scenes.refer import load_refer
from sightline.scenes.scene import SegmentationQuery

LEFT = {
    "id": 1,
    "image_id": 9,
    "category_id": 3,
    "bbox": [0, 0, 4, 6],
    "area": 24.0,
    "iscrowd": 0,
    "segmentation": [[0, 0, 4, 0, 4, 6, 0, 6]],
}
RIGHT = LEFT | {"id": 2, "segmentation": [[4, 0, 8, 0, 8, 6, 4, 6]]}
INSTANCES = {
    "categories": [{"id": 3, "name": "car"}],
    "images": [{"id": 9, "file_name": "COCO_train2014_9.jpg", "width": 8, "height": 6}],
    "annotations": [LEFT, RIGHT],
}


def ref(number: int, ann_id: object, *sentences: dict, split: str = "val") -> dict:
    """A reference in the official form."""
    sentences = [{"sent_id": row, "sent": "the car"} | one for row, one in enumerate(sentences)]
    return {
        "ref_id": number,
        "ann_id": ann_id,
        "image_id": 9,
        "split": split,
        "sentences": sentences,
    }


def write(root: Path, refs: object, protocol: int = 2) -> Path:
    """Write a data set; ``refs`` may be the bytes of a pickle."""
    folder = root / "fprefcoco"
    folder.mkdir(exist_ok=True)
    (folder / "instances.json").write_text(json.dumps(INSTANCES))
    content = refs if isinstance(refs, bytes) else pickle.dumps(refs, protocol)
    (folder / "refs(unc).p").write_bytes(content)
    return root


def load(root: Path, split: str = "val", **keys: object) -> list[SegmentationQuery]:
    """Read what ``write`` wrote."""
    return load_refer(root, "fprefcoco", "unc", split, **keys)


def test_one_query_per_sentence_of_the_split(tmp_path):
    """Scores are taken per expression."""
    refs = [ref(5, 1, {"sent": "left car"}, {"sent": "a car"}), ref(6, 2, {}, split="train")]
    first, second = load(write(tmp_path, refs))
    assert (first.id, first.texts) == ("5-0", ("left car",))
    assert (second.id, second.texts) == ("5-1", ("a car",))
    assert first.scene is second.scene
    assert first.target[:, :4].all() and not first.target[:, 4:].any()
    assert first.ignore is None and not first.is_sentence
    images = tmp_path / "images" / "mscoco" / "images" / "train2014"
    assert first.scene.path == images / "COCO_train2014_9.jpg"


def test_images_may_lie_elsewhere(tmp_path):
    """COCO train2014 is 13 GB: nobody wants it twice."""
    (query,) = load(write(tmp_path, [ref(5, 1, {})]), images="/elsewhere")
    assert str(query.scene.path) == "/elsewhere/COCO_train2014_9.jpg"


def test_a_reference_to_several_annotations_is_their_union(tmp_path):
    """Some data sets let one sentence point at many objects; -1 stands for none of them."""
    (query,) = load(write(tmp_path, [ref(5, [1, 2, -1], {})]))
    assert query.target.all()


def test_false_premises_of_both_dialects(tmp_path):
    """One family says is_false_premise, the other says exist."""
    sentences = (
        {"is_false_premise": True, "gt_sent": "the red car"},
        {"is_false_premise": False},
        {"exist": False},
        {"exist": True},
    )
    queries = load(write(tmp_path, [ref(5, 1, *sentences)]))
    assert [query.false_premise for query in queries] == [True, False, True, False]
    assert [query.target is None for query in queries] == [True, False, True, False]
    assert queries[0].correction == "the red car"


def test_false_premises_may_share_the_number_of_their_expression(tmp_path):
    """Every query has an id of its own all the same."""
    made = {"sent": "blue car", "sent_id": 0, "is_false_premise": True, "gt_sent": "the car"}
    refs = [ref(5, [1], {"is_false_premise": False}, made)]
    del refs[0]["sentences"][0]["sent_id"]
    assert [query.id for query in load(write(tmp_path, refs))] == ["5-0", "5-1"]


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickles_of_every_age_are_read(tmp_path, protocol):
    """The official files are of Python 2, later ones of Python 3."""
    assert len(load(write(tmp_path, [ref(5, 1, {})], protocol))) == 1


def test_strings_of_python_2_are_read(tmp_path):
    """They are byte strings, which need an encoding."""
    text = pickle.dumps([ref(5, 1, {"sent": "QQQ"})], 0).replace(b"VQQQ", b"S'caf\\xe9'")
    assert load(write(tmp_path, text))[0].texts == ("caf\u00e9",)


class Intruder:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple:
        """What the pickle tells its reader to call."""
        return os.mkdir, ("intruded",)


@pytest.mark.parametrize("payload", [Intruder(), np.float64(1.0), os.system])
def test_a_pickle_that_wants_an_import_is_refused(tmp_path, monkeypatch, payload):
    """Reading a data set must not run code."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, [ref(5, 1, {"extra": payload})])
    with pytest.raises(AnnotationError, match=r"refs\(unc\)\.p: not read.*it asks for"):
        load(tmp_path)
    assert not (tmp_path / "intruded").exists()


@pytest.mark.parametrize(
    ("refs", "message"),
    [
        (b"\x80\x02]q", "not read"),
        # A byte array of three gigabytes that is not there: no room is made for it.
        (b"\x80\x05\x96" + (3 << 30).to_bytes(8, "little"), "not read"),
        ({"refs": []}, "expected a list"),
        ([ref(5, 1, {}, split="train")], "no reference of split 'val'; there are: train"),
        ([ref(5, 3, {})], "reference 5: annotation 3 is not one of image 9"),
        ([ref(5, "1", {})], "reference 5: key 'ann_id' must be int or list"),
        ([ref(5, 1, {"sent": None})], "reference 5: key 'sent' must be str"),
        ([ref(5, -1, {})], "not marked is_false_premise"),
        ([{"ref_id": 5}], "row 0: key 'split' is missing"),
    ],
)
def test_a_malformed_file_names_file_and_reference(tmp_path, refs, message):
    """The message leads to the row."""
    with pytest.raises(AnnotationError, match=message) as caught:
        load(write(tmp_path, refs))
    assert "refs(unc).p" in str(caught.value)


def test_a_missing_file_tells_which_there_are(tmp_path):
    """RefCOCOg comes split by umd and by google."""
    write(tmp_path, [ref(5, 1, {})])
    with pytest.raises(AnnotationError, match=r"refs\(umd\)\.p: no such file.*refs\(unc\)\.p"):
        load_refer(tmp_path, "fprefcoco", "umd", "val")
