"""Cost arithmetic worked by hand: operations, bytes of caches, hours on a card, room on a disk."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from sightline.report.plan import caches, cost, work
from sightline.report.plan.bill import reckon, seconds, total
from sightline.report.plan.cards import Card, CardError, find_card
from sightline.report.plan.jobs import Job, read_jobs
from sightline.report.plan.room import ALLOWANCE, Disk, RoomError, disks, require_room
from sightline.report.plan.run import Run
from sightline.report.plan.shapes import Blocks, Shape, ShapeError, read_config, read_table
from sightline.report.plan.table import as_markdown
from sightline.report.plan.work import Work

ROOT = Path(__file__).parents[2]
RESOURCES = ROOT / "resources"
# 2 x 4 x 4 for queries and outputs, 2 x 4 x 2 for keys and values, 3 x 4 x 8 for the feed-forward part: 144.
BLOCKS = Blocks(layers=3, width=4, keys=2, inner=8, matrices=3)
# 2 x 36 + 2 x 36 + 2 x 6 x 10 = 264.
TOWER = Blocks(layers=2, width=6, keys=6, inner=10, matrices=2)
SHAPE = Shape(TOWER, patches=5, language=BLOCKS, words=7, image_tokens=4)
CARD = Card("toy", "Toy", memory=1e9, peak=100.0, bandwidth=10.0, efficiency=0.5)


def run_of(**studies) -> Run:
    """A run of the published LLaVA in halves on COCO."""
    return Run(
        {
            "run": "by-hand",
            "device": "auto",
            "datasets": {"coco": {"source": "download"}},
            "models": {
                "llava-1.5-7b": {"path": "llava-hf/llava-1.5-7b-hf", "dtype": "float16"},
                "home-made": {"path": "nowhere/known"},
                "asked-otherwise": {"of": "llava-1.5-7b", "prompt": "llava-v1"},
            },
            "encoders": {
                "clip": {"path": "openai/clip-vit-base-patch16"},
                "clip-pixels": {"of": "clip", "family": "patches"},
            },
            "studies": studies,
        },
        RESOURCES,
        Path("no-such-folder"),
    )


def test_a_model_that_takes_over_a_checkpoint_has_its_shape():
    run = run_of()
    assert run.origin("asked-otherwise") == "llava-1.5-7b"
    assert run.shape("asked-otherwise") == run.shape("llava-1.5-7b") is not None
    assert run.weight_bytes("asked-otherwise") == run.weight_bytes("llava-1.5-7b")
    assert run.entry("asked-otherwise")["prompt"] == "llava-v1"


def test_weights_of_a_block():
    assert (BLOCKS.weights, TOWER.weights) == (144, 264)
    assert SHAPE.weights == 3 * 144 + 2 * 264 + 2 * 7 * 4


def test_operations_of_rows():
    """2 per weight, 4 per unit of width and position seen: 3 blocks x 2 rows x (288 + 4 x 4 x 10)."""
    assert cost.rows(BLOCKS, 2, 10) == 3 * 2 * (288 + 160)
    assert cost.rows(BLOCKS, 2, 10, layers=1) == 2 * (288 + 160)


def test_a_forward_pass_is_causal_and_ends_in_logits():
    """Of 3 positions the first sees 1, the last 3: 2 on average. Logits: 2 x 4 x 7."""
    assert cost.read(SHAPE, 3) == 3 * 3 * (288 + 4 * 4 * 2) + 56


def test_the_tower_sees_all_of_itself():
    assert cost.see(SHAPE, images=10) == 10 * 2 * 5 * (2 * 264 + 4 * 6 * 5)
    assert cost.see(Shape(None, 0), 10) == 0


def test_two_words_cost_two_rows_and_two_logits():
    """Behind 3 positions the first word sees 4, itself included, the second 5."""
    each = [3 * (288 + 16 * seen) + 56 for seen in (4, 5)]
    assert cost.say(SHAPE, 3, 2) == sum(each)


def test_a_cone_costs_its_rows_in_its_layers():
    """The last 2 of 5 positions, in 1 of 3 layers: they see 4 and 5."""
    assert cost.cone(SHAPE, 5, 2, layers=1) == (288 + 16 * 4) + (288 + 16 * 5) + 56


def test_a_cone_of_everything_is_a_forward_pass():
    assert cost.cone(SHAPE, 5, 5) == cost.read(SHAPE, 5)


def test_a_7b_model_has_about_7e9_weights_and_14e12_operations_per_1000_positions():
    shape = read_table(RESOURCES / "shapes.csv")["llava-1.5-7b"]
    assert shape.weights == pytest.approx(7.06e9, rel=0.01)
    assert cost.read(shape, 1000) == pytest.approx(2 * 6.5e9 * 1000, rel=0.03)


def test_image_tokens_on_disk():
    """1000 images x 576 tokens x 4096 x 2 bytes, and 10 bytes a line."""
    run = run_of(neo2025={"reference": {"split": "val2017", "images": 1000}})
    held = caches.image_tokens(run, "llava-1.5-7b")
    assert held.size == 1000 * (576 * 4096 * 2 + 10) + caches.HEADERS
    assert held.kind == "exact"


def test_images_beyond_the_split_are_not_there():
    run = run_of(neo2025={"reference": {"split": "val2017", "images": 10**6}})
    assert caches.image_tokens(run, "llava-1.5-7b").size == pytest.approx(
        5000 * 576 * 8192, rel=1e-4
    )


def test_lens_on_disk():
    """Per token and state 5 entries and 2 ranks of 4 bytes, 7 probabilities of 2, an input entry of 4: 46 bytes."""
    lens = {"split": "val2017", "images": 10, "scenes": 5, "top": 5}
    held = caches.lens(run_of(neo2025={"lens": lens}), "llava-1.5-7b")
    assert held.size == 25 * 576 * (33 * 46 + 4 + 10) + caches.HEADERS
    assert held.kind == "at most"


def test_maps_on_disk():
    """34 entries x 2 x 2 + 4 controls of 576 numbers, and 2 states of 4096, in 4 bytes."""
    held = caches.maps(run_of(qian2025={"queries": {"val": 100}}), "llava-1.5-7b")
    assert held.size == 100 * (576 * (34 * 4 + 4) + 2 * 4096) * 4 + caches.HEADERS


PROBED = {
    "pairs": {"split": "train2017", "images_per_pair": 10, "tasks": [0, 1]},
    "global_probe": {
        "train": {"split": "train2017", "images": 660},
        "test": {"split": "val2017", "images": 660},
    },
    "variants": ["corrected", "published"],
    "defects": {"shifts": [1]},
}


def test_features_on_disk():
    """160 images with pairs give 320 samples, 1,320 others give 1,000; CLIP-B/16 has 12 layers of 768."""
    held = caches.features(run_of(khajuria2025=PROBED), "clip")
    vector, lines = 12 * 768 * 2, caches.LINE
    images = 160 + 1000
    expected = images * (vector + lines) + 2 * 1320 * (3 * vector + lines) + 320 * (vector + lines)
    assert held.size == pytest.approx(expected + 4 * caches.HEADERS)
    assert held.kind == "estimate"
    # A coarser grid is one more trace set of the pairs, for its encoder alone.
    more, same = (
        caches.features(run_of(khajuria2025=PROBED | {"equal_grids": {name: 14}}), "clip")
        for name in ("clip", "blip")
    )
    assert same.size == held.size
    added = 320 * (vector + lines) + caches.HEADERS
    assert more.size - held.size == pytest.approx(added)


def test_pixels_of_a_patch_stand_for_an_encoder_of_one_layer():
    held = caches.features(run_of(khajuria2025=PROBED), "clip-pixels")
    assert held.size == pytest.approx((1160 + 2 * 3 * 1320 + 320) * 3 * 16 * 16 * 2, rel=0.05)


def test_a_model_of_unknown_shape_is_unknown_and_not_free():
    run = run_of(neo2025={"reference": {"split": "val2017", "images": 10}})
    [line] = reckon(run, [Job("cache_image_tokens", {"model": "home-made"})], CARD)
    assert line.unknown == 1 and line.disk == 0 and line.hours is None
    assert "home-made: shape unknown" in line.notes


def test_time_is_what_the_slower_of_arithmetic_and_memory_takes():
    """At half of 100 operations and of 10 bytes a second."""
    assert seconds(Work(1000, 1), 10, CARD) == 20
    assert seconds(Work(1000, 100), 10, CARD) == 200


def test_hours_and_memory_of_a_line():
    run = run_of(neo2025={"reference": {"split": "val2017", "images": 36}})
    jobs = [Job("cache_image_tokens", {"model": "llava-1.5-7b"})]
    [line] = reckon(run, jobs, CARD)
    shape = run.shape("llava-1.5-7b")
    needed = shape.weights * 2 + 16 * 616 * (4096 * 33 + 2 * 4096 * 32) * 2
    assert line.memory == needed
    # A card of 1 GB holds 0.9: so many are held for as long as the work takes.
    cards = -(-needed // 0.9e9)
    slower = max(cost.see(shape, 36) / 50, 36 * shape.weights * 2 / 5)
    assert line.hours == pytest.approx(cards * slower / 3600)
    assert total([line, line]).hours == pytest.approx(2 * line.hours)


def test_descriptions_of_a_sweep_read_the_weights_once_a_step():
    """80 images, 300 tokens each, all conditions side by side."""
    study = {
        "images": {"split": "val2017", "count": 80},
        "max_new_tokens": 300,
        "top_shares": [5, 50],
        "random_draws": 2,
    }
    found = work.few_tokens(run_of(kaduri2025=study), "llava-1.5-7b")
    assert found is not None
    assert found.steps == 80 * 301


def test_shards_cost_what_one_job_does_and_a_second_copy():
    run = run_of(khajuria2025=PROBED)
    clip = {"encoder": "clip"}
    shards = [clip | {"shard": str(number), "shards": "4"} for number in range(1, 5)]
    gathered = {"folder": "khajuria2025/features/clip", "marker": "cls/spec.json"}
    [whole] = reckon(run, [Job("extract_features", clip)], CARD)
    jobs = [Job("extract_features", one) for one in shards] + [Job("gather_traces", gathered)]
    divided, copy = reckon(run, jobs, CARD)
    assert divided.hours == pytest.approx(whole.hours) and whole.hours > 0
    assert divided.cache == pytest.approx(whole.cache) == copy.cache
    assert total([divided, copy]).disk == pytest.approx(2 * whole.disk)


def test_downloads_come_from_the_inventories():
    jobs = [
        Job("download_archive", {"archive": "val2017"}),
        Job("fetch_model", {"model": "llava-1.5-7b"}),
        Job("unpack_images", {"split": "val2017"}),
    ]
    archive, model, images = reckon(run_of(), jobs, CARD)
    assert (archive.download, archive.trust) == (815_585_330, "exact")
    assert (model.download, model.trust) == (14_100_000_000, "estimate")
    assert (images.download, images.disk) == (0, 815_585_330)


def test_jobs_of_a_dry_run():
    text = """Building DAG of jobs...
localrule write_model_settings:
    output: results/x/settings/models/a.json
    reason: Missing output files: results/x/settings/models/a.json
    wildcards: model=a
    resources: tmpdir=<TBD>

rule read_lens:
    input: results/x/settings/models/a.json
    wildcards: model=a, part=b, c, split=val2017

rule all:
    jobid: 0
"""
    assert read_jobs(text) == [
        Job("write_model_settings", {"model": "a"}),
        Job("read_lens", {"model": "a", "part": "b, c", "split": "val2017"}),
        Job("all"),
    ]
    assert read_jobs("Nothing to be done (all requested files are present and up to date).") == []


def test_room():
    require_room(Disk(Path("results"), needed=10, free=10))
    with pytest.raises(RoomError, match=r"results: .* 20\.0 GB and 10\.0 GB are free"):
        require_room(Disk(Path("results"), needed=20e9, free=10e9))


IMAGES = {"reference": {"split": "val2017", "images": 1000}}
CACHED = [Job("cache_image_tokens", {"model": "llava-1.5-7b"})]
TENSORS, INDEX = 1000 * 576 * 4096 * 2, 1000 * caches.LINE + caches.HEADERS


@pytest.mark.parametrize(
    "place, disk", [(None, TENSORS + INDEX), ("s3://bucket/x", INDEX), ("/scratch/x", INDEX)]
)
def test_caches_count_where_they_are_kept(place, disk):
    run = run_of(neo2025=IMAGES)
    run = replace(run, config=run.config | ({"caches": place} if place else {}))
    [line] = reckon(run, CACHED, CARD)
    assert (line.disk, line.cache) == (disk, TENSORS + INDEX)


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_caches_in_another_folder_of_the_same_disk_need_its_room(tmp_path, prefix):
    run = run_of(neo2025=IMAGES)
    run = replace(
        run,
        config=run.config | {"caches": f"{prefix}{tmp_path}/not/yet"},
        results=tmp_path / "results",
    )
    [disk] = disks(run, CACHED)
    assert disk.needed == pytest.approx(ALLOWANCE * INDEX + TENSORS + INDEX)
    assert disk.free > 0


def test_caches_on_another_disk_need_room_there(tmp_path, monkeypatch):
    run = run_of(neo2025=IMAGES)
    run = replace(run, config=run.config | {"caches": str(tmp_path / "other")})
    real = Path.stat

    def stat(path, **options):
        found = real(path, **options)
        return SimpleNamespace(st_dev=-1, st_mode=found.st_mode) if path == tmp_path else found

    monkeypatch.setattr(Path, "stat", stat)
    beside, kept = disks(run, CACHED)
    assert (beside.folder, beside.needed) == (run.results, ALLOWANCE * INDEX)
    assert (kept.folder, kept.needed) == (tmp_path / "other", TENSORS + INDEX)
    page = as_markdown(run, reckon(run, CACHED, CARD), CARD, [beside, replace(kept, free=0)])
    assert f"caches at {tmp_path}/other" in page
    assert (
        f"Disk of {tmp_path}/other: about 4.7 GB will be written, 0 B are free: NOT ENOUGH" in page
    )


def test_the_room_of_a_store_is_not_known(tmp_path):
    run = run_of(neo2025=IMAGES)
    run = replace(run, config=run.config | {"caches": "s3://bucket/x"}, results=tmp_path)
    [disk] = disks(run, CACHED)
    assert disk.needed == ALLOWANCE * INDEX


def test_shape_from_the_config_of_a_checkpoint():
    """The bundled model: 8 layers of 192 with 4 heads of 48, 196 tokens; its tower has 4 layers and a CLS."""
    shape = read_config(RESOURCES / "demo/llava")
    assert shape is not None
    assert shape.language == Blocks(8, 192, 192, 512, 3)
    assert shape.tower == Blocks(4, 192, 192, 576, 2)
    assert (shape.image_tokens, shape.patches, shape.words) == (196, 197, 200)
    assert shape.dtype == "float16"


def test_no_config_and_a_strange_config_give_no_shape(tmp_path):
    assert read_config(tmp_path) is None
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 4, "model_type": "other"}))
    assert read_config(tmp_path) is None


def test_every_published_model_has_a_shape_or_is_a_part_of_another():
    lines = (RESOURCES / "models.csv").read_text().splitlines()[1:]
    parts = {"clip-vit-large", "clip-vit-large-336"}
    assert {line.split(",")[0] for line in lines} - set(
        read_table(RESOURCES / "shapes.csv")
    ) <= parts


def test_a_malformed_table_says_where(tmp_path):
    table = (
        (RESOURCES / "shapes.csv").read_text().replace("llava-1.5-7b,32,", "llava-1.5-7b,many,", 1)
    )
    (tmp_path / "shapes.csv").write_text(table)
    with pytest.raises(ShapeError, match=r"language_layers of llava-1.5-7b is 'many'"):
        read_table(tmp_path / "shapes.csv")


def test_a_card_that_is_not_listed_is_an_error_with_the_list():
    assert find_card(RESOURCES / "cards.csv", "h100").memory == 80e9
    with pytest.raises(CardError, match="listed are t4, rtx-3090"):
        find_card(RESOURCES / "cards.csv", "abacus")
