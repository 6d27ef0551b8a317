"""A published-shaped run from an empty folder against servers on this machine: data, images and checkpoint arrive."""

import csv
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from snakemake_calls import ROOT, TINY, planned_jobs

from mirror import Fault, serve
from sightline.demo.write_world import main as write_world
from sightline.scenes.inventory import COLUMNS
from tiny import build_llava

COMMIT = "0123456789abcdef0123456789abcdef01234567"
COUNT = 4


class Options:
    """Arguments of the world's command."""

    dataset, images, seed, processes = "coco", 30, 3, 1

    def __init__(self, split: str, out: Path) -> None:
        self.split, self.out = split, out


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """COCO and a hub: annotations in an archive, images one by one, a checkpoint."""
    folder = tmp_path_factory.mktemp("published")
    archive = io.BytesIO()
    with serve() as server:
        with zipfile.ZipFile(archive, "w") as packed:
            for split in ("train2017", "val2017"):
                write_world(Options(split, folder))
                for kind in ("instances", "captions"):
                    name = f"annotations/{kind}_{split}.json"
                    packed.write(folder / name, name)
                for image in (folder / split).iterdir():
                    server.files[f"/{split}/{image.name}"] = image.read_bytes()
        server.files["/annotations/annotations_trainval2017.zip"] = archive.getvalue()
        server.add_folder("llava-hf/small", COMMIT, build_llava(folder / "llava"))
        yield server


def write_inventory(folder: Path, server) -> None:
    """The listed files, at the server on this machine; lengths of the image archives as published."""
    annotations = server.files["/annotations/annotations_trainval2017.zip"]
    with (ROOT / "resources" / "datasets.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["version"] == "2017"]
    for row in rows:
        path = row["url"].partition("images.cocodataset.org")[2]
        row["url"], row["alternates"] = f"{server.address}{path}", ""
        split = row["file"].removesuffix(".zip")
        row["single_urls"] = f"{server.address}/{split}" if row["single_urls"] else ""
        if path.endswith("annotations_trainval2017.zip"):
            row["bytes"], row["md5"] = str(len(annotations)), "unknown"
            row["sha256"] = hashlib.sha256(annotations).hexdigest()
    (folder / "resources").mkdir()
    with (folder / "resources" / "datasets.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def write_config(folder: Path, count: int = COUNT, **settings: int) -> Path:
    study = TINY["studies"]["kaduri2025"] | {"models": ["small"]}
    study |= {"images": {"split": "val2017", "count": count}} | settings
    study.pop("mme")
    entry = {"path": "llava-hf/small", "revision": COMMIT, "family": "llava", "prompt": "llava-1.5"}
    config = {
        **{"run": "mirrored", "seed": 0, "device": "cpu"},
        "datasets": {"coco": {"source": "download"}},
        "models": {"small": entry},
        "studies": {"kaduri2025": study},
    }
    path = folder / "mirrored.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def run(folder: Path, server, *targets: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
    command += ["--cores", "1", "--retries", "0", "--configfile", folder / "mirrored.yaml"]
    around = {"HF_ENDPOINT": server.address, "HF_HUB_DISABLE_XET": "1"}
    around |= {"HF_HOME": str(folder / "hub"), "XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run(
        [*command, "--directory", folder, *targets],
        env=os.environ | around,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_only_what_the_run_needs_arrives_and_a_break_costs_nothing(server, tmp_path):
    write_inventory(tmp_path, server)
    write_config(tmp_path)
    drawn = "results/mirrored/kaduri2025/images.parquet"
    wanted = [drawn, "results/models/small.json"]
    archive = "/annotations/annotations_trainval2017.zip"
    server.faults = {
        archive: [Fault("cut")],
        f"/llava-hf/small/resolve/{COMMIT}/model.safetensors": [Fault("refuse", times=99)],
    }
    first = run(tmp_path, server, "--keep-going", *wanted)
    assert first.returncode != 0
    assert "val2017.zip: at most 4 of 5000 images needed" in first.stdout
    frame = pd.read_parquet(tmp_path / drawn)
    assert frame["drawn"].sum() == COUNT and len(frame) == Options.images
    images = tmp_path / "results" / "data" / "coco" / "val2017"
    assert len(list(images.iterdir())) == COUNT
    listed = pd.read_csv(tmp_path / "results" / "mirrored" / "data" / "fetched" / "val2017.csv")
    assert {Path(file).name for file in listed["file"]} == {file.name for file in images.iterdir()}
    assert not (tmp_path / "results" / "models" / "small.json").exists()
    asked = [place for path, place in server.asked if path == archive]
    assert len(asked) == 2 and asked[1].startswith("bytes=")

    server.faults.clear()
    server.asked.clear()
    second = run(tmp_path, server, *wanted)
    assert second.returncode == 0, second.stdout
    assert not [path for path, _ in server.asked if "2017" in path]
    assert (tmp_path / "results" / "models" / "small" / "model.safetensors").is_file()

    # A setting that decides about no image sends for no list of images, and so repeats nothing that follows from one.
    write_config(tmp_path, bootstrap=TINY["studies"]["kaduri2025"]["bootstrap"] + 1)
    assert not {"choose_images", "fetch_images"} & planned(tmp_path, server, drawn)
    write_config(tmp_path, count=COUNT + 1)
    assert {"choose_images", "fetch_images"} <= planned(tmp_path, server, drawn)


def planned(folder: Path, server, *targets: str) -> set[str]:
    """Rules whose jobs Snakemake would run."""
    dry = run(folder, server, "--dry-run", *targets)
    assert dry.returncode == 0, dry.stdout
    return set(planned_jobs(dry.stdout))
