"""Rows of the scorecard: what may be said, and that CSV keeps it."""

import dataclasses

import pytest

from sightline.studies.claims import (
    COLUMNS,
    VERDICTS,
    Claim,
    ClaimError,
    claims_frame,
    read_claims,
    short_number,
    write_claims,
)

CLAIM = Claim(
    study="neo2025",
    claim="C1",
    statement="Object tokens carry what is needed to name the object, at their own place",
    item="tab1",
    metric="decrease, percent",
    published=71.79,
    published_source="second-hand",
    reproduced=68.25,
    ci_low=60.0,
    ci_high=75.5,
    n=120,
    model="None",
    dataset="world",
    variant="corrected",
    criterion="decrease of at least 50 points",
    verdict="replicated",
)
NOT_RUN = dataclasses.replace(
    CLAIM,
    claim="C2",
    published=None,
    reproduced=float("nan"),
    ci_low=float("nan"),
    ci_high=float("nan"),
    n=None,
    verdict="not run",
)


def test_columns_are_the_scorecards():
    assert ",".join(COLUMNS) == (
        "study,claim,statement,item,metric,published,published_source,reproduced,ci_low,ci_high,"
        "n,model,dataset,variant,criterion,verdict"
    )
    assert VERDICTS == ("replicated", "not replicated", "inconclusive", "not run")


def test_csv_keeps_every_cell(tmp_path):
    over = dataclasses.replace(CLAIM, claim="C3", published="over 70", verdict="inconclusive")
    claims = [CLAIM, NOT_RUN, over]
    path = tmp_path / "claims.csv"
    write_claims(claims, path)
    assert read_claims(path) == claims
    first = path.read_bytes()
    write_claims(read_claims(path), path)
    assert path.read_bytes() == first


def test_an_unknown_value_says_so_and_what_was_not_run_is_empty():
    row = claims_frame([NOT_RUN]).iloc[0]
    assert row["published"] == "unknown"
    assert row["reproduced"] == row["ci_low"] == row["n"] == ""
    assert NOT_RUN.reproduced is None


def test_an_empty_file_of_claims_is_fine(tmp_path):
    write_claims([], tmp_path / "claims.csv")
    assert read_claims(tmp_path / "claims.csv") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "confirmed"}, "verdict 'confirmed' is none of replicated, not replicated"),
        ({"statement": ""}, "neo2025 C1: statement is empty"),
        ({"reproduced": None}, "needs reproduced and n"),
        ({"n": None}, "needs reproduced and n"),
        ({"ci_low": None}, "both of ci_low and ci_high"),
        ({"ci_low": 80.0}, "ci_low 80.0 lies above ci_high 75.5"),
    ],
)
def test_a_row_that_says_more_than_was_found_is_refused(change, message):
    with pytest.raises(ClaimError, match=message):
        dataclasses.replace(CLAIM, **change)


def test_two_rows_for_one_claim_are_refused():
    with pytest.raises(ClaimError, match=r"neo2025 C1 tab1 .*: 2 rows for one claim"):
        claims_frame([CLAIM, CLAIM])


def test_errors_of_a_file_name_it_and_the_line(tmp_path):
    path = tmp_path / "claims.csv"
    with pytest.raises(ClaimError, match=r"claims\.csv is missing"):
        read_claims(path)
    write_claims([CLAIM, NOT_RUN], path)
    text = path.read_text()
    path.write_text(text.replace(",not run", ",maybe"))
    with pytest.raises(ClaimError, match=r"claims\.csv line 3: neo2025 C2: verdict 'maybe'"):
        read_claims(path)
    path.write_text(text.replace(",120,", ",many,"))
    with pytest.raises(ClaimError, match=r"claims\.csv line 2: .*'many'"):
        read_claims(path)
    path.write_text(text.replace("verdict", "judgement", 1))
    with pytest.raises(ClaimError, match="columns are"):
        read_claims(path)


def test_short_numbers():
    assert short_number(71.7949, "–") == "71.79"  # noqa: RUF001
    assert short_number("over 70", "–") == "over 70"  # noqa: RUF001
    assert short_number(None, "unknown") == "unknown"
