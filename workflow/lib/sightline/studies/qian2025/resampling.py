"""Intervals of gIoU and cIoU, and of what is made of several of them: the same resampled images for all.

A comparison of two masks of the same queries is a paired one only if both are resampled alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.errors import SightlineError
from sightline.studies.qian2025.metrics import ciou, giou

Key = tuple[str, ...]
Draws = NDArray[np.float64]


class Estimate(NamedTuple):
    """A number with the ends of its 95 % interval, and the queries behind it."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of several masks of the same queries: measured first, resampled behind.

    Attributes:
        keys: name of each mask.
        giou: (1 + draws, keys).
        ciou: (1 + draws, keys).
        queries: how many.
    """

    keys: tuple[Key, ...]
    giou: Draws
    ciou: Draws
    queries: int

    def of(self, key: Key, metric: str = "giou") -> Draws:
        """Scores of one mask, (1 + draws,).

        Raises:
            SightlineError: no such mask was measured.
        """
        if key not in self.keys:
            raise SightlineError(f"scores: {', '.join(key)} was not measured.")
        return getattr(self, metric)[:, self.keys.index(key)]

    def estimate(self, key: Key, metric: str = "giou") -> Estimate:
        """One score with its interval."""
        return estimate(self.of(key, metric), self.queries)

    def combine(self, make: Callable[..., Draws], *parts: tuple[Key, str]) -> Estimate:
        """A number made of several scores, such as their ratio."""
        return estimate(make(*(self.of(*part) for part in parts)), self.queries)


def estimate(draws: Draws, n: int) -> Estimate:
    """Value and interval of what was measured, and resampled, in this order."""
    low, high = np.nanquantile(draws[1:], [0.025, 0.975])
    return Estimate(float(draws[0]), float(low), float(high), n)


def resample(
    table: pd.DataFrame,
    by: list[str],
    query: str,
    group: str,
    draws: int,
    seed: int,
    crossed: str | None = None,
) -> Scores:
    """Scores of all masks of a table.

    Args:
        table: one row per query and mask: intersection, union, and the columns named.
        by: columns that name a mask.
        query: column that numbers the queries; every mask has all of them.
        group: column of what is resampled, such as images.
        draws: resamples.
        seed: of them.
        crossed: column of what is resampled besides, such as trainings that all saw the same queries; what is counted
            are groups then.
    """
    names = table[by].apply(tuple, axis=1)
    wide = table.assign(key=names).pivot(
        index=query, columns="key", values=["intersection", "union"]
    )
    keys = tuple(dict.fromkeys(names))
    shared, united = (wide[part][list(keys)].to_numpy(float) for part in ("intersection", "union"))
    if np.isnan(shared).any():
        raise SightlineError("scores: some masks lack queries that others have; measure them anew.")
    rows = table.drop_duplicates(query).set_index(query, drop=False).loc[wide.index]
    rng = np.random.default_rng(seed)
    weights = _weights(rows[group].to_numpy(), draws, rng)
    if crossed is not None:
        weights = weights * _weights(rows[crossed].to_numpy(), draws, rng)
    counted = len(wide) if crossed is None else rows[group].nunique()
    found = [metric(shared, united, weights) for metric in (giou, ciou)]
    return Scores(keys, *found, counted)


def _weights(groups: NDArray, draws: int, rng: np.random.Generator) -> Draws:
    """How often each row counts, (1 + draws, rows): once in what was measured."""
    _, number = np.unique(groups, return_inverse=True)
    count = number.max() + 1
    picks = rng.integers(count, size=(draws, count))
    weights = np.stack([np.bincount(row, minlength=count) for row in picks]).astype(float)
    return np.vstack([np.ones(count), weights])[:, number]
