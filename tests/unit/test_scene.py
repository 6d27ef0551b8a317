"""Scenes and instances: masks, sizes, and errors that say what to mend."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from sightline.errors import SightlineError
from sightline.scenes.records import AnnotationError
from sightline.scenes.scene import ImageFileError, Instance, Scene, SegmentationQuery

SQUARE = [[2.0, 3.0, 7.0, 3.0, 7.0, 9.0, 2.0, 9.0]]


def instance(segmentation: object, **changes: object) -> Instance:
    """A cat with this outline."""
    fields = dict(id=7, category="cat", box=(2.0, 3.0, 5.0, 6.0), area=30.0, crowd=False)
    return Instance(**(fields | changes), segmentation=segmentation, source="file.json")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A grey image with one object."""
    path = tmp_path / "scene.png"
    Image.new("L", (20, 12), 90).save(path)
    return Scene(id=1, path=path, width=20, height=12, instances=(instance(SQUARE),))


def test_polygons_and_both_kinds_of_runs_give_the_same_mask():
    """A file may hold polygons, compressed runs or plain runs of one object."""
    wanted = np.zeros((12, 20), bool)
    wanted[3:9, 2:7] = True
    compressed = coco_mask.encode(np.asfortranarray(wanted.astype(np.uint8)))
    flat = wanted.T.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    plain = np.diff([0, *changes, flat.size]).tolist()
    for segmentation in (SQUARE, compressed, {"counts": plain, "size": [12, 20]}):
        np.testing.assert_array_equal(instance(segmentation).mask(12, 20), wanted)


def test_parts_of_an_object_are_united():
    """An occluded object has several polygons."""
    far = [[10.0, 3.0, 12.0, 3.0, 12.0, 9.0, 10.0, 9.0]]
    both = instance(SQUARE + far).mask(12, 20)
    parts = instance(SQUARE).mask(12, 20) | instance(far).mask(12, 20)
    np.testing.assert_array_equal(both, parts)


@pytest.mark.parametrize(
    "segmentation",
    [
        [],
        [[1.0, 2.0, 3.0, 4.0]],
        [[1.0, 2.0, 3.0, 4.0, 5.0]],
        [[1.0, 2.0, 3.0, 4.0, 5.0, "6"]],
        [[1.0, 2.0, 3.0, 4.0, 5.0, float("nan")]],
        "polygon",
        {"counts": [240], "size": [20, 12]},
        {"counts": [10, 20], "size": [12, 20]},
        {"counts": None, "size": [12, 20]},
        {"counts": "abc", "size": [12, 20]},
        {},
    ],
)
def test_a_malformed_segmentation_names_file_and_annotation(segmentation):
    """Pycocotools would take four numbers for a box, and crash or guess on the rest."""
    with pytest.raises(AnnotationError, match=r"file\.json: annotation 7 \(cat\)"):
        instance(segmentation).mask(12, 20)


def test_images_are_rgb_and_masks_fit_them(scene):
    """Grey images exist in COCO; towers want three channels."""
    assert scene.image().mode == "RGB"
    assert scene.image().size == (20, 12)
    assert scene.mask(scene.instances[0]).shape == (12, 20)


def test_missing_damaged_and_misfitting_images_are_named(tmp_path, scene):
    """Each of the three failures names the file."""
    missing = Scene(id=2, path=tmp_path / "none.jpg", width=4, height=4)
    damaged = Scene(id=3, path=tmp_path / "damaged.jpg", width=4, height=4)
    damaged.path.write_bytes(b"not an image")
    other = Scene(id=4, path=scene.path, width=12, height=20)
    for wrong, name in ((missing, "none.jpg"), (damaged, "damaged.jpg"), (other, "20 x 12 px")):
        with pytest.raises(ImageFileError, match=name) as caught:
            wrong.image()
        assert str(wrong.path) in str(caught.value)
        assert isinstance(caught.value, SightlineError)


def test_a_cut_off_image_is_named(tmp_path):
    """The header is fine, the pixels are not."""
    path = tmp_path / "half.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ImageFileError, match=r"half\.jpg"):
        Scene(id=1, path=path, width=64, height=64).image()


def test_a_false_premise_has_no_target(scene):
    """There is nothing to segment, which is not the same as an empty mask."""
    query = SegmentationQuery(scene, "q", ("the dog",), None, False, false_premise=True)
    assert query.target is None
    assert query.ignore is None


def test_scenes_can_be_keys(scene):
    """Callers memoise by scene; attributes and outlines do not take part."""
    assert {scene: 1, scene.instances[0]: 2}[scene] == 1
