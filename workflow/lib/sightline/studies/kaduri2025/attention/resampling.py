"""Intervals over images for numbers that are no means: every statistic of image weights gets one.

`sightline.intervals` knows means and ratios of sums. Peaks, best bins and counts of layers need the whole
statistic computed again for every resample of the images.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sightline.intervals import EMPTY, Interval

Weights = NDArray[np.float64]


def resamples(images: int, seed: int, draws: int) -> Weights:
    """How often each image is drawn, (draws, images); the same for every statistic of one sample."""
    counts = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), draws)
    return counts.astype(np.float64)


def interval_of(values: NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """Percentile interval of a statistic's resamples; those without a value are left out."""
    known = values[np.isfinite(values)]
    if not len(known):
        return EMPTY
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(float(low), float(high))


def estimate(
    statistic: Callable[[Weights], NDArray[np.float64]], images: int, seed: int, draws: int
) -> tuple[float, Interval]:
    """A statistic of all images and its bootstrap interval.

    Args:
        statistic: from image weights (n, images) to n values.
        images: number of images.
        seed: of the resampling.
        draws: resamples.
    """
    if not images:
        return float("nan"), EMPTY
    value = float(statistic(np.ones((1, images)))[0])
    return value, interval_of(statistic(resamples(images, seed, draws)))
