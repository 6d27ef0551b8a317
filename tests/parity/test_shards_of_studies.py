"""Every command that takes a share of the samples: one, three and sixteen of them leave the same bytes."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from snakemake_calls import TINY

from sightline import gather
from sightline.cache.gather import gather_traces
from sightline.demo.tiny.words import all_words
from sightline.demo.write_world import scene_seeds, write_coco
from sightline.files import write_parquet
from sightline.instruments.mean_token import NAME
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.scenes.coco import Coco
from sightline.scenes.mentions import Vocabulary
from sightline.shards import WHOLE, Shard, shard_folder
from sightline.studies.kaduri2025 import images as drawn
from sightline.studies.kaduri2025.attention import read, sweep
from sightline.studies.kaduri2025.attention.measurements import TABLES
from sightline.studies.kaduri2025.knockout import describe
from sightline.studies.neo2025 import ablation, questions, selection
from sightline.studies.neo2025.knockout import measure
from sightline.studies.neo2025.lens import image_set, readouts
from sightline.studies.neo2025.protocol import Protocol
from tiny import WIDTH, build_llava

SPLIT = "train2017"
IMAGES = 40
COUNTS = (3, 16)
Command = Callable[[argparse.Namespace], None]


def settings(study: str, **changes: Any) -> dict[str, Any]:
    return TINY["studies"][study] | {"seed": 0, "bootstrap": 0} | changes


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small world, a random model that knows its words, and what the studies choose of the world."""
    folder = tmp_path_factory.mktemp("shards")
    path = build_llava(folder / "tiny", words=all_words())
    write_coco(folder, SPLIT, scene_seeds(SPLIT, 0, IMAGES), 1)
    # Batches of three images, so that their ends do not fall on those of shards by themselves.
    entry = {"key": "tiny", "path": str(path), "device": "cpu", "batch_size": 3}
    neo = settings("neo2025", vqa_set={"source": "templates", "questions": 20})
    protocols = {
        "model": entry,
        "neo": neo,
        "lens": neo["lens"] | {"seed": 0, "bootstrap": 0},
        "kaduri": settings(
            "kaduri2025", images={"split": SPLIT, "count": 18}, max_new_tokens=4, top_shares=[50]
        ),
    }
    files = {name: folder / f"{name}.json" for name in protocols}
    for name, content in protocols.items():
        files[name].write_text(json.dumps(content))
    save_file({NAME: torch.zeros(WIDTH)}, folder / "mean.safetensors")
    made = {name: folder / f"{name}.parquet" for name in ("questions", "lens_images", "drawn")}
    data = {"dataset": folder, "split": SPLIT}
    questions.main(argparse.Namespace(**data, protocol=files["neo"], out=made["questions"]))
    image_set.main(argparse.Namespace(**data, protocol=files["lens"], out=made["lens_images"]))
    drawn.main(argparse.Namespace(**data, protocol=files["kaduri"], out=made["drawn"]))
    return (
        data
        | files
        | made
        | {"processes": 1, "batch_size": None, "mean": folder / "mean.safetensors"}
    )


@pytest.fixture(scope="module")
def chosen(common: dict[str, Any]) -> Path:
    """A selection in which every second object counts, as no object would with a random model."""
    protocol, coco = Protocol.read(common["neo"]), Coco(common["dataset"], SPLIT)
    names = Vocabulary(coco.categories.values())
    vlm = load_vlm(ModelSource.read(common["model"]))
    table = selection.select(coco.scenes(), vlm, names, protocol, 8)
    kept = (table["reason"] == selection.NOT_NAMED) & (table.index % 2 == 0)
    assert kept.sum() > 3
    path = common["dataset"] / "selection.parquet"
    write_parquet(table.assign(kept=kept, kept_as_published=kept), path)
    return path


def compare(
    folder: Path, command: Command, options: dict[str, Any], files: list[str], **outputs: str
) -> pd.DataFrame:
    """Run a command once, then in shares, gather them, and hold every file against that of one job.

    Args:
        folder: empty.
        command: its main function.
        options: of the command, but for what is written and the shard.
        files: that it leaves, below the folder of a shard.
        outputs: option -> path below the folder of a shard.

    Returns:
        The first file, a table.
    """

    def run(shard: Shard, root: Path) -> None:
        places = {name: root / path for name, path in outputs.items()}
        command(argparse.Namespace(**options | places, shard=shard))

    run(WHOLE, folder / "whole")
    for count in COUNTS:
        for number in range(1, count + 1):
            run(Shard(number, count), shard_folder(folder, number, count))
        for file in files:
            out = folder / f"gathered-{count}" / file
            gather.main(argparse.Namespace(shards=folder, count=count, file=file, out=out))
            assert out.read_bytes() == (folder / "whole" / file).read_bytes(), (count, file)
    return pd.read_parquet(folder / "whole" / files[0])


def test_ablation(common, chosen, tmp_path):
    options = common | {"model": common["model"], "protocol": common["neo"], "selection": chosen}
    table = compare(tmp_path, ablation.main, options, ["ablation.parquet"], out="ablation.parquet")
    assert set(table["setting"]) == {"generative", "polling", "vqa"}
    assert table["image_id"].nunique() > 5


def test_cut_attention(common, tmp_path):
    """Every question is accounted for, those out of sight too."""
    files = ["accounted.parquet", "answers.parquet"]
    options = common | {"protocol": common["neo"]}
    places = {"accounted": files[0], "out": files[1]}
    table = compare(tmp_path, measure.main, options, files, **places)
    assert len(table) == len(pd.read_parquet(common["questions"])) > 5


def test_descriptions_without_the_image(common, tmp_path):
    options = common | {"protocol": common["kaduri"], "images": common["drawn"]}
    table = compare(tmp_path, describe.main, options, ["said.parquet"], out="said.parquet")
    assert table["image_id"].nunique() == 18


@pytest.fixture
def attention_of_all(common, tmp_path) -> Path:
    """Attention as one job reads it."""
    options = common | {"protocol": common["kaduri"], "images": common["drawn"]}
    out = tmp_path / "attention"
    read.main(argparse.Namespace(**options, shard=WHOLE, out=out))
    return out


def test_attention(common, tmp_path, monkeypatch):
    """Batches of three in blocks of four: shards begin where a batch does."""
    monkeypatch.setattr(read, "BLOCK", 4)
    options = common | {"protocol": common["kaduri"], "images": common["drawn"]}
    files = [f"attention/{name}.parquet" for name in TABLES]
    table = compare(tmp_path, read.main, options, files, out="attention")
    assert table["image_id"].nunique() == 18


def test_hidden_tokens(common, tmp_path, attention_of_all):
    options = common | {"protocol": common["kaduri"], "images": common["drawn"]}
    options |= {"attention": attention_of_all}
    table = compare(tmp_path, sweep.main, options, ["hidden.parquet"], out="hidden.parquet")
    assert table["image_id"].nunique() == 18


def test_lens(common, tmp_path):
    """Nine images in sixteen shards: some have none, and the rows of the trace set are the same all the same."""
    options = common | {"protocol": common["lens"], "images": common["lens_images"]}
    names = ("selection", "objects", "coverage", "pictures")
    files = [*(f"about/{name}.parquet" for name in names), "about/words.json"]
    table = compare(tmp_path, readouts.main, options, files, out="lens", about="about")
    assert len(table) == IMAGES
    for count in COUNTS:
        parts = [shard_folder(tmp_path, number, count) / "lens" for number in range(1, count + 1)]
        gather_traces(parts, tmp_path / f"lens-{count}")
        same_traces(tmp_path / "whole" / "lens", tmp_path / f"lens-{count}")


def same_traces(one: Path, other: Path) -> None:
    """Two trace sets have the same files, byte for byte."""
    found = [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in (one, other)]
    assert found[0] == found[1] and len(found[0]) >= 3
