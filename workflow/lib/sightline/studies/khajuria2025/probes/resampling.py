"""Accuracies with the uncertainty of tasks, images and encoder seeds.

Every image gets one Poisson weight per draw, from its own number, so that all encoders, layers and variants that
saw the image weigh it alike and differences are paired. Tasks are drawn with replacement, the same in all cells;
so are the encoders of one objective where they are averaged. Every image belongs to one of two halves, again by
its number, so that one half can choose what the other reports.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.errors import SightlineError
from sightline.intervals import EMPTY, Interval
from sightline.studies.khajuria2025.names import AVG_OBJ
from sightline.studies.khajuria2025.probes.measurements import unpack_all

Draws = NDArray[np.float64]

KEYS = ("encoder", "layer", "representation", "source", "target")


class CellError(SightlineError):
    """A cell that was not measured."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number and what it would be on other images, tasks and seeds.

    Attributes:
        value: on the data.
        draws: (draws,) on resampled data.
        n: images behind it, over all tasks.
    """

    value: float
    draws: Draws
    n: int

    @property
    def interval(self) -> Interval:
        """95 % percentile interval."""
        known = self.draws[np.isfinite(self.draws)]
        if not len(known):
            return EMPTY
        low, high = np.quantile(known, [0.025, 0.975])
        return Interval(float(low), float(high))

    def _with(self, other: "Estimate | float", call: Callable[..., Draws]) -> "Estimate":
        if isinstance(other, Estimate):
            return Estimate(
                float(call(self.value, other.value)),
                call(self.draws, other.draws),
                min(self.n, other.n),
            )
        return Estimate(float(call(self.value, other)), call(self.draws, other), self.n)

    def __add__(self, other: "Estimate | float") -> "Estimate":
        return self._with(other, np.add)

    def __sub__(self, other: "Estimate | float") -> "Estimate":
        return self._with(other, np.subtract)

    def __mul__(self, other: "Estimate | float") -> "Estimate":
        return self._with(other, np.multiply)

    def __truediv__(self, other: "Estimate | float") -> "Estimate":
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._with(other, np.divide)

    __radd__ = __add__


@dataclass(frozen=True, eq=False)
class Pick:
    """Which of several estimates is the largest.

    Attributes:
        place: on the data; the first of equals.
        drawn: (draws,) in every draw.
    """

    place: int
    drawn: NDArray[np.int64]

    @classmethod
    def largest(cls, parts: Sequence[Estimate], redrawn: bool = True) -> "Pick":
        """The largest estimate; without ``redrawn`` the one on the data in all draws."""
        place = int(np.argmax([-np.inf if np.isnan(part.value) else part.value for part in parts]))
        draws = np.stack([part.draws for part in parts])
        if not redrawn:
            return cls(place, np.full(draws.shape[1], place))
        return cls(place, np.where(np.isnan(draws), -np.inf, draws).argmax(0))

    def of(self, parts: Sequence[Estimate]) -> Estimate:
        """That one of other estimates, in the same order."""
        draws = np.stack([part.draws for part in parts])
        return Estimate(
            parts[self.place].value,
            draws[self.drawn, np.arange(draws.shape[1])],
            parts[self.place].n,
        )


def over_halves(parts: Sequence[Estimate]) -> Estimate:
    """Mean of estimates on different images."""
    both = combine(lambda values: values.mean(0), parts)
    return Estimate(both.value, both.draws, sum(part.n for part in parts))


def combine(call: Callable[[NDArray[np.float64]], Draws], parts: Sequence[Estimate]) -> Estimate:
    """A statistic of several estimates.

    Args:
        call: from (parts, ...) to (...), along the first axis, such as a mean or a rank correlation.
        parts: at least one.
    """
    values = np.array([[part.value] for part in parts])
    draws = np.stack([part.draws for part in parts])
    return Estimate(float(call(values)[0]), np.asarray(call(draws)), min(part.n for part in parts))


def _accuracies(
    weights: NDArray[np.float32], tested: NDArray[np.bool_], correct: NDArray[np.bool_]
) -> NDArray[np.float32]:
    with np.errstate(invalid="ignore"):
        return (correct.astype(np.float32) @ weights) / (tested.astype(np.float32) @ weights)


class ImageWeights:
    """Poisson weights of images, (draws, images), and the half that each belongs to.

    Args:
        draws: number of resamples.
        seed: of the resampling.
    """

    def __init__(self, draws: int, seed: int) -> None:
        self.draws, self._seed = draws, seed
        self._known: dict[int, NDArray[np.float32]] = {}
        self._halves: dict[int, int] = {}

    def halves(self, image_ids: Iterable[int]) -> NDArray[np.int64]:
        """0 or 1 for each image; an image is in the same half wherever it is asked for."""
        found = []
        for image in map(int, image_ids):
            if image not in self._halves:
                self._halves[image] = int(np.random.default_rng([self._seed, image, 1]).integers(2))
            found.append(self._halves[image])
        return np.array(found, dtype=np.int64)

    def of(self, image_ids: Iterable[int]) -> NDArray[np.float32]:
        """Weights of some images; an image has the same wherever it is asked for."""
        lines = []
        for image in map(int, image_ids):
            if image not in self._known:
                generator = np.random.default_rng([self._seed, image])
                self._known[image] = generator.poisson(1.0, self.draws).astype(np.float32)
            lines.append(self._known[image])
        return np.stack(lines, 1) if lines else np.zeros((self.draws, 0), np.float32)

    def accuracies(
        self, image_ids: Sequence[int], tested: NDArray[np.bool_], correct: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Accuracies (cells, draws) of outcomes (cells, images)."""
        return _accuracies(self.of(image_ids).T, tested, correct)


class Cells:
    """Means over tasks of one variant, probe and subset.

    Args:
        rows: outcomes, COLUMNS of the measurements.
        images: images behind them.
        weights: of images.
        seed: of the drawing of tasks and seeds.
    """

    def __init__(
        self, rows: pd.DataFrame, images: pd.DataFrame, weights: ImageWeights, seed: int
    ) -> None:
        self.tasks = sorted(rows["task"].unique())
        self._seed, self._draws = seed, weights.draws
        generator = np.random.default_rng([seed, 0])
        picks = generator.integers(len(self.tasks), size=(weights.draws, len(self.tasks)))
        times = np.stack([(picks == number).sum(1) for number in range(len(self.tasks))])
        keys = rows[list(KEYS)].drop_duplicates().sort_values(list(KEYS)).reset_index(drop=True)
        self.table = keys
        place = {tuple(key): number for number, key in enumerate(keys.itertuples(index=False))}
        shape = (len(keys), len(self.tasks))
        self.per_task = np.full(shape, np.nan)
        self.n_per_task, self.baselines = np.zeros(shape, int), np.full(shape, np.nan)
        total, weight = (np.zeros((len(keys), weights.draws)) for _ in range(2))
        # The layer is chosen by avg_obj alone, so its lines are all that is wanted of the halves.
        self._halved = {
            n: i for i, n in enumerate(np.flatnonzero(keys["representation"] == AVG_OBJ))
        }
        shape = (2, len(self._halved))
        self._half_per_task = np.full((*shape, len(self.tasks)), np.nan)
        self._half_n = np.zeros(shape, int)
        halves, half_weight = (np.zeros((*shape, weights.draws)) for _ in range(2))
        named = {
            key: part["image_id"].to_numpy() for key, part in images.groupby(["encoder", "task"])
        }
        for (encoder, task), some in rows.groupby(["encoder", "task"], sort=False):
            column = self.tasks.index(task)
            lines = [place[tuple(key)] for key in some[list(KEYS)].itertuples(index=False)]
            ids = named[encoder, task]
            tested, correct = (unpack_all(some[name], len(ids)) for name in ("tested", "correct"))
            drawing = weights.of(ids).T
            drawn = _accuracies(drawing, tested, correct)
            self.per_task[lines, column] = some["accuracy"]
            self.n_per_task[lines, column] = some["n"]
            self.baselines[lines, column] = some["baseline"]
            known = np.isfinite(drawn)
            total[lines] += np.where(known, drawn, 0) * times[column]
            weight[lines] += known * times[column]
            rows_here = [row for row, line in enumerate(lines) if line in self._halved]
            here = [self._halved[lines[row]] for row in rows_here]
            if not here:
                continue
            side = weights.halves(ids)
            for half in range(2):
                mine = side == half
                marks = [part[rows_here][:, mine] for part in (tested, correct)]
                counts, right = (part.sum(1) for part in marks)
                with np.errstate(invalid="ignore"):
                    self._half_per_task[half, here, column] = right / counts
                self._half_n[half, here] += counts
                drawn = _accuracies(drawing[mine], *marks)
                known = np.isfinite(drawn)
                halves[half, here] += np.where(known, drawn, 0) * times[column]
                half_weight[half, here] += known * times[column]
        with np.errstate(invalid="ignore"):
            self._drawn = total / weight
            self._half_drawn = halves / half_weight
        self._place = place

    @property
    def encoders(self) -> list[str]:
        """Encoders that were measured."""
        return list(dict.fromkeys(self.table["encoder"]))

    def layers(self, encoder: str) -> list[int]:
        """Layers that were measured of an encoder."""
        return sorted(self.table.loc[self.table["encoder"] == encoder, "layer"].unique())

    def has(self, *key: str | int) -> bool:
        """Whether a cell was measured."""
        return key in self._place

    def line(self, *key: str | int) -> int:
        """Number of a cell: encoder, layer, representation, source, target.

        Raises:
            CellError: it was not measured.
        """
        if key not in self._place:
            raise CellError(f"{' '.join(map(str, key))} was not measured.")
        return self._place[key]

    def cell(self, *key: str | int) -> Estimate:
        """Accuracy of a cell, mean over tasks."""
        line = self.line(*key)
        return Estimate(
            float(np.nanmean(self.per_task[line])),
            self._drawn[line],
            int(self.n_per_task[line].sum()),
        )

    def halves(self, *key: str | int) -> tuple[Estimate, Estimate]:
        """Accuracy of a cell of avg_obj on either half of the images, mean over tasks."""
        line = self._halved[self.line(*key)]
        first, second = (
            Estimate(
                float(np.nanmean(self._half_per_task[half, line])),
                self._half_drawn[half, line],
                int(self._half_n[half, line]),
            )
            for half in range(2)
        )
        return first, second

    def baseline(self, *key: str | int) -> float:
        """Accuracy of always saying the most frequent label, mean over tasks."""
        return float(np.nanmean(self.baselines[self.line(*key)]))

    def over_seeds(self, parts: Mapping[str, Estimate]) -> Estimate:
        """Mean over the encoders of an objective, which are drawn with replacement.

        The same encoders are drawn alike whatever is asked of them, others independently: a seed has no counterpart
        under another objective.

        Args:
            parts: by encoder.
        """
        found = [parts[name] for name in sorted(parts)]
        if len(found) == 1:
            return found[0]
        generator = np.random.default_rng([self._seed, 1, crc32("\n".join(sorted(parts)).encode())])
        picks = generator.integers(len(found), size=(len(found), self._draws))
        drawn = np.stack([part.draws for part in found])
        return Estimate(
            float(np.mean([part.value for part in found])),
            np.take_along_axis(drawn, picks, axis=0).mean(0),
            min(part.n for part in found),
        )

    def frame(self) -> pd.DataFrame:
        """All cells: KEYS, tasks, n, accuracy, sd over tasks (ddof 0), ci_low, ci_high, baseline."""
        low, high = np.nanquantile(self._drawn, [0.025, 0.975], axis=1)
        return self.table.assign(
            tasks=np.isfinite(self.per_task).sum(1),
            n=self.n_per_task.sum(1),
            accuracy=np.nanmean(self.per_task, axis=1),
            sd=np.nanstd(self.per_task, axis=1),
            ci_low=low,
            ci_high=high,
            baseline=np.nanmean(self.baselines, axis=1),
        )
