"""What is counted on the scorecard: claims, by the row that their study puts first."""

import dataclasses

import pytest

from sightline.report.scorecard_tally import (
    MIXED,
    caution,
    control_word,
    counted,
    is_beside,
    is_control,
    results_by_claim,
    tally,
    tally_words,
)
from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    Claim,
)

BASE = Claim.not_run(
    study="neo2025",
    claim="C1",
    statement="Objects live in their tokens",
    item="tab1",
    metric="settings that meet the criterion, of 3",
    model="first",
    dataset="world",
    variant="corrected",
    need="needs a model",
)


def row(verdict: str = REPLICATED, **changes) -> Claim:
    run = {"reproduced": 2.0, "n": 50} if verdict != NOT_RUN else {}
    return dataclasses.replace(BASE, **(run | {"verdict": verdict} | changes))


def test_a_claim_counts_once_however_many_rows_it_has():
    rows = [
        row(NOT_REPLICATED),
        row(REPLICATED, metric="loss (%)", ci_low=1.0, ci_high=3.0),
        row(REPLICATED, metric="other loss (%)"),
        row(REPLICATED, metric="control, F1"),
        row(REPLICATED, claim="C2"),
    ]
    results = results_by_claim(rows)
    assert [len(one.rows) for one in results] == [4, 1]
    assert tally(results) == {REPLICATED: 1, NOT_REPLICATED: 1, INCONCLUSIVE: 0, NOT_RUN: 0}
    assert tally_words(results) == "2 claims: 1 replicated · 1 not replicated"


def test_controls_alone_make_nothing_replicated():
    (result,) = results_by_claim([row(INCONCLUSIVE), row(REPLICATED, metric="control, ceiling")])
    assert result.verdict == INCONCLUSIVE
    control = result.rows[1]
    assert is_control(control) and control_word(control) == "control holds"
    assert control_word(row(INCONCLUSIVE, metric="control, x")) == "control does not hold"
    assert control_word(row(NOT_RUN, metric="control, x")) == "not measured"
    assert not is_control(row(metric="uncontrolled loss"))


def test_rows_told_beside_decide_nothing():
    assert is_beside(row(metric="told beside: cost"))
    assert is_beside(row(criterion="reported beside the claim, decides nothing"))
    assert not is_beside(row())


def test_models_that_agree_give_one_verdict_and_others_a_split():
    same = results_by_claim([row(), row(model="second")])[0]
    assert (same.verdict, same.summary) == (REPLICATED, "replicated")
    split = results_by_claim([row(), row(NOT_REPLICATED, model="second")])[0]
    assert (split.verdict, split.summary) == (MIXED, "replicated on 1 of 2 models")
    assert tally([same, split])[MIXED] == 1
    assert "1 mixed" in tally_words([same, split])
    data = results_by_claim([row(), row(INCONCLUSIVE, dataset="COCO")])[0]
    assert data.summary == "replicated on 1 of 2 models and data sets"
    none = results_by_claim([row(INCONCLUSIVE), row(NOT_REPLICATED, model="second")])[0]
    assert (none.verdict, none.summary) == (MIXED, "not replicated on 1 of 2 models")


def test_headlines_that_were_not_run_are_silent_where_others_were():
    (result,) = results_by_claim([row(NOT_RUN, model="judge"), row(INCONCLUSIVE, model="parser")])
    assert result.verdict == INCONCLUSIVE
    assert result.first.model == "parser"
    (nothing,) = results_by_claim([row(NOT_RUN), row(NOT_RUN, model="second")])
    assert nothing.verdict == NOT_RUN


def test_a_later_variant_is_told_but_does_not_decide():
    rows = [row(REPLICATED), row(metric="loss"), row(NOT_REPLICATED, variant="as published")]
    (result,) = results_by_claim(rows)
    assert result.verdict == REPLICATED
    assert [one.verdict for one in result.variants] == [NOT_REPLICATED]


def test_a_count_gives_way_to_a_number_that_was_published():
    numbers = [
        row(metric="first number"),
        row(metric="second number", published=3.0, published_source="paper"),
        row(metric="control, F1", published=1.0, published_source="paper"),
    ]
    (result,) = results_by_claim([row(), *numbers])
    assert result.shown.metric == "second number"
    assert results_by_claim([row(), numbers[0], numbers[2]])[0].shown.metric == "first number"
    assert results_by_claim([row(), numbers[2]])[0].shown.metric == BASE.metric
    own = row(published=5.0, published_source="paper")
    assert results_by_claim([own, *numbers])[0].shown == own


def test_the_number_that_stands_for_a_claim_has_its_verdict():
    """A replicated number, even a published one, does not stand beside "not replicated"."""
    numbers = [
        row(metric="fits", published=3.0, published_source="paper"),
        row(NOT_REPLICATED, metric="does not fit"),
        row(NOT_REPLICATED, metric="nor this", published=1.0, published_source="paper"),
    ]
    for behind, shown in (
        (numbers, "nor this"),
        (numbers[:2], "does not fit"),
        (numbers[:1], "fits"),
    ):
        assert results_by_claim([row(NOT_REPLICATED), *behind])[0].shown.metric == shown


def test_of_models_that_differ_the_one_is_shown_that_the_summary_tells_of():
    (result,) = results_by_claim([row(INCONCLUSIVE), row(model="second")])
    assert (result.first.model, result.summary) == ("second", "replicated on 1 of 2 models")


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("settings that meet the criterion, of 3", "2 of 3 settings meet the criterion"),
        ("claims that hold, of 4", "2 of 4 claims hold"),
        ("loss (%)", ""),
    ],
)
def test_counts_are_said_in_words(metric, words):
    assert counted(row(metric=metric)) == words


def test_studies_keep_their_claims_apart():
    results = results_by_claim([row(), row(study="qian2025"), row(metric="x")])
    assert [(one.first.study, len(one.rows)) for one in results] == [
        ("neo2025", 2),
        ("qian2025", 1),
    ]


def test_nothing_judged_is_said_plainly():
    assert tally_words([]) == "0 claims"


@pytest.mark.parametrize(
    ("dataset", "verdict", "said"),
    [
        ("embedded world", REPLICATED, True),
        ("embedded world, in MME's format", NOT_REPLICATED, True),
        ("embedded world", NOT_RUN, False),
        ("COCO val2017", REPLICATED, False),
    ],
)
def test_verdicts_on_drawn_scenes_come_with_a_caution(dataset, verdict, said):
    rows = [row(REPLICATED, dataset="COCO val2017"), row(verdict, claim="C2", dataset=dataset)]
    assert caution(rows).startswith("Verdicts on the embedded world") == said


def test_no_caution_is_empty():
    assert caution([row(REPLICATED, dataset="COCO val2017")]) == ""
