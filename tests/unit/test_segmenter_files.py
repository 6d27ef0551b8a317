"""A segmenter's files: what is missing, of another size or damaged is named, and never drawn at random."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sightline.models.checksums import write_checksums
from sightline.models.registry import ModelError
from sightline.models.segmenter import load_sam, load_segmenter

DEMO = Path(__file__).parents[2] / "resources" / "demo"


@pytest.fixture
def folders(tmp_path):
    """The demo's segmenter and the SAM it was trained from, side by side."""
    for name in ("segmenter", "sam"):
        shutil.copytree(DEMO / name, tmp_path / name)
    return tmp_path


def change(file: Path, name: str, weight: torch.Tensor | None) -> None:
    """Put another weight in place of one, or none; the list beside them follows."""
    weights = load_file(file)
    del weights[name]
    save_file(weights | ({} if weight is None else {name: weight}), file, {"format": "pt"})
    write_checksums(file.parent)


CASES = {
    "sam": ("sam/model.safetensors", "vision_encoder.neck.conv1.weight"),
    "decoder": ("segmenter/segmenter.safetensors", "mask_decoder.iou_token.weight"),
    "projection": ("segmenter/segmenter.safetensors", "projection.2.weight"),
    "first": ("segmenter/segmenter.safetensors", "projection.0.weight"),
}


@pytest.mark.parametrize("weight", [None, torch.zeros(1)], ids=["missing", "odd"])
@pytest.mark.parametrize("case", CASES)
def test_every_weight_must_be_there_and_fit(folders, case, weight):
    file, name = CASES[case]
    change(folders / file, name, weight)
    place = file.split("/")[0]
    short = name.removeprefix("mask_decoder.").removeprefix("projection.")
    said = "no projection" if case == "first" else short
    with pytest.raises(ModelError, match=rf"{place}.*{said}"):
        load_segmenter(folders / "segmenter")


def test_a_damaged_sam_is_found_before_it_is_used(folders):
    weights = (folders / "sam" / "model.safetensors").read_bytes()
    (folders / "sam" / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(ModelError, match=r"not the weights that .*SHA256SUMS lists"):
        load_sam(folders / "sam")


def test_a_folder_without_a_sam_is_named(tmp_path):
    with pytest.raises(ModelError, match="no SAM can be loaded from here"):
        load_sam(tmp_path)
