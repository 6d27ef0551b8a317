"""A fetched checkpoint is held against what the inventory knows of it."""

import csv
import hashlib
import re
from pathlib import Path

import pytest
import yaml

from sightline.models.fetch import FetchError, known_checksums, list_files

ROOT = Path(__file__).parents[2]
INVENTORY = ROOT / "resources" / "models.csv"


def test_every_published_model_of_the_configuration_is_listed():
    with INVENTORY.open(newline="") as lines:
        listed = {(row["repository"], row["revision"]) for row in csv.DictReader(lines)}
    config = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    sections = ("models", "parts", "encoders")
    entries = [entry for name in sections for entry in config.get(name, {}).values()]
    assert {(one["path"], one["revision"]) for one in entries if "revision" in one} == listed


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
    """Every file that the published run fetches has a size and a checksum."""
    with (ROOT / "resources" / "datasets.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    study = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())["studies"]["neo2025"]
    wanted = {*study["reference"]["vectors"].values(), "clean_questions.json"}
    assert wanted <= {row["file"] for row in rows if row["dataset"] == "neo2025"}
    for row in rows:
        assert int(row["bytes"]) > 0
        assert re.fullmatch("[0-9a-f]{64}", row["sha256"])
        assert row["licence"]
