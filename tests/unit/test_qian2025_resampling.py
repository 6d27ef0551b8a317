"""Intervals of gIoU and cIoU: the measured value, and pairs resampled alike."""

import numpy as np
import pandas as pd
import pytest

from sightline.errors import SightlineError
from sightline.studies.qian2025.resampling import resample

SHARED, UNITED = [5, 0, 40], [10, 20, 50]


def table(**masks):
    rows = [
        {"number": number, "mask": name, "intersection": shared, "union": united}
        for name, pairs in masks.items()
        for number, (shared, united) in enumerate(zip(*pairs, strict=True))
    ]
    return pd.DataFrame(rows)


def scores(frame, draws=200):
    return resample(frame, ["mask"], "number", "number", draws, seed=0)


def test_the_value_is_that_of_the_metric():
    found = scores(table(own=(SHARED, UNITED)))
    assert found.estimate(("own",)).value == pytest.approx((0.5 + 0 + 0.8) / 3, abs=1e-6)
    assert found.estimate(("own",), "ciou").value == pytest.approx(45 / 80)
    low, high = found.estimate(("own",))[1:3]
    assert low <= found.estimate(("own",)).value <= high


def test_equal_masks_differ_by_nothing_in_every_resample():
    found = scores(table(one=(SHARED, UNITED), two=(SHARED, UNITED)))
    difference = found.combine(np.subtract, (("one",), "giou"), (("two",), "giou"))
    assert difference[:3] == (0, 0, 0) and difference.n == 3


def test_images_are_drawn_with_all_their_queries():
    frame = table(own=([1, 1, 0, 0], [1, 1, 1, 1])).assign(image=[0, 0, 1, 1])
    found = resample(frame, ["mask"], "number", "image", 500, seed=1)
    assert set(np.round(found.giou[:, 0], 3)) <= {0, 0.5, 1}


def test_trainings_that_differ_widen_the_interval_and_make_no_more_queries():
    seeds = {seed: (np.full(40, shared), np.full(40, 10)) for seed, shared in enumerate((2, 5, 8))}
    frame = pd.concat(table(own=pairs).assign(seed=seed) for seed, pairs in seeds.items())
    frame["row"] = frame["number"].astype(str) + "-" + frame["seed"].astype(str)
    pooled = resample(frame, ["mask"], "row", "number", 500, seed=0).estimate(("own",))
    crossed = resample(frame, ["mask"], "row", "number", 500, seed=0, crossed="seed")
    value, low, high, n = crossed.estimate(("own",))
    assert pooled.low == pytest.approx(pooled.high)
    assert value == pytest.approx(0.5) and low < 0.35 and high > 0.65 and n == 40


def test_masks_of_different_queries_cannot_be_compared():
    frame = table(one=(SHARED, UNITED), two=(SHARED, UNITED)).iloc[:-1]
    with pytest.raises(SightlineError, match="lack queries"):
        scores(frame)


def test_an_unknown_mask_is_named():
    with pytest.raises(SightlineError, match="theirs"):
        scores(table(own=(SHARED, UNITED))).estimate(("theirs",))
