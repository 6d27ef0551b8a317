"""The study's rows of the scorecard, gathered from its parts; what no part judged is listed as not run.

python -m sightline.studies.qian2025.claims --parts maps.csv tables.csv --model demo-llava \
    --dataset-name "embedded world" --out claims.csv
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sightline.cli import run
from sightline.studies.claims import Claim, ClaimError, read_claims, write_claims

STUDY = "qian2025"


class Statement(NamedTuple):
    """One claim in own words, the item that carries it, what would be measured, and what that needs."""

    text: str
    item: str
    metric: str
    need: str


STATEMENTS = {
    "C1": Statement(
        "The map of [SEG] over the image tokens highlights the object that is asked for, in the language model as "
        "after the mask decoder, and the two maps agree",
        "fig1",
        "rank correlation of the two maps beyond that of maps of other images",
        "similarity maps of a model with a segmenter",
    ),
    "C2": Statement(
        "The map of [SEG] agrees with the map of the object's name in a vision-language encoder: the empty "
        "placeholder has come to mean the object",
        "fig1",
        "share of queries whose map agrees best with the right noun's",
        "similarity maps, a contrastive vision-language encoder, and queries whose object's name is known",
    ),
    "C3": Statement(
        "Points picked from the map and given to the unmodified SAM nearly reach the model's own masks",
        "tab1",
        "cIoU of the original SAM with points, as a share of the model's own",
        "similarity maps and the unmodified SAM",
    ),
    "C4": Statement(
        "The map itself, cut at a threshold, overlaps the ground truth more than the model's own masks do",
        "tab1",
        "cIoU of the cut map, as a share of the model's own",
        "similarity maps",
    ),
    "C5": Statement(
        "Training with points from the map improves reasoning segmentation",
        "tab2",
        "points of gIoU gained by training with points",
        "segmenters trained with and without points, or the checkpoints of both kinds",
    ),
    "C6": Statement(
        "The gain holds for a language model of 13 B weights",
        "tab3",
        "points of gIoU gained by training with points",
        "checkpoints of 13 B weights; the demo has no second size of language model",
    ),
    "C7": Statement(
        "Training with points improves ordinary referring segmentation on every split",
        "tab4",
        "points of cIoU gained by training with points, per split",
        "segmenters trained with and without points, on RefCOCO and its kin",
    ),
    "C8": Statement(
        "With false premises, both seeing that the thing is absent and segmenting improve",
        "tab5",
        "points of See and of Segment gained by training with points",
        "segmenters trained with and without points, and a model that denies false premises",
    ),
    "C9": Statement(
        "Both parts matter: points help, and making them continuous helps further",
        "tab6",
        "points of gIoU gained by each part",
        "segmenters trained with each part",
    ),
    "C10": Statement(
        "A larger SAM helps", "tab7", "cIoU by size of the SAM", "segmenters of several sizes"
    ),
    "C11": Statement(
        "Similarity as points needs no weights, costs little and drops into any model that asks for masks by a token",
        "tab1",
        "points of gIoU gained by adding points to a model that was trained without",
        "a model with a segmenter",
    ),
    "C12": Statement(
        "Continuous points let the mask loss reach the language model through the points",
        "tab6",
        "norm of the gradient of the mask loss in the map",
        "a model with a segmenter",
    ),
}


def gather(parts: Sequence[Sequence[Claim]], model: str, dataset: str) -> list[Claim]:
    """Rows of all parts in the order of the claims, and a row without numbers for each claim that has none.

    Raises:
        ClaimError: a part judges a claim that the study does not have.
    """
    found = [claim for part in parts for claim in part]
    for claim in found:
        if claim.claim not in STATEMENTS:
            raise ClaimError(f"{STUDY} {claim.claim}: known are {', '.join(STATEMENTS)}.")
    rows = []
    for name in STATEMENTS:
        judged = [claim for claim in found if claim.claim == name]
        rows += judged or [not_run(name, model, dataset)]
    return rows


def not_run(name: str, model: str, dataset: str, need: str = "") -> Claim:
    """A claim without numbers; ``need`` says what would give it some, where that is not the usual."""
    statement = STATEMENTS[name]
    return Claim.not_run(
        study=STUDY,
        claim=name,
        statement=statement.text,
        item=statement.item,
        metric=statement.metric,
        model=model,
        dataset=dataset,
        variant="as published",
        need=f"needs {need or statement.need}",
    )


def main(arguments: argparse.Namespace) -> None:
    """Gather the parts."""
    parts = [read_claims(path) for path in arguments.parts]
    write_claims(gather(parts, arguments.model, arguments.dataset_name), arguments.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=Path, nargs="*", default=[], help="CSVs of judged claims")
    parser.add_argument("--model", required=True, help="key of the model that is judged")
    parser.add_argument("--dataset-name", required=True, help="how to name the queries")
    parser.add_argument("--out", type=Path, required=True)
    run(main, parser)
