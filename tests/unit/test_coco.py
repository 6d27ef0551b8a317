"""The COCO loader, on files written here and on a piece of the official ones."""

import copy
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from sightline.scenes.coco import Coco
from sightline.scenes.records import AnnotationError
from sightline.scenes.scene import ImageFileError

REAL = Path(
    os.environ.get("SIGHTLINE_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data")
)
real = pytest.mark.skipif(
    not (REAL / "coco").is_dir(), reason=f"no COCO images at {REAL}; set SIGHTLINE_REAL_DATA"
)

CONTENT = {
    "categories": [{"id": 3, "name": "car"}, {"id": 10, "name": "traffic light"}],
    "images": [
        {"id": 9, "file_name": "b.png", "width": 8, "height": 6, "license": 4, "theme": "street"},
        {"id": 2, "file_name": "a.png", "width": 8, "height": 6},
    ],
    "annotations": [
        {
            "id": 5,
            "image_id": 9,
            "category_id": 10,
            "bbox": [1, 1, 4, 3],
            "area": 12.0,
            "iscrowd": 0,
            "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]],
            "attributes": {"color": "red"},
        },
        {
            "id": 4,
            "image_id": 9,
            "category_id": 3,
            "bbox": [0, 0, 8, 6],
            "area": 48.0,
            "iscrowd": 1,
            "segmentation": {"counts": [0, 48], "size": [6, 8]},
        },
    ],
}
CAPTIONS = {"annotations": [{"id": 1, "image_id": 9, "caption": "a street"}]}


def write(root: Path, content: dict = CONTENT, captions: dict | None = CAPTIONS) -> Path:
    """Write a split called val: annotation files and one of its two images."""
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / "instances_val.json").write_text(json.dumps(content))
    if captions:
        (root / "annotations" / "captions_val.json").write_text(json.dumps(captions))
    (root / "val").mkdir(exist_ok=True)
    Image.new("RGB", (8, 6)).save(root / "val" / "b.png")
    return root


def test_scenes_come_in_file_order_with_everything_annotated(tmp_path):
    """Sampling rules of the studies follow the order of the annotation file, not of ids."""
    coco = Coco(write(tmp_path), "val")
    first, second = coco.scenes()
    assert (len(coco), coco.image_ids, coco.categories) == (
        2,
        [9, 2],
        {3: "car", 10: "traffic light"},
    )
    assert [one.id for one in first.instances] == [5, 4]
    assert first.captions == ("a street",)
    assert first.attributes == {"theme": "street"}
    light, car = first.instances
    assert (light.category, light.box, light.area, light.crowd) == (
        "traffic light",
        (1.0, 1.0, 4.0, 3.0),
        12.0,
        False,
    )
    assert light.attributes == {"color": "red"}
    assert car.crowd and first.mask(car).all()
    assert first.image().size == (8, 6)
    assert (second.instances, second.captions, second.attributes) == ((), (), {})


def test_captions_are_optional(tmp_path):
    """A download may hold the instances alone."""
    assert Coco(write(tmp_path, captions=None), "val").scene(9).captions == ()


def test_a_missing_image_is_found_when_it_is_opened(tmp_path):
    """Annotations of 118,287 images may be read where only a few of the images are."""
    scene = Coco(write(tmp_path), "val").scene(2)
    with pytest.raises(ImageFileError, match=r"a\.png"):
        scene.image()


def broken(path: list, value: object) -> dict:
    """A copy of the content with one key set, or deleted if the value is None."""
    content = copy.deepcopy(CONTENT)
    place = content
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["images"], None, "key 'images' is missing"),
        (["categories", 1, "name"], None, "categories, row 1: key 'name' is missing"),
        (["images", 1, "id"], 9, "images, row 1: image id 9 occurs twice"),
        (["categories", 1, "name"], " ", "categories, row 1: name ' ' is empty or occurs twice"),
        (["categories", 1, "name"], CONTENT["categories"][0]["name"], "empty or occurs twice"),
        (["images", 0, "width"], "8", "image 9: key 'width' must be int"),
        (["annotations", 1, "image_id"], 77, "annotations, row 1: image id 77 is not among"),
        (["annotations", 1, "category_id"], 99, "row 1: category_id 99 is not among"),
        (["annotations", 1, "category_id"], None, "row 1: key 'category_id' is missing"),
        (["annotations", 0], "text", "annotations, row 0: expected an object"),
        (["annotations", 0, "bbox"], [1, 2, 3], "annotation 5: bbox"),
        (["annotations", 0, "segmentation"], None, "annotation 5: key 'segmentation' is missing"),
        (["annotations", 0, "attributes"], ["red"], "annotation 5: key 'attributes' must be dict"),
    ],
)
def test_a_malformed_file_names_file_record_and_key(tmp_path, path, value, message):
    """What is wrong in a file of hundreds of megabytes has to be findable."""
    write(tmp_path, broken(path, value))
    with pytest.raises(AnnotationError, match=message) as caught:
        list(Coco(tmp_path, "val").scenes())
    assert "instances_val.json" in str(caught.value)


def test_missing_and_damaged_files_and_unknown_images_are_named(tmp_path):
    """The three commonest mistakes: wrong root, broken download, ids of another split."""
    with pytest.raises(AnnotationError, match=r"instances_val\.json: no such file"):
        Coco(tmp_path, "val")
    write(tmp_path)
    with pytest.raises(AnnotationError, match=r"instances_val\.json: no image with id 1 "):
        Coco(tmp_path, "val").scene(1)
    (tmp_path / "annotations" / "instances_val.json").write_text('{"images": [')
    with pytest.raises(AnnotationError, match=r"instances_val\.json: not valid JSON"):
        Coco(tmp_path, "val")


@real
@pytest.mark.parametrize(
    ("split", "images", "annotations"), [("val2017", 66, 560), ("train2017", 15, 121)]
)
def test_official_scenes_agree_with_pycocotools(split, images, annotations, capsys):
    """Every mask of the official files is the one the COCO toolkit gives, crowds included."""
    coco = Coco(REAL / "coco", split)
    reference = COCO(REAL / "coco" / "annotations" / f"instances_{split}.json")
    scenes = list(coco.scenes())
    assert (len(scenes), len(coco.categories)) == (images, 80)
    assert sum(len(scene.instances) for scene in scenes) == annotations
    assert [scene.id for scene in scenes] == [image["id"] for image in reference.dataset["images"]]
    for scene in scenes:
        assert scene.attributes == {}
        for instance in scene.instances:
            annotation = reference.anns[instance.id]
            np.testing.assert_array_equal(scene.mask(instance), reference.annToMask(annotation))
            assert instance.attributes == {}
            assert instance.category == reference.cats[annotation["category_id"]]["name"]


@real
def test_official_images_open_and_have_captions():
    """Sizes in the files are those of the images; each val image has five captions or more."""
    for scene in Coco(REAL / "coco", "val2017").scenes():
        assert scene.image().size == (scene.width, scene.height)
        assert len(scene.captions) >= 5
