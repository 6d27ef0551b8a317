"""Claims C1 to C5 of neo2025: where in the image tokens an object lives.

Each claim is judged per setting, and once over the settings. A number replicates where it reaches
its threshold, fails where its whole interval lies below, and is inconclusive in between or on too
few images. Thresholds are effect sizes in points, so the same ones serve a small model on the
embedded world, where published numbers stand beside but decide nothing.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    REPLICATED,
    Claim,
    read_claims,
    write_claims,
)
from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.effects import compare, read_effects
from sightline.studies.neo2025.evidence import Evidence
from sightline.studies.neo2025.judging import JUDGES
from sightline.studies.neo2025.measurements import read_measurements
from sightline.studies.neo2025.protocol import SETTINGS, Protocol
from sightline.studies.neo2025.tab1 import ITEM, PAPER_MODELS
from sightline.studies.published import load_published
from sightline.studies.verdicts import (
    FEWEST,
    Finding,
    as_beside,
    at_least,
    at_most,
    majority,
    together,
)

STATEMENTS = {
    "C1": "Replacing the tokens at an object's place makes the model lose the object",
    "C2": "Object tokens matter more than as many random or high-gradient tokens",
    "C3": "A ring of neighbouring tokens around the object carries part of it",
    "C4": "Tokens of outlying norm are not where the object is",
    "C5": "The same ordering holds for a second model",
}
CRITERIA = {
    "C1": "object + 1 loses >= 50 points with the lower bound above 40",
    "C2": "object + 1 loses >= 30 points more than as many random tokens and >= 10 more than as "
    "many high-gradient tokens, each with McNemar p < 0.01",
    "C3": "object + 1 loses >= 10 points more than object, and object + 2 no less than object + 1; open where the "
    "object alone loses more than 90 %",
    "C4": "register tokens lose <= 10 points and less than half of what the object loses, and "
    "hold < 20 % of the object's tokens; judged only where the largest norm, of image tokens or "
    "(corrected) of the tower's patches, is at least twice the median",
    "C5": "in the second model, object + 1 loses more than nothing, than random, than gradients "
    "and than object, and register less than object, each with its interval on that side",
}
MAJORITY = f"; the claim needs two of three settings, {FEWEST} images or more in each"
EVERY = f"; the claim needs all settings, {FEWEST} images or more in each"
NEED = {"C5": "needs measurements of a second model; name one under studies.neo2025.models"}
PLUS_1 = subsets.object_condition(1)
OUTLIERS = 2.0
RING = 10
"""Points that the first ring has to add."""
# A bootstrap over images that all lost their answer, or all kept it, has no width.
SHARE = ["decrease_percent", "wilson_low", "wilson_high"]


def find_c1(evidence: Evidence, setting: str) -> list[Finding]:
    """Loss under object + 1."""
    effect = evidence.object(setting, 1)
    if effect is None:
        return []
    value, low, high = effect[SHARE]
    return [
        Finding(
            "answers lost under object + 1 (%)", value, low, high, effect["n"],
            at_least(50, floor=40)(value, low, high), *evidence.published(PLUS_1, setting),
        )
    ]  # fmt: skip


def find_c2(evidence: Evidence, setting: str) -> list[Finding]:
    """Loss under object + 1 beyond that under random and gradient tokens."""
    findings = []
    for family, title, points in (
        (subsets.RANDOM, "random", 30),
        (subsets.GRADIENTS, "high-gradient", 10),
    ):
        rival = evidence.rival(setting, family)
        found = rival and evidence.versus(setting, (PLUS_1, evidence.geometry), rival)
        if found is None:
            continue
        value, low, high = found[["difference", "ci_low", "ci_high"]]
        verdict = at_least(points)(value, low, high)
        if verdict == REPLICATED and found["p_value"] >= 0.01:
            verdict = INCONCLUSIVE
        printed = subsets.sized_condition(family, 40)
        findings.append(
            Finding(
                f"object + 1 minus {title} tokens (points)", value, low, high, found["n"], verdict,
                *evidence.published_difference(PLUS_1, printed, setting),
            )
        )  # fmt: skip
    return findings


def find_c3(evidence: Evidence, setting: str) -> list[Finding]:
    """What each ring adds."""
    found = _ring(evidence, setting, 1)
    if found is None:
        return []
    value, low, high = found[["difference", "ci_low", "ci_high"]]
    published = evidence.published_difference(PLUS_1, subsets.object_condition(0), setting)
    verdict = at_least(RING)(value, low, high)
    own = evidence.object(setting, 0)
    # Where the object alone takes nearly every answer, no ring has so many points left to add.
    if verdict == NOT_REPLICATED and own is not None and own["decrease_percent"] > 100 - RING:
        verdict = INCONCLUSIVE
    findings = [
        Finding(
            "object + 1 minus object (points)", value, low, high, found["n"], verdict, *published
        )
    ]
    if (second := _ring(evidence, setting, 2)) is not None:
        value, low, high = second[["difference", "ci_low", "ci_high"]]
        # "No less": it only fails where the interval says that the second ring takes something
        # back.
        verdict = NOT_REPLICATED if high < 0 else REPLICATED if value >= 0 else INCONCLUSIVE
        findings.append(
            Finding("object + 2 minus object + 1 (points)", value, low, high, second["n"], verdict)
        )
    return findings


def find_c4(evidence: Evidence, setting: str) -> list[Finding]:
    """Loss under register tokens, and how much of the object they hold.

    Corrected, register tokens are looked for in the tower as well, and of the two kinds those decide that are outliers.
    """
    own = evidence.object(setting, 0)
    effects = [evidence.effect(setting, subsets.REGISTER, kind) for kind in evidence.registers]
    if own is None or any(effect is None for effect in effects):
        return []
    outlying = [effect for effect in effects if effect["norm_ratio"] >= OUTLIERS]
    findings = []
    for effect in effects:
        found = _registers(evidence, setting, effect, own)
        decides = not outlying or any(effect is one for one in outlying)
        findings += found if decides else [as_beside(one) for one in found]
    return findings


def _registers(
    evidence: Evidence, setting: str, effect: pd.Series, own: pd.Series
) -> list[Finding]:
    projector = effect["variant"] == subsets.PROJECTOR
    kind = "" if projector else " by the tower's norms"
    published = evidence.published(subsets.REGISTER, setting) if projector else ()
    value, low, high = effect[SHARE]
    verdict = at_most(10)(value, low, high)
    if verdict == REPLICATED and value >= own["decrease_percent"] / 2:
        verdict = INCONCLUSIVE
    share = 100 * effect["object_share"]
    n, sharing = effect["n"], REPLICATED if share < 20 else NOT_REPLICATED
    ratio = effect["norm_ratio"]
    # Mean plus two deviations always returns some tokens: without outliers a null result says
    # nothing.
    if ratio < OUTLIERS:
        verdict = sharing = INCONCLUSIVE
    return [
        Finding(
            f"answers lost under register tokens{kind} (%)", value, low, high, n, verdict, *published,
        ),
        Finding(f"share of the object's tokens in the set{kind} (%)", share, None, None, n, sharing),
        Finding(
            f"largest norm over the median, {'token' if projector else 'patch of the tower'}", ratio, None, None, n,
            REPLICATED if ratio >= OUTLIERS else INCONCLUSIVE,
        ),
    ]  # fmt: skip


def find_c5(evidence: Evidence, setting: str) -> list[Finding]:
    """The five directions behind C1 to C4, as one count."""
    one = (PLUS_1, evidence.geometry)
    own = (subsets.object_condition(0), evidence.geometry)
    pairs = [
        (one, evidence.rival(setting, subsets.RANDOM)),
        (one, evidence.rival(setting, subsets.GRADIENTS)),
        (one, own),
        (own, (subsets.REGISTER, subsets.PROJECTOR)),
    ]
    effect = evidence.object(setting, 1)
    rows = [evidence.versus(setting, *pair) if all(pair) else None for pair in pairs]
    if effect is None or any(row is None for row in rows):
        return []
    # Of the effect the bootstrap's bounds: Wilson's lower one is above zero as soon as one answer is lost.
    sides = [
        (row["ci_low"] > 0, row["ci_high"] < 0)
        for row in (effect, *rows)
    ]  # fmt: skip
    held, against = (sum(side) for side in zip(*sides, strict=True))
    verdict = REPLICATED if held == len(sides) else NOT_REPLICATED if against else INCONCLUSIVE
    return [
        Finding(f"directions that hold, of {len(sides)}", held, None, None, effect["n"], verdict)
    ]


def _ring(evidence: Evidence, setting: str, buffer: int) -> pd.Series | None:
    wide, narrow = ((subsets.object_condition(n), evidence.geometry) for n in (buffer, buffer - 1))
    return evidence.versus(setting, wide, narrow)


FINDERS = {"C1": find_c1, "C2": find_c2, "C3": find_c3, "C4": find_c4, "C5": find_c5}


def judge_claim(claim: str, evidence: Evidence, model: str, dataset: str) -> list[Claim]:
    """Rows of one claim under one judge: the verdict over all settings first, then its numbers."""
    per_setting = {setting: FINDERS[claim](evidence, setting) for setting in SETTINGS}
    verdicts = [
        together([finding.verdict for finding in found if finding.decides])
        for found in per_setting.values()
    ]
    decide, rule = (together, EVERY) if claim == "C4" else (majority, MAJORITY)
    base = Claim.not_run(
        study="neo2025",
        claim=claim,
        statement=STATEMENTS[claim],
        item=ITEM,
        metric=f"settings that meet the criterion, of {len(SETTINGS)}",
        model=model,
        dataset=dataset,
        variant=evidence.judge,
        need=NEED.get(claim, "needs the measurements of ablate_tokens"),
    )
    if not any(per_setting.values()):
        return [base]
    rows = [
        replace(
            base,
            reproduced=verdicts.count(REPLICATED),
            n=sum(bool(found) for found in per_setting.values()),
            criterion=CRITERIA[claim] + rule,
            verdict=decide(verdicts),
        )
    ]
    for setting, found in per_setting.items():
        rows += [finding.row(base, CRITERIA[claim], f"{setting}: ") for finding in found]
    return rows


def judge_all(
    effects: pd.DataFrame,
    comparisons: pd.DataFrame,
    published: pd.DataFrame,
    models: Sequence[str],
    dataset: str,
) -> Iterable[Claim]:
    """All claims: C1 to C4 on the first model, C5 on the second, under both judges."""
    for claim in STATEMENTS:
        number = 1 if claim == "C5" else 0
        model = models[number] if number < len(models) else "second model"
        for judge in JUDGES:
            evidence = Evidence(effects, comparisons, published, model, PAPER_MODELS[number], judge)
            yield from judge_claim(claim, evidence, model, dataset)


def main(options: argparse.Namespace) -> None:
    """Write the study's scorecard rows."""
    protocol = Protocol.read(options.protocol)
    measurements = read_measurements(options.measurements)
    models = list(dict.fromkeys(measurements["model"]))
    claims = judge_all(
        read_effects(options.effects),
        compare(measurements, protocol.seed, protocol.bootstrap),
        load_published("neo2025"),
        models,
        options.dataset_name,
    )
    parts = [claim for path in options.parts for claim in read_claims(path)]
    write_claims([*claims, *parts], options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--measurements", type=Path, nargs="+", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--dataset-name", default="coco", help="as the scorecard shows it")
    parser.add_argument(
        "--parts", type=Path, nargs="*", default=[], help="rows judged elsewhere, to go below"
    )
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
