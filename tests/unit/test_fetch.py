"""A fetched checkpoint is held against what the inventory knows of it."""

import csv
import hashlib
import re
from pathlib import Path

import pytest
import yaml

from sightline.models.fetch import FetchError, known_checksums, list_files
from sightline.scenes.inventory import read_inventory

ROOT = Path(__file__).parents[2]
INVENTORY = ROOT / "resources" / "models.csv"


def test_every_published_model_of_the_configuration_is_listed():
    with INVENTORY.open(newline="") as lines:
        listed = {(row["repository"], row["revision"]) for row in csv.DictReader(lines)}
    config = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    sections = ("models", "parts", "encoders")
    entries = [entry for name in sections for entry in config.get(name, {}).values()]
    assert {(one["path"], one["revision"]) for one in entries if "revision" in one} <= listed


def test_model_rows_are_complete():
    """A value that nobody published says so, and its note says what to do."""
    with INVENTORY.open(newline="") as lines:
        for row in csv.DictReader(lines):
            assert re.fullmatch("[0-9a-f]{40}|main", row["revision"])
            assert row["bytes"].isdecimal() != (row["bytes"] == "unknown")
            assert row["bytes_from"] in ("rounded", "inferred", "unknown")
            assert row["gated"] in ("yes", "no")
            assert row["layout"] in ("transformers", "lisa", "internvl2")
            assert row["dtype"] in ("float32", "float16", "bfloat16")
            for column in ("repository", "licence", "adapter", "used_by", "files"):
                assert row[column], f"{row['model']}: {column}"
            if "main" == row["revision"] or row["files"] == "unknown":
                assert "results/models/<model>.json" in row["note"]


def test_known_checksums_are_sha256():
    with INVENTORY.open(newline="") as lines:
        for row in csv.DictReader(lines):
            for digest in known_checksums(INVENTORY, row["repository"], row["revision"]):
                assert re.fullmatch("[0-9a-f]{64}", digest)


def test_unlisted_revision_has_no_checksums(caplog):
    assert known_checksums(INVENTORY, "someone/else", "0" * 40) == set()
    assert "someone/else" in caplog.text


def test_files_are_listed_and_checked(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / ".cache").mkdir()
    digest = hashlib.sha256(b"weights").hexdigest()
    assert list_files(tmp_path, {digest}) == {"model.safetensors": digest}
    with pytest.raises(FetchError, match="no file with sha256 1111"):
        list_files(tmp_path, {"1111"})


def test_data_inventory_is_complete():
    """What a job fetches has a size and a checksum, or its note says what stands in for them."""
    files = read_inventory(ROOT / "resources" / "datasets.csv")
    config = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    study = config["studies"]["neo2025"]
    wanted = {*study["reference"]["vectors"].values(), "clean_questions.json"}
    wanted |= {f"{name}.zip" for name in ("train2017", "val2017", "annotations_trainval2017")}
    wanted |= set(config["datasets"]["reasonseg"]["mirrors"].values())
    assert wanted <= set(files)
    for file in files.values():
        assert file.url.startswith("https://") and not file.url.endswith("/")
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.md5 is None or re.fullmatch("[0-9a-f]{32}", file.md5)
        if None in (file.size, file.sha256):
            assert len(file.note) > 30, file.name


def test_archives_of_coco_can_be_had_image_by_image():
    files = read_inventory(ROOT / "resources" / "datasets.csv")
    for split, images in (("train2017", 118287), ("val2017", 5000), ("train2014", 82783)):
        archive = files[f"{split}.zip"]
        assert archive.files == images and archive.sha256 and archive.md5
        assert f"http://images.cocodataset.org/{split}" in archive.single_urls
