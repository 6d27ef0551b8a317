"""Scorecard rows: verdicts follow thresholds and intervals."""

import pandas as pd
import pytest

from neo2025_fakes import LOST, measurements
from sightline.report.scorecard_tally import is_beside
from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    Claim,
    read_claims,
    write_claims,
)
from sightline.studies.neo2025.claims import judge_all
from sightline.studies.neo2025.effects import compare, summarise
from sightline.studies.published import load_published


def judged(table: pd.DataFrame) -> list[Claim]:
    """All claims on made-up measurements."""
    models = list(dict.fromkeys(table["model"]))
    published = load_published("neo2025")
    effects, comparisons = summarise(table, draws=200), compare(table, draws=200)
    return list(judge_all(effects, comparisons, published, models, "made up"))


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    """Claims of one strong model."""
    return judged(measurements())


def verdict(claims: list[Claim], claim: str, variant: str = "corrected") -> str:
    """The verdict over all settings, which comes first."""
    return next(row for row in claims if row.claim == claim and row.variant == variant).verdict


def test_strong_model_replicates(claims: list[Claim]):
    """C1 to C4 hold; C5 has no second model to hold for."""
    assert {name: verdict(claims, name) for name in ("C1", "C2", "C3", "C4", "C5")} == {
        "C1": REPLICATED,
        "C2": REPLICATED,
        "C3": REPLICATED,
        "C4": REPLICATED,
        "C5": NOT_RUN,
    }


def test_a_share_of_images_has_an_interval_with_a_width():
    """All answers lost: a bootstrap would say 100 to 100."""
    table = measurements()
    lost = table["condition"].eq("object_plus_1")
    rows = judged(table.assign(correct=table["correct"] & ~lost))
    row = next(row for row in rows if row.metric == "vqa: answers lost under object + 1 (%)")
    assert (row.reproduced, row.ci_high, row.verdict) == (100, 100, REPLICATED)
    assert row.ci_low == pytest.approx(96.3, abs=0.1)


def test_published_numbers_stand_beside(claims: list[Claim]):
    """Cells and differences of cells, with their source; the verdict does not look at them."""
    metrics = {row.metric: row for row in claims if row.variant == "corrected"}
    cell = metrics["generative: answers lost under object + 1 (%)"]
    assert (cell.published, cell.reproduced) == (71.79, pytest.approx(80))
    assert "second-hand" in cell.published_source
    ring = metrics["vqa: object + 1 minus object (points)"]
    assert ring.published == pytest.approx(53.34)


def test_variant_as_published_takes_the_codes_conditions(claims: list[Claim]):
    """Drifting geometry, and a fixed 40 instead of a matched count."""
    row = next(
        row
        for row in claims
        if row.variant == "as published" and row.metric.startswith("vqa: object + 1 minus random")
    )
    ours = LOST["object_plus_1", "code_geometry", "object"]
    assert row.reproduced == pytest.approx(100 * (ours - LOST["random_40", "anywhere", "random"]))


def test_second_model_is_judged_by_directions():
    """C5 runs once a second model is measured."""
    table = pd.concat([measurements("one"), measurements("two")], ignore_index=True)
    rows = judged(table)
    assert verdict(rows, "C5") == REPLICATED
    assert next(row for row in rows if row.claim == "C5").model == "two"


def test_without_norm_outliers_register_claim_is_inconclusive():
    """Mean plus two deviations always returns tokens: their harmlessness then proves nothing."""
    assert verdict(judged(measurements(norm_ratio=1.3)), "C4") == INCONCLUSIVE


def test_outliers_of_the_tower_are_enough_for_the_register_claim():
    """Registers were first described there; as published they are looked for in image tokens alone."""
    rows = judged(measurements(norm_ratio=1.3, tower_ratio=3.0))
    assert verdict(rows, "C4") == REPLICATED
    heads = [row for row in rows if row.claim == "C4" and row.metric.startswith("settings")]
    assert [row.verdict for row in heads] == [REPLICATED, INCONCLUSIVE]
    beside = [row.metric for row in rows if is_beside(row)]
    assert len(beside) == 9
    assert "told beside: vqa: answers lost under register tokens (%)" in beside


def test_registers_without_outliers_stand_beside_those_with():
    """Outliers among the image tokens alone: the tower's tokens of largest norm decide nothing."""
    table = measurements()
    harmful = table["variant"] == "tower"
    table.loc[harmful, ["correct", "correct_as_published"]] = False
    assert verdict(judged(table), "C4") == REPLICATED


def test_weak_effect_does_not_replicate():
    """Where object + 1 hardly matters the claims fail, with the interval wholly below."""
    table = measurements()
    spared = table["condition"].eq("object_plus_1") & (table["image_id"] > 10)
    table.loc[spared, ["correct", "correct_as_published"]] = True
    rows = judged(table)
    assert [verdict(rows, name) for name in ("C1", "C2", "C3")] == [NOT_REPLICATED] * 3


def test_a_ring_has_nothing_to_add_where_the_object_takes_everything():
    """Neither for nor against: ten points more than 100 cannot be lost."""
    table = measurements()
    taken = table["condition"].isin(["object", "object_plus_1", "object_plus_2"])
    table.loc[taken, ["correct", "correct_as_published"]] = False
    rows = judged(table)
    assert verdict(rows, "C3") == INCONCLUSIVE
    shown = [row for row in rows if row.metric.endswith("object + 1 minus object (points)")]
    assert {row.reproduced for row in shown} == {0}


def test_a_handful_of_images_decides_nothing():
    """Ten images that all agree have an interval of no width, and still prove little."""
    assert verdict(judged(measurements(images=10)), "C1") == INCONCLUSIVE


def test_rows_survive_the_scorecard_file(claims: list[Claim], tmp_path):
    """The file passes the scorecard's own checks: unique rows, known verdicts."""
    write_claims(claims, tmp_path / "claims.csv")
    assert [row.verdict for row in read_claims(tmp_path / "claims.csv")] == [
        row.verdict for row in claims
    ]
