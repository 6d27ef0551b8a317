"""Windows found on one half of the images and tested on the other, both ways round."""

import numpy as np
import pytest

from sightline.studies.kaduri2025.knockout.crossfit import CrossFit


def halves(images: int) -> np.ndarray:
    return np.arange(images) % 2 == 1


def test_each_half_is_tested_under_the_choice_of_the_other():
    """The first half likes candidate 0, the second candidate 1: each gets what the other likes."""
    values = np.array([[1.0, 0.2], [0.3, 1.0], [1.0, 0.2], [0.3, 1.0]])
    fit = CrossFit.of(halves(4), 0, 50)
    picks = fit.choose(lambda weights: weights @ values)
    assert (picks[0] == 1).all() and (picks[1] == 0).all()
    total = fit.total(values, picks)
    assert total[0] == pytest.approx(0.2 + 0.3 + 0.2 + 0.3)
    numbers = fit.numbers(total, fit.weights.sum(axis=1))
    assert numbers["value"] == pytest.approx(0.25) and numbers["n"] == 4


def test_resamples_stay_within_their_half():
    fit = CrossFit.of(halves(7), 3, 200)
    assert (fit.weights[0] == 1).all()
    assert (fit.weights[:, fit.second].sum(axis=1) == 3).all()
    assert (fit.weights[:, ~fit.second].sum(axis=1) == 4).all()


def test_chance_alone_gives_no_gain():
    """Candidates that do not differ: the best of ten on the same images looks better than they are, this does not."""
    rng = np.random.default_rng(0)
    crossed, optimistic = [], []
    for seed in range(100):
        values = rng.normal(0, 1, (40, 10))
        fit = CrossFit.of(halves(40), seed, 1)
        picks = fit.choose(lambda weights, values=values: weights @ values)
        crossed.append(fit.total(values, picks)[0] / 40)
        optimistic.append(values.mean(axis=0).max())
    assert abs(np.mean(crossed)) < 0.05
    assert np.mean(optimistic) > 0.15


def test_interval_holds_the_uncertainty_of_the_choice():
    """Two candidates that are as good as each other on average, but one of them fails on the images of one half."""
    rng = np.random.default_rng(1)
    values = np.stack([rng.normal(0.5, 0.1, 60), rng.normal(0.5, 0.1, 60)], axis=1)
    values[halves(60), 1] -= 0.4
    fit = CrossFit.of(halves(60), 0, 1000)
    picks = fit.choose(lambda weights: weights @ values)
    assert len(set(picks[1][1:])) == 2, "the first half cannot tell the candidates apart"
    numbers = fit.numbers(fit.total(values, picks), fit.weights.sum(axis=1))
    assert numbers["high"] - numbers["low"] > 0.15


def test_equal_sums_differ_by_nothing():
    values = np.random.default_rng(0).random((50, 1))
    fit = CrossFit.of(halves(50), 0, 100)
    total = fit.total(values, fit.choose(lambda weights: weights @ values))
    numbers = fit.numbers(total - (fit.weights @ values)[:, 0], fit.weights.sum(axis=1))
    assert (numbers["value"], numbers["low"], numbers["high"]) == (0, 0, 0)


def test_ratio_over_nothing_has_no_value():
    fit = CrossFit.of(halves(4), 0, 10)
    none = np.zeros(11)
    numbers = fit.numbers(none, none)
    assert np.isnan(numbers["value"]) and np.isnan(numbers["low"])
