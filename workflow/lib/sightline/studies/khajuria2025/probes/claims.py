"""Claims A1 to A8, B1 to B7 and C1 to C6 of khajuria2025, as published and corrected.

Verdicts follow the dossier (section 7). With encoders of its own a run is judged by the conceptual criteria, direction
and effect size, with intervals over images, tasks and encoder seeds; with the published encoders by the exact ones,
where the dossier gives some. Published numbers stand beside and decide nothing.
"""

import argparse
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.studies.claims import INCONCLUSIVE, REPLICATED, Claim, write_claims
from sightline.studies.khajuria2025.probes.captioned import global_cells
from sightline.studies.khajuria2025.probes.criteria import CRITERIA, EXACT_CRITERIA, EXACT_NEED
from sightline.studies.khajuria2025.probes.evidence import Evidence
from sightline.studies.khajuria2025.probes.exact_findings import EXACT_FINDERS
from sightline.studies.khajuria2025.probes.findings import FINDERS, from_tests
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CORRECTED,
    IN_CAPTION,
    MLP,
    NOT_IN_CAPTION,
    PERCEPTRON,
    SWAPPED,
    WHOLE,
    read_decoding,
    read_images,
)
from sightline.studies.khajuria2025.probes.measures import Chosen, measure
from sightline.studies.khajuria2025.probes.resampling import Cells
from sightline.studies.khajuria2025.probes.roster import REPEATED, Roster
from sightline.studies.khajuria2025.probes.settings import ProbeSettings
from sightline.studies.khajuria2025.probes.summarise import all_cells
from sightline.studies.khajuria2025.protocol import EQUAL_GRID
from sightline.studies.verdicts import Finding, at_least, at_most, headline, together

VARIANTS = (CORRECTED, AS_PUBLISHED)
STATEMENTS = {
    "A1": ("fig3", "CLS mostly carries the objects that training needs"),
    "A2": ("fig3", "The other objects are still represented, by tokens at their own place"),
    "A3": ("fig2a", "Scene information is spread over tokens: each object can be read from the other's"),
    "A4": ("v2_failure", "CLS fails on objects out of focus in simple tasks with several objects"),
    "A5": ("fig1", "Three properties are wanted: aggregation, segregation, and a network that uses them"),
    "A6": ("figS6", "ViT encoders segregate objects less than the convolutional one"),
    "A7": ("fig6", "An objective that covers several objects separates them better"),
    "A8": ("v2_failure", "CLS keeps task-relevant objects alone, so uses beyond the task fail"),
    "B1": ("fig1", "Structured means bound into units (M1) and kept apart (M2)"),
    "B2": ("fig4", "How well an object is represented depends on its relevance to pre-training, most in CLS"),
    "B3": ("tab1", "Encoders that bind better (M1) keep better information about individual objects"),
    "B4": ("scatter", "M2 goes with the gap between objects in and not in captions"),
    "B5": ("fig3", "Object tokens keep detail of background objects that CLS loses"),
    "B6": ("fig6", "Training objective and architecture shape the structure"),
    "B7": ("figS1", "A non-linear probe gives the same pattern with higher numbers"),
    "C1": ("fig3", "Mean of the object's tokens over one of them over any token"),
    "C2": ("fig3", "Decodability grows with depth; object tokens are early, CLS is late"),
    "C3": ("fig3", "The secondary object is read best before the last layer"),
    "C4": ("fig2a", "The primary leaks into secondary tokens more than the reverse"),
    "C5": ("fig2a", "The pair is read better from secondary than from primary tokens"),
    "C6": ("similarity_base", "With depth a token grows similar to the rest of its object"),
}  # fmt: skip
NEED = {
    "A4": "needs a contrastive encoder with its words, studies.khajuria2025.failures",
    "A5": "a definition; no number carries it",
    "A6": "needs a convolutional encoder of the same objective as a ViT",
    "A7": "needs a captioning and a contrastive encoder",
    "A8": "needs a contrastive encoder with its words, studies.khajuria2025.failures",
    "B1": "a definition; no number carries it",
    "B2": "needs contrastive or captioning encoders",
    "B3": "needs the global probe of three encoders or more",
    "B4": "needs the global probe of three encoders or more",
    "B6": "needs two objectives with two seeds each, or more",
    "B7": "needs probes.mlp_encoders",
    "C6": "needs similarity maps",
}
TESTS = {
    "A4": (
        ("zero-shot, in minus not in caption", at_least(0.15)),
        ("avg_obj loss minus half the zero-shot loss", at_most(0)),
    ),
    "A8": (("matching, primary minus secondary", at_least(0.15)),),
    "C6": (
        ("within minus outside, last third", at_least(0)),
        ("within minus outside, last minus first layer", at_least(0)),
    ),
}


def judge_claim(claim: str, evidence: Evidence, model: str, dataset: str) -> Iterator[Claim]:
    """Rows of one claim under one variant: its verdict first, then its numbers."""
    item, statement = STATEMENTS[claim]
    needs = NEED | EXACT_NEED if evidence.roster.published else NEED
    base = Claim.not_run(
        study="khajuria2025",
        claim=claim,
        statement=statement,
        item=item,
        metric="numbers that meet the criterion",
        model=model,
        dataset=dataset,
        variant=evidence.variant,
        need=needs.get(claim, "needs the probes of trained encoders"),
    )
    findings, criterion = _found(claim, evidence)
    known = [one for one in findings if not math.isnan(one.value)]
    if known:
        judged = [one for one in known if one.decides]
        verdict = together([one.verdict for one in judged]) if judged else INCONCLUSIVE
        if verdict == REPLICATED and len(known) < len(findings):
            verdict = INCONCLUSIVE
        yield headline(base, known, criterion, verdict)
    elif not findings:
        yield base
    for finding in findings:
        if math.isnan(finding.value):
            yield replace(base, metric=finding.metric, criterion="undefined: all values are equal")
        else:
            yield finding.row(base, criterion)


def _found(claim: str, evidence: Evidence) -> tuple[list[Finding], str]:
    """Numbers of a claim and what they must show."""
    roster = evidence.roster
    if claim in TESTS:
        encoders = roster.trained
        if claim == "C6":
            # The published maps of CLIP large are of this one alone.
            encoders = [*encoders, *(e.encoder for e in roster.entries if e.stands_for == REPEATED)]
        return from_tests(evidence, TESTS[claim], encoders), CRITERIA[claim]
    if roster.published and claim in EXACT_FINDERS:
        return EXACT_FINDERS[claim](evidence), EXACT_CRITERIA[claim]
    return (FINDERS[claim](evidence), CRITERIA[claim]) if claim in FINDERS else ([], "")


def gather(options: argparse.Namespace) -> Iterator[Evidence]:
    """Evidence of both variants."""
    settings, roster = ProbeSettings.read(options.settings), Roster.read(options.roster)
    rows, images = read_decoding(options.decoding), read_images(options.images)
    cells = dict(all_cells(rows, images, settings))
    probes = global_cells(
        read_decoding(options.global_probe), read_images(options.global_images), settings
    )
    tests = [pd.read_csv(path) for path in options.tests]
    mlp = cells.get((AS_PUBLISHED, MLP, WHOLE))
    for variant in VARIANTS:
        own = {
            (probe, subset): one
            for (name, probe, subset), one in cells.items()
            if name == variant and probe != MLP
        }
        main_cells = next((one for (_, subset), one in own.items() if subset == WHOLE), None)
        if main_cells is None:
            continue
        probe = probes.get(variant)
        chosen = {
            e: measure(main_cells, probe, e, crossed=variant != AS_PUBLISHED)
            for e in main_cells.encoders
        }
        by_caption = {
            subset: one
            for (_, subset), one in own.items()
            if subset in (IN_CAPTION, NOT_IN_CAPTION)
        }
        some = [t for t in tests if len(t)]
        found = pd.concat(some) if some else pd.DataFrame()
        if len(found):
            found = found[found["variant"] == variant]
        published = variant == AS_PUBLISHED
        yield Evidence(
            variant,
            roster,
            main_cells,
            by_caption,
            None if published else _whole(cells, SWAPPED),
            mlp if published else None,
            cells.get((AS_PUBLISHED, PERCEPTRON, WHOLE)) if published else None,
            probe,
            {e: one for e, one in chosen.items() if one is not None},
            tests=found,
            equal_grid={} if published else _measured(_whole(cells, EQUAL_GRID)),
        )


def _measured(cells: Cells | None) -> dict[str, Chosen]:
    """Encoder -> measures without the global probe."""
    found = {e: measure(cells, None, e) for e in cells.encoders} if cells else {}
    return {e: one for e, one in found.items() if one is not None}


def _whole(cells: Mapping[tuple[str, str, str], Cells], variant: str) -> Cells | None:
    found = (one for (name, _, part), one in cells.items() if (name, part) == (variant, WHOLE))
    return next(found, None)


def main(options: argparse.Namespace) -> None:
    """Write the study's scorecard rows."""
    gathered = list(gather(options))
    claims = [
        row
        for claim in STATEMENTS
        for evidence in gathered
        for row in judge_claim(claim, evidence, options.model, options.dataset_name)
    ]
    write_claims(claims, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decoding", type=Path, nargs="+", required=True)
    parser.add_argument("--images", type=Path, nargs="+", required=True)
    parser.add_argument("--global-probe", type=Path, nargs="+", required=True)
    parser.add_argument("--global-images", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--tests", type=Path, nargs="*", default=[], help="failures, similarity maps"
    )
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--roster", type=Path, required=True)
    parser.add_argument("--model", default="encoders", help="as the scorecard shows it")
    parser.add_argument("--dataset-name", default="coco", help="as the scorecard shows it")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
