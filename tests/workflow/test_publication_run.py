"""What a run measured is published, and another one starts from it without asking a model again."""

from argparse import Namespace
from pathlib import Path

import pytest
from datasets import load_dataset
from snakemake_calls import part_config, planned_jobs, snakemake

from sightline.files import sha256
from sightline.report.publication.publish import main

EFFECTS = "kaduri2025/knockout_effects.csv"
LOOKS = {"describe_without_image", "judge_descriptions", "write_tiny_checkpoint"}
"""Rules that run a model, or lead to one."""


@pytest.fixture(scope="module")
def published(part_run: Path) -> Path:
    """The folder of what is there; the rule would first finish the run."""
    run = part_run / "results" / "part"
    settings = "results/part/settings/run.json"
    ran = snakemake(
        part_run, settings, "--cores", "1", "--configfile", part_run / "part.yaml"
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    main(Namespace(run=run, settings=part_run / settings, out=run / "published"))
    return run / "published"


def test_publishing_waits_for_a_finished_run(part_run):
    file = part_run / "part.yaml"
    ran = snakemake(part_run, "publish", "--dry-run", "--printshellcmds", "--configfile", file)
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert {"publish", "list_kaduri2025_items", "score_claims"} <= jobs.keys()
    assert "--run results/part --settings results/part/settings/run.json" in ran.stdout
    whole = snakemake(part_run, "--dry-run", "--configfile", file)
    assert "publish" not in planned_jobs(whole.stdout)


def test_measurements_load_as_a_data_set(published, tmp_path):
    rows = load_dataset(
        str(published), "kaduri2025_knockout", split="measured", cache_dir=str(tmp_path)
    )
    assert set(rows["model"]) == {"mini-llava-phi"} and len(set(rows["image_id"])) == 6


def test_another_run_starts_from_it(published, part_run):
    start = {"folder": str(published), "sha256": sha256(published / "manifest.json")}
    file = part_config(part_run, run="second", start_from=start)
    ran = snakemake(part_run, f"results/second/{EFFECTS}", "--cores", "1", "--configfile", file)
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert jobs["take_published"] == jobs["summarise_hidden_image"] == 1
    assert not LOOKS & jobs.keys()
    first, second = (part_run / "results" / run / EFFECTS for run in ("part", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_what_does_not_fit_is_refused_before_anything_runs(published, tmp_path):
    for settings, message in (
        ({"seed": 1, "start_from": {"folder": str(published)}}, "seed: 0 there, 1 here"),
        ({"start_from": {"folder": str(published), "sha256": "0" * 64}}, "start_from.sha256 is 00"),
        ({"start_from": {"folder": str(tmp_path)}}, "was not published whole"),
    ):
        file = part_config(tmp_path, run="third", **settings)
        ran = snakemake(tmp_path, "--dry-run", "--configfile", file)
        assert ran.returncode != 0 and message in ran.stdout, ran.stdout
