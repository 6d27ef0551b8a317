"""Numbers about a window of layers that is found on other images than those it is tested on.

The images are halved, and each half finds the window for the other: all images count, and none of them has a say in its
own window (dossier sections 6 and 7). Intervals resample images within each half and find both windows again in every
resample, so that they hold what the choice adds. No image gets into the other half that way.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.intervals import EMPTY, Interval

Weights = NDArray[np.float64]
Picks = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Place of the chosen candidate for the first and for the second half, (resamples,) each."""


@dataclass(frozen=True, eq=False)
class CrossFit:
    """The images' halves and how often each image is drawn.

    Attributes:
        second: whether an image belongs to the second half, (images,).
        weights: (1 + draws, images); the first row takes every image once, which gives the estimate.
    """

    second: NDArray[np.bool_]
    weights: Weights

    @classmethod
    def of(cls, second: NDArray[np.bool_], seed: int, draws: int) -> "CrossFit":
        """Draw the resamples; neither half may be empty."""
        generator = np.random.default_rng(seed)
        weights = np.ones((1 + draws, len(second)))
        for half in (False, True):
            places = np.flatnonzero(second == half)
            share = np.full(len(places), 1 / len(places))
            weights[1:, places] = generator.multinomial(len(places), share, size=draws)
        return cls(second, weights)

    def choose(self, score: Callable[[Weights], NDArray[np.float64]]) -> Picks:
        """The best candidate for each half, as the other half sees it.

        Args:
            score: from image weights (n, images) to how good each candidate is on them, (n, candidates).
        """
        first, second = (
            score(self.weights * (self.second != half)).argmax(axis=1) for half in (False, True)
        )
        return first, second

    def total(self, values: NDArray[np.float64], picks: Picks) -> NDArray[np.float64]:
        """Sum over all images, each under the candidate for its half.

        Args:
            values: (images, candidates).
            picks: of `choose`.

        Returns:
            (1 + draws,).
        """
        rows = np.arange(len(self.weights))
        return sum(
            ((self.weights * (self.second == half)) @ values)[rows, pick]
            for half, pick in zip((False, True), picks, strict=True)
        )

    def numbers(
        self, top: NDArray[np.float64], bottom: NDArray[np.float64]
    ) -> dict[str, float | int]:
        """Ratio of two totals with its 95 % interval; resamples whose bottom is zero are left out.

        Args:
            top: (1 + draws,), the estimate first.
            bottom: the same.
        """
        known = bottom != 0
        ratios = np.full(len(top), np.nan)
        # Sums over the halves differ from sums over all in the last digits, and 1e-17 would count as above zero.
        ratios[known] = np.round(top[known] / bottom[known], 12)
        drawn = ratios[1:][known[1:]]
        bounds = Interval(*map(float, np.quantile(drawn, [0.025, 0.975]))) if len(drawn) else EMPTY
        return {
            "value": float(ratios[0]), "low": bounds.low, "high": bounds.high, "n": len(self.second),
        }  # fmt: skip
