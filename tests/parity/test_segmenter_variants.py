"""Training a segmenter variant for two steps, going on, and measuring it."""

import argparse
import json
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from sightline.demo import segmenter_variants
from sightline.demo.write_world import scene_seeds, write_reasonseg
from sightline.studies.qian2025.variants import measure

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "resources" / "demo"


def train(folder, variant, steps):
    segmenter_variants.main(
        argparse.Namespace(
            variant=variant, seed=0, models=DEMO, scenes=3, validation=2, steps=steps, batch=2, threads=1,
            work=folder / "work", out=folder / "trained" / f"{variant}-s0",
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    threads = torch.get_num_threads()
    train(folder, "points-dtoc", 2)
    train(folder, "seg", 2)
    torch.set_num_threads(threads)
    return folder


def settings(folder):
    study = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())["studies"]["qian2025"]
    (folder / "protocol.json").write_text(json.dumps(study | {"seed": 0, "queries": {"val": 2}}))
    entry = {"key": "demo-llava", "path": str(DEMO / "llava"), "dtype": "float32"}
    (folder / "model.json").write_text(json.dumps(entry))
    write_reasonseg(folder / "reasonseg", "val", scene_seeds("reasonseg", 0, 2), 1)
    return folder


def run(folder, variants):
    out = folder / "variants.parquet"
    measure.main(
        argparse.Namespace(
            model=folder / "model.json", original=DEMO / "sam", variants=variants, seeds=[0, 1],
            dataset=str(folder / "reasonseg"), protocol=folder / "protocol.json", out=out,
        )
    )  # fmt: skip
    return pd.read_parquet(out)


def test_variants_are_measured_on_every_query(folder):
    found = run(settings(folder), folder / "trained")
    assert found.groupby(["variant", "seed"]).size().to_dict() == {
        ("points-dtoc", 0): 2,
        ("seg", 0): 2,
    }
    assert (found["intersection"] <= found["union"]).all() and (found["steps"] == 2).all()


def test_without_trained_variants_there_is_an_empty_table(folder, tmp_path):
    found = run(settings(folder), tmp_path)
    assert found.empty and tuple(found.columns) == measure.COLUMNS


def test_a_finished_training_is_not_repeated(folder):
    curve = folder / "work" / "seg-s0.jsonl"
    before = curve.read_text()
    train(folder, "seg", 2)
    assert curve.read_text() == before


def test_variants_learn_from_the_same_batches(folder):
    kept = list((folder / "work").glob("features-*-training-3.pt"))
    assert len(kept) == 1
