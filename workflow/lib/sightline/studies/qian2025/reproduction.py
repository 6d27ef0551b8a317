"""Claims on training, where only released checkpoints are at hand: how near they come to what the paper prints.

That a checkpoint reproduces its row does not show that points made it better; the criterion says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, REPLICATED, Claim
from sightline.studies.published import find_published, load_published
from sightline.studies.qian2025.claims import STUDY, not_run
from sightline.studies.qian2025.items.cells import RUN_OF, Effects
from sightline.studies.qian2025.masks.names import OWN, OWN_WITH_POINTS, PUBLISHED
from sightline.studies.qian2025.resampling import Estimate
from sightline.studies.verdicts import BESIDE, Finding, headline, together

READ_7B, READ_13B = "READ-7B-LLaVA1.5 (ft)", "READ-13B-LLaVA1.5 (ft)"
SHORT_OR_LONG = ("short", "long")
_REFER = [
    *(f"{name} {split}" for name in ("refcoco", "refcoco+") for split in ("val", "testA", "testB")),
    "refcocog val", "refcocog test",
]  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A printed number that a checkpoint should come near.

    Attributes:
        claim: that it belongs to.
        item: table of the paper, or the authors' log where that has more digits.
        row: of it.
        part: of the effects: masks or refer.
        split: name of the queries.
        metric: column.
        limit: largest difference in points.
        subset: all, short or long.
        judged: whether the claim depends on it, or it is told beside.
    """

    claim: str
    item: str
    row: str
    part: str
    split: str
    metric: str
    limit: float
    subset: str = "all"
    judged: bool = True

    @property
    def place(self) -> str:
        """Row of the published table, or the queries in words."""
        return self.split if self.subset == "all" else f"{self.split} {self.subset}"


_BOTH = ("gIoU", "cIoU")
CELLS = {
    "read-7b-val": [
        Cell("C5", "tab2", READ_7B, "masks", "val", metric, limit)
        for metric, limit in (("gIoU", 1.0), ("cIoU", 1.5))
    ],
    "read-7b-test": [
        *(Cell("C5", "tab2_logs", "READ-7B checkpoint 4", "masks", "test", metric, 0.5) for metric in _BOTH),
        *(Cell("C5", "tab2", READ_7B, "masks", "test", metric, 1.0, subset)
          for subset in SHORT_OR_LONG for metric in _BOTH),
    ],
    "read-13b": [
        *(Cell("C6", "tab3_logs", "READ-13B", "masks", "test", metric, 0.5) for metric in _BOTH),
        *(Cell("C6", "tab3", READ_13B, "masks", "test", metric, 1.0, subset, judged=False)
          for subset in SHORT_OR_LONG for metric in _BOTH),
    ],
    "read-7b-refer": [
        *(Cell("C7", "tab4", "READ", "refer", name, "cIoU", 0.5) for name in _REFER),
        *(Cell("C8", "tab5", "READ", "refer", f"{name} val", metric, 1.0)
          for name in ("fprefcoco", "fprefcoco+", "fprefcocog") for metric in ("See", "Segment")),
    ],
}  # fmt: skip
"""Model -> what it should reproduce (dossier section 7.1)."""
BASELINE = {"C8": "sesame-7b"}
"""Claim -> model of the same run that must be surpassed in every cell, whatever the paper prints of it."""
CRITERION = (
    "the released checkpoint comes within {} points of the printed numbers{}; that points made "
    "it better than a model trained without is not shown by this"
)


def is_checkpoint(model: str) -> bool:
    """Whether a key names a published checkpoint of the paper, rather than a model that stands in for one."""
    return model in CELLS or model in RUN_OF.values()


def judge_checkpoint(
    effects: Effects, model: str, dataset: str, lengths_assumed: bool = False
) -> Iterator[Claim]:
    """Rows of the claims that a released checkpoint stands for; none for other models.

    Args:
        effects: of the run.
        model: key.
        dataset: how the scorecard names the queries.
        lengths_assumed: whether which queries are short was guessed, so that they decide nothing.
    """
    for claim in dict.fromkeys(cell.claim for cell in CELLS.get(model, ())):
        cells = [cell for cell in CELLS[model] if cell.claim == claim]
        guessed = lengths_assumed and any(cell.subset in SHORT_OR_LONG for cell in cells)
        if guessed:
            cells = [replace(one, judged=one.judged and one.subset == "all") for one in cells]
        found = [finding for cell in cells if (finding := _near(effects, model, cell))]
        if not found:
            continue
        limits = dict.fromkeys(f"{cell.limit:g}" for cell in cells if cell.judged)
        more = ""
        if any(not cell.judged for cell in cells):
            more = ", short and long queries told beside"
            more += ": these data do not say which are which" if guessed else ""
        baseline = BASELINE.get(claim)
        if baseline:
            above = [one for cell in cells if (one := _above(effects, model, baseline, cell))]
            found += above
            more = f", and above {baseline} in the same run"
            more += "" if above else ", which was not evaluated"
        criterion, base = CRITERION.format("/".join(limits), more), not_run(claim, model, dataset)
        verdict = together([one.verdict for one in found if one.decides])
        if baseline and not above and verdict == REPLICATED:
            verdict = INCONCLUSIVE
        yield headline(base, found, criterion, verdict)
        for one in found:
            yield one.row(base, criterion)


def _find(effects: Effects, model: str, cell: Cell) -> Estimate | None:
    method, variant = (OWN_WITH_POINTS, PUBLISHED) if cell.part == "masks" else (OWN, "")
    return effects.find(cell.part, model, cell.split, method, variant, cell.metric, cell.subset)


def _near(effects: Effects, model: str, cell: Cell) -> Finding | None:
    """A cell beside its printed value; None where either is missing."""
    here = _find(effects, model, cell)
    printed = find_published(load_published(STUDY), cell.item, cell.row, cell.place, cell.metric)
    if here is None or printed.value is None:
        return None
    near = abs(here.value - printed.value) <= cell.limit
    prefix = "" if cell.judged else BESIDE
    return Finding(
        f"{prefix}{cell.metric}, {cell.place}, percent", here.value, here.low, here.high, here.n,
        REPLICATED if near else NOT_REPLICATED, printed.value, printed.source,
    )  # fmt: skip


def _above(effects: Effects, model: str, baseline: str, cell: Cell) -> Finding | None:
    """A cell minus that of another model of the run; None where either was not evaluated."""
    here, there = _find(effects, model, cell), _find(effects, baseline, cell)
    if here is None or there is None:
        return None
    gain = here.value - there.value
    return Finding(
        f"{cell.metric}, {cell.place}, minus {baseline}, points", gain, None, None,
        min(here.n, there.n), REPLICATED if gain > 0 else NOT_REPLICATED,
    )  # fmt: skip
