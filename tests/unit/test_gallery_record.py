"""What is written down of a run: enough to tell two apart."""

import json
import subprocess
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sightline.files import sha256
from sightline.report.gallery import record as module
from sightline.report.gallery.record import (
    RecordError,
    checkpoint_record,
    commit,
    data_record,
    digest,
    read_settings,
    record,
)

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2)))
SETTINGS = {"run": "toy", "config": {"seed": 0}, "options": "", "checkpoints": {}, "data": {}}


def test_a_digest_follows_content_and_not_order():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})


def test_the_date_is_told_in_universal_time():
    assert record(SETTINGS, NOW)["date"] == "2026-01-02 01:04 UTC"
    assert record(SETTINGS, NOW.astimezone(UTC))["versions"]["numpy"]


def test_weights_in_a_folder_are_summed(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").write_text("{}")
    found = checkpoint_record({"path": "p", "folder": str(tmp_path), "studies": ["neo2025"]})
    assert found == {
        "path": "p",
        "revision": "",
        "sha256": {"model.safetensors": sha256(tmp_path / "model.safetensors")},
        "studies": ["neo2025"],
    }


def test_fetched_weights_are_taken_from_their_list(tmp_path):
    manifest = tmp_path / "m.json"
    manifest.write_text(
        json.dumps({"files": {"b.safetensors": "22", "config.json": "33", "a.bin": "11"}})
    )
    entry = {
        "path": "o/n",
        "folder": "nowhere",
        "studies": [],
        "revision": "r",
        "manifest": str(manifest),
    }
    assert checkpoint_record(entry)["sha256"] == {"a.bin": "11", "b.safetensors": "22"}
    assert checkpoint_record(entry | {"manifest": "absent.json"})["sha256"] == {}


def test_data_are_known_by_their_annotations(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances.json").write_text("[]")
    (tmp_path / "val.csv").write_text("file\n")
    (tmp_path / "picture.jpg").write_bytes(b"1")
    entry = {"source": "world", "root": str(tmp_path), "studies": ["neo2025"]}
    first = data_record(entry)
    assert first["files"] == 2
    (tmp_path / "picture.jpg").write_bytes(b"2")
    assert data_record(entry) == first
    (tmp_path / "val.csv").rename(tmp_path / "train.csv")
    assert data_record(entry)["sha256"] != first["sha256"]
    assert data_record(entry | {"root": str(tmp_path / "absent")})["sha256"] == ""


def test_a_commit_says_whether_files_differ(tmp_path):
    def git(*words):
        identity = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True, capture_output=True)

    assert commit(tmp_path / "nowhere") == {"id": "", "state": ""}
    git("init")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "one")
    assert commit(tmp_path)["state"] == "clean" and len(commit(tmp_path)["id"]) == 40
    (tmp_path / "a").write_text("2")
    assert commit(tmp_path)["state"] == "with changes"


def test_without_git_there_is_no_commit(monkeypatch):
    def absent(*_, **__):
        raise FileNotFoundError("git")

    monkeypatch.setattr(module.subprocess, "run", absent)
    assert commit() == {"id": "", "state": ""}


@pytest.mark.parametrize("text", ["not json", '{"run": "toy"}'])
def test_settings_that_lack_something_are_named(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(RecordError, match="forcerun write_run_settings"):
        read_settings(path)
