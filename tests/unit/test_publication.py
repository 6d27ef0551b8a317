"""A published run: a data set that loads, and a start for another run, or a clear refusal."""

import argparse
import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from datasets import load_dataset

from sightline.cache.store import DamagedTraceError, TraceReader, TraceWriter
from sightline.files import sha256, write_json, write_parquet
from sightline.report.publication import take as taking
from sightline.report.publication.contents import PublicationError
from sightline.report.publication.manifest import Manifest
from sightline.report.publication.publish import publish
from sightline.report.publication.settings import portable

CONFIG: dict[str, Any] = {
    "run": "mine",
    "seed": 0,
    "device": "cpu",
    "datasets": {"coco": {"source": "local", "path": "/home/somebody/coco"}},
    "models": {
        "one": {"path": "org/one", "revision": "abc", "family": "llava", "batch_size": 4},
        "two": {"path": "/home/somebody/two", "family": "llava"},
    },
    "encoders": {"small": {"path": "org/small", "family": "clip"}},
    "studies": {
        "neo2025": {"models": ["one", "two"], "random_draws": 2},
        "khajuria2025": {"encoders": ["small"], "variants": ["corrected"]},
    },
}
MEASURED = "neo2025/measurements/ablation/one.parquet"
CACHED = "cache/one/lens/shard-0000.safetensors"


def measurements(model: str) -> pd.DataFrame:
    """Rows with an array, as maps are stored; one model has no probability at all."""
    rows = {"model": model, "image_id": range(3), "p": [0.5, np.nan, 1.0]}
    frame = pd.DataFrame(rows).assign(p=lambda table: table["p"] if model == "one" else np.nan)
    return frame.assign(map=[np.arange(2, dtype=np.float32)] * 3)


@pytest.fixture(autouse=True)
def coco(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data set of CONFIG."""
    write_coco(tmp_path / "coco", "one")
    monkeypatch.setitem(CONFIG["datasets"]["coco"], "path", str(tmp_path / "coco"))


def write_coco(folder: Path, category: str) -> None:
    write_json({"categories": [category]}, folder / "annotations" / "instances_val2017.json")
    (folder / "val2017").mkdir()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run, with a figure, a shard and a model of another configuration beside what counts."""
    folder = tmp_path / "results" / "mine"
    study = folder / "neo2025" / "measurements"
    for model in ("one", "two", "gone"):
        write_parquet(measurements(model), study / "ablation" / f"{model}.parquet")
    write_parquet(pd.DataFrame({"word": ["cat"]}), study / "lens" / "one" / "shown.parquet")
    (folder / "neo2025" / "fig1.csv").write_text("x\n1\n")
    write_parquet(measurements("one"), folder / "shards" / "1-of-2" / "neo2025" / "one.parquet")
    for traces in ("cache/one/lens", "khajuria2025/features/small/cls"):
        with TraceWriter(folder / traces, {"trace": traces}) as writer:
            writer.add([{"image_id": 1}], {"state": torch.ones(1, 4)})
    (folder / "scorecard.csv").write_text("study,claim\n")
    # Half written by jobs that were killed.
    write_parquet(measurements("one"), study / "ablation" / "one" / ".part-x1.parquet")
    (folder / "cache" / "one" / "lens" / ".partial").mkdir()
    (folder / "cache" / "one" / "lens" / ".partial" / "shard-0000.safetensors").write_bytes(b"x")
    return folder


@pytest.fixture
def published(run: Path, tmp_path: Path) -> Path:
    publish(run, CONFIG, tmp_path / "published")
    return tmp_path / "published"


def changed(path: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    *outer, last = path.split("/")
    part = config
    for key in outer:
        part = part[key]
    part[last] = value
    return config


def take(folder: Path, config: dict[str, Any], out: Path, expected: str | None = None) -> None:
    out.mkdir()
    write_json({"config": config}, out / "run.json")
    taking.main(
        argparse.Namespace(folder=folder, sha256=expected, settings=out / "run.json", out=out)
    )


def test_every_configuration_of_the_card_loads(published, tmp_path):
    head = yaml.safe_load((published / "README.md").read_text().split("---")[1])
    names = [one["config_name"] for one in head["configs"]]
    assert names == ["neo2025_ablation", "neo2025_lens_shown"]
    loaded = {
        name: load_dataset(str(published), name, split="measured", cache_dir=str(tmp_path / "hf"))
        for name in names
    }
    assert loaded["neo2025_lens_shown"]["word"] == ["cat"]
    rows = loaded["neo2025_ablation"]
    assert rows["model"] == ["one"] * 3 + ["two"] * 3
    assert rows[0]["map"] == [0, 1] and rows[5]["p"] is None


def test_what_models_left_is_there_and_nothing_else(published, run):
    files = {
        file.relative_to(published).as_posix() for file in published.rglob("*") if file.is_file()
    }
    traces = {
        f"{folder}/{file}"
        for folder in ("cache/one/lens", "khajuria2025/features/small/cls")
        for file in ("shard-0000.safetensors", "index.parquet", "spec.json")
    }
    assert files == traces | {
        MEASURED, "neo2025/measurements/ablation/two.parquet", "scorecard.csv", "README.md",
        "neo2025/measurements/lens/one/shown.parquet", "manifest.json",
    }  # fmt: skip
    manifest = json.loads((published / "manifest.json").read_text())
    assert manifest["files"][MEASURED]["sha256"] == sha256(run / MEASURED)
    assert len(TraceReader(published / "cache" / "one" / "lens")) == 1


def test_nothing_tells_of_the_machine(published):
    text = (published / "README.md").read_text() + (published / "manifest.json").read_text()
    assert "somebody" not in text and str(published) not in text
    assert "* `one`: org/one at `abc`" in text and "* `two`: two" in text


@pytest.mark.parametrize("suffix", ["parquet", "json"])
def test_measurements_that_name_files_of_the_user_are_refused(run, tmp_path, monkeypatch, suffix):
    """Images of a local data set are named by their paths."""
    annotations = tmp_path / "links/coco/annotations/instances_val2017.json"
    annotations.parent.mkdir(parents=True)
    annotations.write_text("{}")
    monkeypatch.chdir(tmp_path)
    config = changed("datasets/coco", {"source": "local", "path": "/home/me/coco"})
    table = pd.DataFrame({"image": ["/home/me/coco/val2017/1.jpg"], "n": [1]})
    file = run / f"neo2025/measurements/ablation/one.{suffix}"
    table.to_parquet(file) if suffix == "parquet" else table.to_json(file)
    file.write_bytes(file.read_bytes().replace(b"\\/", b"/"))
    with pytest.raises(PublicationError, match=r"names files below /home/me/coco.*a link"):
        publish(run, config, tmp_path / "published")
    assert not (tmp_path / "published").exists()
    publish(
        run,
        changed("datasets/coco", {"source": "local", "path": "links/coco"}),
        tmp_path / "published",
    )


def test_publishing_again_gives_the_same_bytes(published, run):
    before = {file: file.read_bytes() for file in published.rglob("*") if file.is_file()}
    (published / "old.txt").write_text("left over")
    publish(run, CONFIG, published)
    assert {file: file.read_bytes() for file in published.rglob("*") if file.is_file()} == before


def test_a_folder_of_other_things_is_left_alone(run, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("meow")
    with pytest.raises(PublicationError, match="holds other files"):
        publish(run, CONFIG, tmp_path / "photos")
    assert (tmp_path / "photos" / "cat.jpg").exists()


def test_a_damaged_cache_is_not_published(run, tmp_path):
    data = bytearray((run / CACHED).read_bytes())
    data[-1] ^= 1
    (run / CACHED).write_bytes(data)
    with pytest.raises(DamagedTraceError, match="checksum differs"):
        publish(run, CONFIG, tmp_path / "published")
    assert not (tmp_path / "published" / "manifest.json").exists()


def test_another_run_takes_the_same_bytes(published, run, tmp_path):
    """A run of one model, with another batch size, on a copy of the data set in another folder."""
    config = changed("models/one/batch_size", 1) | {"run": "other"}
    write_coco(tmp_path / "copy", "one")
    config["datasets"] = {"coco": {"source": "local", "path": str(tmp_path / "copy")}}
    del config["models"]["two"]
    take(published, config, tmp_path / "other", sha256(published / "manifest.json"))
    assert (tmp_path / "other" / MEASURED).read_bytes() == (run / MEASURED).read_bytes()
    assert not (tmp_path / "other" / "neo2025/measurements/ablation/two.parquet").exists()
    reader = TraceReader(tmp_path / "other" / "cache" / "one" / "lens")
    assert reader.read("state").tolist() == [[1.0] * 4]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("seed", 1, "seed: 0 there, 1 here"),
        ("studies/neo2025/random_draws", 3, "studies.neo2025.random_draws: 2 there, 3 here"),
        ("models/one/revision", "abd", 'models.one.revision: "abc" there, "abd" here'),
        ("encoders/small/resize", "squash", 'encoders.small.resize: null there, "squash" here'),
        ("datasets/coco", {"source": "world"}, 'datasets.coco.source: "local" there, "world" here'),
        (
            "datasets/coco",
            {"source": "download"},
            'datasets.coco.source: "local" there, "download"',
        ),
    ],
)
def test_results_of_other_settings_are_refused(published, tmp_path, path, value, message):
    with pytest.raises(PublicationError) as caught:
        take(published, changed(path, value), tmp_path / "other")
    assert message in str(caught.value)
    assert not (tmp_path / "other" / MEASURED).exists()


def test_results_of_other_data_are_refused(published, tmp_path):
    """A data set of the user's own is known by its annotations, not by its place."""
    write_coco(tmp_path / "zoo", "two")
    other = changed("datasets/coco/path", str(tmp_path / "zoo"))
    with pytest.raises(
        PublicationError, match=r"datasets\.coco\.annotations: \"\w+\" there, \"\w+\" here"
    ):
        take(published, other, tmp_path / "other")


def test_a_data_set_behind_a_link_is_known_too(published, run, tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "annotations").symlink_to(tmp_path / "coco" / "annotations")
    same = changed("datasets/coco/path", str(tmp_path / "linked"))
    take(published, same, tmp_path / "other")
    assert (tmp_path / "other" / MEASURED).read_bytes() == (run / MEASURED).read_bytes()


def test_a_data_set_without_annotations_vouches_for_nothing(published, tmp_path):
    empty = changed("datasets/coco/path", str(tmp_path / "nowhere"))
    with pytest.raises(PublicationError, match=r"nowhere: no annotations there"):
        take(published, empty, tmp_path / "other")


def test_settings_of_what_is_not_taken_may_differ(published, tmp_path):
    config = changed("studies/neo2025/random_draws", 3)
    del config["models"], config["studies"]["neo2025"]
    take(published, config, tmp_path / "other")
    assert (tmp_path / "other" / "khajuria2025/features/small/cls/spec.json").exists()
    assert not (tmp_path / "other" / "neo2025").exists()


@pytest.mark.parametrize("file", [MEASURED, CACHED])
def test_a_changed_file_is_refused(published, tmp_path, file):
    data = bytearray((published / file).read_bytes())
    data[len(data) // 2] ^= 1
    (published / file).write_bytes(data)
    with pytest.raises(PublicationError, match="checksum differs"):
        take(published, CONFIG, tmp_path / "other")
    assert not (tmp_path / "other" / file).exists()
    assert not (tmp_path / "other" / "cache" / "one" / "lens" / "spec.json").exists()


def test_a_published_folder_cannot_name_another_place_to_read(run, published, tmp_path):
    spec = published / "cache/one/lens/spec.json"
    write_json(json.loads(spec.read_text()) | {"kept": "https://elsewhere/x"}, spec)
    manifest = json.loads((published / "manifest.json").read_text())
    manifest["files"]["cache/one/lens/spec.json"]["sha256"] = sha256(spec)
    write_json(manifest, published / "manifest.json")
    with pytest.raises(PublicationError, match="kept elsewhere, which no published folder"):
        take(published, CONFIG, tmp_path / "other")
    assert not (tmp_path / "other/cache/one/lens/spec.json").exists()


def test_another_manifest_and_none_are_refused(published, tmp_path):
    with pytest.raises(PublicationError, match=r"start_from\.sha256 is 00"):
        Manifest.read(published, "00")
    with pytest.raises(PublicationError, match="was not published whole"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "a/../../b", "a\\..\\b"])
def test_a_manifest_cannot_reach_out_of_its_folder(published, name):
    manifest = json.loads((published / "manifest.json").read_text())
    manifest["files"][name] = {"sha256": "0", "bytes": 1}
    (published / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PublicationError, match="leads out of the folder"):
        Manifest.read(published)


def test_only_paths_and_secrets_are_rewritten():
    kept = {"path": "org/one", "n": [1, None, True], "question": "What is it?"}
    assert portable(kept) == kept
    assert portable({"path": "/home/me/data/coco"}) == {"path": "coco"}
    outside = ["../../home/me/coco", "~/data/coco", "file:///home/me/coco"]
    assert portable(outside) == ["coco"] * 3
    assert portable(["https://me:password@host/x"]) == ["https://***@host/x"]
