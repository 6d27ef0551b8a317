"""From images to the mean image token, by way of the cache."""

import json
import runpy
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from sightline.cache.store import TraceReader, TraceWriter
from sightline.instruments.capture import ImageListError, choose_images
from sightline.instruments.mean_token import (
    MeanTokenError,
    average,
    load_mean_token,
    save_mean_token,
)
from sightline.scenes.coco import Coco

IDS = [30, 4, 17, 8, 25]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A COCO layout with five random images and no objects."""
    root = tmp_path_factory.mktemp("coco")
    rng = np.random.default_rng(0)
    records = []
    (root / "val2017").mkdir()
    (root / "annotations").mkdir()
    for image in IDS:
        pixels = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "val2017" / f"{image:012}.png")
        records.append({"id": image, "file_name": f"{image:012}.png", "width": 48, "height": 40})
    content = {"images": records, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def run(monkeypatch):
    """Call a command of the library as a rule does, without a new process's imports."""

    def call(module, **options):
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        monkeypatch.setattr(sys, "argv", [module, *words])
        monkeypatch.delitem(sys.modules, f"sightline.instruments.{module}", raising=False)
        runpy.run_module(f"sightline.instruments.{module}", run_name="__main__")

    return call


def test_commands_end_in_the_mean(run, tiny_llava, tiny_llava_folder, dataset, tmp_path):
    """The cache holds the model's image tokens in the order of the split; the mean is theirs."""
    model = tmp_path / "model.json"
    model.write_text(json.dumps({"key": "tiny", "path": str(tiny_llava_folder), "batch_size": 2}))
    cache, out = tmp_path / "cache", tmp_path / "mean_token.safetensors"
    run("capture", model=model, dataset=dataset, split="val2017", images="all", limit=4, out=cache)
    traces = TraceReader(cache)
    assert traces.index["image_id"].tolist() == IDS[:4]
    assert traces.spec["model"]["key"] == "tiny"
    coco = Coco(dataset, "val2017")
    direct = tiny_llava.encode_images([coco.scene(image).image() for image in IDS[:4]])
    torch.testing.assert_close(traces.read("image_tokens"), direct, rtol=1e-4, atol=1e-4)

    run("mean_token", cache=cache, out=out)
    torch.testing.assert_close(load_mean_token(out), direct.mean((0, 1)), rtol=1e-4, atol=1e-5)
    about = json.loads(out.with_suffix(".json").read_text())
    assert (about["images"], about["tokens"]) == (4, 4 * tiny_llava.grid.tokens)
    assert about["traces"]["model"]["key"] == "tiny"
    assert about["norm"] == pytest.approx(float(direct.mean((0, 1)).norm()), rel=1e-4)


def test_missing_images_are_named(run, capsys, tiny_llava_folder, dataset, tmp_path):
    """The command ends with a message and without a traceback or a cache."""
    model = tmp_path / "model.json"
    model.write_text(json.dumps({"key": "tiny", "path": str(tiny_llava_folder)}))
    listed = tmp_path / "listed.csv"
    pd.DataFrame({"image_id": [4, 99]}).to_csv(listed, index=False)
    cache = tmp_path / "cache"
    with pytest.raises(SystemExit, match="1"):
        run("capture", model=model, dataset=dataset, split="val2017", images=listed, out=cache)
    assert "row 2: image 99 is not in the split" in capsys.readouterr().err
    assert not cache.exists()


def test_a_list_of_images_keeps_its_order(dataset, tmp_path):
    """The limit counts from the beginning of the list."""
    coco = Coco(dataset, "val2017")
    listed = tmp_path / "listed.csv"
    pd.DataFrame({"image_id": [8, 30, 4]}).to_csv(listed, index=False)
    assert choose_images(coco, str(listed), None) == [8, 30, 4]
    assert choose_images(coco, str(listed), 2) == [8, 30]
    assert choose_images(coco, "all", None) == IDS
    with pytest.raises(ImageListError, match="--limit 0"):
        choose_images(coco, "all", 0)
    with pytest.raises(ImageListError, match="column image_id"):
        choose_images(coco, str(dataset / "annotations" / "instances_val2017.json"), None)


def written(folder, tokens, shard_bytes=256e6):
    """A trace set of image tokens."""
    with TraceWriter(folder, {"trace": "image_tokens"}, shard_bytes) as writer:
        writer.add([{"image_id": n} for n in range(len(tokens))], {"image_tokens": tokens})
    return TraceReader(folder)


def test_the_sum_is_taken_in_double_precision(tmp_path):
    """Half-precision tokens far from zero: a half-precision sum would overflow."""
    torch.manual_seed(0)
    tokens = (100 + torch.randn(150, 16, 8)).half()
    mean = average(written(tmp_path, tokens, shard_bytes=4096))
    torch.testing.assert_close(mean.vector, tokens.double().mean((0, 1)).float())
    assert (mean.images, mean.tokens) == (150, 2400)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    """An overflow in the tower would poison every ablation."""
    tokens = torch.ones(2, 4, 3)
    tokens[1, 2, 0] = float("inf")
    with pytest.raises(MeanTokenError, match="not finite"):
        average(written(tmp_path, tokens))


def test_saving_twice_gives_equal_bytes(tmp_path):
    """Both files."""
    mean = average(written(tmp_path / "cache", torch.ones(2, 4, 3)))
    for name in ("a", "b"):
        save_mean_token(mean, tmp_path / f"{name}.safetensors")
    for suffix in (".safetensors", ".json"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_another_file_is_no_mean_token(tmp_path):
    """The message says how to get one."""
    with pytest.raises(MeanTokenError, match=r"python -m sightline\.instruments\.mean_token"):
        load_mean_token(tmp_path / "absent.safetensors")
