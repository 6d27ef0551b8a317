"""Verdicts of qian2025 on measurements made up so that the answer is plain."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, REPLICATED
from sightline.studies.published import load_items
from sightline.studies.qian2025 import judging
from sightline.studies.qian2025.items.tables import ITEMS, TRAINED
from sightline.studies.qian2025.judging import FINDERS, Tables
from sightline.studies.qian2025.masks.names import (
    ANOTHER_IMAGE,
    MAP,
    OWN,
    OWN_WITH_POINTS,
    POINTS,
    PUBLISHED,
    TRUTH,
)
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.qian2025.resampling import resample
from sightline.studies.verdicts import together

ROOT = Path(__file__).parents[2]
QUERIES = 60


def protocol():
    settings = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    return Protocol.parse(settings["studies"]["qian2025"] | {"seed": 0, "bootstrap": 300})


def masks(**shares):
    """Masks of a hundred pixels, so many of them right, by method and variant."""
    random = np.random.default_rng(0)
    rows = []
    for name, share in shares.items():
        method, variant = KEYS[name]
        for number in range(QUERIES):
            right = int(np.clip(100 * share + random.integers(-5, 6), 0, 100))
            rows.append(
                {"model": "m", "number": number, "method": method, "variant": variant,
                 "intersection": right, "union": 100}
            )  # fmt: skip
    return pd.DataFrame(rows)


KEYS = {
    "own": (OWN, PUBLISHED), "points": (POINTS, PUBLISHED), "another": (POINTS, ANOTHER_IMAGE),
    "truth": (POINTS, TRUTH), "cut": (MAP, PUBLISHED),
}  # fmt: skip


def tables(found=None, variants=None):
    found = masks(own=0.8, points=0.6, another=0.1, truth=0.8, cut=0.9) if found is None else found
    scores = resample(found, ["method", "variant"], "number", "number", 300, 0)
    empty = pd.DataFrame()
    return Tables(
        found, empty, empty, empty, empty if variants is None else variants, scores, protocol()
    )


def trained(seeds=(0, 1, 2), **shares):
    parts = []
    for name, share in shares.items():
        for seed in seeds:
            frame = pd.DataFrame({"number": range(QUERIES), "union": 100})
            jitter = np.random.default_rng(seed).integers(-4, 5, QUERIES)
            parts.append(frame.assign(variant=name, seed=seed, intersection=100 * share + jitter))
    return pd.concat(parts, ignore_index=True)


def verdict(claim, given):
    return together(
        [
            one.verdict
            for one in FINDERS[claim](given)
            if not one.metric.startswith(("control", "told"))
        ]
    )


def test_points_near_the_own_masks_replicate():
    assert verdict("C3", tables()) == REPLICATED


def test_points_far_below_do_not():
    found = masks(own=0.8, points=0.2, another=0.1, truth=0.8, cut=0.1)
    assert verdict("C3", tables(found)) == NOT_REPLICATED
    assert verdict("C4", tables(found)) == NOT_REPLICATED


def test_a_sam_that_cannot_use_points_of_the_truth_leaves_c3_open():
    found = masks(own=0.8, points=0.2, another=0.1, truth=0.3, cut=0.1)
    assert verdict("C3", tables(found)) == INCONCLUSIVE


def test_a_better_map_than_mask_replicates_c4():
    assert verdict("C4", tables()) == REPLICATED


def test_training_effects_need_three_trainings():
    shares = {"seg": 0.5, "points": 0.6, "points-dtoc": 0.7}
    assert verdict("C9", tables(variants=trained(**shares))) == REPLICATED
    assert verdict("C5", tables(variants=trained(**shares))) == REPLICATED
    assert verdict("C9", tables(variants=trained(seeds=(0,), **shares))) == INCONCLUSIVE


def test_continuous_points_that_change_nothing_are_not_replicated():
    shares = {"seg": 0.5, "points": 0.6, "points-dtoc": 0.6}
    assert verdict("C9", tables(variants=trained(**shares))) == NOT_REPLICATED


def test_size_is_judged_training_by_training():
    rising = {"decoder-small": 0.5, "points-dtoc": 0.6, "decoder-large": 0.7}
    assert verdict("C10", tables(variants=trained(**rising))) == REPLICATED
    falling = dict(zip(rising, (0.7, 0.6, 0.5), strict=True))
    assert verdict("C10", tables(variants=trained(**falling))) == NOT_REPLICATED


def test_no_row_without_trained_variants():
    assert not judging.find_c5(tables(variants=trained(seg=0.5)))


def test_a_model_taught_with_points_is_judged_with_them():
    given = tables()
    taught = replace(given, protocol=replace(given.protocol, taught_points=("m",)))
    assert judging.own_key(taught)[0] != OWN


def test_a_checkpoint_taught_with_points_shows_whether_it_uses_them():
    given = masks(own=0.5, points=0.6, another=0.1, truth=0.8, cut=0.9)
    with_points = given[given["variant"] == PUBLISHED].query("method == 'own'")
    more = with_points.assign(method=OWN_WITH_POINTS, intersection=with_points["intersection"] + 10)
    given = tables(
        pd.concat([given, more], ignore_index=True), pd.DataFrame(columns=["variant", "seed"])
    )
    taught = replace(given, protocol=replace(given.protocol, taught_points=("m",)))
    assert verdict("C9", taught) == REPLICATED
    assert not FINDERS["C11"](taught)


def test_every_listed_table_can_be_made():
    listed = load_items("qian2025")
    assert set(listed.loc[listed["kind"] == "table", "item"]) == set(ITEMS)


def test_rows_and_rules_name_the_same_variants():
    pointed = pytest.importorskip("sightline.instruments.pointed_segmenter")
    assert {name for rows in TRAINED.values() for name in rows} == set(pointed.VARIANTS)
    rules = (ROOT / "workflow" / "rules" / "qian2025_common.smk").read_text()
    block = rules.split("SEGMENTER_VARIANTS = (")[1].split(")")[0]
    assert {name.strip(' "\n') for name in block.split(",")} - {""} == set(pointed.VARIANTS)
