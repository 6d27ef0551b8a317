"""From numbers with intervals to verdicts, by the rules that all studies share."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, NOT_RUN, REPLICATED, Claim
from sightline.studies.verdicts import (
    FEWEST,
    Finding,
    Rule,
    as_beside,
    as_control,
    at_least,
    at_most,
    headline,
    is_so,
    majority,
    together,
    within,
)

numbers = st.floats(-100, 100)


@pytest.mark.parametrize(
    ("rule", "value", "low", "high", "expected"),
    [
        (at_least(50, floor=40), 80, 70, 90, REPLICATED),
        (at_least(50, floor=40), 52, 35, 65, INCONCLUSIVE),
        (at_least(50, floor=40), 45, 41, 55, INCONCLUSIVE),
        (at_least(50, floor=40), 30, 20, 40, NOT_REPLICATED),
        (at_least(0), 0.2, -0.1, 0.5, INCONCLUSIVE),
        (at_most(10), 3, 0, 8, REPLICATED),
        (at_most(10), 8, 4, 14, INCONCLUSIVE),
        (at_most(10), 30, 20, 40, NOT_REPLICATED),
        (within(0.6, 0.9), 0.8, 0.7, 0.9, REPLICATED),
        (within(0.6, 0.9), 0.8, 0.5, 0.9, INCONCLUSIVE),
        (within(0.6, 0.9), 0.5, 0.4, 0.59, NOT_REPLICATED),
        (within(0.6, 0.9), 1, 0.95, 1, NOT_REPLICATED),
        (is_so, 1, math.nan, math.nan, REPLICATED),
        (is_so, 0, math.nan, math.nan, NOT_REPLICATED),
    ],
)
def test_rules(rule: Rule, value: float, low: float, high: float, expected: str):
    assert rule(value, low, high) == expected


@given(st.tuples(numbers, numbers, numbers).map(sorted), numbers)
def test_no_number_both_reaches_a_limit_and_stays_below_it(ends: list[float], limit: float):
    low, value, high = ends
    verdicts = {rule(limit)(value, low, high) for rule in (at_least, at_most)}
    assert verdicts != {REPLICATED} or value == limit


@pytest.mark.parametrize("rule", [at_least(0), at_most(0), within(-1, 1)])
def test_a_number_without_an_interval_is_never_replicated(rule: Rule):
    assert rule(0.5, math.nan, math.nan) == INCONCLUSIVE


def test_combining():
    """All of a kind, or two of three."""
    assert together([REPLICATED, INCONCLUSIVE]) == INCONCLUSIVE
    assert together([]) == NOT_RUN
    assert majority([REPLICATED, NOT_REPLICATED, REPLICATED]) == REPLICATED
    assert majority([REPLICATED, NOT_REPLICATED, INCONCLUSIVE]) == INCONCLUSIVE
    assert majority([NOT_RUN] * 3) == NOT_RUN


def test_too_few_images_decide_nothing():
    found = [Finding("loss", 90, 80, 95, n, REPLICATED) for n in (FEWEST - 1, FEWEST)]
    assert [one.verdict for one in found] == [INCONCLUSIVE, REPLICATED]


def test_what_stands_beside_decides_nothing_and_a_control_never_fails_a_claim():
    failed = Finding("gate", 0.2, 0.1, 0.3, 50, NOT_REPLICATED)
    assert failed.decides
    assert not as_control(failed).decides
    assert not as_beside(failed).decides
    assert (as_control(failed).verdict, as_beside(failed).verdict) == (INCONCLUSIVE, NOT_REPLICATED)


def test_headline_counts_what_decides_and_the_fewest_images_behind_it():
    claim = Claim.not_run(
        study="neo2025", claim="C1", statement="tokens matter", item="tab1", metric="loss",
        model="demo-llava", dataset="coco", variant="corrected", need="a run",
    )  # fmt: skip
    deciding = [
        Finding("one", 1, 0, 2, 80, REPLICATED),
        Finding("other", 1, 0, 2, 60, INCONCLUSIVE),
    ]
    control = as_control(Finding("gate", 1, 0, 2, 40, REPLICATED))
    first = headline(claim, [*deciding, control], "both", INCONCLUSIVE)
    assert (first.metric, first.reproduced, first.n) == (
        "numbers that meet the criterion, of 2", 1.0, 60,
    )  # fmt: skip
    assert headline(claim, [control], "both", INCONCLUSIVE).n == 40
