"""Correlations along the first axis, held against numpy's and scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from sightline.studies.correlations import partial, pearson, spearman

# Few different numbers, so that equal ones are common.
ties = arrays(np.float64, 9, elements=st.sampled_from([0.0, 1.0, 2.0, 5.0]))


def test_columns_are_correlated_one_by_one():
    one, other = np.random.default_rng(0).normal(size=(2, 9, 3))
    expected = [np.corrcoef(one[:, n], other[:, n])[0, 1] for n in range(3)]
    np.testing.assert_allclose(pearson(one, other), expected)
    assert spearman(one, np.exp(one)) == pytest.approx(np.ones(3))


@given(ties, ties)
def test_equal_numbers_share_a_rank(one: np.ndarray, other: np.ndarray):
    if min(np.ptp(one), np.ptp(other)) == 0:
        assert np.isnan(spearman(one, other))
    else:
        assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)


def test_what_a_third_explains_is_held_fixed():
    x, y, z = np.random.default_rng(1).normal(size=(3, 200))
    x, y = x + 3 * z, y + 3 * z
    left = [side - np.polyval(np.polyfit(z, side, 1), z) for side in (x, y)]
    r = [float(pearson(*pair)) for pair in ((x, y), (x, z), (y, z))]
    assert partial(*r) == pytest.approx(float(pearson(*left)))
    assert partial(0.5, 0.0, 0.0) == 0.5
    assert np.isnan(partial(1.0, 1.0, 1.0))
