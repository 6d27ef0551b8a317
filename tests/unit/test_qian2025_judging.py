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
from sightline.studies.qian2025.criteria import CHECKPOINT, STAND_IN, criteria_of
from sightline.studies.qian2025.evidence import Tables, own_key
from sightline.studies.qian2025.items.tables import ITEMS, TRAINED
from sightline.studies.qian2025.judging import FINDERS
from sightline.studies.qian2025.masks.names import (
    ANOTHER_IMAGE,
    MAP,
    OWN,
    OWN_WITH_POINTS,
    POINTS,
    PUBLISHED,
    SAM,
    TRUTH,
)
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.qian2025.resampling import resample
from sightline.studies.verdicts import BESIDE, CONTROL, together

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


def tables(found=None, variants=None, criteria=STAND_IN, **more):
    found = masks(own=0.8, points=0.6, another=0.1, truth=0.8, cut=0.9) if found is None else found
    empty = pd.DataFrame()
    given = {"agreement": empty, "gradients": empty, "nouns": empty} | more
    return Tables(
        masks=found, variants=empty if variants is None else variants, scores=scores(found),
        protocol=protocol(), criteria=criteria, **given,
    )  # fmt: skip


def scores(found):
    return resample(found, ["method", "variant"], "number", "number", 300, 0)


def agreement(pair=0.6, another=0.1, hit=0.9, untrained=0.1, share=0.1, queries=QUERIES):
    """Maps of so many queries alike, and on the object, with a little noise."""
    noise = np.random.default_rng(0).normal(0, 0.05, queries)
    number = np.arange(queries) / queries
    name = f"{PUBLISHED} ~ {SAM}"
    columns = {name: pair + noise, f"{name}, another image": another + noise[::-1]}
    hits = {PUBLISHED: hit, SAM: hit, "untrained": untrained}
    columns |= {f"hit {one}": (number < value).astype(float) for one, value in hits.items()}
    return pd.DataFrame(columns).assign(share=share)


def rows_of(claim, found, **more):
    """Rows of one claim, judged as the command does it."""
    whole = pd.concat([found, masks(own=0.9).assign(method=OWN_WITH_POINTS)], ignore_index=True)
    given = tables(whole, gradients=gradients(), **more)
    return [row for row in judging.judge(given, "world") if row.claim == claim]


def gradients(added=0):
    rows = [
        (n, c, 1.0 * (c == "pixels"), 1.0, added) for n in range(40) for c in ("pixels", "none")
    ]
    return pd.DataFrame(rows, columns=["number", "continuous", "map", "state", "added"])


def with_points(own, added, **more):
    """Masks without and with points, and with other points."""
    keys = {
        "own": (OWN, PUBLISHED), "added": (OWN_WITH_POINTS, PUBLISHED),
        "inert": (OWN_WITH_POINTS, "not continuous"),
        "foreign": (OWN_WITH_POINTS, ANOTHER_IMAGE), "random": (OWN_WITH_POINTS, "random"),
        "neutral": (OWN_WITH_POINTS, "all neutral"),
    }  # fmt: skip
    given = {"own": own, "added": added} | more
    found = [
        masks(own=share).assign(method=keys[k][0], variant=keys[k][1]) for k, share in given.items()
    ]
    return pd.concat(found, ignore_index=True)


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
            if not one.metric.startswith((CONTROL, BESIDE))
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


def test_checkpoints_and_stand_ins_have_criteria_of_their_own():
    assert criteria_of("sesame-7b") is criteria_of("read-7b-val") is CHECKPOINT
    assert criteria_of("demo-llava") is STAND_IN
    for table in (CHECKPOINT, STAND_IN):
        assert all("{" not in one.text for one in table.values())


def test_points_of_a_checkpoint_are_held_to_more_than_those_of_a_stand_in():
    """0.7 of its own masks: enough for section 7.2 of the dossier, not for 7.1."""
    found = masks(own=0.8, points=0.56, another=0.1, truth=0.8, cut=0.9)
    assert verdict("C3", tables(found)) == REPLICATED
    assert verdict("C3", tables(found, criteria=CHECKPOINT)) == NOT_REPLICATED


def test_a_checkpoints_points_are_compared_by_ciou():
    stand_in, checkpoint = FINDERS["C3"](tables()), FINDERS["C3"](tables(criteria=CHECKPOINT))
    assert [one.metric.split()[0] for one in stand_in[:2]] == ["gIoU", "gIoU"]
    assert [one.metric.split()[0] for one in checkpoint[:2]] == ["cIoU", "cIoU"]
    assert checkpoint[0].published == pytest.approx(27.0 / 30.4)
    assert stand_in[0].published is None


def test_a_better_map_than_mask_replicates_c4():
    assert verdict("C4", tables()) == verdict("C4", tables(criteria=CHECKPOINT)) == REPLICATED


def test_a_map_of_two_thirds_of_the_masks_is_enough_for_a_stand_in_alone():
    """Whether it exceeds its masks is told beside."""
    found = masks(own=0.9, points=0.6, another=0.1, truth=0.8, cut=0.6)
    assert verdict("C4", tables(found, criteria=CHECKPOINT)) == NOT_REPLICATED
    mine = rows_of("C4", found)
    assert mine[0].verdict == REPLICATED and mine[0].metric.endswith("of 1")
    (told,) = [row for row in mine if "exceeds" in row.metric]
    assert told.metric.startswith("told beside") and told.verdict == NOT_REPLICATED


def test_maps_that_agree_replicate_by_either_table():
    given = agreement(hit=0.9)
    assert verdict("C1", tables(agreement=given)) == REPLICATED
    assert verdict("C1", tables(agreement=given, criteria=CHECKPOINT)) == REPLICATED


def test_agreement_of_a_checkpoint_is_its_median_against_most_of_the_null():
    """A few images whose maps agree by accident raise the 95th percentile, and not the mean."""
    given = agreement()
    name = f"{PUBLISHED} ~ {SAM}, another image"
    given.loc[given.index[:10], name] = 0.9
    assert verdict("C1", tables(agreement=given)) == REPLICATED
    assert verdict("C1", tables(agreement=given, criteria=CHECKPOINT)) == NOT_REPLICATED
    found = FINDERS["C1"](tables(agreement=given, criteria=CHECKPOINT))
    assert [one.verdict for one in found[:2]] == [REPLICATED, NOT_REPLICATED]


def test_the_highest_place_is_asked_for_less_often_of_a_checkpoint():
    """Two and a half times chance."""
    given = agreement(hit=0.5, share=0.2)
    assert verdict("C1", tables(agreement=given)) != REPLICATED
    assert verdict("C1", tables(agreement=given, criteria=CHECKPOINT)) == REPLICATED


def test_an_untrained_model_that_finds_the_object_speaks_against_c1():
    assert verdict("C1", tables(agreement=agreement(untrained=0.5))) == NOT_REPLICATED
    without = agreement().drop(columns="hit untrained")
    assert verdict("C1", tables(agreement=without)) == INCONCLUSIVE
    assert verdict("C1", tables(agreement=without, criteria=CHECKPOINT)) == REPLICATED


def test_a_small_sample_is_named():
    found = masks(own=0.8, points=0.6, another=0.1, truth=0.8, cut=0.9)
    head, *_ = rows_of("C1", found, agreement=agreement())
    lacks = f"one training instead of three, {QUERIES} test queries instead of 1000"
    assert head.criterion.endswith(lacks)
    head, *_ = rows_of("C5", found, variants=trained(**{"seg": 0.5, "points-dtoc": 0.6}))
    assert head.criterion.endswith(f"a small sample: {QUERIES} test queries instead of 1000")
    head, *_ = rows_of("C1", found, agreement=agreement(), criteria=CHECKPOINT)
    assert "small sample" not in head.criterion


def test_training_effects_need_three_trainings():
    shares = {"seg": 0.5, "points": 0.6, "points-dtoc": 0.7}
    assert verdict("C9", tables(variants=trained(**shares))) == REPLICATED
    assert verdict("C5", tables(variants=trained(**shares))) == REPLICATED
    assert verdict("C9", tables(variants=trained(seeds=(0,), **shares))) == INCONCLUSIVE


def test_continuous_points_that_change_nothing_are_not_replicated():
    shares = {"seg": 0.5, "points": 0.6, "points-dtoc": 0.6}
    assert verdict("C9", tables(variants=trained(**shares))) == NOT_REPLICATED


def test_points_that_cannot_be_told_from_none_leave_the_first_step_open():
    """Only of continuous points the dossier says that an interval with zero is no replication."""
    shares = {"seg": 0.5, "points": 0.5, "points-dtoc": 0.6}
    first, second = FINDERS["C9"](tables(variants=trained(**shares)))
    assert first.value == 0 and first.verdict == INCONCLUSIVE and second.verdict == REPLICATED


def test_a_gain_below_one_point_is_not_the_gain_of_c5():
    shares = {"seg": 0.5, "points-dtoc": 0.505}
    assert verdict("C5", tables(variants=trained(**shares))) == NOT_REPLICATED


def test_size_is_judged_training_by_training():
    rising = {"decoder-small": 0.5, "points-dtoc": 0.6, "decoder-large": 0.7}
    assert verdict("C10", tables(variants=trained(**rising))) == REPLICATED
    falling = dict(zip(rising, (0.7, 0.6, 0.5), strict=True))
    assert verdict("C10", tables(variants=trained(**falling))) == NOT_REPLICATED


def test_no_row_without_trained_variants():
    assert not FINDERS["C5"](tables(variants=trained(seg=0.5)))


def test_a_model_taught_with_points_is_judged_with_them():
    given = tables()
    taught = replace(given, protocol=replace(given.protocol, taught_points=("m",)))
    assert own_key(taught)[0] != OWN


def test_a_checkpoint_taught_with_points_shows_whether_it_uses_them():
    more = {"inert": 0.6, "foreign": 0.3, "random": 0.3, "neutral": 0.5}
    given = tables(with_points(0.5, 0.6, **more), criteria=CHECKPOINT)
    taught = replace(given, protocol=replace(given.protocol, taught_points=("m",)))
    assert verdict("C9", taught) == REPLICATED
    assert not FINDERS["C11"](taught) and not FINDERS["C9"](given)
    harmless = tables(with_points(0.5, 0.6, **more | {"random": 0.55}), criteria=CHECKPOINT)
    assert verdict("C9", replace(harmless, protocol=taught.protocol)) == NOT_REPLICATED


def test_points_must_help_two_models_without_a_weight_more():
    found, grads = with_points(0.5, 0.6), gradients()
    other = {"n": scores(with_points(0.4, 0.5))}
    assert verdict("C11", tables(found, gradients=grads)) == INCONCLUSIVE
    assert verdict("C11", tables(found, gradients=grads, criteria=CHECKPOINT)) == REPLICATED
    assert verdict("C11", tables(found, gradients=grads, others=other)) == REPLICATED
    worse = {"n": scores(with_points(0.5, 0.4))}
    assert verdict("C11", tables(found, gradients=grads, others=worse)) == NOT_REPLICATED
    heavier = tables(found, gradients=gradients(added=12), others=other)
    assert verdict("C11", heavier) == NOT_REPLICATED


def test_others_are_stand_ins_that_never_saw_points(tmp_path):
    names = ("m", "n", "sesame-7b", "taught")
    paths = [tmp_path / f"{name}.parquet" for name in names]
    for name, path in zip(names, paths, strict=True):
        with_points(0.5, 0.6).assign(model=name, split="test").to_parquet(path)
    settings = replace(protocol(), taught_points=("taught",))
    found = judging.other_stand_ins(paths, "m", "test", settings)
    assert list(found) == ["n"]


def test_every_listed_table_can_be_made():
    listed = load_items("qian2025")
    assert set(listed.loc[listed["kind"] == "table", "item"]) == set(ITEMS)


def test_rows_and_rules_name_the_same_variants():
    pointed = pytest.importorskip("sightline.instruments.pointed_segmenter")
    assert {name for rows in TRAINED.values() for name in rows} == set(pointed.VARIANTS)
    rules = (ROOT / "workflow" / "rules" / "qian2025_common.smk").read_text()
    block = rules.split("SEGMENTER_VARIANTS = (")[1].split(")")[0]
    assert {name.strip(' "\n') for name in block.split(",")} - {""} == set(pointed.VARIANTS)
