"""The study's rows of the scorecard, gathered from its parts in the order of the claims."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from sightline import cli
from sightline.studies.claims import Claim, read_claims, write_claims

STUDY = "kaduri2025"
STATEMENTS = {
    "C1": "While generating, the model attends mostly to the query, hardly to the image",
    "C2": "Query tokens hold global image information: with the image hidden from generated tokens, descriptions "
    "stay meaningful but coarse",
    "C3": "Query tokens are indispensable: if they cannot see the image, generated tokens that can do not make up "
    "for it",
    "C4": "With the image hidden from query and generated tokens, nothing of it is described",
    "C5": "The image reaches the text in the middle layers: leaving only them open is enough",
    "C6": "Early and late layers contribute marginally: F1 rises in the middle layers",
    "C7": "Early and late layers look at a few fixed spots, middle layers at meaningful regions",
    "C8": "Details are read from the object's own image tokens, in the middle layers",
    "C9": "A small fraction of the most attended image tokens per layer is enough",
    "C10": "A compressed context answers new questions at little loss",
    "C11": "Query tokens and the most attended image tokens are complementary",
    "C12": "The compressed context beats describing the image and asking a language model",
    "C13": "The judge is reliable",
    "C14": "The knockout findings carry over to a second model",
    "C15": "Compression works much less well on the second model",
}
NEED = "needs a part of the study that this run has not measured"


def gather(parts: Sequence[Sequence[Claim]], model: str, dataset: str) -> list[Claim]:
    """All claims in order; one that no part judges has a row that says so.

    Args:
        parts: claims of each part.
        model: key of the first model, for rows without a judgement.
        dataset: as the scorecard shows it.
    """
    rows: dict[str, list[Claim]] = {claim: [] for claim in STATEMENTS}
    for part in parts:
        for row in part:
            rows.setdefault(row.claim, []).append(row)
    for claim, found in rows.items():
        if not found:
            found.append(
                Claim.not_run(
                    study=STUDY, claim=claim, statement=STATEMENTS[claim], item="none",
                    metric="numbers that meet the criterion", model=model, dataset=dataset,
                    variant="as published", need=NEED,
                )
            )  # fmt: skip
    return [row for found in rows.values() for row in found]


def main(options: argparse.Namespace) -> None:
    """Gather the rows."""
    parts = [read_claims(path) for path in options.parts]
    write_claims(gather(parts, options.model, options.dataset_name), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=Path, nargs="+", required=True)
    parser.add_argument("--model", required=True, help="key of the first model")
    parser.add_argument("--dataset-name", default="coco", help="as the scorecard shows it")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
