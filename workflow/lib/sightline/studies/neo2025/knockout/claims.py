"""Claims C12 to C15 of neo2025: where the answer is read off.

Accuracies are relative to the run in which nothing is cut. A number replicates where it reaches its threshold with
an interval on the right side of no effect, fails where its whole interval misses the threshold, and is inconclusive
in between or on too few questions. Two claims need a control first: context can only matter in early layers if the
answers need it at all (C13), and rows that change nothing prove something only if cutting them changes anything in
principle (C14); without its control a claim is inconclusive, as not testable on this model and data.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_RUN,
    REPLICATED,
    Claim,
    write_claims,
)
from sightline.studies.neo2025.judging import JUDGES
from sightline.studies.neo2025.knockout import pairs
from sightline.studies.neo2025.knockout.effects import find_cell, read_comparisons, read_effects
from sightline.studies.neo2025.knockout.pairs import PAIRS, Pair
from sightline.studies.neo2025.knockout.tab2 import GEOMETRY, HEADERS, ITEM, PAPER_MODEL
from sightline.studies.published import find_published, load_published
from sightline.studies.verdicts import (
    FEWEST,
    Finding,
    Outcome,
    as_control,
    at_least,
    headline,
    together,
)

STATEMENTS = {
    "C12": "The last position reads the object directly from its tokens, in middle to late layers",
    "C13": "Earlier layers draw on the rest of the image instead",
    "C14": "No stage collects the image into the last row of visual tokens",
    "C15": "The pattern mirrors factual recall: enrichment at the object, then extraction by the last position",
}
CRITERIA = {
    "C12": "O+1 → LTP: mid-late <= 0.90 and at least 0.08 below early; all <= 0.80 (an all-layer value that stays "
    "near 1 means that the answer travels through other text tokens)",
    "C13": "I-(O+1) → LTP: early or early-mid at least 0.05 below late; testable only where cutting I-(O+1) off from "
    "all text in all layers leaves at most 0.97, with its interval below 1",
    "C14": "O+1 → LVR and I-LVR → LVR: at least 0.98 in the worst window with the lower bound above 0.95, which "
    "takes 74 questions or more; testable only where I → all text leaves at most 0.50 and I-LVR → LVR moves the logits",
    "C15": "an analogy without a number of its own; C6 and C12 judge its two halves",
}
NEED = "needs the measurements of block_attention"
TESTABLE, BITES, MOVES = 0.97, 0.50, 1e-3

BY_PLACE = {(pair.source, pair.target): pair for pair in PAIRS}
OBJECT_TO_LAST = BY_PLACE[pairs.PLUS_1, pairs.LAST]
CONTEXT_TO_LAST = BY_PLACE[pairs.CONTEXT, pairs.LAST]
CONTEXT_TO_TEXT = BY_PLACE[pairs.CONTEXT, pairs.TEXT]
IMAGE_TO_TEXT = BY_PLACE[pairs.IMAGE, pairs.TEXT]
ROWS = (BY_PLACE[pairs.PLUS_1, pairs.LAST_ROW], BY_PLACE[pairs.UPPER_ROWS, pairs.LAST_ROW])


class Cuts:
    """Cells and comparisons of one model under one judge, with published numbers beside."""

    def __init__(
        self,
        effects: pd.DataFrame,
        comparisons: pd.DataFrame,
        published: pd.DataFrame,
        model: str,
        judge: str,
    ) -> None:
        """Pick the geometry of the judge: corrected, or that of the authors' code."""
        chosen = comparisons[(comparisons["model"] == model) & (comparisons["judge"] == judge)]
        self._effects, self._comparisons, self._published = effects, chosen, published
        self._model, self._judge = model, judge

    def cell(self, pair: Pair, window: str) -> pd.Series | None:
        """Relative accuracy of a pair in a window."""
        variant = pair.variant(GEOMETRY[self._judge])
        return find_cell(self._effects, self._model, self._judge, pair.name, variant, window)

    def published(self, pair: Pair, window: str) -> tuple[float | None, str]:
        """Printed value and its source."""
        found = find_published(self._published, ITEM, PAPER_MODEL, pair.name, window)
        return found.value, f"{found.source} ({found.trust})" if found.value is not None else ""

    def finding(self, pair: Pair, window: str, limit: float) -> Finding | None:
        """A relative accuracy that should fall to a limit."""
        cell = self.cell(pair, window)
        if cell is None:
            return None
        value, low, high = cell[["relative_accuracy", "ci_low", "ci_high"]]
        return Finding(
            f"{pair.title}, {HEADERS[window].lower()}: relative accuracy", value, low, high, cell["n"],
            at_least(1 - limit)(1 - value, 1 - high, 1 - low), *self.published(pair, window),
        )  # fmt: skip

    def below(self, pair: Pair, lower: str, upper: str, by: float) -> Finding | None:
        """How far one window lies below another, on the same questions."""
        table = self._comparisons
        variant = pair.variant(GEOMETRY[self._judge])
        wanted = {
            "first": pair.name, "first_variant": variant, "first_window": upper,
            "second": pair.name, "second_variant": variant, "second_window": lower,
        }  # fmt: skip
        for column, value in wanted.items():
            table = table[table[column] == value]
        if table.empty:
            return None
        value, low, high = table.iloc[0][["difference", "ci_low", "ci_high"]]
        title = f"{pair.title}: {HEADERS[upper].lower()} minus {HEADERS[lower].lower()}"
        n = table.iloc[0]["n"]
        return Finding(title, value, low, high, n, at_least(by)(value, low, high))


def find_c12(cuts: Cuts) -> Outcome:
    """Reading in middle to late layers, and how much is read at all."""
    found = _present(
        cuts.finding(OBJECT_TO_LAST, pairs.MID_LATE, 0.90),
        cuts.below(OBJECT_TO_LAST, pairs.MID_LATE, pairs.EARLY, 0.08),
        cuts.finding(OBJECT_TO_LAST, pairs.ALL, 0.80),
    )
    return Outcome(_all_of(found, 3), found)


def find_c13(cuts: Cuts) -> Outcome:
    """Context, early against late; either early window is enough."""
    found = _present(
        cuts.below(CONTEXT_TO_LAST, pairs.EARLY, pairs.LATE, 0.05),
        cuts.below(CONTEXT_TO_LAST, pairs.EARLY_MID, pairs.LATE, 0.05),
    )
    verdicts = {finding.verdict for finding in found}
    if REPLICATED in verdicts:
        either = REPLICATED
    else:
        either = verdicts.pop() if len(verdicts) == 1 else INCONCLUSIVE if verdicts else NOT_RUN
    control = cuts.finding(CONTEXT_TO_TEXT, pairs.ALL, TESTABLE)
    return _under_control(either, found, control)


def find_c14(cuts: Cuts) -> Outcome:
    """Both rows in their worst window, and that the cuts do something."""
    found = []
    for pair in ROWS:
        cells = [cuts.cell(pair, window) for window in HEADERS]
        if any(cell is None for cell in cells):
            continue
        # Ties are common at 1: the first window stands for them.
        worst = min(cells, key=lambda cell: cell["relative_accuracy"])
        value, low, high = worst[["relative_accuracy", "ci_low", "ci_high"]]
        printed = [cuts.published(pair, window) for window in HEADERS]
        known = [one for one in printed if one[0] is not None]
        published = min(known, key=lambda one: one[0]) if known else (None, "")
        title = f"{pair.title}: relative accuracy in the worst window"
        verdict = at_least(0.98, floor=0.95)(value, low, high)
        found.append(Finding(title, value, low, high, worst["n"], verdict, *published))
    verdict = _all_of(found, len(ROWS))
    upper, everything = cuts.cell(ROWS[1], pairs.ALL), cuts.finding(IMAGE_TO_TEXT, pairs.ALL, BITES)
    if upper is None:
        return _under_control(verdict, found, everything)
    moved = upper["logit_change"]
    moves = Finding(
        f"{ROWS[1].title}, all: largest change of a logit (median)", moved, None, None, upper["n"],
        REPLICATED if moved > MOVES else INCONCLUSIVE,
    )  # fmt: skip
    return _under_control(verdict, found, everything, moves)


def _all_of(found: Sequence[Finding], count: int) -> str:
    """All numbers must hold, and all must be there."""
    verdict = together([finding.verdict for finding in found])
    return INCONCLUSIVE if verdict == REPLICATED and len(found) < count else verdict


def _under_control(verdict: str, found: list[Finding], *controls: Finding | None) -> Outcome:
    """The verdict stands only where every control holds; controls never count as failures."""
    present = _present(*controls)
    lacking = ["control not measured"] if len(present) < len(controls) else []
    lacking += [f"{one.metric} is {one.value:.3g}" for one in present if one.verdict != REPLICATED]
    if verdict != NOT_RUN and lacking:
        verdict = INCONCLUSIVE
    return Outcome(verdict, [*found, *map(as_control, present)], "; ".join(lacking))


def _present(*findings: Finding | None) -> list[Finding]:
    return [finding for finding in findings if finding is not None]


FINDERS = {"C12": find_c12, "C13": find_c13, "C14": find_c14}


def judge_claim(claim: str, cuts: Cuts, base: Claim) -> list[Claim]:
    """Rows of one claim under one judge: its verdict first, then its numbers."""
    outcome = FINDERS[claim](cuts) if claim in FINDERS else Outcome(NOT_RUN, [])
    found, criterion = outcome.found, f"{CRITERIA[claim]}; {FEWEST} questions or more"
    if not found:
        return [base]
    if outcome.untestable:
        criterion += f"; not testable here: {outcome.untestable}"
    head = headline(base, found, criterion, outcome.verdict)
    return [head, *(finding.row(base, CRITERIA[claim]) for finding in found)]


def judge_knockout(
    effects: pd.DataFrame,
    comparisons: pd.DataFrame,
    published: pd.DataFrame,
    model: str,
    dataset: str,
) -> Iterable[Claim]:
    """C12 to C15 on the model that stands for the paper's first, under both judges.

    Args:
        effects: of `sightline.studies.neo2025.knockout.effects.summarise`.
        comparisons: of its ``compare``.
        published: of `sightline.studies.published.load_published`.
        model: key of the model.
        dataset: as the scorecard shows it.
    """
    for claim, statement in STATEMENTS.items():
        # An analogy has no judge.
        judges: Sequence[str] = JUDGES if claim in FINDERS else JUDGES[:1]
        for judge in judges:
            base = Claim.not_run(
                study="neo2025",
                claim=claim,
                statement=statement,
                item=ITEM,
                metric="numbers that meet the criterion",
                model=model,
                dataset=dataset,
                variant=judge,
                need=NEED if claim in FINDERS else CRITERIA[claim],
            )
            cuts = Cuts(effects, comparisons, published, model, judge)
            yield from judge_claim(claim, cuts, base)


def main(options: argparse.Namespace) -> None:
    """Write the scorecard rows of this part."""
    claims = judge_knockout(
        read_effects(options.effects),
        read_comparisons(options.comparisons),
        load_published("neo2025"),
        options.model,
        options.dataset_name,
    )
    write_claims(claims, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--comparisons", type=Path, required=True)
    parser.add_argument("--model", required=True, help="key of the model that is judged")
    parser.add_argument("--dataset-name", default="coco", help="as the scorecard shows it")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
