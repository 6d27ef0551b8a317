"""Features of a run: equal to what one finds by hand, image by image, and the same in any batch."""

import argparse
import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModel

from khajuria2025_scenes import write_settings
from sightline.cache.gather import gather_traces, trace_sets
from sightline.demo.write_probing import main as write_probing
from sightline.demo.write_world import scene_seeds, write_coco
from sightline.models.encoders.loading import load_encoder
from sightline.models.encoders.source import EncoderSource
from sightline.scenes.coco import Coco
from sightline.scenes.geometry import Grid, Squash
from sightline.scenes.scene import Instance, Scene
from sightline.shards import WHOLE, Shard
from sightline.studies.khajuria2025 import extract, samples
from sightline.studies.khajuria2025.features import Features
from sightline.studies.khajuria2025.placing import Placing, covered_cells, token_groups
from sightline.studies.khajuria2025.scene_files import stored_mask

torch.set_num_threads(1)
WIDTH, LAYERS = 16, 2


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small world with its samples, and an encoder of the demo's geometry."""
    folder = tmp_path_factory.mktemp("extract")
    protocol = write_settings(folder)
    write_probing(argparse.Namespace(protocol=protocol, seed=0, processes=1, out=folder))
    write_coco(folder, "train2017", scene_seeds("train2017", 0, 12), 1)
    write_coco(folder, "val2017", scene_seeds("val2017", 0, 8), 1)
    tables = {name: folder / f"{name}.csv" for name in ("composition", "reasons")}
    samples.main(
        argparse.Namespace(
            dataset=folder, protocol=protocol, out=folder / "samples.parquet", **tables
        )
    )
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=LAYERS, num_attention_heads=2,
        image_size=112, patch_size=14, initializer_range=0.3,
    )  # fmt: skip
    CLIPVisionModel(config).save_pretrained(folder / "encoder")
    side = {"height": 112, "width": 112}
    CLIPImageProcessorPil(size={"shortest_edge": 112}, crop_size=side).save_pretrained(
        folder / "encoder"
    )
    return folder


def extract_to(run, key: str, **settings) -> Path:
    batch_size, shard = settings.pop("batch_size", 16), settings.pop("shard", WHOLE)
    entry = {"key": settings.pop("name", key), "path": str(run / "encoder"), "family": "clip"}
    (run / f"{key}.json").write_text(json.dumps(entry | settings))
    extract.main(
        argparse.Namespace(
            encoder=run / f"{key}.json", dataset=run, protocol=run / "khajuria2025.json",
            samples=run / "samples.parquet", threads=1, out=run / "features" / key,
            batch_size=batch_size, device="cpu", shard=shard,
        )
    )  # fmt: skip
    return run / "features" / key


def features_of(run, key: str, **settings) -> Features:
    return Features(extract_to(run, key, **settings))


@pytest.fixture(scope="module")
def features(run):
    return features_of(run, "plain", batch_size=16)


def test_pooled_states_are_those_found_by_hand(run, features):
    encoder = load_encoder(EncoderSource("plain", str(run / "encoder"), "clip", device="cpu"))
    task = features.pair_task(1)
    coco = Coco(run, "probing")
    for line in (0, 3, len(task) - 1):
        scene = coco.scene(int(task.image_ids[line]))
        found = encoder.states(encoder.pixels([scene.image()]))
        for role, place in (("primary", 0), ("secondary", 1)):
            cells = covered_cells(scene.mask(scene.instances[place]), Squash(112), Grid(8, 8, 14))
            for layer in range(LAYERS):
                state = found[layer][0].numpy()
                mean = task.tokens(role, "avg_obj", layer)[line]
                np.testing.assert_allclose(mean, state[1:][cells].mean(0), rtol=2e-3, atol=2e-3)
                cls = task.tokens(role, "CLS", layer)[line]
                np.testing.assert_allclose(cls, state[0], rtol=2e-3, atol=2e-3)
                for name, among in (("random_obj", state[1:][cells]), ("random", state[1:])):
                    drawn = task.tokens(role, name, layer)[line]
                    assert np.abs(among - drawn).max(1).min() < 5e-3


def test_all_parts_and_variants_are_there(features):
    assert features.variants == ("corrected", "published", "shift_1", "wrong_grid")
    assert features.representations("shift_1") == ("avg_obj", "CLS")
    assert {len(features.samples(part)) > 0 for part in ("swapped", "global_train", "global_test")}
    assert len(features.samples("swapped", "wrong_grid")) == 0
    for task in features.tasks():
        assert len(features.pair_task(task)) > 10
    # Square images on their own grid: the same tokens, drawn again.
    plain, published = (features.pair_task(0, variant) for variant in ("corrected", "published"))
    np.testing.assert_array_equal(
        plain.tokens("primary", "avg_obj", 1), published.tokens("primary", "avg_obj", 1)
    )
    assert (plain.tokens("primary", "random", 1) != published.tokens("primary", "random", 1)).any()


def test_features_do_not_depend_on_the_batch(run, features):
    other = features_of(run, "small-batches", batch_size=3)
    for part in ("pairs", "global_test"):
        one, two = features.samples(part), other.samples(part)
        pd.testing.assert_frame_equal(one.rows, two.rows)
        for name in features.representations():
            np.testing.assert_allclose(one.tokens(name, 1), two.tokens(name, 1), atol=4e-3)


@pytest.mark.parametrize("count", [3, 16])
def test_shards_leave_the_bytes_of_one_job(run, monkeypatch, tmp_path, count):
    """Batches of five in blocks of seven: shards begin where a batch does."""
    monkeypatch.setattr(extract, "BLOCK", 7)
    one = extract_to(run, "one", name="same", batch_size=5)
    parts = [
        extract_to(run, f"part-{number}", name="same", batch_size=5, shard=Shard(number, count))
        for number in range(1, count + 1)
    ]
    names = trace_sets(parts[0], "cls/spec.json")
    assert set(names) == {"cls", "corrected", "published", "shift_1", "wrong_grid"}
    for name in names:
        gather_traces([part / name for part in parts], tmp_path / name)
        files = {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}
        assert {file.name: file.read_bytes() for file in (one / name).iterdir()} == files


def test_size_is_announced(run, caplog):
    caplog.set_level(logging.INFO)
    features_of(run, "sized")
    (line,) = [record.args for record in caplog.records if "announced" in record.msg]
    written, announced = line
    assert abs(written - announced) < 0.1 * written


@pytest.mark.parametrize("attention", ["token", "object"])
def test_controls_see_their_own_group_alone(run, attention):
    found = features_of(run, attention, attention=attention)
    source = EncoderSource("c", str(run / "encoder"), "clip", device="cpu", attention=attention)
    encoder = load_encoder(source)
    task = found.pair_task(0)
    scene = Coco(run, "probing").scene(int(task.image_ids[0]))
    cells = [
        np.flatnonzero(covered_cells(scene.mask(one), Squash(112), Grid(8, 8, 14)))
        for one in scene.instances[:2]
    ]
    groups = torch.from_numpy(token_groups(cells, 64, attention))[None]
    pixels = encoder.pixels([scene.image()])
    state = encoder.states(pixels, groups)[-1][0, 1:].numpy()
    wanted = state[cells[1]].mean(0)
    np.testing.assert_allclose(task.tokens("secondary", "avg_obj", 1)[0], wanted, atol=4e-3)


def test_masks_are_stored_as_they_are(run):
    table = pd.read_parquet(run / "samples.parquet")
    for split, rows in table.groupby("split"):
        coco = Coco(run, split)
        for row in rows.iloc[::7].to_dict("records"):
            scene = coco.scene(row["image_id"])
            mask = samples.merged_mask(scene, row["category"])
            assert np.array_equal(stored_mask(row), mask)
            assert row["share"] == pytest.approx(mask.mean())


def test_published_global_samples_are_the_last_instance_before_the_loop_ends():
    """Objects 7 px wide on 7 px patches; the tiny third one has no token and ends the loop."""

    def instance(number: int, category: str, left: float, side: float) -> Instance:
        corners = [left, 0.0, left + side, 0.0, left + side, side, left, side]
        return Instance(number, category, (left, 0, side, side), side**2, False, [corners])

    scene = Scene(
        1, None, 28, 28,
        (instance(1, "cat", 0, 7), instance(2, "cat", 7, 7), instance(3, "dog", 0, 2), instance(4, "cat", 14, 7)),
    )  # fmt: skip
    found = extract._last_instances(scene, Placing(Squash(28), (Grid(4, 4, 7),)))
    assert {name: sets[0].tolist() for name, sets in found.items()} == {"cat": [1]}
