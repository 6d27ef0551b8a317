"""How sure a number is: intervals over images, and the exact test for paired answers."""

from fractions import Fraction
from itertools import accumulate
from math import comb
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sightline.errors import SightlineError

# One block of resampled groups at a time: draws x groups would not fit for COCO-sized samples.
BLOCK = 4_000_000


class Interval(NamedTuple):
    """A confidence interval, in the unit of the number it belongs to; NaN where n is zero."""

    low: float
    high: float


EMPTY = Interval(float("nan"), float("nan"))


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a proportion.

    Args:
        successes: 0 <= successes <= n.
        n: trials; 0 gives NaNs.
        confidence: two-sided level.

    Returns:
        Bounds within [0, 1].

    Raises:
        SightlineError: successes outside 0..n.
    """
    if not 0 <= successes <= n:
        raise SightlineError(f"wilson: {successes} successes of {n} trials is impossible.")
    if n == 0:
        return EMPTY
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    # Rounding would leave 1e-17 where the bound is exactly 0 or 1.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high)


def sample_spread(successes: int, n: int, size: int, share: float = 0.95) -> Interval:
    """Where the proportion of a smaller sample would lie, drawn from the trials at hand without replacement.

    Args:
        successes: 0 <= successes <= n.
        n: trials.
        size: of the sample; NaNs if there are fewer trials.
        share: of all samples that lie within.

    Returns:
        Quantiles of the hypergeometric distribution over ``size``, within [0, 1].

    Raises:
        SightlineError: successes outside 0..n.
    """
    if not 0 <= successes <= n:
        raise SightlineError(f"sample_spread: {successes} successes of {n} trials is impossible.")
    if n < size:
        return EMPTY
    # Whole numbers until the end: scipy.stats would say the same, and every figure would wait for its import.
    ways = [comb(successes, k) * comb(n - successes, size - k) for k in range(size + 1)]
    reached = np.array([float(Fraction(total, comb(n, size))) for total in accumulate(ways)])
    low, high = np.searchsorted(reached, [(1 - share) / 2, (1 + share) / 2])
    return Interval(float(low) / size, float(high) / size)


def bootstrap_mean(
    values: ArrayLike,
    groups: ArrayLike,
    seed: int,
    draws: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Percentile bootstrap interval of a mean, resampling whole groups.

    Args:
        values: (n,) numbers or booleans, one per measurement; no NaN.
        groups: (n,) image ids; measurements of one image are drawn together.
        seed: of the resampling; with the same data in any order, the same seed gives the same
            interval.
        draws: number of resamples.
        confidence: two-sided level.

    Returns:
        Bounds of the mean over all measurements, each weighing the same; NaNs if n is zero.

    Raises:
        SightlineError: lengths differ or a value is NaN.
    """
    values = np.asarray(values, dtype=np.float64)
    return bootstrap_ratio(values, np.ones_like(values), groups, seed, draws, confidence)


def bootstrap_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    groups: ArrayLike,
    seed: int,
    draws: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Percentile bootstrap interval of sum(numerators) / sum(denominators), resampling groups.

    Such are accuracies relative to another run's accuracy, and F1 from counts. Resamples whose
    denominator is zero are left out. Arguments as in `bootstrap_mean`; both (n,).
    """
    top = np.asarray(numerators, dtype=np.float64)
    bottom = np.asarray(denominators, dtype=np.float64)
    names = np.asarray(groups)
    if not (top.shape == bottom.shape == names.shape) or top.ndim != 1:
        raise SightlineError(
            f"bootstrap: {top.shape} values, {bottom.shape} weights and {names.shape} image ids; "
            "give one of each per measurement."
        )
    if np.isnan(top).any() or np.isnan(bottom).any():
        row = int(np.flatnonzero(np.isnan(top) | np.isnan(bottom))[0])
        raise SightlineError(f"bootstrap: row {row} is NaN; drop what was not measured first.")
    if not len(top):
        return EMPTY
    _, group = np.unique(names, return_inverse=True)
    tops = np.bincount(group, weights=top)
    bottoms = np.bincount(group, weights=bottom)
    generator = np.random.default_rng(seed)
    ratios = []
    step = max(1, BLOCK // len(tops))
    for first in range(0, draws, step):
        picks = generator.integers(len(tops), size=(min(step, draws - first), len(tops)))
        below = bottoms[picks].sum(axis=1)
        above = tops[picks].sum(axis=1)
        ratios.append(above[below != 0] / below[below != 0])
    drawn = np.concatenate(ratios)
    if not len(drawn):
        return EMPTY
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(low), float(high))


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact McNemar test on paired yes/no outcomes.

    Args:
        b: pairs where only the first condition holds.
        c: pairs where only the second holds.

    Returns:
        p, the binomial probability of a split at least as uneven if both were equally likely;
        1.0 without any discordant pair.

    Raises:
        SightlineError: a negative count.
    """
    if b < 0 or c < 0:
        raise SightlineError(f"mcnemar: counts must not be negative, got {b} and {c}.")
    n = int(b) + int(c)
    # Whole numbers throughout: exact for any n, and no statistics library to load.
    term = total = 1
    for k in range(min(int(b), int(c))):
        term = term * (n - k) // (k + 1)
        total += term
    return min(1.0, 2 * total / 2**n)
