"""Timing two sides in turns, so that whatever else the machine does meets both alike.

One side is a list of steps, one for each condition; the other does all conditions at once. Each round times a
share of the steps and then everything on the other side, A/B/A/B; a ratio is formed within each round.
"""

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

Clock = Literal["wall", "cpu"]


@dataclass(frozen=True)
class Step:
    """What one side does for one condition.

    Attributes:
        name: of the condition.
        call: does it.
        group: conditions that cost alike; every round gets its share of each group.
    """

    name: str
    call: Callable[[], Any]
    group: str = ""


@dataclass(frozen=True)
class Round:
    """Seconds of one round by one clock.

    Attributes:
        steps: of the conditions whose turn it was.
        whole: of everything that is timed in every round.
    """

    steps: Mapping[str, float]
    whole: Mapping[str, float]

    def all_of(self, names: Collection[str]) -> float:
        """Seconds that all of these conditions would take, from the mean of those timed in this round."""
        found = [self.steps[name] for name in names if name in self.steps]
        return len(names) * sum(found) / len(found)


@dataclass
class Rounds:
    """All timings, and what the timed calls gave.

    Attributes:
        steps: per round, seconds of each condition by clock.
        whole: per round, seconds of each other call by clock.
        results: of each call, the latest.
    """

    steps: list[dict[str, dict[Clock, float]]] = field(default_factory=list)
    whole: list[dict[str, dict[Clock, float]]] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)

    def by(self, clock: Clock) -> list[Round]:
        """The rounds by one clock: "wall", or "cpu" for seconds of this process in all its threads."""
        return [
            Round(*({name: one[clock] for name, one in side.items()} for side in sides))
            for sides in zip(self.steps, self.whole, strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """All raw timings."""
        return {"steps": self.steps, "whole": self.whole}


def alternate(
    steps: Sequence[Step], whole: Mapping[str, Callable[[], Any]], rounds: int, cuda: bool = False
) -> Rounds:
    """Warm up, then time both sides in turns.

    Args:
        steps: one for each condition; each is timed once, or in every round if there are fewer than rounds.
        whole: timed in every round.
        rounds: how many.
        cuda: wait for the GPU before the clocks are read.
    """
    warm = {step.group: step for step in steps}
    for call in [*(step.call for step in warm.values()), *whole.values()]:
        call()
    dealt = _deal(steps, rounds)
    timings = Rounds()
    for share in dealt:
        for side, calls in (
            (timings.steps, {step.name: step.call for step in share}),
            (timings.whole, whole),
        ):
            seconds = {}
            for name, call in calls.items():
                seconds[name], timings.results[name] = _time(call, cuda)
            side.append(seconds)
    return timings


def _deal(steps: Sequence[Step], rounds: int) -> list[list[Step]]:
    """Each round's share of every group, in an order that has nothing to do with the conditions'."""
    groups: dict[str, list[Step]] = {}
    for step in steps:
        groups.setdefault(step.group, []).append(step)
    dealt: list[list[Step]] = [[] for _ in range(rounds)]
    for group in groups.values():
        mixed = random.Random(0).sample(group, len(group))
        for number, share in enumerate(dealt):
            share += mixed[number::rounds] if len(group) >= rounds else mixed
    return dealt


def _time(call: Callable[[], Any], cuda: bool) -> tuple[dict[Clock, float], Any]:
    if cuda:
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    if cuda:
        torch.cuda.synchronize()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}, result
