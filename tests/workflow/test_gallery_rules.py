"""The gallery as Snakemake makes it: from what the configured studies promise, last of all, and never without need."""

import json
from pathlib import Path

import pytest
from snakemake_calls import ROOT, TINY, planned_jobs, snakemake, tiny_config

OWN = {"write_run_settings", "record_run", "write_gallery"}
STUDIES = TINY["studies"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a model as long as nobody loads it."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_text("{}")
    return folder


def test_a_run_ends_with_its_gallery_and_repeats_nothing(tmp_path, model):
    """Really run, for a configuration without studies: nothing has to be measured first."""
    call = (
        "--cores",
        "1",
        "--configfile",
        tiny_config(tmp_path, model, studies={}),
        "--config",
        "run=other",
    )
    ran = snakemake(tmp_path, *call)
    assert ran.returncode == 0, ran.stdout
    run = tmp_path / "results" / "other"
    record = json.loads((run / "run.json").read_text())
    page = (run / "site" / "index.html").read_text()
    assert record["run"] == "other" and record["date"] in page and record["config_sha256"] in page
    assert record["options"] == "--configfile tiny.yaml --config run=other"
    assert (run / "site" / "scorecard.html").is_file()
    first = {file: file.read_bytes() for file in (run / "site").rglob("*") if file.is_file()}
    assert "Nothing to be done" in snakemake(tmp_path, *call).stdout
    (run / "site" / "index.html").unlink()
    again = snakemake(tmp_path, *call)
    assert set(planned_jobs(again.stdout)) == {"write_gallery", "all"}
    assert {
        file: file.read_bytes() for file in (run / "site").rglob("*") if file.is_file()
    } == first


@pytest.mark.parametrize("study", STUDIES)
def test_a_run_of_one_study_has_a_gallery(tmp_path, model, study):
    config = tiny_config(tmp_path, model, studies={study: STUDIES[study]})
    ran = snakemake(tmp_path, "--dry-run", "--configfile", config)
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert {jobs[name] for name in OWN} == {1}
    other = next(name for name in STUDIES if name != study)
    assert not [name for name in jobs if other in name]


@pytest.mark.parametrize("target", ["neo2025_tab1", "kaduri2025_fig2e", "kaduri2025"])
def test_an_item_or_a_study_alone_makes_no_gallery(tmp_path, model, target):
    ran = snakemake(
        tmp_path, "--dry-run", "--configfile", tiny_config(tmp_path, model), "--cores", "1", target
    )
    assert ran.returncode == 0, ran.stdout
    assert not OWN & set(planned_jobs(ran.stdout))


def test_items_of_a_rule_for_several_are_targets_too(tmp_path):
    """What the gallery says for each item can be typed."""
    items = [f"qian2025_tab{number}" for number in range(1, 8)]
    items += ["qian2025_tab_ablations", "kaduri2025_tabS2", "kaduri2025_textS2"]
    demo = ROOT / "config" / "demo.yaml"
    ran = snakemake(tmp_path, "--dry-run", "--configfile", demo, "--cores", "1", *items)
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert set(items) <= jobs.keys()
    assert "judge_qian2025_claims" not in jobs


def test_the_published_run_records_every_checkpoint_it_uses(tmp_path):
    file = "results/paper/settings/run.json"
    paper = ROOT / "config" / "paper.yaml"
    ran = snakemake(tmp_path, file, "--cores", "1", "--configfile", paper)
    assert ran.returncode == 0, ran.stdout
    settings = json.loads((tmp_path / file).read_text())
    checkpoints = settings["checkpoints"]
    assert checkpoints["llava-1.5-7b"]["revision"] == "b234b804b114d9e37bb655e11cbbb5f5e971b7a9"
    assert checkpoints["llava-1.5-7b"]["studies"] == ["neo2025", "kaduri2025"]
    assert checkpoints["sam-vit-huge"]["studies"] == ["qian2025"]
    assert checkpoints["blip"]["studies"] == ["khajuria2025"]
    models = settings["config"]["models"]
    # One that takes over another's checkpoint is that checkpoint.
    used = {
        models[name].get("of", name)
        for study in settings["config"]["studies"].values()
        for name in study.get("models", [])
    }
    assert used <= checkpoints.keys()
    assert settings["data"]["coco"]["studies"] == ["neo2025", "kaduri2025", "khajuria2025"]
