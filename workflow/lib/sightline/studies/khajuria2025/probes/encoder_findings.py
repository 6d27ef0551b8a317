"""Numbers over encoders and probes: correlations, objectives against seeds, the non-linear probe (claims B3 to B7)."""

import numpy as np
from scipy import stats

from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, REPLICATED
from sightline.studies.correlations import partial, spearman
from sightline.studies.khajuria2025.probes.evidence import AUTHORS, Evidence, found, reached
from sightline.studies.khajuria2025.probes.measures import (
    A_PP,
    GAP,
    M1,
    M2,
    NOT_IN,
    correlate,
)
from sightline.studies.khajuria2025.probes.resampling import Estimate, combine
from sightline.studies.verdicts import Finding

ENOUGH = 20
"""Encoders that a correlation needs for a verdict."""
SEEDS = 4
"""Seeds that an objective needs for a verdict: with one of five missing, four that agree are four of five."""


def _over_encoders(evidence: Evidence, first: str, second: str) -> tuple[Finding, list[str]] | None:
    encoders = [
        e for e in evidence.trained
        if e in evidence.chosen and {first, second} <= set(evidence.chosen[e].measures)
    ]  # fmt: skip
    if len(encoders) < 3:
        return None
    sides = [[evidence.chosen[e].measures[n] for e in encoders] for n in (first, second)]
    _, rho, _ = correlate(*sides)
    n = min(part.n for side in sides for part in side)
    rho = Estimate(rho.value, rho.draws, n)
    finding = reached(
        f"rank correlation of {first} and {second}, {len(encoders)} encoders", rho,
        0.6 if first == M1 else 0.5, 0.90 if first == M1 else 0.40,
        "derived from the authors' result files",
    )  # fmt: skip
    if len(encoders) < ENOUGH:
        finding = Finding(**{**vars(finding), "verdict": INCONCLUSIVE})
    return finding, encoders


def b3(evidence: Evidence) -> list[Finding]:
    """More binding, better individual objects."""
    one = _over_encoders(evidence, M1, NOT_IN)
    if one is None:
        return []
    finding, encoders = one
    values = {
        name: np.array([evidence.chosen[e].measures[name].value for e in encoders])
        for name in (M1, NOT_IN, A_PP)
    }
    if min(np.ptp(part) for part in values.values()) == 0:
        return [finding]
    r = [
        float(spearman(values[a], values[b])) for a, b in ((M1, NOT_IN), (M1, A_PP), (NOT_IN, A_PP))
    ]
    value = partial(*r)
    if not np.isfinite(value):
        return [finding]
    verdict = INCONCLUSIVE
    if len(encoders) >= ENOUGH:
        verdict = REPLICATED if value >= 0.3 else NOT_REPLICATED
    name = f"the same with A_pp held fixed, {len(encoders)} encoders"
    return [finding, Finding(name, value, None, None, finding.n, verdict)]


def b4(evidence: Evidence) -> list[Finding]:
    """More entanglement, larger caption gap."""
    one = _over_encoders(evidence, M2, GAP)
    return [one[0]] if one else []


def b6(evidence: Evidence) -> list[Finding]:
    """Objectives differ in structure by more than seeds do."""
    findings = []
    for name, published in ((M1, "0.62 to 0.90"), (M2, "0.75 to 0.93")):
        groups = [
            {e: evidence.chosen[e].measures[name] for e in evidence.known(encoders)}
            for encoders in evidence.roster.objectives.values()
        ]
        groups = [group for group in groups if len(group) > 1]
        if len(groups) < 2:
            return []
        enough = sum(len(group) >= SEEDS for group in groups) >= 2
        n = min(one.n for group in groups for one in group.values())
        p_value = stats.f_oneway(
            *([one.value for one in group.values()] for group in groups)
        ).pvalue
        means = [evidence.cells.over_seeds(group) for group in groups]
        spread = combine(lambda values: values.max(0) - values.min(0), means)
        verdict = NOT_REPLICATED if enough else INCONCLUSIVE
        if p_value < 0.01:
            verdict = REPLICATED
        metric = f"{name}, largest minus smallest objective (F test over seeds: p = {p_value:.2g})"
        findings.append(
            found(metric, Estimate(spread.value, spread.draws, n), verdict, published, AUTHORS)
        )
    return findings


def b7(evidence: Evidence) -> list[Finding]:
    """A non-linear probe gives the same pattern, a little higher."""
    mlp, linear = evidence.mlp, evidence.linear_beside_mlp
    if mlp is None or linear is None or not len(mlp.table):
        return []
    keys = [tuple(key) for key in mlp.table.itertuples(index=False)]
    # The control may have been run on fewer tasks: both are averaged over its own.
    common = [linear.tasks.index(task) for task in mlp.tasks]
    first = np.array([np.nanmean(mlp.per_task[mlp.line(*key)]) for key in keys])
    second = np.array([np.nanmean(linear.per_task[linear.line(*key)][common]) for key in keys])
    rho = float(spearman(first, second))
    mean = float((first - second).mean())
    n = int(mlp.n_per_task[0].sum())
    source = "supplement page 1 against the authors' result files"
    return [
        Finding(
            f"rank correlation of {len(keys)} cells, MLP and perceptron", rho, None, None, n,
            REPLICATED if rho >= 0.95 else NOT_REPLICATED, 0.983, source,
        ),
        Finding(
            "mean difference of these cells", mean, None, None, n,
            REPLICATED if 0.01 <= mean <= 0.08 else NOT_REPLICATED, 0.034, source,
        ),
    ]  # fmt: skip
