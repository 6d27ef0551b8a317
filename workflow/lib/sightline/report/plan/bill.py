"""The bill: one line per rule, and the totals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from sightline.report.plan.cards import Card
from sightline.report.plan.counts import AT_MOST, ESTIMATE, EXACT
from sightline.report.plan.disk import Taken, take
from sightline.report.plan.jobs import Job
from sightline.report.plan.run import Run
from sightline.report.plan.work import UNRECKONED, WORKS, Work, memory

RESERVE = 0.9
"""Share of a card's memory that a job may count on."""
TRUST = (EXACT, AT_MOST, ESTIMATE)
"""From firm to loose; a sum is as loose as its loosest part."""
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Line:
    """What all jobs of one rule take.

    Attributes:
        rule: its name.
        jobs: how many.
        download: bytes over the network, what is unknown left out.
        disk: bytes written beside the results, likewise.
        cache: bytes of states of models: of these, or kept elsewhere.
        memory: bytes on a card, of the largest job; None where no model runs.
        hours: on the card, what is unknown left out; None where no model runs.
        trust: of TRUST.
        unknown: jobs with an unknown figure.
        notes: arithmetic and reasons.
    """

    rule: str
    jobs: int
    download: float = 0
    disk: float = 0
    cache: float = 0
    memory: float | None = None
    hours: float | None = None
    trust: str = EXACT
    unknown: int = 0
    notes: tuple[str, ...] = ()


def total(lines: Sequence[Line]) -> Line:
    """All lines in one."""
    memories = [line.memory for line in lines if line.memory is not None]
    return Line(
        "total",
        sum(line.jobs for line in lines),
        sum(line.download for line in lines),
        sum(line.disk for line in lines),
        sum(line.cache for line in lines),
        max(memories, default=None),
        sum(line.hours or 0 for line in lines),
        _loosest(line.trust for line in lines),
        sum(line.unknown for line in lines),
    )


def reckon(run: Run, jobs: Sequence[Job], card: Card) -> list[Line]:
    """What jobs will take, rule by rule in the order of their first jobs."""
    by_rule: dict[str, list[Job]] = {}
    for job in jobs:
        by_rule.setdefault(job.rule, []).append(job)
    return [_line(run, rule, found, card) for rule, found in by_rule.items()]


def _line(run: Run, rule: str, jobs: Sequence[Job], card: Card) -> Line:
    takes = [take(run, job) for job in jobs]
    hours, memories, notes = None, [], [one.note for one in takes if one.note]
    unknown = {number for number, one in enumerate(takes) if _lacks(one)}
    if rule in WORKS:
        for number, job in enumerate(jobs):
            arithmetic, wildcard = WORKS[rule]
            name = job.wildcards[wildcard]
            work, needed = arithmetic(run, name), memory(run, name)
            if work is None or work.flops == inf:
                unknown.add(number)
                notes.append(f"{name}: hours unknown")
                continue
            needed = needed or 0
            memories.append(needed)
            cards = max(1, -(-needed // (RESERVE * card.memory)))
            if cards > 1:
                notes.append(
                    f"{name}: needs {cards:.0f} such cards (device_map: auto), all counted"
                )
            # Layers on several cards wait for each other: each is held all the time.
            took = seconds(work * job.share, run.weight_bytes(name) or 0, card)
            hours = (hours or 0) + cards * took / 3600
    elif rule in UNRECKONED:
        notes.append(f"hours not reckoned: {UNRECKONED[rule]}")
    return Line(
        rule,
        len(jobs),
        sum(one.download or 0 for one in takes),
        sum(_finite(one.disk) for one in takes),
        sum(_finite(one.cache) for one in takes),
        max(memories, default=None),
        hours,
        _loosest(one.kind for one in takes),
        len(unknown),
        tuple(dict.fromkeys(notes)),
    )


def seconds(work: Work, weights: float, card: Card) -> float:
    """Time of a work whose steps each read the weights once."""
    return card.seconds(work.flops, work.steps * weights)


def _lacks(taken: Taken) -> bool:
    return taken.download is None or taken.disk is None or taken.disk == inf


def _finite(size: float | None) -> float:
    return 0 if size is None or size == inf else size


def _loosest(kinds: Iterable[str]) -> str:
    return max(kinds, key=TRUST.index, default=EXACT)
