"""Claims C1, C7, C8 and C9 of kaduri2025: where generated tokens look, and how little of it they need.

Judged by the dossier's section 6: C1 and C8 on the paper's own model, as published, by the windows that its values
should lie in (`sightline.studies.kaduri2025.value_windows`), all else by the thresholds for other models. A number
replicates where it reaches its threshold with an interval on the right side of no effect, fails where its whole
interval misses the threshold, and is inconclusive in between or on too few images or objects. Controls never count as
failures, but a control that does not hold leaves a claim open, as not testable on this model: first of all the gate,
that descriptions name what is there (dossier section 7).
"""

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.studies.claims import (
    INCONCLUSIVE,
    REPLICATED,
    Claim,
    write_claims,
)
from sightline.studies.kaduri2025.attention.effects import read_effects
from sightline.studies.kaduri2025.attention.fractions import FIRST_LAYERS
from sightline.studies.kaduri2025.attention.layer_bins import mostly_in
from sightline.studies.kaduri2025.attention.localisation import (
    AVERAGED,
    LOST,
    NAMED,
    PER_LAYER,
)
from sightline.studies.kaduri2025.attention.measurements import (
    ALL_KEYS,
    ALL_LAYERS,
    AS_PUBLISHED,
    GENERATED,
    IMAGE,
    MIDDLE_ONLY,
    STRICTER,
    TEXT,
    WITHOUT_FIRST,
)
from sightline.studies.kaduri2025.attention.paper import (
    bin_accuracies,
    share_curve,
    window_numbers,
)
from sightline.studies.kaduri2025.claims import STATEMENTS, STUDY
from sightline.studies.kaduri2025.paper_models import MIDDLES, named_model, paper_models
from sightline.studies.kaduri2025.value_windows import value_windows, windows_criterion
from sightline.studies.kaduri2025.windows import Window
from sightline.studies.published import load_published
from sightline.studies.verdicts import (
    BESIDE,
    FEWEST,
    Finding,
    Rule,
    as_beside,
    as_control,
    at_least,
    at_most,
    headline,
    is_so,
    together,
    within,
)

ITEMS = {"C1": "fig1", "C7": "fig4", "C8": "fig7", "C9": "fig5"}
CRITERIA = {
    "C1": "the query gets the largest share of attention in at least 75 % of the layers, and after the first 10 % of "
    "the layers the image's share peaks between 25 % and 60 % of the depth; testable where the query is at most 10 % "
    "of the prompt",
    "C7": "in at least 80 % of the images, entropy of image attention is larger in the middle layers than before and "
    "after them, and the largest 1 % of tokens before and after the middle overlap more than either does with those in "
    "it",
    "C8": "the best bin of middle layers has at least twice the accuracy of the mean of the other bins, at least twice "
    "that expected by chance, and at least 1.5 times that for the other objects of the image; the best bin of all lies "
    "in the middle third",
    "C9": "F1 with the most attended tokens at least 0.9 of that with all, and at least 0.1 above that with as many "
    "random ones; in the middle layers alone testable where all their tokens leave at least 0.85",
}
NEED = "needs the measurements of read_attention and hide_tokens"
VARIANTS: Mapping[str, Mapping[str, str]] = {
    "C1": {AS_PUBLISHED: ALL_KEYS, WITHOUT_FIRST: WITHOUT_FIRST},
    "C7": {AS_PUBLISHED: ""},
    "C8": {
        AS_PUBLISHED: f"{LOST}, {PER_LAYER}",
        AVERAGED: f"{LOST}, {AVERAGED}",
        NAMED: f"{NAMED}, {PER_LAYER}",
    },
    "C9": {
        AS_PUBLISHED: ALL_LAYERS,
        STRICTER: f"{ALL_LAYERS}, {STRICTER}",
        MIDDLE_ONLY: MIDDLE_ONLY,
    },
}
"""Claim -> variant on the scorecard -> variant of the contrasts."""
GATE, QUERY_LIMIT = 0.9, 10.0
PEAK = (0.25, 0.6)
OPEN_MIDDLE = 0.85
"""F1 with the middle layers open from which on the middle is enough (dossier section 6, C5)."""

Number = tuple[float | None, str]


class Contrasts:
    """Contrasts of one model in one variant."""

    def __init__(self, table: pd.DataFrame, model: str, variant: str) -> None:
        """Pick the rows; numbers without a variant of their own belong to all."""
        self._table = table[table["model"] == model]
        self._variant = variant

    def finding(
        self,
        what: str,
        title: str,
        verdict: Rule,
        published: Number = (None, ""),
        variant: str | None = None,
    ) -> Finding | None:
        """A number with its verdict, or None where it was not measured."""
        variant = self._variant if variant is None else variant
        here = (self._table["what"] == what) & (self._table["variant"] == variant)
        if not here.any() or math.isnan(self._table[here].iloc[0]["value"]):
            return None
        row = self._table[here].iloc[0]
        value, low, high = (float(row[part]) for part in ("value", "ci_low", "ci_high"))
        known = not math.isnan(low)
        note = f" ({row['note']})" if row["note"] else ""
        return Finding(
            title + note, value, low if known else None, high if known else None, int(row["n"]),
            verdict(value, low, high), *published,
        )  # fmt: skip


Listed = list[Finding | None]


def find_c1(here: Contrasts, published: pd.DataFrame, paper: str) -> tuple[Listed, Listed]:
    """Where the query leads, and where the image peaks."""
    text, image, generated = (
        share_curve(published, paper, role) for role in (TEXT, IMAGE, GENERATED)
    )
    largest: Number = (None, "")
    peak: Number = (None, "")
    if len(text):
        skipped = math.ceil(FIRST_LAYERS * len(image))
        largest = (float((text >= np.maximum(image, generated)).mean()), _DIGITISED)
        peak = (float(image[skipped:].argmax() + skipped) / len(image), _DIGITISED)
    return [
        here.finding(
            "text_largest", "share of layers in which the query gets most", at_least(0.75), largest
        ),
        here.finding(
            "image_peak_depth", "depth at which the image's share peaks", within(*PEAK), peak
        ),
    ], [
        here.finding(
            "text_positions", "query's share of the prompt (%)", at_most(QUERY_LIMIT), variant=ALL_KEYS
        )
    ]  # fmt: skip


def find_c7(here: Contrasts, published: pd.DataFrame, paper: str) -> tuple[Listed, Listed]:
    """Entropy by group of layers, and overlap of their largest tokens."""
    return [
        here.finding(
            "middle_most_spread", "share of images with the largest entropy in the middle", at_least(0.8, 0.5)
        ),
        here.finding(
            "overlap_difference",
            "overlap of early and late layers minus the larger one of either with the middle", at_least(0),
        ),
    ], []  # fmt: skip


def find_c8(here: Contrasts, published: pd.DataFrame, paper: str) -> tuple[Listed, Listed]:
    """The best bin against other bins, chance and other objects."""
    ratio: Number = (None, "")
    if accuracies := bin_accuracies(published, paper):
        middle = Window(*MIDDLES[paper])
        inner = [rate for one, rate in accuracies.items() if mostly_in(one, middle)]
        outer = [rate for one, rate in accuracies.items() if not mostly_in(one, middle)]
        ratio = (round(max(inner) / float(np.mean(outer)), 2), "ratio of printed values")
    return [
        here.finding(
            "over_other_bins", "best middle bin over the other bins", at_least(2, 1), ratio
        ),
        here.finding("over_chance", "best middle bin over chance", at_least(2, 1)),
        here.finding("over_other_objects", "best middle bin over other objects", at_least(1.5, 1)),
        here.finding("best_bin_in_middle_third", "best bin lies in the middle third", is_so),
    ], []


def find_c9(here: Contrasts, published: pd.DataFrame, paper: str) -> tuple[Listed, Listed]:
    """What the most attended tokens keep, and what random ones do."""
    return [
        here.finding("f1_kept", "F1 over that with all tokens seen", at_least(0.9)),
        here.finding("over_random", "F1 minus that with random tokens", at_least(0.1)),
    ], [
        here.finding(
            "f1_everything", "F1 with all tokens seen in these layers", at_least(OPEN_MIDDLE)
        )
    ]


FINDERS = {"C1": (find_c1, 2), "C7": (find_c7, 2), "C8": (find_c8, 4), "C9": (find_c9, 2)}
"""How the numbers of a claim are found, and how many it takes."""
_DIGITISED = "from the digitised curves of Figure 1"
_PRINTED = "from the published curves and bars of Figures 1 and 7"


def in_windows(claim: str, here: Contrasts, published: pd.DataFrame, own: str) -> Listed:
    """The numbers of one of the paper's models whose values should lie in a window."""
    printed = window_numbers(published, own)
    return [
        here.finding(
            one.number, one.title, one.verdict(published, own),
            (printed[one.number], _PRINTED) if one.number in printed else (None, ""),
        )
        for one in value_windows(claim, own)
    ]  # fmt: skip


def judge_claim(
    claim: str, here: Contrasts, published: pd.DataFrame, paper: str, own: str, base: Claim
) -> list[Claim]:
    """Rows of one claim on one model: its verdict first, then its numbers, controls last.

    Args:
        claim: of FINDERS.
        here: contrasts of the model in one variant.
        published: of `sightline.studies.published.load_published`.
        paper: the paper's model whose numbers stand beside.
        own: the paper's model that this one is, as published; empty for others.
        base: the claim as if not run.
    """
    finder, count = FINDERS[claim]
    listed, controls = finder(here, published, paper)
    found, beside = [one for one in listed if one is not None], []
    asked = CRITERIA[claim]
    if windows := in_windows(claim, here, published, own):
        beside, count = list(map(as_beside, found)), len(windows)
        found = [one for one in windows if one is not None]
        asked = windows_criterion(claim, published, own)
    if not found:
        return [base]
    gate = here.finding(
        "gate", "F1 of the unmodified description against the scene", at_least(GATE), variant=""
    )
    present = [one for one in (*controls, gate) if one is not None]
    lacking = [f"{one.metric} is {one.value:.3g}" for one in present if one.verdict != REPLICATED]
    verdict = together([one.verdict for one in found])
    if lacking or (verdict == REPLICATED and len(found) < count):
        verdict = INCONCLUSIVE
    criterion = f"{asked}; {FEWEST} images or objects or more"
    if lacking:
        criterion += f"; not testable here: {'; '.join(lacking)}"
    shown = [*found, *beside, *map(as_control, present)]
    head = headline(base, shown, criterion, verdict)
    return [
        head,
        *(
            one.row(base, CRITERIA[claim] if one.metric.startswith(BESIDE) else asked)
            for one in shown
        ),
    ]


def judge_attention(
    contrasts: pd.DataFrame, published: pd.DataFrame, models: Sequence[str], dataset: str
) -> Iterable[Claim]:
    """C1, C7, C8 and C9 on every model, in all variants.

    Args:
        contrasts: of `sightline.studies.kaduri2025.attention.effects`.
        published: of `sightline.studies.published.load_published`.
        models: keys, in the paper's order.
        dataset: as the scorecard shows it.
    """
    for claim in FINDERS:
        for model, paper in paper_models(models).items():
            for shown, variant in VARIANTS[claim].items():
                base = Claim.not_run(
                    study=STUDY, claim=claim, statement=STATEMENTS[claim], item=ITEMS[claim],
                    metric="numbers that meet the criterion", model=model, dataset=dataset,
                    variant=shown, need=NEED,
                )  # fmt: skip
                here = Contrasts(contrasts, model, variant)
                own = named_model(model) if shown == AS_PUBLISHED else ""
                yield from judge_claim(claim, here, published, paper, own, base)


def main(options: argparse.Namespace) -> None:
    """Write the scorecard rows of this part."""
    contrasts = read_effects(options.effects, "contrasts")
    claims = judge_attention(contrasts, load_published(STUDY), options.models, options.dataset_name)
    write_claims(claims, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--models", nargs="*", required=True, help="keys, in the paper's order")
    parser.add_argument("--dataset-name", default="coco", help="as the scorecard shows it")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
