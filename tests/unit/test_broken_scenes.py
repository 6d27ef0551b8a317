"""What random breaking of annotation files has found, one test each; tests/faults does the breaking."""

import io
import json
import pickle
import pickletools
from pathlib import Path

import pytest
from PIL import Image

from sightline.scenes.coco import Coco
from sightline.scenes.mme import read_mme
from sightline.scenes.pope import read_pope
from sightline.scenes.reasonseg import load_reasonseg
from sightline.scenes.records import AnnotationError, file_name, read_json, shown
from sightline.scenes.refer import load_refer, read_refs
from sightline.scenes.run_lengths import RunLengthError, decode

ANNOTATION = {
    "id": 5, "image_id": 9, "category_id": 3, "bbox": [1, 1, 4, 3], "area": 12.0, "iscrowd": 0,
    "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]],
}  # fmt: skip
IMAGE = {"id": 9, "file_name": "b.png", "width": 8, "height": 6}
CATEGORY = {"id": 3, "name": "car"}


def document(image: dict, annotations: tuple[dict, ...], categories: list[dict]) -> str:
    """An annotation file with one image; what is given is laid over what is right."""
    content = {
        "categories": categories,
        "images": [IMAGE | image],
        "annotations": [ANNOTATION | one for one in annotations],
    }
    return json.dumps(content)


def coco(root: Path, image: dict, *annotations: dict, categories: tuple = (CATEGORY,)) -> Coco:
    """The split of that file."""
    (root / "annotations").mkdir(exist_ok=True)
    text = document(image, annotations, list(categories))
    (root / "annotations" / "instances_val.json").write_text(text)
    return Coco(root, "val")


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"area": float("nan")}, "holds NaN, which is no number"),
        ({"bbox": [0, 0, float("inf"), 1]}, "holds Infinity, which is no number"),
        ({"image_id": True}, "row 0: key 'image_id' must be int, found True"),
        ({"category_id": 3.0}, "row 0: key 'category_id' must be int, found 3.0"),
    ],
)
def test_a_number_is_a_number(tmp_path, annotation, message):
    """Python's JSON knows NaN, and equal things of other types as keys."""
    with pytest.raises(AnnotationError, match=message):
        coco(tmp_path, {}, annotation)


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"bbox": [0, 0, -1, 1]}, "bbox .* is not x, y, width, height"),
        ({"bbox": [0, 0, 10**400, 1]}, "bbox .* is not x, y, width, height"),
        ({"area": -1}, "area -1 is no number of pixels"),
        ({"iscrowd": "0"}, "key 'iscrowd' must be 0, 1, true or false, found '0'"),
        ({"iscrowd": 2}, "key 'iscrowd' must be 0, 1"),
    ],
)
def test_an_object_has_a_box_an_area_and_a_flag(tmp_path, annotation, message):
    with pytest.raises(AnnotationError, match=message):
        coco(tmp_path, {}, annotation).scene(9)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ({"width": 0}, "0 x 6 px is no size"),
        ({"height": 10**9}, "8 x 1000000000 px is no size"),
        ({"file_name": "../secret.png"}, "name of a file below the folder"),
        ({"file_name": "/etc/passwd"}, "name of a file below the folder"),
        ({"file_name": "C:\\x.png"}, "name of a file below the folder"),
        ({"file_name": "a\0.png"}, "name of a file below the folder"),
        ({"file_name": "\ud800.png"}, "name of a file below the folder"),
        ({"file_name": "x" * 300}, "name of a file below the folder"),
        ({"file_name": ""}, "name of a file below the folder"),
    ],
)
def test_an_image_has_a_size_and_lies_in_its_folder(tmp_path, image, message):
    with pytest.raises(AnnotationError, match=message):
        coco(tmp_path, image).scene(9)


def test_files_in_folders_below_are_welcome():
    assert file_name({"image": "train/a b.png"}, "image", "here") == "train/a b.png"


def test_ids_that_occur_twice_are_refused(tmp_path):
    """The later one would take the place of the earlier."""
    with pytest.raises(AnnotationError, match="row 1: annotation id 5 occurs twice"):
        coco(tmp_path, {}, {}, {})
    with pytest.raises(AnnotationError, match="row 1: category id 3 occurs twice"):
        coco(tmp_path, {}, categories=(CATEGORY, CATEGORY | {"name": "cat"}))


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 1, 1e308, 1, 5, 4]], "polygon 0 lies far outside the image"),
        ([[1, 1, 10**400, 1, 5, 4]], "something that is not a number"),
        ([[1, 1, True, 1, 5, 4]], "something that is not a number"),
        ({"size": [6, 8], "counts": [49, -1]}, "do not add up"),
        ({"size": [6, 8], "counts": [47]}, "do not add up"),
        ({"size": [6, 8], "counts": [48.0]}, "do not add up"),
        ({"size": [6, 8], "counts": "0"}, "do not add up"),
        ({"size": [6, 8], "counts": "ooooo"}, "break off within a number"),
        ({"size": [6, 8], "counts": "oooooooooo0"}, "characters that stand for no run"),
        ({"size": [6, 8], "counts": "\u00e9"}, "characters that stand for no run"),
        ({"size": [6, 8]}, "run lengths are None"),
        ({"size": [10**6, 8], "counts": [1]}, "run lengths are of size"),
    ],
)
def test_masks_are_checked_before_c_code_paints_them(tmp_path, segmentation, message):
    """It would write beside the image, or never end."""
    scene = coco(tmp_path, {}, {"segmentation": segmentation}).scene(9)
    with pytest.raises(AnnotationError, match=message):
        scene.mask(scene.instances[0])


@pytest.mark.parametrize("counts", ["0X18", b"0X18", [0, 40, 8]])
def test_run_lengths_of_every_form_decode(counts):
    """Eight rows down the columns: all but the last column is object."""
    mask = decode(counts, 6, 8)
    assert mask.sum() == 40 and mask.T.ravel()[:40].all()
    with pytest.raises(RunLengthError):
        decode(counts, 6, 9)


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, '{"a": 1e5', "\ufeff{}"])
def test_json_that_is_none_is_refused(tmp_path, text):
    """Too deep, too long a number, cut off, or with a mark before it."""
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(AnnotationError, match=r"x\.json: not valid JSON"):
        read_json(path)


def test_messages_show_the_beginning_of_endless_values():
    endless: list = []
    endless.append(endless)
    assert len(shown([endless] * 10**6)) < 200


def write_refs(root: Path, *refs: dict) -> Path:
    whole = {"ref_id": 1, "ann_id": 5, "image_id": 9, "split": "val", "sentences": [{"sent": "it"}]}
    folder = root / "refcoco"
    folder.mkdir()
    (folder / "instances.json").write_text(document({}, ({},), [CATEGORY]))
    (folder / "refs(unc).p").write_bytes(pickle.dumps([whole | ref for ref in refs], 2))
    return root


@pytest.mark.parametrize(
    ("refs", "message"),
    [
        ([{}, {}], "reference 1: occurs twice in split 'val'"),
        ([{"ann_id": [True]}], "annotation True is not one of image 9"),
        ([{"ann_id": [[5]]}], r"annotation \[5\] is not one of image 9"),
        ([{"ann_id": True}], "key 'ann_id' must be int or list, found True"),
        ([{"sentences": [{"sent": "it", "is_false_premise": "False"}]}], "key 'is_false_premise' must be 0"),
        ([{"sentences": [{"sent": "it", "exist": None}]}], "key 'exist' must be 0"),
        ([{"sentences": [{"sent": "it", "gt_sent": 3}]}], "key 'gt_sent' must be str"),
    ],
)  # fmt: skip
def test_references_say_what_they_mean(tmp_path, refs, message):
    """The word "False" is true to Python."""
    with pytest.raises(AnnotationError, match=message):
        load_refer(write_refs(tmp_path, *refs), "refcoco", "unc", "val")


def test_a_pickle_cannot_ask_for_more_memory_than_it_has_bytes(tmp_path):
    """Twelve bytes that make the unpickler in C fill 2^30 places; the one in Python takes one."""
    path = tmp_path / "refs(unc).p"
    path.write_bytes(b"\x80\x02]r" + (2**30).to_bytes(4, "little") + b".")
    pickletools.dis(path.read_bytes(), out=io.StringIO())
    assert read_refs(path) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shapes": [{"label": "target", "points": [[1, 2], [1e300, 3]]}]}, "shape 0: points"),
        ({"shapes": [{"label": "target", "points": [["1", 2], [3, 4]]}]}, "shape 0: points"),
        ({"shapes": [{"label": "target", "points": [[True, 2], [3, 4]]}]}, "shape 0: points"),
        ({"shapes": [{"label": "target", "points": [[1e999, 2], [3, 4]]}]}, "Infinity"),
        ({"mask": {"size": [-6, 8], "counts": "0"}}, "is not .height, width."),
        ({"false_premise_QA": 3}, "key 'false_premise_QA' must be list"),
    ],
)
def test_reasonseg_points_are_pairs_of_numbers(tmp_path, change, message):
    """Pillow's C code takes what fits into 32 bits."""
    content = {"text": ["it"], "is_sentence": False, "shapes": []} | change
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "x.json").write_text(json.dumps(content))
    Image.new("RGB", (8, 6)).save(tmp_path / "val" / "x.png")
    with pytest.raises(AnnotationError, match=message):
        load_reasonseg(tmp_path, "val", false_premises=True)


def test_question_files_in_another_encoding_or_leading_elsewhere_are_refused(tmp_path):
    lavin = tmp_path / "eval_tool" / "LaVIN"
    lavin.mkdir(parents=True)
    (lavin / "count.txt").write_bytes(b"1.png\tIs it a caf\xe9?\tYes\n")
    with pytest.raises(AnnotationError, match=r"count\.txt: text is not in utf-8"):
        read_mme(tmp_path)
    (lavin / "count.txt").write_text("../../1.png\tIs it?\tYes\n")
    with pytest.raises(AnnotationError, match=r"count\.txt line 1: key 'image'"):
        read_mme(tmp_path)
    record = {"image": "/etc/passwd", "text": "Is it?", "label": "yes"}
    for kind in ("random", "popular", "adversarial"):
        (tmp_path / f"coco_pope_{kind}.json").write_text(json.dumps(record))
    with pytest.raises(AnnotationError, match=r"pope_random\.json line 1: key 'image'"):
        read_pope(tmp_path, [tmp_path])


def test_an_empty_question_is_refused(tmp_path):
    for kind in ("random", "popular", "adversarial"):
        record = {"image": "1.png", "text": " ", "label": "yes"}
        (tmp_path / f"coco_pope_{kind}.json").write_text(json.dumps(record))
    with pytest.raises(AnnotationError, match=r"line 1: key 'text' is empty"):
        read_pope(tmp_path, [tmp_path])


def test_a_separator_inside_a_question_does_not_end_its_line(tmp_path):
    """Python's own idea of lines breaks at eleven characters."""
    question = "Is it\u2028red\x0c?"
    record = {"image": "1.png", "text": question, "label": "yes"}
    (tmp_path / "1.png").write_bytes(b"")
    for kind in ("random", "popular", "adversarial"):
        line = json.dumps(record, ensure_ascii=False)
        (tmp_path / f"coco_pope_{kind}.json").write_text(f"{line}\n")
    assert [one.question for one in read_pope(tmp_path, [tmp_path]).questions] == [question] * 3
