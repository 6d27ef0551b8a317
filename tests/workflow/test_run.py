"""The real command on a few images, then again, then again with one file deleted."""

from pathlib import Path

import pandas as pd
import pytest
from snakemake_calls import planned_jobs, snakemake

NOTHING = "Nothing to be done"


@pytest.fixture
def run(tiny_run: tuple[Path, Path]) -> tuple[Path, Path]:
    """The tiny run, by a short name."""
    return tiny_run


def test_table_scorecard_and_items_are_there(run):
    study = run[0] / "results" / "tiny" / "neo2025"
    assert not pd.read_csv(study / "tab1.csv").empty
    items = pd.read_csv(study / "items.csv").set_index("item")["status"]
    assert {items["tab1"], items["extra1"]} == {"produced"}
    assert set(items[["tab2", "knockout_curve", "object_size"]]) == {"produced"}
    assert items["extra2"] == "not run"
    lens = ("fig1", "fig2", "fig3", "num1", "extra3", "extra5", "lens_curves")
    assert set(items[list(lens)]) == {"produced"}
    assert items["num2"] == "not run"
    assert items["extra4"] == "produced"
    page = study / "extra4" / "demo-llava.html"
    assert 100_000 < page.stat().st_size < 5_000_000
    questions = pd.read_parquet(study / "measurements" / "questions" / "demo-llava.parquet")
    assert len(questions) == len(pd.read_parquet(study / "questions.parquet"))
    scorecard = pd.read_csv(run[0] / "results" / "tiny" / "scorecard.csv")
    assert set(scorecard["study"]) == {"neo2025", "kaduri2025"}
    for name in ("tab1_bars.pdf", "tab1_bars.png", "extra1.pdf", "extra1.png"):
        assert (study / name).stat().st_size > 1000


def test_knockout_of_kaduri2025_is_there(run):
    study = run[0] / "results" / "tiny" / "kaduri2025"
    items = pd.read_csv(study / "items.csv").set_index("item")["status"]
    knockout = ["fig2a", "fig2e", "fig2f", "figS3", "page1", "windows", "gist"]
    assert set(items[knockout]) == {"produced"}
    assert items["figS1e"] == "not run"
    claims = pd.read_csv(study / "claims.csv")
    assert {f"C{number}" for number in range(1, 16)} == set(claims["claim"])


def test_attention_of_kaduri2025_is_there(run):
    study = run[0] / "results" / "tiny" / "kaduri2025"
    items = pd.read_csv(study / "items.csv").set_index("item")["status"]
    attention = ["fig1", "fig4", "fig5", "fig6", "fig7", "figS4", "figS5", "textS2"]
    assert set(items[attention]) == {"produced"}
    assert items["figS2"] == "not run"
    judged = pd.read_csv(study / "claims" / "attention.csv")
    # Four images decide nothing.
    assert set(judged["claim"]) == {"C1", "C7", "C8", "C9"}
    assert set(judged["verdict"]) == {"inconclusive"}


def test_second_call_has_nothing_to_do(run):
    ran = snakemake(run[0], "--cores", "2", "--configfile", run[1])
    assert ran.returncode == 0
    assert NOTHING in ran.stdout


def test_deleted_table_is_rebuilt_alone(run):
    table = run[0] / "results" / "tiny" / "neo2025" / "tab1.csv"
    before = table.read_bytes()
    table.unlink()
    ran = snakemake(run[0], "--cores", "2", "--configfile", run[1])
    assert ran.returncode == 0, ran.stdout
    # The gallery holds a copy of every table.
    gallery = {"record_run", "write_gallery"}
    assert set(planned_jobs(ran.stdout)) <= {"neo2025_tab1", "all", "neo2025"} | gallery
    assert table.read_bytes() == before
    assert NOTHING in snakemake(run[0], "--cores", "2", "--configfile", run[1]).stdout


def test_batch_size_is_not_a_reason_to_measure_again(run, tmp_path):
    """What results do not depend on may be changed while a run is under way."""
    changed = tmp_path / "batch.yaml"
    changed.write_text("models: {demo-llava: {batch_size: 4}}\n")
    ran = snakemake(run[0], "--dry-run", "--configfile", run[1], changed)
    assert ran.returncode == 0, ran.stdout
    assert "ablate_tokens" not in planned_jobs(ran.stdout)


def test_another_precision_measures_everything_again_at_once(run, tmp_path):
    """In the call that sees the change, not in the one after it."""
    changed = tmp_path / "precision.yaml"
    changed.write_text("models: {demo-llava: {dtype: bfloat16}}\n")
    ran = snakemake(run[0], "--dry-run", "--configfile", run[1], changed)
    assert ran.returncode == 0, ran.stdout
    again = {
        "ablate_tokens", "block_attention", "read_lens", "describe_without_image", "read_attention",
        "hide_tokens",
    }  # fmt: skip
    assert again <= planned_jobs(ran.stdout).keys()


def test_a_part_of_a_study_is_measured_again_alone(run, tmp_path):
    changed = tmp_path / "knockout.yaml"
    changed.write_text('studies: {kaduri2025: {second_question: "What is this?"}}\n')
    ran = snakemake(run[0], "--dry-run", "--configfile", run[1], changed)
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert "describe_without_image" in jobs
    assert "read_attention" not in jobs and "ablate_tokens" not in jobs


def test_resampling_more_often_measures_nothing_again(run, tmp_path):
    """Intervals, verdicts and what shows them are made anew, in this very call."""
    changed = tmp_path / "bootstrap.yaml"
    changed.write_text("studies: {neo2025: {bootstrap: 150}, kaduri2025: {bootstrap: 150}}\n")
    ran = snakemake(run[0], "--dry-run", "--configfile", run[1], changed)
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout).keys()
    again = {
        "summarise_ablation", "summarise_knockout", "judge_neo2025_claims", "summarise_hidden_image",
        "contrast_hidden_image", "judge_kaduri2025_knockout", "score_claims", "write_gallery",
    }  # fmt: skip
    measured = {
        "select_objects", "ablate_tokens", "block_attention", "describe_without_image",
        "read_attention", "hide_tokens", "answer_again",
    }  # fmt: skip
    assert again <= jobs and not measured & jobs
