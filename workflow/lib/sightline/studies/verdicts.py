"""From a number with its interval to a verdict, by rules that all studies share."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, NOT_RUN, REPLICATED, Claim

FEWEST = 30
"""Images below which nothing is decided: a bootstrap over a handful can collapse to a point."""
CONTROL, BESIDE = "control, ", "told beside: "
"""How the metrics begin that decide nothing: whether a claim can be tested at all, and what is good to know."""


Rule = Callable[[float, float, float], str]
"""The verdict on a number, from its value and the lower and upper end of its interval."""


@dataclass(frozen=True)
class Finding:
    """One number with its verdict; percent and points unless the metric says otherwise."""

    metric: str
    value: float
    low: float | None
    high: float | None
    n: int
    verdict: str
    published: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        """Too few images leave the verdict open."""
        if self.n < FEWEST:
            object.__setattr__(self, "verdict", INCONCLUSIVE)

    @property
    def decides(self) -> bool:
        """Whether the verdict of its claim depends on it."""
        return not self.metric.startswith((CONTROL, BESIDE))

    def row(self, base: Claim, criterion: str, prefix: str = "") -> Claim:
        """This number as a row of its claim, ``prefix`` before its name."""
        kind = next((mark for mark in (CONTROL, BESIDE) if self.metric.startswith(mark)), "")
        return replace(
            base,
            metric=kind + prefix + self.metric.removeprefix(kind),
            published=self.published,
            published_source=self.source,
            reproduced=float(self.value),
            ci_low=self.low,
            ci_high=self.high,
            n=int(self.n),
            criterion=criterion,
            verdict=self.verdict,
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a claim.

    Attributes:
        verdict: over all its numbers.
        found: the numbers, controls last.
        untestable: the controls that do not hold, with their values; empty where all do.
    """

    verdict: str
    found: Sequence[Finding]
    untestable: str = ""


def as_control(found: Finding) -> Finding:
    """A number that says whether a claim can be tested; one that fails leaves the claim open and never counts."""
    verdict = INCONCLUSIVE if found.verdict == NOT_REPLICATED else found.verdict
    return replace(found, metric=CONTROL + found.metric, verdict=verdict)


def as_beside(found: Finding) -> Finding:
    """A number that is good to know and decides nothing."""
    return replace(found, metric=BESIDE + found.metric)


def headline(base: Claim, found: Sequence[Finding], criterion: str, verdict: str) -> Claim:
    """First row of a claim: its verdict, and how many of the numbers that decide meet the criterion.

    Args:
        base: the claim as if not run.
        found: its numbers, one at least.
        criterion: with the reason where the claim cannot be tested.
        verdict: over all numbers.
    """
    judged = [one for one in found if one.decides]
    return replace(
        base,
        metric=f"numbers that meet the criterion, of {len(judged)}",
        reproduced=float(sum(one.verdict == REPLICATED for one in judged)),
        n=min(int(one.n) for one in judged or found),
        criterion=criterion,
        verdict=verdict,
    )


def at_least(threshold: float, floor: float = 0.0) -> Rule:
    """A number that should reach a threshold; an interval wholly below fails.

    Args:
        threshold: what the estimate must reach.
        floor: what the lower end must exceed; by default zero, so that the direction is certain.
    """

    def rule(value: float, low: float, high: float) -> str:
        if high < threshold:
            return NOT_REPLICATED
        return REPLICATED if value >= threshold and low > floor else INCONCLUSIVE

    return rule


def within(lower: float, upper: float) -> Rule:
    """A number that should lie between two limits: its interval inside, outside, or across."""

    def rule(value: float, low: float, high: float) -> str:
        if high < lower or low > upper:
            return NOT_REPLICATED
        return REPLICATED if lower <= low and high <= upper else INCONCLUSIVE

    return rule


def at_most(limit: float) -> Rule:
    """A number that should stay at or below a limit, its interval included."""
    return within(-math.inf, limit)


def is_so(value: float, low: float, high: float) -> str:
    """A yes (1) or no (0) without an interval."""
    return REPLICATED if value == 1 else NOT_REPLICATED


def together(verdicts: Sequence[str]) -> str:
    """All must hold: the worst verdict counts."""
    for verdict in (NOT_RUN, NOT_REPLICATED, INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return REPLICATED if verdicts else NOT_RUN


def majority(verdicts: Sequence[str]) -> str:
    """Two settings decide."""
    for verdict in (REPLICATED, NOT_REPLICATED):
        if verdicts.count(verdict) >= 2:
            return verdict
    return INCONCLUSIVE if any(v != NOT_RUN for v in verdicts) else NOT_RUN
