"""Figures about the demo models: the contact sheet and the learning curves."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from sightline.errors import SightlineError
from sightline.report.contact_sheet import draw_sheet
from sightline.report.learning_curves import draw_curves, read_curves


def _rle(mask: np.ndarray) -> str:
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return json.dumps({"size": encoded["size"], "counts": encoded["counts"].decode("ascii")})


@pytest.fixture
def examples() -> pd.DataFrame:
    picture = io.BytesIO()
    Image.new("RGB", (112, 112), "gray").save(picture, "PNG")
    mask, nothing = np.zeros((112, 112)), np.zeros((112, 112))
    mask[20:60, 20:60] = 1
    rows = []
    for scene in range(5):
        common = {"scene": scene, "question": "Is there a mug?", "expected": "yes"}
        rows += [
            common | {"kind": "describe", "answer": "a red mug .", "right": False,
                      "image": picture.getvalue()},
            common | {"kind": "exists", "answer": "no", "right": False},
            common | {"kind": "segment", "answer": "sure , [SEG] .", "right": True, "iou": 0.5,
                      "mask": _rle(nothing if scene == 0 else mask), "truth": _rle(mask)},
        ]  # fmt: skip
    return pd.DataFrame(rows)


def test_sheet_repeats_byte_for_byte_and_keeps_its_numbers(examples, tmp_path):
    for name in ("a", "b"):
        draw_sheet(examples, tmp_path / name)
    for suffix in (".png", ".pdf", ".csv"):
        first, second = ((tmp_path / name).with_suffix(suffix).read_bytes() for name in ("a", "b"))
        assert first == second and first
    shown = pd.read_csv(tmp_path / "a.csv")
    assert len(shown) == 15 and "image" not in shown


def _write(folder, stage, lines):
    (folder / f"{stage}.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")


def test_curves_are_the_validation_lines(tmp_path):
    lines = [
        {"step": 50, "seconds": 1, "mask": 0.3},
        {
            "step": 100,
            "seconds": 2,
            "mask": 0.2,
            "validation": {"IoU box": 0.5, "IoU 1 click": 0.4},
        },
    ]
    _write(tmp_path, "segmenter", lines)
    _write(tmp_path, "language-positions", [{"step": 500, "validation": {"where": 0.8}}])
    curves = read_curves([tmp_path])
    assert list(curves["value"]) == [0.5, 0.4, 0.8]
    assert list(curves["step"]) == [100, 100, 500]
    draw_curves(curves, tmp_path / "curves")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_stages_come_in_the_order_of_training(tmp_path):
    for stage in ("aim", "language-counted", "language-grown"):
        _write(tmp_path, stage, [{"step": 1, "validation": {"where": 0.5}}])
    found = list(read_curves([tmp_path])["stage"])
    assert found == ["language-grown", "language-counted", "aim"]


def test_encoders_are_named_by_their_folders(tmp_path):
    folders = [tmp_path / name for name in ("distillation-s0", "contrastive-0.5-s0")]
    for folder, measured in zip(folders, ("k-NN primary", "recall@1 of 256"), strict=True):
        folder.mkdir()
        _write(folder, "curve", [{"step": 500, "validation": {measured: 0.9}}])
    curves = read_curves(folders)
    assert list(curves["stage"]) == [folder.name for folder in folders]
    draw_curves(curves, tmp_path / "curves")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_missing_and_unknown_curves_are_refused(tmp_path):
    with pytest.raises(SightlineError, match="no learning curves"):
        read_curves([tmp_path])
    _write(tmp_path, "cooking", [{"step": 1, "validation": {"taste": 1.0}}])
    with pytest.raises(SightlineError, match=r"cooking\.jsonl"):
        read_curves([tmp_path])
