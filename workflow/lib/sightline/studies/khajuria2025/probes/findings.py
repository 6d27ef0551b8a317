"""The numbers behind each claim of khajuria2025; thresholds are the dossier's conceptual criteria (section 7).

Where a run holds the published encoders themselves, exact_findings takes the place of what is here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, REPLICATED
from sightline.studies.correlations import spearman
from sightline.studies.khajuria2025.names import (
    AVG_OBJ,
    CLS,
    PRIMARY,
    RANDOM,
    RANDOM_OBJ,
    ROLES,
    SECONDARY,
)
from sightline.studies.khajuria2025.probes.encoder_findings import SEEDS, b3, b4, b6, b7
from sightline.studies.khajuria2025.probes.evidence import AUTHORS, Evidence, found, reached
from sightline.studies.khajuria2025.probes.measurements import (
    COMBINATION,
    IMAGE,
    IN_CAPTION,
    NOT_IN_CAPTION,
)
from sightline.studies.khajuria2025.probes.measures import (
    M1,
    M2,
)
from sightline.studies.khajuria2025.probes.resampling import Cells, Estimate, combine
from sightline.studies.khajuria2025.probes.roster import CAPTIONING, CLASSIFICATION, CONTRASTIVE
from sightline.studies.verdicts import BESIDE, Finding, Rule


def a1(evidence: Evidence) -> list[Finding]:
    """CLS favours the primary object, and less so where training asks for the secondary."""
    encoders = evidence.roster.kind(CLASSIFICATION, CONTRASTIVE)
    one = evidence.pool(encoders, evidence.favours_primary)
    if one is None:
        return []
    name = "CLS, share above chance, primary minus secondary"
    finding = reached(name, one, 0.15, "0.83 vs 0.44", AUTHORS)
    halved = _halved(evidence)
    if not halved and finding.verdict == REPLICATED:
        # Size alone could be the cause where no encoder learns to name the secondary.
        finding = replace(finding, verdict=INCONCLUSIVE)
    return [finding, *halved]


def _halved(evidence: Evidence) -> list[Finding]:
    """What is left of CLS's preference where captions always name the secondary; empty without such encoders."""
    contrastive = evidence.roster.kind(CONTRASTIVE)
    rates = {evidence.roster[e].rate for e in evidence.known(contrastive)} - {None}
    if len(rates) < 2 or max(rates) < 1:
        return []
    ends = [
        evidence.pool(
            [e for e in contrastive if evidence.roster[e].rate == rate], evidence.favours_primary
        )
        for rate in (min(rates), max(rates))
    ]
    name = "half of CLS's preference is gone where captions name the secondary"
    return [reached(name, ends[0] - ends[1] * 2.0, 0.0)]


def a2(evidence: Evidence) -> list[Finding]:
    """Object tokens keep the secondary object that CLS lost."""
    one = evidence.pool(
        evidence.trained,
        lambda e: evidence.pair(e, SECONDARY, SECONDARY) - evidence.cls(e, SECONDARY),
    )
    return [reached("secondary, avg_obj minus CLS", one, 0.10, 0.151, AUTHORS)] if one else []


def b5(evidence: Evidence) -> list[Finding]:
    """The gain of object tokens over CLS is larger for the secondary."""
    one = evidence.pool(
        evidence.trained,
        lambda e: (
            (evidence.pair(e, SECONDARY, SECONDARY) - evidence.cls(e, SECONDARY))
            - (evidence.pair(e, PRIMARY, PRIMARY) - evidence.cls(e, PRIMARY))
        ),
    )
    name = "avg_obj minus CLS, secondary minus primary"
    return [reached(name, one, 0.0, 0.148, AUTHORS)] if one else []


def a3(evidence: Evidence) -> list[Finding]:
    """Each object can be read from the other's tokens, beyond what tokens know without mixing."""
    controls = evidence.known(evidence.roster.independent)
    findings = []
    for source, target, published in ((SECONDARY, PRIMARY, 0.851), (PRIMARY, SECONDARY, 0.594)):
        here = evidence.pool(evidence.trained, lambda e, s=source, t=target: evidence.pair(e, s, t))
        if here is None:
            return []
        if controls:
            floor = evidence.cells.over_seeds(
                {e: evidence.pair(e, source, target) for e in controls}
            )
            findings.append(
                reached(
                    f"{target} from {source} tokens, minus independent tokens", here - floor, 0.05
                )
            )
        else:
            findings.append(
                found(f"{target} from {source} tokens", here, INCONCLUSIVE, published, AUTHORS)
            )
        rise = evidence.pool(
            evidence.trained,
            lambda e, s=source, t=target: combine(
                lambda values: _with_depth(values),
                [evidence.pair(e, s, t, layer) for layer in evidence.cells.layers(e)],
            ),
        )
        findings.append(
            reached(f"{target} from {source} tokens, rank correlation with depth", rise, 0.7)
        )
    return findings


def _with_depth(values: np.ndarray) -> np.ndarray:
    depth = np.broadcast_to(np.arange(len(values))[:, None], values.shape)
    return spearman(values, depth.astype(float))


def a6(evidence: Evidence) -> list[Finding]:
    """The convolutional encoder segregates better than the ViT of the same objective."""
    stages = [e.encoder for e in evidence.roster.entries if e.family == "resnet"]
    first = evidence.pool(stages, lambda e: evidence.chosen[e].measures[M2])
    vit = [e for e in evidence.roster.kind(CONTRASTIVE) if e not in stages]
    second = evidence.pool(vit, lambda e: evidence.chosen[e].measures[M2])
    if first is None or second is None:
        return []
    return [reached("M2, ViT minus CNN", second - first, 0.03, 0.053, AUTHORS)]


def a7(evidence: Evidence) -> list[Finding]:
    """Captioning separates objects better than contrastive training."""
    captioning = evidence.known(evidence.roster.kind(CAPTIONING))
    # Captions that name as much: the objective is what differs.
    rates = {evidence.roster[e].rate for e in captioning}
    contrastive = [
        e for e in evidence.roster.kind(CONTRASTIVE)
        if evidence.roster[e].rate in rates and evidence.roster[e].family != "resnet"
    ]  # fmt: skip
    kinds = (captioning, contrastive)
    findings = []
    for name, sign, published in ((M1, 1, 0.070), (M2, -1, 0.055)):
        sides = [
            evidence.pool(kind, lambda e, n=name: evidence.chosen[e].measures[n]) for kind in kinds
        ]
        if None in sides:
            return []
        words = "captioning minus contrastive" if sign > 0 else "contrastive minus captioning"
        one = (sides[0] - sides[1]) * sign
        findings.append(reached(f"{name}, {words}", one, 0.0, published, AUTHORS))
    return findings


def b2(evidence: Evidence) -> list[Finding]:
    """What training names is in CLS: captions within a run, and caption rates between encoders."""
    findings = []
    cells = evidence.by_caption
    if {IN_CAPTION, NOT_IN_CAPTION} <= set(cells):
        encoders = [
            e for e in evidence.known(evidence.roster.kind(CAPTIONING, CONTRASTIVE))
            if all(_has_caption(side, e) for side in cells.values())
        ]  # fmt: skip

        def effect(encoder: str, name: str, source: str) -> Estimate:
            sides = [
                cells[subset].cell(encoder, evidence.last(encoder), name, source, SECONDARY)
                for subset in (IN_CAPTION, NOT_IN_CAPTION)
            ]
            return sides[0] - sides[1]

        one = evidence.pool(encoders, lambda e: effect(e, CLS, IMAGE))
        if one is not None:
            findings.append(
                reached("secondary from CLS, in minus not in caption", one, 0.05, 0.17, AUTHORS)
            )
            beyond = evidence.pool(
                encoders, lambda e: effect(e, CLS, IMAGE) - effect(e, AVG_OBJ, SECONDARY)
            )
            findings.append(reached("the same, CLS minus avg_obj", beyond, 0.0, 0.0, AUTHORS))
    return findings + _halved(evidence)


def _has_caption(cells: Cells, encoder: str) -> bool:
    return encoder in cells.encoders and all(
        cells.has(encoder, cells.layers(encoder)[-1], *key, SECONDARY)
        for key in ((CLS, IMAGE), (AVG_OBJ, SECONDARY))
    )


def c1(evidence: Evidence) -> list[Finding]:
    """Mean of object over one of object over one of image."""
    orders = []
    for encoder in evidence.trained:
        layers = evidence.cells.layers(encoder)
        for layer in layers[len(layers) // 2 :]:
            for role in ROLES:
                parts = [
                    evidence.cells.cell(encoder, layer, name, role, role)
                    for name in (AVG_OBJ, RANDOM_OBJ, RANDOM)
                ]
                orders.append(
                    combine(lambda v: ((v[0] > v[1]) & (v[1] > v[2])).astype(float), parts)
                )
    if not orders:
        return []
    share = combine(lambda values: values.mean(0), orders)
    finding = reached(
        f"share of {len(orders)} cells in the deeper half with the full ordering",
        share,
        0.9,
        0.95,
        AUTHORS,
    )
    gain = evidence.pool(
        evidence.trained,
        lambda e: combine(
            lambda values: values.mean(0),
            [
                evidence.cells.cell(e, evidence.last(e), AVG_OBJ, role, role)
                - evidence.cells.cell(e, evidence.last(e), RANDOM_OBJ, role, role)
                for role in ROLES
            ],
        ),
    )
    return [
        finding,
        reached("avg_obj minus random_obj, last layer", gain, 0.0, "0.02 to 0.13", AUTHORS),
    ]


def c2(evidence: Evidence) -> list[Finding]:
    """Object tokens are early, CLS late."""

    def early(encoder: str, object_tokens: bool) -> Estimate:
        layers = evidence.cells.layers(encoder)
        some = (layers[len(layers) // 2], layers[-1])
        middle, last = (
            evidence.pair(encoder, PRIMARY, PRIMARY, layer)
            if object_tokens
            else evidence.cls(encoder, PRIMARY, layer)
            for layer in some
        )
        chance = evidence.chance(encoder, PRIMARY)
        return (middle - chance) / (last - chance)

    rise = evidence.pool(
        evidence.trained,
        lambda e: combine(
            lambda values: _with_depth(values),
            [evidence.pair(e, PRIMARY, PRIMARY, layer) for layer in evidence.cells.layers(e)],
        ),
    )
    if rise is None:
        return []
    ahead = evidence.pool(evidence.trained, lambda e: early(e, True) - early(e, False))
    return [
        reached("primary from avg_obj, rank correlation with depth", rise, 0.7),
        reached("share of the last layer's reading at half depth, avg_obj minus CLS", ahead, 0.0, 0.50, AUTHORS),
    ]  # fmt: skip


def c3(evidence: Evidence) -> list[Finding]:
    """The secondary object is read best before the last layer, in each objective; those without labels beside."""
    findings = []
    for objective, encoders in evidence.roster.objectives.items():
        encoders = [e for e in evidence.known(encoders) if e in evidence.chosen]
        if not encoders:
            continue
        judged = evidence.roster[encoders[0]].kind in (CLASSIFICATION, CONTRASTIVE)
        share = evidence.cells.over_seeds(
            {e: evidence.chosen[e].before(evidence.last(e)) for e in encoders}
        )
        name = f"{objective}, share of {len(encoders)} seeds whose best layer is before the last"
        one = reached(name if judged else f"{BESIDE}{name}", share, 0.8)
        enough = judged and len(encoders) >= SEEDS
        findings.append(one if enough else replace(one, verdict=INCONCLUSIVE))
    drop = evidence.pool(
        [e for e in evidence.roster.kind(CLASSIFICATION, CONTRASTIVE) if e in evidence.chosen],
        lambda e: evidence.chosen[e].measures[M1] - evidence.pair(e, SECONDARY, SECONDARY),
    )
    if drop is not None:
        name = f"{BESIDE}A_ss, best minus last layer"
        findings.append(found(name, drop, INCONCLUSIVE, "0 to 0.14", AUTHORS))
    return findings


def c4(evidence: Evidence) -> list[Finding]:
    """The primary leaks more than the secondary, by role and not by size."""
    one = evidence.pool(evidence.trained, evidence.leakage)
    if one is None:
        return []
    findings = [
        reached("leakage of the primary minus that of the secondary", one, 0.0, 0.37, AUTHORS)
    ]
    swapped = evidence.swapped
    if swapped is not None:
        encoders = [e for e in evidence.trained if e in swapped.encoders]
        other = evidence.pool(encoders, lambda e: evidence.leakage(e, swapped))
        if other is not None:
            same = evidence.pool(encoders, evidence.leakage)
            low, _ = other.interval
            gone = REPLICATED if low <= 0 else NOT_REPLICATED
            findings += [
                found("the same with sizes swapped (vanishes if size is the cause)", other, gone),
                # A wide interval reaches 0 too: what is gone must also be less than what there was.
                reached("large primary minus large secondary", same - other, 0.0),
            ]
    return findings


def c5(evidence: Evidence) -> list[Finding]:
    """The pair is read better from secondary tokens."""
    one = evidence.pool(
        evidence.trained,
        lambda e: evidence.pair(e, SECONDARY, COMBINATION) - evidence.pair(e, PRIMARY, COMBINATION),
    )
    name = "combination, from secondary minus from primary tokens"
    return [reached(name, one, 0.0, 0.124, AUTHORS)] if one else []


def from_tests(
    evidence: Evidence, wanted: Sequence[tuple[str, Rule]], encoders: Iterable[str]
) -> list[Finding]:
    """Numbers of failures and similarity maps of some encoders: (test, its rule)."""
    findings, encoders = [], set(encoders)
    for test, rule in wanted:
        here = evidence.tests
        if len(here):
            here = here[(here["test"] == test) & here["encoder"].isin(encoders)]
        for row in here.itertuples():
            value, low, high = float(row.value), float(row.ci_low), float(row.ci_high)
            verdict = rule(value, low, high)
            findings.append(
                Finding(f"{row.encoder}: {test}", value, low, high, int(row.n), verdict)
            )
    return findings


FINDERS: dict[str, Callable[[Evidence], list[Finding]]] = {
    "A1": a1, "A2": a2, "A3": a3, "A6": a6, "A7": a7, "B2": b2, "B3": b3, "B4": b4, "B5": b5,
    "B6": b6, "B7": b7, "C1": c1, "C2": c2, "C3": c3, "C4": c4, "C5": c5,
}  # fmt: skip
