"""Fetching checkpoints from a hub on this machine: what is asked for, what is refused, what is there already."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mirror import Fault, Hub, Mirror, serve
from sightline.models.fetch import MARKER

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"safe" * 5000,
    "pytorch_model.bin": b"pickled" * 5000,
    "modeling_own.py": b"raise SystemExit('code of a checkpoint was run')",
    "tokenizer.json": b"{}",
}


@pytest.fixture
def hub():
    with serve() as server:
        yield server


def publish(hub: Mirror, *names: str) -> None:
    """Put some of the files on the hub."""
    hub.hub["owner/name"] = Hub(COMMIT, {name: FILES[name] for name in names})


def fetch(
    hub: Mirror,
    folder: Path,
    *options: str,
    sha256: str = "unknown",
    commit: str = COMMIT,
    **env: str,
):
    """Call the command as the rule does."""
    inventory = folder / "models.csv"
    inventory.write_text(f"model,repository,revision,sha256\nsmall,owner/name,{COMMIT},{sha256}\n")
    command = [sys.executable, "-m", "sightline.models.fetch", "--inventory", inventory]
    command += ["--model", "small", "--path", "owner/name", "--revision", commit]
    command += ["--out", folder / "small", "--manifest", folder / "small.json", *options]
    around = {"HF_ENDPOINT": hub.address, "HF_HOME": str(folder / "cache")}
    around |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    return subprocess.run(
        command, env=os.environ | around | env, capture_output=True, text=True, check=False
    )


def names(folder: Path) -> set[str]:
    """Of the checkpoint's files."""
    return {path.name for path in folder.iterdir() if path.is_file() and path.name != MARKER}


def test_checkpoint_comes_from_the_endpoint_without_code_or_pickles(hub, tmp_path):
    publish(hub, *FILES)
    ran = fetch(hub, tmp_path, "--pickled")
    assert ran.returncode == 0, ran.stderr
    assert names(tmp_path / "small") == {"config.json", "model.safetensors", "tokenizer.json"}
    about = json.loads((tmp_path / "small.json").read_text())
    digest = hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    assert about["revision"] == COMMIT and about["files"]["model.safetensors"] == digest


def test_pickles_come_where_there_is_nothing_else_and_only_if_allowed(hub, tmp_path):
    publish(hub, "config.json", "pytorch_model.bin")
    ran = fetch(hub, tmp_path)
    assert ran.returncode == 1 and "pickled: true" in ran.stderr
    assert names(tmp_path / "small") == {"config.json"}
    ran = fetch(hub, tmp_path, "--pickled")
    assert ran.returncode == 0, ran.stderr
    assert names(tmp_path / "small") == {"config.json", "pytorch_model.bin"}


def test_wrong_weights_leave_no_manifest(hub, tmp_path):
    publish(hub, "config.json", "model.safetensors")
    ran = fetch(hub, tmp_path, sha256="1" * 64)
    assert ran.returncode == 1
    assert "no file with sha256 1111" in ran.stderr and "Traceback" not in ran.stderr
    assert not (tmp_path / "small.json").exists()


def test_a_file_that_came_is_not_asked_for_again(hub, tmp_path):
    publish(hub, "config.json", "model.safetensors")
    weights = f"/owner/name/resolve/{COMMIT}/model.safetensors"
    hub.faults[weights] = [Fault("refuse", times=99)]
    ran = fetch(hub, tmp_path)
    assert ran.returncode == 1 and "run again to go on" in ran.stderr
    assert names(tmp_path / "small") == {"config.json"}
    hub.faults.clear()
    hub.asked.clear()
    ran = fetch(hub, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert names(tmp_path / "small") == {"config.json", "model.safetensors"}
    assert not [path for path, _ in hub.asked if path.endswith("config.json")]


def test_what_is_in_the_cache_is_taken_without_a_network(hub, tmp_path):
    publish(hub, "config.json", "model.safetensors")
    snapshot = tmp_path / "cache" / "hub" / "models--owner--name" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (snapshot / name).write_bytes(FILES[name])
    ran = fetch(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert ran.returncode == 0, ran.stderr
    assert names(tmp_path / "small") == {"config.json", "model.safetensors"}
    assert hub.asked == []


OTHER = "89abcdef0123456789abcdef0123456789abcdef"


def cached(folder: Path, commit: str, weights: bytes, *more: str) -> Path:
    """A checkpoint in the hub's own cache."""
    snapshot = folder / "cache" / "hub" / "models--owner--name" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(weights)
    for name in ("config.json", *more):
        (snapshot / name).write_text("{}")
    return snapshot


def test_another_commit_leaves_nothing_of_the_former(hub, tmp_path):
    """Neither files that both have nor those that only the former had."""
    publish(hub, "config.json", "model.safetensors", "tokenizer.json")
    assert fetch(hub, tmp_path).returncode == 0
    (tmp_path / "small" / "notes.md").write_text("mine")
    hub.hub["owner/name"] = Hub(OTHER, {"config.json": b"{}", "model.safetensors": b"new"})
    ran = fetch(hub, tmp_path, commit=OTHER)
    assert ran.returncode == 0, ran.stderr
    assert names(tmp_path / "small") == {"config.json", "model.safetensors", "notes.md"}
    assert (tmp_path / "small" / "model.safetensors").read_bytes() == b"new"
    about = json.loads((tmp_path / "small.json").read_text())
    assert about["revision"] == OTHER and "tokenizer.json" not in about["files"]


def test_links_into_the_cache_follow_the_commit(hub, tmp_path):
    cached(tmp_path, COMMIT, b"old", "tokenizer.json")
    cached(tmp_path, OTHER, b"new")
    assert fetch(hub, tmp_path, HF_HUB_OFFLINE="1").returncode == 0
    ran = fetch(hub, tmp_path, commit=OTHER, HF_HUB_OFFLINE="1")
    assert ran.returncode == 0, ran.stderr
    assert names(tmp_path / "small") == {"config.json", "model.safetensors"}
    assert (tmp_path / "small" / "model.safetensors").read_bytes() == b"new"


def test_an_index_of_weights_that_nobody_wants_makes_no_cache_incomplete(hub, tmp_path):
    """Every JSON is fetched, so the index of pickled weights comes along without them."""
    snapshot = cached(tmp_path, COMMIT, b"weights")
    index = {"weight_map": {"a": "pytorch_model-00001-of-00002.bin"}}
    (snapshot / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    ran = fetch(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "small" / "model.safetensors").read_bytes() == b"weights"


def test_links_whose_cache_was_moved_are_made_anew(hub, tmp_path):
    snapshot = cached(tmp_path, COMMIT, b"weights")
    assert fetch(hub, tmp_path, HF_HUB_OFFLINE="1").returncode == 0
    moved = tmp_path / "elsewhere"
    (tmp_path / "cache").rename(moved)
    assert not (tmp_path / "small" / "config.json").exists() and not snapshot.exists()
    ran = fetch(hub, tmp_path, HF_HOME=str(moved), HF_HUB_OFFLINE="1")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "small" / "model.safetensors").read_bytes() == b"weights"


def test_a_download_takes_the_place_of_links(hub, tmp_path):
    """Not what they point to: the hub's cache stays as it is."""
    snapshot = cached(tmp_path, COMMIT, b"weights")
    assert fetch(hub, tmp_path, HF_HUB_OFFLINE="1").returncode == 0
    publish(hub, "config.json", "model.safetensors")
    ran = fetch(hub, tmp_path, HF_HOME=str(tmp_path / "empty"))
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "small" / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert (snapshot / "model.safetensors").read_bytes() == b"weights"


def test_without_network_and_cache_the_message_says_what_to_do(hub, tmp_path):
    ran = fetch(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert ran.returncode == 1
    assert "put the checkpoint in a folder" in ran.stderr and "Traceback" not in ran.stderr
