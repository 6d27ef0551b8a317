"""One row of the table: two sides that do the same work, what is compared, and what counts as agreement."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from sightline.bench.peaks import Peak
from sightline.bench.rounds import Round, Rounds, Step

# Largest difference allowed, as a share of the largest value: rounding of a type through 32 layers.
TOLERANCES = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}


@dataclass(frozen=True)
class Goal:
    """What a ratio should be.

    Attributes:
        limit: the value still good enough.
        at_least: whether more is better.
    """

    limit: float
    at_least: bool = True

    def met(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Ratio:
    """How many times one time is another.

    Attributes:
        name: what is compared.
        unit: behind the number.
        of: the ratio in one round.
        goal: None for one that is only told.
        note: what a reader should know about it.
    """

    name: str
    unit: str
    of: Callable[[Round], float]
    goal: Goal | None = None
    note: str = ""

    def measured(self, rounds: Rounds) -> dict[str, Any]:
        """Median and spread over rounds, as plain data."""
        values = [self.of(one) for one in rounds.by("wall")]
        median = statistics.median(values)
        return {
            "name": self.name,
            "unit": self.unit,
            "note": self.note,
            "median": median,
            "low": min(values),
            "high": max(values),
            "rounds": len(values),
            "median_cpu": statistics.median(self.of(one) for one in rounds.by("cpu")),
            **_judged(median, self.goal),
        }


@dataclass(frozen=True)
class PeakRatio:
    """How many times one peak of memory is another; members as in `Ratio`."""

    name: str
    unit: str
    of: Callable[[Mapping[str, Peak]], float]
    goal: Goal | None = None
    note: str = ""

    def measured(self, peaks: Mapping[str, Peak]) -> dict[str, Any]:
        """The ratio as plain data."""
        value = self.of(peaks)
        measured = {"name": self.name, "unit": self.unit, "note": self.note, "median": value}
        return measured | _judged(value, self.goal)


@dataclass(frozen=True)
class Agreement:
    """How well the results of both sides agree.

    Attributes:
        error: largest difference, as a share of the largest value.
        tolerance: the largest error allowed.
        effect: how much the conditions change the result, on the same scale: what an error could hide behind.
            None where nothing is changed.
        same: answers that are the same token by token.
        answers: how many there are; 0 where the work gives none.
        ties: answers that part where the reference itself holds both tokens for equally likely.
    """

    error: float
    tolerance: float
    effect: float | None = None
    same: int = 0
    answers: int = 0
    ties: int = 0

    @property
    def reached(self) -> bool:
        """Whether a fast answer is the right one."""
        return self.error <= self.tolerance and self.same + self.ties == self.answers

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "reached": self.reached}


@dataclass(frozen=True)
class Work:
    """Work for both sides.

    Attributes:
        title: what is done.
        against: what it is compared with.
        steps: the other side, one for each condition.
        whole: ours, and whatever else is timed in every round.
        ratios: of times.
        agree: compares the results of the timed calls, which come by name.
        peaks: calls whose peak of memory is measured, each in a process of its own.
        peak_ratios: of peaks.
        trace: whether to count tensors besides the process; slow for many small steps.
        often: rounds are this many times as many: for work that takes little time.
    """

    title: str
    against: str
    steps: Sequence[Step]
    whole: Mapping[str, Callable[[], Any]]
    ratios: Sequence[Ratio]
    agree: Callable[[Mapping[str, Any]], Agreement]
    peaks: Mapping[str, Callable[[], Any]]
    peak_ratios: Sequence[PeakRatio] = field(default=())
    trace: bool = False
    often: int = 1


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference as a share of the largest value; infinite where either side is not finite.

    Not a number would be neither larger nor smaller than a tolerance, and vanish in a maximum.
    """
    share = (found.float() - expected.float()).abs().max() / expected.float().abs().max()
    return float(share) if share.isfinite() else math.inf


def largest_error(errors: Iterable[float]) -> float:
    """Largest of some errors; infinite if one of them is not a number."""
    return max(math.inf if math.isnan(error) else error for error in errors)


def _judged(value: float, goal: Goal | None) -> dict[str, Any]:
    if goal is None:
        return {"limit": None, "at_least": None, "met": None}
    return {"limit": goal.limit, "at_least": goal.at_least, "met": goal.met(value)}
