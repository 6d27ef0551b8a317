"""From a number with its interval to a verdict, by rules that all studies share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, NOT_RUN, REPLICATED, Claim

FEWEST = 30
"""Images below which nothing is decided: a bootstrap over a handful can collapse to a point."""
CONTROL, BESIDE = "control, ", "told beside: "
"""How the metrics begin that decide nothing: whether a claim can be tested at all, and what is good to know."""


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


def grade(
    value: float, low: float, high: float, threshold: float, floor: float | None = None
) -> str:
    """Verdict on a number that should reach a threshold.

    Args:
        value: the estimate.
        low: lower end of its interval.
        high: upper end.
        threshold: what the estimate must reach; an interval wholly below fails.
        floor: what the lower end must exceed; by default zero, so that the direction is certain.
    """
    if high < threshold:
        return NOT_REPLICATED
    return REPLICATED if value >= threshold and low > (floor or 0) else INCONCLUSIVE


def grade_at_most(value: float, high: float, low: float, limit: float) -> str:
    """Verdict on a number that should stay at or below a limit, with its interval."""
    if low > limit:
        return NOT_REPLICATED
    return REPLICATED if value <= limit and high <= limit else INCONCLUSIVE


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
