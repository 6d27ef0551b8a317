"""Claims C2 to C6 and C14 of kaduri2025: through which tokens, and in which layers, the image reaches a description.

They are judged by the dossier's section 6: an entry that is one of the paper's models, with the published edges, by
the windows that its values should lie in (`sightline.studies.kaduri2025.value_windows`), every other one and the
stricter variant by the thresholds for other models. A number replicates where it reaches its threshold with an interval
on the right side of no effect, fails where its whole interval misses the threshold, and is inconclusive in between or
on too few images. Nothing is testable on a model that does not describe what is there (gate, dossier section 7).
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    Claim,
    write_claims,
)
from sightline.studies.kaduri2025.claims import STATEMENTS, STUDY
from sightline.studies.kaduri2025.knockout import contrasts
from sightline.studies.kaduri2025.knockout.conditions import (
    AS_PUBLISHED,
    BOTH,
    GENERATED,
    KNOCKOUTS,
    LABELS,
    VARIANTS,
)
from sightline.studies.kaduri2025.knockout.contrasts import read_contrasts
from sightline.studies.kaduri2025.knockout.paper import Paper
from sightline.studies.kaduri2025.paper_models import SECOND_MODEL, named_model, paper_models
from sightline.studies.kaduri2025.value_windows import value_windows, windows_criterion
from sightline.studies.published import load_published
from sightline.studies.verdicts import (
    BESIDE,
    FEWEST,
    Finding,
    Outcome,
    Rule,
    as_beside,
    as_control,
    at_least,
    at_most,
    headline,
    together,
)

ITEMS = {
    "C2": "fig2e", "C3": "fig2e", "C4": "fig2e", "C5": "fig2e", "C6": "fig2f", "C14": "figS1e",
}  # fmt: skip
CRITERIA = {
    "C2": "F1 of img→gen, all layers, at least 0.15 above the floor (another image's description) and at least 0.15 "
    "below the ceiling (hidden in the last layers only)",
    "C3": "F1 of img→gen minus that of img→query, all layers, at least 0.20",
    "C4": "F1 of img→query+gen, all layers, at most 0.05 above the floor",
    "C5": "for each knockout, F1 with one window of at most 30 % of the layers open at least 0.85 of the ceiling, and "
    "at least 0.15 above the best equally wide window in the first and in the last third; each half of the images "
    "tested with the window that the other half finds",
    "C6": "for each knockout, at least 60 % of the rise of F1 within one window of at most 30 % of the layers, more "
    "than 50 % for certain, and F1 behind it at least 0.85 of the ceiling; each half of the images tested with the "
    "window that the other half finds; testable only where hiding the image costs at least 0.15",
    "C14": "C2 to C6 hold in two models or more",
}
NEED = "needs the measurements of judge_descriptions"
NEED_SECOND = "needs measurements of a second model; name one under studies.kaduri2025.models"
GATE_LIMIT, RISE_LIMIT = 0.90, 0.15
SHARED = ("C2", "C3", "C4", "C5", "C6")


class Contrasts:
    """Contrasts of one model in one variant, with what the paper printed beside."""

    def __init__(
        self,
        table: pd.DataFrame,
        model: str,
        variant: str,
        published: pd.DataFrame,
        paper_model: str,
    ) -> None:
        """Pick the rows; ``paper_model`` is the one whose numbers belong beside."""
        self._table = table[(table["model"] == model) & (table["variant"] == variant)]
        self._published = published
        self.paper, self.variant = Paper(published, paper_model), variant
        # A stand-in has published numbers beside it and is held against no window of values.
        self._own = named_model(model) if variant == AS_PUBLISHED else ""

    def in_windows(self, claim: str) -> tuple["Listed", int]:
        """The numbers whose values should lie in a window, and how many windows there are."""
        rows = value_windows(claim, self._own)
        return [
            self.finding(
                one.title, one.number, one.condition, one.verdict(self._published, self._own),
                one.printed(self._published, self._own), labelled=True,
            )
            for one in rows
        ], len(rows)  # fmt: skip

    def criterion(self, claim: str) -> str:
        """What a verdict on a claim judges here."""
        if not value_windows(claim, self._own):
            return CRITERIA[claim]
        return windows_criterion(claim, self._published, self._own)

    def row(self, contrast: str, condition: str = "") -> pd.Series | None:
        """One contrast, or None where it was not measured."""
        here = (self._table["contrast"] == contrast) & (self._table["condition"] == condition)
        return self._table[here].iloc[0] if here.any() else None

    def finding(
        self,
        title: str,
        contrast: str,
        condition: str,
        verdict: Rule,
        published: tuple[float | None, str] = (None, ""),
        labelled: bool = False,
    ) -> Finding | None:
        """A contrast with its verdict, which is made from value, low and high; None if not measured.

        The title is given the knockout's name unless it is ``labelled`` already.
        """
        row = self.row(contrast, condition)
        if row is None or pd.isna(row["value"]):
            return None
        value, low, high = (float(row[part]) for part in ("value", "low", "high"))
        layers = f", layers {row['layers']}" if row["layers"] else ""
        named = condition in KNOCKOUTS and not labelled
        label = f"{LABELS[condition]}: " if named else ""
        metric = f"{label}{title}{layers}"
        return Finding(
            metric, value, low, high, int(row["n"]), verdict(value, low, high), *published
        )


Listed = list[Finding | None]


def find_c2(here: Contrasts) -> Listed:
    """Between floor and ceiling, and away from both."""
    return [
        here.finding("F1 minus floor", contrasts.ABOVE_FLOOR, GENERATED, at_least(0.15)),
        here.finding(
            "ceiling minus F1", contrasts.BELOW_CEILING, GENERATED, at_least(0.15),
            here.paper.below_ceiling(GENERATED),
        ),
    ]  # fmt: skip


def find_c3(here: Contrasts) -> Listed:
    """What hiding the image from the query costs more than hiding it from generated tokens."""
    return [
        here.finding(
            "F1 of img→gen minus that of img→query", contrasts.GENERATED_OVER_QUERY, "", at_least(0.2),
            here.paper.generated_over_query(),
        )
    ]  # fmt: skip


def find_c4(here: Contrasts) -> Listed:
    """No better than another image's description."""
    return [here.finding("F1 minus floor", contrasts.ABOVE_FLOOR, BOTH, at_most(0.05))]


def find_c5(here: Contrasts) -> Listed:
    """One open window against the ceiling and against windows elsewhere."""
    found: Listed = []
    for condition in KNOCKOUTS:
        found += [
            here.finding(
                "F1 with a window open over ceiling", contrasts.OPEN_WINDOW, condition,
                at_least(0.85), here.paper.open_middle(condition),
            ),
            here.finding(
                "the same minus the best window in the first third", contrasts.ABOVE_FIRST,
                condition, at_least(0.15),
            ),
            here.finding(
                "the same minus the best window in the last third", contrasts.ABOVE_LAST, condition,
                at_least(0.15),
            ),
        ]  # fmt: skip
    return found


def find_c6(here: Contrasts) -> Listed:
    """The share of the rise in one window, and what is left behind it."""
    found: Listed = []
    for condition in KNOCKOUTS:
        found += [
            here.finding(
                "share of the rise in a window", contrasts.RISE_SHARE, condition,
                at_least(0.6, 0.5), here.paper.share_of_rise(condition),
            ),
            here.finding(
                "F1 behind the window over ceiling", contrasts.RISE_END, condition,
                at_least(0.85), here.paper.end_of_rise(condition),
            ),
        ]  # fmt: skip
    return found


FINDERS: dict[str, tuple[Callable[[Contrasts], Listed], int]] = {
    "C2": (find_c2, 2), "C3": (find_c3, 1), "C4": (find_c4, 1), "C5": (find_c5, 9), "C6": (find_c6, 6),
}  # fmt: skip
"""How the numbers of a claim are found, and how many it takes."""


def decide(claim: str, here: Contrasts) -> Outcome:
    """Numbers and verdict of one claim; controls leave it open where they fail."""
    finder, count = FINDERS.get(claim, (lambda _: [], 0))
    found = [one for one in finder(here) if one is not None]
    inside, windows = here.in_windows(claim)
    beside: Listed = []
    if windows:
        beside, found, count = list(map(as_beside, found)), list(filter(None, inside)), windows
    verdict = together([one.verdict for one in found])
    if verdict == REPLICATED and len(found) < count:
        verdict = INCONCLUSIVE
    controls: Listed = [
        here.finding("F1 of the unmodified description against the scene", contrasts.GATE, "",
                     at_least(GATE_LIMIT))
    ]  # fmt: skip
    if claim == "C6":
        controls += [
            here.finding("rise", contrasts.RISE, condition, at_least(RISE_LIMIT))
            for condition in KNOCKOUTS
        ]
    present = [one for one in controls if one is not None]
    lacking = [f"{one.metric} is {one.value:.2f}" for one in present if one.verdict != REPLICATED]
    if verdict != NOT_RUN and lacking:
        verdict = INCONCLUSIVE
    listed = [*found, *filter(None, beside), *map(as_control, present)]
    return Outcome(verdict, listed if found else [], "; ".join(lacking))


def claim_rows(claim: str, here: Contrasts, base: Claim) -> list[Claim]:
    """Rows of one claim on one model: its verdict first, then its numbers."""
    outcome = decide(claim, here)
    if not outcome.found:
        return [base]
    criterion = f"{here.criterion(claim)}; {FEWEST} images or more"
    if outcome.untestable:
        criterion += f"; not testable here: {outcome.untestable}"
    head = headline(base, outcome.found, criterion, outcome.verdict)
    return [
        head,
        *(
            one.row(
                base, CRITERIA[claim] if one.metric.startswith(BESIDE) else here.criterion(claim)
            )
            for one in outcome.found
        ),
    ]


def judge_second_model(heads: Sequence[Claim], models: Sequence[str], base: Claim) -> list[Claim]:
    """C14 from the verdicts on C2 to C6 with the published edges, one row per model below.

    Entries of one checkpoint of the paper's are one model.
    """
    held: dict[str, list[str]] = {model: [] for model in models}
    for head in heads:
        held[head.model].append(head.verdict)
    measured = {
        model: verdicts
        for model, verdicts in held.items()
        if any(verdict != NOT_RUN for verdict in verdicts)
    }
    if len(measured) < 2:
        return [base]
    verdicts = {model: together(found) for model, found in measured.items()}
    held_by = {named_model(m) or m for m, one in verdicts.items() if one == REPLICATED}
    may_hold = {named_model(m) or m for m, one in verdicts.items() if one != NOT_REPLICATED}
    verdict = INCONCLUSIVE
    if len(held_by) >= 2:
        verdict = REPLICATED
    elif len(may_hold) < 2:
        verdict = NOT_REPLICATED
    n = min(head.n for head in heads if head.n is not None)
    rows = [
        replace(
            base, metric="models on which C2 to C6 hold", reproduced=len(held_by), n=n,
            criterion=CRITERIA["C14"], verdict=verdict,
        )
    ]  # fmt: skip
    return rows + [
        replace(
            base, metric=f"claims that hold, of {len(SHARED)}", model=model,
            reproduced=found.count(REPLICATED), n=n, criterion=CRITERIA["C14"],
            verdict=verdicts[model],
        )
        for model, found in measured.items()
    ]  # fmt: skip


def judge_llava(here: Contrasts, across: Sequence[Claim], base: Claim) -> list[Claim]:
    """C14 on LLaVA-1.5-7B itself: near the numbers that were printed of it.

    Args:
        here: of the first entry that is this model.
        across: rows over all models, which stand beside.
        base: the claim on this entry as if not run.
    """
    beside = [
        replace(row, metric=f"{BESIDE}{row.metric}, {row.model}", model=base.model)
        for row in across
        if row.verdict != NOT_RUN
    ]
    return [*claim_rows("C14", here, base), *beside]


def judge_knockout(
    table: pd.DataFrame, published: pd.DataFrame, models: Sequence[str], dataset: str
) -> Iterable[Claim]:
    """C2 to C6 on every model, in both variants, and C14 on LLaVA-1.5-7B or over all models.

    Args:
        table: of `sightline.studies.kaduri2025.knockout.contrasts`.
        published: of `sightline.studies.published.load_published`.
        models: keys, in the paper's order.
        dataset: as the scorecard shows it.
    """
    heads = []
    for claim in SHARED:
        for model, paper_model in paper_models(models).items():
            # The stricter variant changes img->gen alone, which C4 does not use.
            for variant in VARIANTS if claim != "C4" else (AS_PUBLISHED,):
                base = _base(claim, model, dataset, variant)
                here = Contrasts(table, model, variant, published, paper_model)
                rows = claim_rows(claim, here, base)
                heads += rows[:1] if variant == AS_PUBLISHED else []
                yield from rows
    base = _base("C14", " + ".join(models), dataset, AS_PUBLISHED, NEED_SECOND)
    across = judge_second_model(heads, models, base)
    llava = next((model for model in models if named_model(model) == SECOND_MODEL), None)
    if llava is None:
        yield from across
        return
    here = Contrasts(table, llava, AS_PUBLISHED, published, SECOND_MODEL)
    yield from judge_llava(here, across, _base("C14", llava, dataset, AS_PUBLISHED))


def _base(claim: str, model: str, dataset: str, variant: str, need: str = NEED) -> Claim:
    return Claim.not_run(
        study=STUDY, claim=claim, statement=STATEMENTS[claim], item=ITEMS[claim],
        metric="numbers that meet the criterion", model=model, dataset=dataset, variant=variant,
        need=need,
    )  # fmt: skip


def main(options: argparse.Namespace) -> None:
    """Write the scorecard rows of this part."""
    claims = judge_knockout(
        read_contrasts(options.contrasts),
        load_published(STUDY),
        options.models,
        options.dataset_name,
    )
    write_claims(claims, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contrasts", type=Path, required=True)
    parser.add_argument("--models", nargs="*", required=True, help="keys, in the paper's order")
    parser.add_argument("--dataset-name", default="coco", help="as the scorecard shows it")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
