"""Intervals and the paired test against reference implementations."""

import numpy as np
import pytest
from scipy import stats

from sightline import intervals
from sightline.errors import SightlineError
from sightline.intervals import (
    bootstrap_mean,
    bootstrap_ratio,
    mcnemar_exact,
    sample_spread,
    wilson,
)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (1, 10), (28, 39), (39, 39), (500, 1000)])
def test_wilson_agrees_with_scipy(successes, n):
    expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson(successes, n), (expected.low, expected.high), atol=1e-12)


@pytest.mark.parametrize(
    ("successes", "n", "size"),
    [(0, 39, 39), (28, 39, 39), (700, 1000, 39), (3, 50, 15), (50, 50, 15)],
)
def test_sample_spread_agrees_with_scipy(successes, n, size):
    """Quantiles of the hypergeometric distribution; the whole set has no spread."""
    expected = stats.hypergeom(n, successes, size).ppf([0.025, 0.975]) / size
    found = sample_spread(successes, n, size)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert n > size or found.low == found.high == successes / n


def test_sample_spread_needs_as_many_as_the_sample():
    """Fewer images have none, and more successes than trials are no counts."""
    assert np.isnan(sample_spread(3, 38, 39)).all()
    with pytest.raises(SightlineError, match="40 successes of 39"):
        sample_spread(40, 39, 39)


def test_wilson_of_nothing_is_unknown_and_impossible_counts_are_refused():
    assert np.isnan(wilson(0, 0)).all()
    with pytest.raises(SightlineError, match="3 successes of 2 trials"):
        wilson(3, 2)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (5, 5), (3, 14), (40, 12), (700, 600)])
def test_mcnemar_agrees_with_the_binomial_test(b, c):
    expected = stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(expected, rel=1e-9)
    assert mcnemar_exact(b, c) == mcnemar_exact(c, b)


def test_bootstrap_repeats_with_its_seed_whatever_the_order_of_the_rows():
    rng = np.random.default_rng(1)
    values, groups = rng.integers(0, 2, 200), rng.integers(0, 40, 200)
    first = bootstrap_mean(values, groups, seed=7)
    shuffled = rng.permutation(200)
    assert bootstrap_mean(values[shuffled], groups[shuffled], seed=7) == first
    assert bootstrap_mean(values, groups, seed=8) != first
    assert first.low < values.mean() < first.high


@pytest.mark.parametrize("block", [1, 40 * 7, 40 * 25])
def test_bootstrap_draws_as_often_as_asked_however_many_at_a_time(monkeypatch, block):
    rng = np.random.default_rng(2)
    values = rng.normal(size=40)
    whole = bootstrap_mean(values, np.arange(40), seed=7, draws=25)
    monkeypatch.setattr(intervals, "BLOCK", block)
    assert bootstrap_mean(values, np.arange(40), seed=7, draws=25) == whole


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
    """Images differ in difficulty, so only resampling whole images gives honest intervals."""
    rng = np.random.default_rng(3)
    by_image = by_row = 0
    for trial in range(200):
        difficulty = np.repeat(rng.beta(1, 1, 60), 5)
        values = rng.random(300) < difficulty
        low, high = bootstrap_mean(values, np.repeat(np.arange(60), 5), seed=trial, draws=400)
        by_image += low <= 0.5 <= high
        low, high = bootstrap_mean(values, np.arange(300), seed=trial, draws=400)
        by_row += low <= 0.5 <= high
    assert 0.88 <= by_image / 200 <= 0.99
    assert by_row < by_image


def test_bootstrap_takes_text_groups_and_unequal_group_sizes():
    values = [1, 1, 1, 0]
    low, high = bootstrap_mean(values, ["a", "a", "a", "b"], seed=0)
    assert (low, high) == (0.0, 1.0)


def test_ratio_of_sums():
    rng = np.random.default_rng(5)
    before = rng.random(400) < 0.9
    after = before & (rng.random(400) < 0.5)
    low, high = bootstrap_ratio(after, before, np.arange(400), seed=0)
    assert low < after.sum() / before.sum() < high
    assert high - low < 0.15
    assert np.isnan(bootstrap_ratio([0.0], [0.0], [1], seed=0)).all()


def test_bootstrap_of_nothing_is_unknown_and_gaps_are_refused():
    assert np.isnan(bootstrap_mean([], [], seed=0)).all()
    with pytest.raises(SightlineError, match="row 1 is NaN"):
        bootstrap_mean([1.0, np.nan], [1, 2], seed=0)
    with pytest.raises(SightlineError, match="one of each per measurement"):
        bootstrap_mean([1.0, 0.0], [1], seed=0)
