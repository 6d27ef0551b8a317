"""From the rows of the scorecard to one verdict per claim.

A study writes many rows for a claim: its verdict first, then the numbers behind it, then controls, and all of that
again for further variants and models. What is counted is the claim:

* A claim's *headline* on a model and data set is the first row that its study wrote for them. It carries the verdict
  over all numbers of the claim, under the variant that the study puts first.
* A claim's verdict is that of its headlines. Headlines that were not run say nothing where others were run. Where
  those that were run differ, the claim is *mixed* and its summary says on how many of them it replicated.
* Rows that begin with "control" tell whether a claim could be tested at all. One that behaves as a control must is
  no replicated claim: it is shown as holding or not, and counted nowhere. Rows told beside a claim decide nothing.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sightline.studies.claims import NOT_REPLICATED, NOT_RUN, REPLICATED, VERDICTS, Claim
from sightline.studies.verdicts import BESIDE, CONTROL

MIXED = "mixed"
"""Verdict of a claim whose models differ."""
OUTCOMES = (*VERDICTS[:-1], MIXED, NOT_RUN)

_DRAWN = "embedded world"
"""How the names of data sets begin whose images are drawn."""
_BESIDE_CRITERION = "reported beside the claim"
_COUNT = re.compile(r"(.+), of (\d+)")


def is_control(row: Claim) -> bool:
    """Whether a row only says if a claim could be tested."""
    return row.metric.startswith(CONTROL)


def is_beside(row: Claim) -> bool:
    """Whether a row stands beside a claim and decides nothing."""
    return row.metric.startswith(BESIDE) or row.criterion.startswith(_BESIDE_CRITERION)


def control_word(row: Claim) -> str:
    """What became of a control."""
    if row.verdict == NOT_RUN:
        return "not measured"
    return "control holds" if row.verdict == REPLICATED else "control does not hold"


def counted(row: Claim) -> str:
    """A row that counts numbers, in words: "2 of 3 settings meet the criterion"; empty for others."""
    found = _COUNT.fullmatch(row.metric)
    if found is None or row.reproduced is None:
        return ""
    return f"{row.reproduced:.0f} of {found[2]} {found[1].replace(' that ', ' ', 1)}"


def caution(claims: Iterable[Claim]) -> str:
    """What readers of verdicts on drawn scenes have to know; empty where nothing was judged on any."""
    if not any(row.dataset.startswith(_DRAWN) and row.verdict != NOT_RUN for row in claims):
        return ""
    return (
        "Verdicts on the embedded world are about small models of drawn scenes: they say nothing for or against the "
        "papers."
    )


@dataclass(frozen=True)
class ClaimResult:
    """All rows of one claim.

    Attributes:
        rows: in the order of their study.
    """

    rows: tuple[Claim, ...]

    @property
    def first(self) -> Claim:
        """The row that stands for the claim: the first headline with the verdict that the summary tells.

        The first one where none was run.
        """
        return next((row for row in self.headlines if row.verdict == self._told), self.headlines[0])

    @property
    def _told(self) -> str:
        """The verdict that the summary tells: of headlines that differ, the best that is none of "inconclusive"."""
        verdicts = {row.verdict for row in self.headlines} - {NOT_RUN}
        if len(verdicts) == 1:
            return verdicts.pop()
        # Where none replicates, mixed are the others: not replicated, and inconclusive.
        return next((one for one in (REPLICATED, NOT_REPLICATED) if one in verdicts), NOT_RUN)

    @property
    def headlines(self) -> tuple[Claim, ...]:
        """First row of each model and data set."""
        return _first_of_each(self.rows, ("model", "dataset"))

    @property
    def variants(self) -> tuple[Claim, ...]:
        """First row of each variant beside the first, on the model and data of `first`."""
        first = self.first
        here = [
            row for row in self.rows if (row.model, row.dataset) == (first.model, first.dataset)
        ]
        return tuple(
            row for row in _first_of_each(here, ("variant",)) if row.variant != first.variant
        )

    @property
    def verdict(self) -> str:
        """One of OUTCOMES."""
        verdicts = {row.verdict for row in self.headlines} - {NOT_RUN}
        if not verdicts:
            return NOT_RUN
        return verdicts.pop() if len(verdicts) == 1 else MIXED

    @property
    def summary(self) -> str:
        """The verdict in words: "replicated", or where models differ "replicated on 1 of 2 models"."""
        run = [row for row in self.headlines if row.verdict != NOT_RUN]
        if self.verdict != MIXED:
            return self.verdict
        told, verdicts = self._told, [row.verdict for row in run]
        unit = "models" if len({row.model for row in run}) == len(run) else "models and data sets"
        return f"{told} on {verdicts.count(told)} of {len(run)} {unit}"

    @property
    def shown(self) -> Claim:
        """The number that stands for the claim.

        That is the headline itself if it carries a published number or an interval. A headline that only counts how
        many numbers meet the criterion gives way to one of those: one with the same verdict where there is any, one
        with a published value among these, and the first of them.
        """
        first = self.first
        if first.published is not None or first.ci_low is not None:
            return first
        numbers = [row for row in self.numbers if not is_control(row) and not is_beside(row)]
        decisive = [row for row in numbers if row.verdict == first.verdict] or numbers
        told = [row for row in decisive if row.published is not None]
        return (told or decisive or [first])[0]

    @property
    def numbers(self) -> tuple[Claim, ...]:
        """Rows behind the headline, under its variant, on its model and data."""
        first = self.first
        key = (first.model, first.dataset, first.variant)
        return tuple(
            row
            for row in self.rows
            if row is not first and (row.model, row.dataset, row.variant) == key
        )


def results_by_claim(claims: Iterable[Claim]) -> list[ClaimResult]:
    """Rows grouped by study and claim, both in the order of their first row."""
    grouped: dict[tuple[str, str], list[Claim]] = {}
    for row in claims:
        grouped.setdefault((row.study, row.claim), []).append(row)
    return [ClaimResult(tuple(rows)) for rows in grouped.values()]


def tally(results: Sequence[ClaimResult]) -> dict[str, int]:
    """Claims by verdict, in the order of OUTCOMES; mixed only where there are any."""
    counts = {name: sum(one.verdict == name for one in results) for name in OUTCOMES}
    return {name: count for name, count in counts.items() if count or name != MIXED}


def tally_words(results: Sequence[ClaimResult]) -> str:
    """The same as one line: "3 claims: 2 replicated · 1 not replicated"; verdicts without claims are left out."""
    parts = [f"{count} {name}" for name, count in tally(results).items() if count]
    total = f"{len(results)} claim{'' if len(results) == 1 else 's'}"
    return f"{total}: {' · '.join(parts)}" if parts else total


def _first_of_each(rows: Iterable[Claim], columns: Sequence[str]) -> tuple[Claim, ...]:
    found: dict[tuple[str, ...], Claim] = {}
    for row in rows:
        found.setdefault(tuple(getattr(row, column) for column in columns), row)
    return tuple(found.values())
