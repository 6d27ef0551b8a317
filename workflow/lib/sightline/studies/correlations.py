"""How alike two orders of the same things are."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Numbers = NDArray[np.float64]


def pearson(first: Numbers, second: Numbers) -> Numbers:
    """Correlation along the first axis, of (things, ...) to (...); NaN where one side is all alike."""
    one, two = first - first.mean(0), second - second.mean(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (one * two).sum(0) / np.sqrt((one**2).sum(0) * (two**2).sum(0))


def spearman(first: Numbers, second: Numbers) -> Numbers:
    """Rank correlation along the first axis, of (things, ...) to (...); equal numbers share the mean of their ranks."""
    return pearson(*(stats.rankdata(part, axis=0) for part in (first, second)))


def partial(r_xy: float, r_xz: float, r_yz: float) -> float:
    """Correlation of x and y with z held fixed."""
    below = ((1 - r_xz**2) * (1 - r_yz**2)) ** 0.5
    return (r_xy - r_xz * r_yz) / below if below else float("nan")
