"""The paper's own models are held against windows of values, stand-ins against thresholds."""

import pandas as pd
import pytest

from kaduri2025_reprompt_fakes import SHARES, answers
from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, REPLICATED, Claim, claims_frame
from sightline.studies.kaduri2025.attention import contrast
from sightline.studies.kaduri2025.attention.claims import judge_attention
from sightline.studies.kaduri2025.attention.localisation import LOST, PER_LAYER
from sightline.studies.kaduri2025.attention.measurements import ALL_KEYS
from sightline.studies.kaduri2025.attention.paper import window_numbers
from sightline.studies.kaduri2025.knockout import contrasts
from sightline.studies.kaduri2025.knockout.claims import judge_knockout
from sightline.studies.kaduri2025.knockout.conditions import AS_PUBLISHED
from sightline.studies.kaduri2025.paper_models import KEYS, MAIN_MODEL, SECOND_MODEL
from sightline.studies.kaduri2025.reprompt.claims import judge_reprompting
from sightline.studies.kaduri2025.reprompt.effects import compare, summarise
from sightline.studies.kaduri2025.reprompt.settings import Settings
from sightline.studies.kaduri2025.value_windows import (
    VALUE_WINDOWS,
    ValueWindow,
    value_windows,
    windows_criterion,
)
from sightline.studies.published import load_published

PUBLISHED = load_published("kaduri2025")
KNOCKOUT = ("C2", "C3", "C4", "C5", "C6", "C14")
HALF = 0.01


def middle_of(one: ValueWindow, model: str) -> float:
    """A value within a window."""
    lower, upper = one.limits(PUBLISHED, model)
    if lower is not None and upper is not None:
        return (lower + upper) / 2
    return lower + 5 * HALF if upper is None else upper - 2 * HALF


def knockout_table(paper: str, **moved: float) -> pd.DataFrame:
    """Contrasts of one of the paper's models, all within their windows but those that are moved by claim."""
    rows: dict[tuple, dict] = {}
    for claim in KNOCKOUT:
        for one in value_windows(claim, paper):
            value = middle_of(one, paper) + moved.get(claim, 0.0)
            key = one.number, one.condition
            if claim in moved or key not in rows:
                rows[key] = {
                    "model": KEYS[paper], "variant": AS_PUBLISHED, "contrast": one.number,
                    "condition": one.condition, "value": value, "low": value - HALF,
                    "high": value + HALF, "n": 80, "layers": "",
                }  # fmt: skip
    return pd.DataFrame(rows.values(), columns=list(contrasts.COLUMNS))


def first_rows(claims: list[Claim]) -> dict[str, Claim]:
    found: dict[str, Claim] = {}
    for row in claims:
        if row.variant == AS_PUBLISHED:
            found.setdefault(row.claim, row)
    return found


@pytest.mark.parametrize("paper", [MAIN_MODEL, SECOND_MODEL])
def test_values_within_the_windows_replicate(paper):
    claims = list(judge_knockout(knockout_table(paper), PUBLISHED, [KEYS[paper]], "coco"))
    found = first_rows(claims)
    judged = [claim for claim in KNOCKOUT if value_windows(claim, paper)]
    assert {found[claim].verdict for claim in judged} == {REPLICATED}
    assert all("value windows for" in found[claim].criterion for claim in judged)
    assert len(claims_frame(claims)) == len(claims)


@pytest.mark.parametrize("claim", ["C2", "C3", "C4", "C5"])
def test_values_outside_the_windows_fail(claim):
    """By a quarter: more than any of the windows is wide, and well within what the thresholds allow."""
    table = knockout_table(MAIN_MODEL, **{claim: 0.25})
    found = first_rows(list(judge_knockout(table, PUBLISHED, [KEYS[MAIN_MODEL]], "coco")))
    assert found[claim].verdict == NOT_REPLICATED


def test_llava_is_held_against_its_own_numbers():
    found = list(judge_knockout(knockout_table(SECOND_MODEL), PUBLISHED, ["llava-1.5-7b"], "coco"))
    rows = [row for row in found if row.claim == "C14" and row.published is not None]
    # Two bars and seven points for each knockout.
    assert len(rows) == 3 * 9
    assert max(abs(row.published - row.reproduced) for row in rows) < 0.05
    (query,) = [row for row in found if row.claim == "C3" and row.metric == "img→query: F1, all"]
    assert query.published == 0.115
    far = knockout_table(SECOND_MODEL, C14=0.2)
    found = first_rows(list(judge_knockout(far, PUBLISHED, ["llava-1.5-7b"], "coco")))
    assert found["C14"].verdict == NOT_REPLICATED
    assert "each of 27 F1 within 0.08 of the published one" in found["C14"].criterion


def test_stand_ins_have_no_windows():
    table = knockout_table(MAIN_MODEL).assign(model="demo-llava-12")
    found = first_rows(list(judge_knockout(table, PUBLISHED, ["demo-llava-12"], "world")))
    assert not any("value windows" in row.criterion for row in found.values())


def test_estimate_decides_within_and_interval_outside():
    window = ValueWindow("a", "a", 0.3, 0.5)
    judge = window.verdict(PUBLISHED, MAIN_MODEL)
    assert judge(0.45, 0.4, 0.55) == REPLICATED
    assert judge(0.55, 0.45, 0.65) == INCONCLUSIVE
    assert judge(0.7, 0.6, 0.8) == NOT_REPLICATED
    direction = ValueWindow("a", "a", 0, certain=True).verdict(PUBLISHED, MAIN_MODEL)
    assert direction(0.1, 0.05, 0.2) == REPLICATED
    assert direction(0.1, -0.05, 0.2) == INCONCLUSIVE
    assert direction(-0.1, -0.2, -0.05) == NOT_REPLICATED


def test_published_values_lie_in_their_own_windows():
    """Where the paper's number is known, its window holds it; the dossier made them so."""
    checked = 0
    for (claim, model), rows in VALUE_WINDOWS.items():
        derived = window_numbers(PUBLISHED, model)
        for one in rows:
            value = derived.get(one.number, one.printed(PUBLISHED, model)[0])
            if value is not None:
                assert one.verdict(PUBLISHED, model)(value, value, value) == REPLICATED, (
                    claim,
                    one,
                )
                checked += 1
        assert windows_criterion(claim, PUBLISHED, model).startswith(f"value windows for {model}")
    assert checked == 3 + 1 + 1 + 1 + 1 + 3 + 2 + 27


def attention_table(accuracy: float) -> pd.DataFrame:
    rows = [
        (ALL_KEYS, "text_above_0.6", 0.9, 0.02), (ALL_KEYS, "mean_image", 0.08, 0.01),
        (ALL_KEYS, "image_peak_depth", 35 / 80, 0.02),
        (f"{LOST}, {PER_LAYER}", "accuracy_30-39", accuracy, 0.05),
        (f"{LOST}, {PER_LAYER}", "lead_30-39", 100 * (accuracy - 0.34), 5),
    ]  # fmt: skip
    table = [
        (KEYS[MAIN_MODEL], variant, what, 200, value, value - half, value + half, "")
        for variant, what, value, half in rows
    ]
    return pd.DataFrame(table, columns=list(contrast.COLUMNS))


def test_attention_of_the_papers_model():
    models = [KEYS[MAIN_MODEL]]
    for accuracy, verdict in ((0.7, REPLICATED), (0.5, NOT_REPLICATED)):
        rows = list(judge_attention(attention_table(accuracy), PUBLISHED, models, "coco"))
        found = {row.claim: row.verdict for row in reversed(rows) if row.variant == AS_PUBLISHED}
        assert (found["C1"], found["C8"]) == (REPLICATED, verdict)
    printed = [row for row in rows if row.metric.startswith("accuracy in layers 30-39")]
    assert printed[0].published == pytest.approx(0.728)


@pytest.mark.parametrize(
    ("kept", "verdict"), [(0.925, REPLICATED), (0.98, NOT_REPLICATED), (0.75, NOT_REPLICATED)]
)
def test_reprompting_of_the_papers_model(kept, verdict):
    """Too much kept is as far from the paper's ratio as too little."""
    shares = {
        "full access": 0.96, "query + top 5 %": kept, "query + top 2 %": 0.8, "query": 0.6,
        "top 2 %": 0.62, "description": kept - 0.08,
    }  # fmt: skip
    table = answers(shares, pictures=150, model=KEYS[MAIN_MODEL])
    settings = Settings(SHARES, "{description} {question}", 3, 0.0, 2, (50.0, 5.0), 10)
    rows = list(
        judge_reprompting(
            summarise(table, 0.0, 0, 300), compare(table, SHARES, 0.0, 0, 300), PUBLISHED,
            [KEYS[MAIN_MODEL]], settings, "MME",
        )
    )  # fmt: skip
    c10 = [row for row in rows if row.claim == "C10"]
    assert c10[0].verdict == verdict and c10[0].published == 0.96
    assert c10[1].published == 0.914
    assert next(row.verdict for row in rows if row.claim == "C12") == REPLICATED
    assert len(claims_frame(rows)) == len(rows)
