"""The ReasonSeg loader, on pairs written here and on an official one."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from sightline.scenes.reasonseg import load_reasonseg
from sightline.scenes.records import AnnotationError
from sightline.scenes.scene import ImageFileError

REAL = Path(
    os.environ.get("SIGHTLINE_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data")
)
real = pytest.mark.skipif(
    not (REAL / "reasonseg").is_dir(),
    reason=f"no ReasonSeg pair at {REAL}; set SIGHTLINE_REAL_DATA",
)


def shape(label: str, left: float, top: float, right: float, bottom: float) -> dict:
    """A rectangle as the annotation tool writes it."""
    points = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return {"label": label, "points": points, "shape_type": "polygon"}


def write(
    root: Path, shapes: list, name: str = "x", suffix: str | None = ".png", **keys: object
) -> Path:
    """Write a pair of the split val: an image of 30 x 20 px and its JSON."""
    folder = root / "val"
    folder.mkdir(exist_ok=True)
    content = {"text": ["the thing", "it"], "is_sentence": False, "shapes": shapes} | keys
    (folder / f"{name}.json").write_text(json.dumps(content))
    if suffix:
        Image.new("RGB", (30, 20)).save(folder / f"{name}{suffix}")
    return root


def test_smaller_shapes_lie_on_top_and_flags_are_dropped(tmp_path):
    """The order in the file does not matter, the painted area does."""
    shapes = [
        shape("ignore", 5, 5, 8, 8),
        shape("flag", 0, 0, 29, 19),
        shape("target", 2, 2, 20, 15),
        shape("Ignore_region", 25, 0, 29, 3),
    ]
    (query,) = load_reasonseg(write(tmp_path, shapes), "val")
    target, ignore = query.target, query.ignore
    assert target.shape == ignore.shape == (20, 30)
    # Outlines belong to the shape: 5 to 8 are four pixels.
    assert ignore[5:9, 5:9].all() and ignore.sum() == 16 + 20
    assert target[2:16, 2:21].sum() == target.sum() == 19 * 14 - 16
    assert not (target & ignore).any()


def test_a_file_may_tell_what_things_are_called(tmp_path):
    """No official one does."""
    shapes = [shape("target", 2, 2, 20, 15)]
    (query,) = load_reasonseg(write(tmp_path, shapes), "val")
    assert query.noun is None and query.others == ()
    write(tmp_path, shapes, noun="antler", others=["deer", "tree"])
    (query,) = load_reasonseg(tmp_path, "val")
    assert query.noun == "antler" and query.others == ("deer", "tree")


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"noun": 3}, "key 'noun' must be str"), ({"noun": ""}, "none of them empty"),
     ({"noun": "antler", "others": [1]}, "keys 'noun' and 'others' must hold names")],
)  # fmt: skip
def test_names_that_are_none_are_refused(tmp_path, keys, message):
    with pytest.raises(AnnotationError, match=message):
        load_reasonseg(write(tmp_path, [shape("target", 2, 2, 20, 15)], **keys), "val")


def test_a_target_inside_an_ignored_region_stays(tmp_path):
    """The other way round: the smaller shape is the target."""
    shapes = [shape("target", 5, 5, 8, 8), shape("ignore", 2, 2, 20, 15)]
    (query,) = load_reasonseg(write(tmp_path, shapes), "val")
    assert query.target.sum() == 16


def test_polygons_are_drawn_on_the_picture_as_people_see_it(tmp_path):
    """A camera held upright notes that its rows are columns; OpenCV, which the released code reads with, turns them."""
    write(tmp_path, [shape("target", 0, 20, 19, 29)], suffix=None)
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, 20:] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(pixels).save(tmp_path / "val" / "x.png", exif=exif)
    (query,) = load_reasonseg(tmp_path, "val")
    assert (query.scene.width, query.scene.height) == (20, 30)
    assert query.target[20:].all() and query.target.sum() == 200
    assert (np.asarray(query.scene.image())[..., 0] > 0).tolist() == query.target.tolist()


def test_of_two_equal_areas_the_first_in_the_file_lies_on_top(tmp_path):
    """The published code sorts upwards and reverses."""
    shapes = [shape("ignore", 5, 5, 8, 8), shape("target", 5, 5, 8, 8)]
    (query,) = load_reasonseg(write(tmp_path, shapes), "val")
    assert query.ignore.sum() == 16 and not query.target.any()


def test_coordinates_are_truncated(tmp_path):
    """As int32 does in the published code: 8.9 is 8."""
    (query,) = load_reasonseg(write(tmp_path, [shape("target", 5.9, 5.1, 8.9, 8.5)]), "val")
    assert query.target[5:9, 5:9].all() and query.target.sum() == 16


def test_queries_are_sorted_and_keep_all_phrasings(tmp_path):
    """Evaluation takes the first text, training may take any."""
    write(tmp_path, [], "b", ".jpg", is_sentence=True)
    write(tmp_path, [], "a")
    first, second = load_reasonseg(tmp_path, "val")
    assert (first.id, first.is_sentence, first.texts) == ("a", False, ("the thing", "it"))
    assert (second.id, second.is_sentence, second.scene.path.suffix) == ("b", True, ".jpg")
    assert (second.scene.width, second.scene.height) == (30, 20)
    assert not second.target.any() and not second.false_premise


def test_what_a_killed_writer_left_is_no_query(tmp_path):
    """The temporary name of `sightline.files.atomic_path`."""
    write(tmp_path, [shape("target", 2, 2, 9, 9)])
    (tmp_path / "val" / ".x-abc_1234.json").write_text("{")
    assert [query.id for query in load_reasonseg(tmp_path, "val")] == ["x"]


def test_of_a_listed_split_the_listed_files_are_read(tmp_path):
    for name in ("b", "a", "stale"):
        write(tmp_path, [shape("target", 2, 2, 9, 9)], name)
    listed = "".join(f"val/{name}.{suffix},0\n" for name in "ba" for suffix in ("png", "json"))
    (tmp_path / "val.csv").write_text(f"file,sha256\n{listed}")
    assert [query.id for query in load_reasonseg(tmp_path, "val")] == ["a", "b"]
    (tmp_path / "val" / "b.json").unlink()
    with pytest.raises(AnnotationError, match=r"b\.json: missing, although .*val\.csv lists it"):
        load_reasonseg(tmp_path, "val")


def test_a_table_of_the_users_own_is_no_list(tmp_path):
    write(tmp_path, [shape("target", 2, 2, 9, 9)])
    (tmp_path / "val.csv").write_text("image,score\nx,1\n")
    assert len(load_reasonseg(tmp_path, "val")) == 1


def test_false_premises_are_given_on_demand(tmp_path):
    """Augmented copies hold queries about things that are not there."""
    write(tmp_path, [], false_premise_QA=[["the cow", False, "there is none"]])
    assert len(load_reasonseg(tmp_path, "val")) == 1
    _, false = load_reasonseg(tmp_path, "val", false_premises=True)
    assert false.false_premise and false.target is None and false.correction == "there is none"


def test_files_in_another_encoding_are_read(tmp_path):
    """Some official files are cp1252."""
    write(tmp_path, [])
    path = tmp_path / "val" / "x.json"
    path.write_bytes(path.read_text().replace("thing", "caf\u00e9").encode("cp1252"))
    assert load_reasonseg(tmp_path, "val")[0].texts[0] == "the caf\u00e9"


@pytest.mark.parametrize(
    ("shapes", "keys", "message"),
    [
        ([], {"text": []}, "key 'text'"),
        ([], {"text": "one"}, "key 'text' must be list"),
        ([], {"text": ["one", " "]}, "none of them blank"),
        ([], {"is_sentence": "no"}, "key 'is_sentence' must be bool"),
        ([{"points": []}], {}, "shape 0: key 'label' is missing"),
        ([shape("goal", 1, 1, 2, 2)], {}, "shape 0: label 'goal'"),
        ([{"label": "target", "points": [[1, 2], [3]]}], {}, "shape 0: points"),
        ([{"label": "target", "points": [[1, 2]]}], {}, "shape 0: 1 points"),
    ],
)
def test_a_malformed_file_names_file_shape_and_key(tmp_path, shapes, keys, message):
    """A wrong mask would not be seen in an average."""
    write(tmp_path, shapes, **keys)
    with pytest.raises(AnnotationError, match=message) as caught:
        load_reasonseg(tmp_path, "val")
    assert "x.json" in str(caught.value)


def test_an_empty_folder_and_a_missing_image_are_named(tmp_path):
    """A forgotten download is the commonest mistake."""
    with pytest.raises(AnnotationError, match="val"):
        load_reasonseg(tmp_path, "val")
    with pytest.raises(ImageFileError, match=r"x\.json: no x\.jpg or \.png"):
        load_reasonseg(write(tmp_path, [], suffix=None), "val")


@real
def test_the_official_pair():
    """Two targets, one ignored region, one flag of two points."""
    (query,) = load_reasonseg(REAL / "reasonseg", "val")
    assert query.texts == ("the places where the driver can observe the speed",)
    assert not query.is_sentence and not query.false_premise
    content = json.loads(query.scene.path.with_suffix(".json").read_text())
    assert len(query.region.shapes) == len(content["shapes"]) - 1 == 3
    target, ignore = query.target, query.ignore
    assert target.shape == query.scene.image().size[::-1]
    assert target.any() and ignore.any() and not (target & ignore).any()
    # The first corner of a target is painted with it.
    x, y = content["shapes"][0]["points"][0]
    assert target[int(y), int(x)]
