"""What notebooks are given to show, from the results of a small run."""

from pathlib import Path

import pytest

from gallery_fakes import CLAIMS, write_results
from sightline.report.study_results import StudyResults, StudyResultsError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_results(tmp_path / "toy")
    return tmp_path / "toy"


def test_one_line_per_claim_with_its_verdict(run):
    claims = StudyResults(run, "neo2025").claims()
    assert list(claims.index) == ["C1", "C2"]
    assert claims.loc["C1", "verdict"] == "replicated"
    assert claims.loc["C2", "verdict"] == "replicated on 1 of 2 models"
    assert claims.loc["C1", "published"] == 71.79 and claims.loc["C1", "ci_low"] == 60.1
    assert "2 claims" in StudyResults(run, "neo2025").summary.text


def test_numbers_are_all_rows_of_a_claim(run):
    numbers = StudyResults(run, "neo2025").numbers("C1")
    assert list(numbers["metric"]) == [row.metric for row in CLAIMS["neo2025"] if row.claim == "C1"]
    with pytest.raises(StudyResultsError, match=r"no claim 'C9'; it has C1, C2\."):
        StudyResults(run, "neo2025").numbers("C9")


def test_pictures_tables_pages_and_what_is_absent(run):
    study = StudyResults(run, "neo2025")
    assert study.show("fig3").png == (run / "neo2025" / "fig3.png").read_bytes()
    assert study.show("fig3")._repr_markdown_() is None
    assert study.show("tab1").text == (run / "neo2025" / "tab1.md").read_text()
    assert "extra4.html" in study.show("extra4").text
    reason = study.items().loc["tab2", "reason"]
    assert study.show("tab2").text == f"*Table 2 was not run: {reason}.*"
    with pytest.raises(StudyResultsError, match="no item 'fig9'; it has fig1"):
        study.show("fig9")


def test_a_study_that_is_not_there_says_how_to_make_it(run):
    with pytest.raises(StudyResultsError, match="snakemake --cores all kaduri2025"):
        StudyResults(run, "kaduri2025")
