"""What each claim is judged by, on made-up outcomes: which encoders, how many seeds, which criterion."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, NOT_RUN, REPLICATED
from sightline.studies.khajuria2025.names import AVG_OBJ, CLS, PRIMARY, SECONDARY
from sightline.studies.khajuria2025.probes.captioned import GlobalCells
from sightline.studies.khajuria2025.probes.claims import judge_claim
from sightline.studies.khajuria2025.probes.encoder_findings import b6
from sightline.studies.khajuria2025.probes.evidence import Evidence
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CATEGORY,
    CORRECTED,
    IMAGE,
    outcome,
)
from sightline.studies.khajuria2025.probes.measures import (
    GAP,
    IN,
    M1,
    M2,
    NOT_IN,
    Chosen,
    correlations,
    measure,
)
from sightline.studies.khajuria2025.probes.resampling import Cells, Estimate, ImageWeights
from sightline.studies.khajuria2025.probes.roster import NINE, Roster
from sightline.studies.verdicts import BESIDE

DRAWS, IMAGES, LAYERS = 60, 120, 3
WEIGHTS = ImageWeights(DRAWS, 0)
Accuracy = Callable[[int, str, str, str], float]
"""From layer, representation, source and target."""


def usual(layer: int, name: str, source: str, target: str) -> float:
    """Own tokens tell most, CLS tells the primary, nothing changes with depth."""
    if name == CLS:
        return 0.9 if target == PRIMARY else 0.5
    return 0.95 if source == target else 0.7


def make_cells(accuracies: dict[str, Accuracy], layers: int = LAYERS, seed: int = 0) -> Cells:
    """Cells of two tasks; the share of right answers is as asked, which images they are is chance."""
    rng = np.random.default_rng(seed)
    labels = np.arange(IMAGES) % 2
    rows, images = [], []
    for encoder, accuracy in accuracies.items():
        for task in range(2):
            ids = task * 10_000 + np.arange(IMAGES)
            images += [{"encoder": encoder, "task": task, "image_id": image} for image in ids]
            for layer in range(layers):
                for name in (AVG_OBJ, CLS):
                    for source in (IMAGE,) if name == CLS else (PRIMARY, SECONDARY):
                        for target in (PRIMARY, SECONDARY):
                            share = accuracy(layer, name, source, target)
                            right = rng.permutation(IMAGES) < share * IMAGES
                            row = outcome(np.ones(IMAGES, bool), right, labels)
                            key = (encoder, task, layer, name, source, target)
                            names = (
                                "encoder",
                                "task",
                                "layer",
                                "representation",
                                "source",
                                "target",
                            )
                            rows.append(dict(zip(names, key, strict=True)) | row)
    return Cells(pd.DataFrame(rows), pd.DataFrame(images), WEIGHTS, 0)


def estimate(value: float, width: float = 0.01, n: int = 500) -> Estimate:
    """A number with a narrow interval."""
    draws = value + width * np.random.default_rng(int(value * 1e6)).normal(size=DRAWS)
    return Estimate(value, draws, n)


def chosen(layer: int = LAYERS - 1, **measures: float) -> Chosen:
    """Measures as if chosen at a layer in all draws."""
    names = {"m1": M1, "m2": M2, "inside": IN, "outside": NOT_IN, "gap": GAP}
    found = {names[key]: estimate(value) for key, value in measures.items()}
    return Chosen(layer, {M1: estimate(0.8)} | found, np.full(DRAWS, layer))


def make_evidence(entries: list[dict], variant: str = CORRECTED, **parts) -> Evidence:
    """Evidence of encoders that are all alike unless told otherwise."""
    roster = Roster.build(entries)
    cells = parts.pop("cells", None) or make_cells({e.encoder: usual for e in roster.entries})
    parts.setdefault("chosen", {e.encoder: chosen() for e in roster.entries})
    return Evidence(variant, roster, cells, **parts)


def seeds(objective: str, number: int) -> list[dict]:
    """Encoders of one objective."""
    return [{"key": f"{objective}-s{n}", "objective": objective} for n in range(number)]


def verdict(claim: str, evidence: Evidence) -> str:
    """Of the claim as a whole."""
    return next(judge_claim(claim, evidence, "encoders", "made up")).verdict


def published_nine() -> list[dict]:
    """The published encoders under their own names."""
    return [{"key": key, "objective": "any"} for key in NINE]


def test_the_layer_is_chosen_on_other_images_than_it_is_reported_on():
    """Twelve layers that all guess: the best of them looks better than guessing, unless the halves are crossed."""
    rng = np.random.default_rng(3)
    guess = {f"e{n}": lambda *_: rng.binomial(IMAGES, 0.5) / IMAGES for n in range(4)}
    cells = make_cells(guess, layers=12)
    assert cells.halves("e0", 0, AVG_OBJ, PRIMARY, PRIMARY)[0].n > 0
    plain, crossed = (
        np.mean([measure(cells, None, e, crossed=way).measures[M1].value for e in cells.encoders])
        for way in (False, True)
    )
    whole = np.mean(
        [cells.cell(e, layer, AVG_OBJ, SECONDARY, SECONDARY).value
         for e in cells.encoders for layer in range(12)]
    )  # fmt: skip
    assert plain > whole + 0.03
    assert abs(crossed - whole) < abs(plain - whole) / 2


def test_halves_share_no_image_and_hold_all():
    cells = make_cells({"e": usual})
    first, second = cells.halves("e", 0, AVG_OBJ, SECONDARY, SECONDARY)
    whole = cells.cell("e", 0, AVG_OBJ, SECONDARY, SECONDARY)
    assert first.n + second.n == whole.n and min(first.n, second.n) > whole.n / 3
    assert (WEIGHTS.halves([5, 9]) == ImageWeights(7, 0).halves([5, 9])).all()


def test_choosing_anew_in_every_draw_only_where_halves_are_crossed():
    """As published all draws read the layer that the data chose."""
    cells = make_cells({"e": lambda layer, *_: 0.6 + 0.01 * layer})
    found = measure(cells, None, "e", crossed=False)
    own = cells.cell("e", found.layer, AVG_OBJ, SECONDARY, SECONDARY)
    assert found.layer == 2 and (found.measures[M1].draws == own.draws).all()
    assert len(set(found.drawn)) > 1


def test_categories_count_alike_in_and_not_in_captions_when_corrected():
    """An easy category that captions name and a hard one that they do not are no gap between captions."""
    labels = np.repeat([0, 1], 100)
    named = np.concatenate([np.arange(100) < 90, np.arange(100) < 10])
    # Right in nine of ten of the easy ones and in one of ten of the hard ones, named or not.
    right = np.where(labels == 0, np.arange(200) % 10 > 0, np.arange(200) % 10 == 0)
    images = pd.DataFrame(
        {"encoder": "e", "image_id": np.arange(200), "label": labels, "in_caption": named,
         "in_caption_published": named}
    )  # fmt: skip
    row = outcome(np.ones(200, bool), right, labels)
    rows = pd.DataFrame(
        [{"encoder": "e", "layer": 0, "representation": AVG_OBJ, "target": CATEGORY} | row]
    )
    gaps = {}
    for variant in (CORRECTED, AS_PUBLISHED):
        cells = GlobalCells(rows, images, WEIGHTS, variant)
        inside, outside = (cells.cell("e", 0, AVG_OBJ, flag) for flag in (True, False))
        gaps[variant] = (inside - outside).value
    assert gaps[CORRECTED] == pytest.approx(0.0)
    assert gaps[AS_PUBLISHED] == pytest.approx(0.64)


@pytest.mark.parametrize(
    ("number", "early", "expected"),
    [(1, 0, INCONCLUSIVE), (2, 0, INCONCLUSIVE), (4, 4, REPLICATED), (4, 0, NOT_REPLICATED)],
)
def test_best_layer_is_judged_over_seeds_of_each_objective(number, early, expected):
    """One or two seeds decide nothing; the drop and the objectives without labels are told beside."""
    entries = seeds("classification", number) + seeds("distillation", 4)
    layers = {e["key"]: 0 if n < early else LAYERS - 1 for n, e in enumerate(entries)}
    evidence = make_evidence(entries, chosen={e: chosen(layer) for e, layer in layers.items()})
    rows = list(judge_claim("C3", evidence, "encoders", "made up"))
    assert rows[0].verdict == expected
    assert rows[0].metric == "numbers that meet the criterion, of 1"
    assert sum(row.metric.startswith(BESIDE) for row in rows) == 2


@pytest.mark.parametrize(
    ("number", "apart", "expected"),
    [(4, 0.2, REPLICATED), (4, 0.0, NOT_REPLICATED), (2, 0.0, INCONCLUSIVE)],
)
def test_objectives_that_differ_no_more_than_seeds_fail(number, apart, expected):
    entries = seeds("classification", number) + seeds("contrastive", number)
    values = {
        e["key"]: 0.7 + 0.01 * (n % number) + apart * (n >= number) for n, e in enumerate(entries)
    }
    evidence = make_evidence(entries, chosen={e: chosen(m1=v, m2=v) for e, v in values.items()})
    assert [one.verdict for one in b6(evidence)] == [expected] * 2


def leaking(primary: float, secondary: float) -> Accuracy:
    """How well each object is read from the other's tokens."""

    def accuracy(layer: int, name: str, source: str, target: str) -> float:
        if name == CLS or source == target:
            return usual(layer, name, source, target)
        return primary if target == PRIMARY else secondary

    return accuracy


def test_leakage_must_vanish_where_sizes_are_swapped():
    entries = seeds("classification", 1)
    key = entries[0]["key"]
    normal = make_cells({key: leaking(0.9, 0.6)})
    for swapped, expected in (
        (leaking(0.7, 0.7), REPLICATED),
        (leaking(0.6, 0.9), REPLICATED),
        (leaking(0.9, 0.6), NOT_REPLICATED),
    ):
        cells = make_cells({key: swapped}, seed=1)
        assert verdict("C4", make_evidence(entries, cells=normal, swapped=cells)) == expected


def test_what_vanishes_must_differ_from_what_there_was():
    """No leakage either way: nothing to vanish, so nothing is shown."""
    entries = seeds("classification", 1)
    cells = make_cells({entries[0]["key"]: leaking(0.7, 0.7)})
    assert verdict("C4", make_evidence(entries, cells=cells, swapped=cells)) != REPLICATED


@pytest.mark.parametrize(("low", "expected"), [(-0.002, INCONCLUSIVE), (0.002, REPLICATED)])
def test_failures_are_judged_by_the_interval_that_is_shown(low, expected):
    """Not by a narrower one, as if its two ends were all that was resampled."""
    row = ("clip", "matching, primary minus secondary", 0.2, low, 0.4, 500)
    tests = pd.DataFrame([row], columns=["encoder", "test", "value", "ci_low", "ci_high", "n"])
    evidence = make_evidence([{"key": "clip", "objective": "contrastive"}], tests=tests)
    assert verdict("A8", evidence) == expected
    (shown,) = list(judge_claim("A8", evidence, "encoders", "made up"))[1:]
    assert (shown.ci_low, shown.ci_high) == (low, 0.4)


def test_controls_are_not_asked_for_failures():
    """A squashed copy of CLIP that does not fail leaves the claim alone; so does CLIP large at another size."""
    tests = pd.DataFrame(
        [("clip", 0.3, 0.2, 0.4), ("clip-squash", -0.3, -0.4, -0.2), ("clip-l-224", 0.0, -0.1, 0.1)],
        columns=["encoder", "value", "ci_low", "ci_high"],
    ).assign(test="matching, primary minus secondary", n=500)  # fmt: skip
    entries = [
        {"key": "clip", "objective": "contrastive"},
        {"key": "clip-squash", "objective": "contrastive", "resize": "squash"},
        {"key": "clip-l-224", "objective": "contrastive"},
    ]
    assert verdict("A8", make_evidence(entries, tests=tests)) == REPLICATED
    # The published maps of CLIP large are of that size.
    maps = tests.assign(test="within minus outside, last third")
    rows = list(judge_claim("C6", make_evidence(entries, tests=maps), "encoders", "made up"))
    assert [row.metric.split(":")[0] for row in rows[1:]] == ["clip", "clip-l-224"]


def test_preference_of_cls_must_shrink_where_captions_name_the_secondary():
    """Without such encoders size could be the cause, and the claim stays open."""
    entries = seeds("contrastive 0", 1)
    assert verdict("A1", make_evidence(entries)) == INCONCLUSIVE
    entries += seeds("contrastive 1", 1)

    def fair(layer: int, name: str, source: str, target: str) -> float:
        return 0.9 if name == CLS else usual(layer, name, source, target)

    for second, expected in ((fair, REPLICATED), (usual, NOT_REPLICATED)):
        cells = make_cells({"contrastive 0-s0": usual, "contrastive 1-s0": second})
        pairs = [
            row.verdict for row in judge_claim("A1", make_evidence(entries, cells=cells), "", "")
        ]
        assert pairs[2] == expected


def test_captioning_is_held_against_the_vit_of_the_same_captions():
    """Neither the convolutional encoder nor one of other captions is on the contrastive side."""
    entries = [
        *seeds("captioning 0.5", 1), *seeds("contrastive 0.5", 1), *seeds("contrastive 1", 1),
        {"key": "cnn", "objective": "contrastive 0.5", "family": "resnet"},
    ]  # fmt: skip
    found = {e["key"]: chosen(m1=0.1, m2=0.1) for e in entries}
    found |= {
        "captioning 0.5-s0": chosen(m1=0.9, m2=0.7),
        "contrastive 0.5-s0": chosen(m1=0.8, m2=0.9),
    }
    rows = list(judge_claim("A7", make_evidence(entries, chosen=found), "encoders", "made up"))
    assert [row.reproduced for row in rows[1:]] == pytest.approx([0.1, 0.2])


def test_published_encoders_are_judged_by_the_exact_criteria():
    """Stand-ins and encoders of the run's own are not the published ones."""
    assert Roster.build(published_nine()).published
    assert not Roster.build([{"key": "a", "objective": "x", "stands_for": "blip"}]).published
    found = {e: chosen(0 if n < 5 else LAYERS - 1) for n, e in enumerate(NINE)}
    assert verdict("C3", make_evidence(published_nine(), chosen=found)) == REPLICATED
    found[NINE[0]] = chosen()
    assert verdict("C3", make_evidence(published_nine(), chosen=found)) != REPLICATED
    rows = list(judge_claim("C3", make_evidence(published_nine()[:6]), "encoders", "made up"))
    assert rows[0].verdict == INCONCLUSIVE and "5 of 9" in rows[0].criterion


def test_seven_leak_as_the_dossier_asks_and_six_do_not():
    for number, expected in ((7, REPLICATED), (6, NOT_REPLICATED)):
        shares = {
            e: leaking(0.9, 0.6) if n < number else leaking(0.6, 0.9) for n, e in enumerate(NINE)
        }
        evidence = make_evidence(published_nine(), cells=make_cells(shares))
        assert verdict("C4", evidence) == expected


def test_one_outlier_does_not_carry_the_correlation_of_m2():
    """As published, CLIP large does not count; corrected, it does, and both rows are there."""
    gaps = dict(zip(NINE, (0.5, 0.9, 0.4, 0.3, 0.45, 0.42, 0.35, 0.47, 0.38), strict=True))
    m2 = dict(zip(NINE, (0.1, 0.9, 0.3, 0.2, 0.15, 0.25, 0.35, 0.12, 0.28), strict=True))
    found = {e: chosen(m2=m2[e], gap=gaps[e]) for e in NINE}
    for variant, expected in ((AS_PUBLISHED, "without CLIP large"), (CORRECTED, "nine encoders")):
        evidence = make_evidence(published_nine(), variant, chosen=found)
        rows = list(judge_claim("B4", evidence, "encoders", "made up"))
        judged = [row.metric for row in rows[1:] if not row.metric.startswith(BESIDE)]
        assert judged == [f"rank correlation of {M2} and {GAP}, {expected}"]
        assert len(rows) == 5 and rows[0].verdict != REPLICATED
    few = make_evidence(published_nine()[:8], chosen={e: found[e] for e in NINE[:8]})
    assert verdict("B4", few) == NOT_RUN
    table = correlations(found, CORRECTED, "largest A_ss", [e for e in NINE if e != "clip-l"], "x")
    assert [line["n"] for line in table] == [8]


def test_nine_encoders_are_enough_for_the_published_correlation():
    values = dict(zip(NINE, np.linspace(0.6, 0.9, 9), strict=True))
    found = {e: chosen(m1=value, outside=value + 0.05) for e, value in values.items()}
    for variant in (AS_PUBLISHED, CORRECTED):
        assert verdict("B3", make_evidence(published_nine(), variant, chosen=found)) == REPLICATED


def test_exact_comparisons_are_of_the_encoders_that_the_dossier_names():
    found = {e: chosen(m1=0.2, m2=0.2) for e in NINE}
    found |= {"blip": chosen(m1=0.9, m2=0.7), "clip": chosen(m1=0.8, m2=0.8)}
    evidence = make_evidence(published_nine(), chosen=found)
    rows = list(judge_claim("A7", evidence, "encoders", "made up"))
    assert [row.reproduced for row in rows[1:]] == pytest.approx([0.1, 0.1])
    assert "its own finer grid" in rows[1].metric
    # Where BLIP's masks were reduced to CLIP's grid too, those count.
    equal = {"blip": chosen(m1=0.95, m2=0.6)}
    evidence = make_evidence(published_nine(), chosen=found, equal_grid=equal)
    rows = list(judge_claim("A7", evidence, "encoders", "made up"))
    assert [row.reproduced for row in rows[1:]] == pytest.approx([0.15, 0.2])
    shares = dict.fromkeys(NINE, leaking(0.7, 0.7)) | {"clip": leaking(0.8, 0.8)}
    evidence = make_evidence(published_nine(), cells=make_cells(shares))
    assert verdict("A6", evidence) == REPLICATED


def test_every_exact_finder_has_its_criterion():
    from sightline.studies.khajuria2025.probes.criteria import EXACT_CRITERIA
    from sightline.studies.khajuria2025.probes.exact_findings import EXACT_FINDERS

    assert set(EXACT_CRITERIA) == set(EXACT_FINDERS)
    evidence = make_evidence(published_nine())
    for claim in ("A1", "A2", "A3", "B5"):
        assert verdict(claim, evidence) in (REPLICATED, NOT_REPLICATED, INCONCLUSIVE)
    assert verdict("B2", evidence) == NOT_RUN
