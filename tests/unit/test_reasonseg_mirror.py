"""A copy of ReasonSeg in Parquet becomes files that the loader reads."""

import argparse
import io
import json

import datasets
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from absurd_images import png_that_claims
from sightline.scenes.pictures import ImageFileError
from sightline.scenes.reasonseg import load_reasonseg
from sightline.scenes.reasonseg_mirror import is_sentence, main, write_row
from sightline.scenes.records import AnnotationError

TEXTS = ("the speed display", "Where can the driver read the speed?")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def picture(size=(12, 8)) -> bytes:
    """Encoded bytes of a random JPEG."""
    rng, file = np.random.default_rng(0), io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


def gif() -> bytes:
    """Encoded bytes in a format that the official folder has not."""
    file = io.BytesIO()
    Image.new("RGB", (12, 8)).save(file, "GIF")
    return file.getvalue()


def target(row: int) -> np.ndarray:
    """Masks of two rows; the second has nothing in it."""
    mask = np.zeros((8, 12), bool)
    mask[2:5, 3:9] = row == 0
    return mask


def write(folder, **changed):
    """Two rows as the copies have them."""
    rows = {
        "image": [picture(), picture()],
        "text": list(TEXTS),
        "mask": [target(0).tolist(), target(1).tolist()],
        "image_id": ["a b", "scene/1"],
        "ann_id": [0, 1],
        "img_height": [8, 8],
        "img_width": [12, 12],
    } | changed
    rows = {name: column for name, column in rows.items() if column is not None}
    folder.mkdir()
    table = datasets.Dataset.from_dict(rows)
    if "image" in rows:
        table = table.cast_column("image", datasets.Image())
    table.to_parquet(folder / "test-00000.parquet")
    return folder


def unpack(tmp_path, **changed):
    source = write(tmp_path / "mirror", **changed)
    main(argparse.Namespace(mirror=str(source), split="val", out=tmp_path / "out"))
    return tmp_path / "out"


def test_rows_become_queries(tmp_path):
    root = unpack(tmp_path)
    first, second = load_reasonseg(root, "val")
    assert (first.texts, second.texts) == ((TEXTS[0],), (TEXTS[1],))
    assert (first.is_sentence, second.is_sentence) == (False, True)
    assert (first.target == target(0)).all() and not second.target.any()
    assert first.ignore is None
    # The image is the very file, not encoded again.
    assert first.scene.path.read_bytes() == picture() and first.scene.image().size == (12, 8)
    assert json.loads(first.scene.path.with_suffix(".json").read_text())["assumed"] == [
        "is_sentence"
    ]
    listed = pd.read_csv(tmp_path / "out" / "val.csv")["file"].tolist()
    assert sorted(listed) == sorted(str(f.relative_to(root)) for f in (root / "val").iterdir())


def test_rows_of_a_former_copy_do_not_stay(tmp_path):
    root = unpack(tmp_path)
    old = {"0007-old.jpg", "0007-old.json", ".0001-scene_1-ab12cd34.json", ".0000-a_b-ab12cd34.jpg"}
    for name in old:
        (root / "val" / name).write_text("{")
    main(argparse.Namespace(mirror=str(tmp_path / "mirror"), split="val", out=root))
    left = {file.name for file in (root / "val").iterdir()}
    assert len(left) == 4 and not left & old
    assert len(load_reasonseg(root, "val")) == 2


def test_sentences_are_told_by_their_end():
    assert is_sentence("What is this? ") and not is_sentence("the thing on the left")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mask": None}, "columns mask are missing"),
        ({"mask": [[[True]], [[False]]]}, r"row 0: mask of \(1, 1\), image of \(8, 12\)"),
        ({"text": [1, 2]}, "row 0: key 'text' must be str"),
    ],
)
def test_what_is_wrong_with_a_copy_is_named(tmp_path, changed, message):
    with pytest.raises(AnnotationError, match=message):
        unpack(tmp_path, **changed)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (png_that_claims(10_001, 10_000), ImageFileError, "row 0: image: 10001 x 10000 px"),
        (png_that_claims(2**31 - 1, 2**31 - 1), ImageFileError, "row 0: image: .*not unpacked"),
        (b"<html>404</html>", ImageFileError, "row 0: image: not a readable image"),
        (gif(), AnnotationError, "row 0: image is neither JPEG nor PNG but GIF"),
    ],
    ids=["too large", "bomb", "no image", "other format"],
)
def test_an_image_that_is_none_or_too_large_is_named(tmp_path, data, error, message):
    row = {"text": "the mug", "image": {"bytes": data}, "mask": target(0)}
    with pytest.raises(error, match=message):
        write_row(row, 0, tmp_path, "copy")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ({"size": [8, 12]}, "key 'counts' is missing"),
        ({"size": [8], "counts": "0"}, r"is not \[height, width\]"),
        ({"size": [9, 12], "counts": "0"}, r"of size \(9, 12\), the image \(8, 12\)"),
    ],
)
def test_a_malformed_mask_is_named(tmp_path, mask, message):
    root = unpack(tmp_path)
    path = next((root / "val").glob("*.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"mask": mask}))
    with pytest.raises(AnnotationError, match=message):
        [query.target for query in load_reasonseg(root, "val")]
