"""The mini run: every family in its published layout, through the rules of all four studies."""

import os
from pathlib import Path

import pandas as pd
import pytest
import yaml
from snakemake_calls import ROOT, planned_jobs, snakemake

MINI = ROOT / "config" / "mini.yaml"
REAL = Path(
    os.environ.get("SIGHTLINE_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data")
)
# Needs an optional package, another source of data, or hours.
NOT_IN_MINI = {
    "adopt_mean_token", "choose_images", "download_archive", "download_file", "fetch_images", "fetch_model",
    "fetch_reasonseg_mirror", "unpack_annotations", "unpack_images", "write_deciding_settings",
    "write_wanted_settings",
}  # fmt: skip


def test_every_study_and_every_family_is_planned(tmp_path):
    ran = snakemake(tmp_path, "--dry-run", "--configfile", MINI)
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    config = yaml.safe_load(MINI.read_text())
    kinds = [config["models"], config["parts"], config["encoders"]]
    written = [name for kind in kinds for name, entry in kind.items() if "path" in entry]
    assert jobs["write_tiny_checkpoint"] == len(written)
    assert jobs["convert_internvl2"] == jobs["convert_checkpoint"] == 1
    assert {entry["family"] for entry in config["models"].values()} == {
        "llava", "internvl", "qwen2_5_vl",
    }  # fmt: skip
    assert set(config["studies"]) == {"neo2025", "kaduri2025", "qian2025", "khajuria2025"}
    assert not NOT_IN_MINI & set(jobs)


def test_what_the_published_run_measures_is_in_the_mini_run_too(tmp_path):
    """Every rule of config/paper.yaml but those that fetch, so that none is first run on a GPU."""
    jobs = {}
    for name in ("paper", "mini"):
        ran = snakemake(tmp_path, "--dry-run", "--configfile", ROOT / "config" / f"{name}.yaml")
        assert ran.returncode == 0, ran.stdout
        jobs[name] = set(planned_jobs(ran.stdout))
    assert jobs["paper"] - jobs["mini"] <= NOT_IN_MINI


def test_an_item_of_converted_models(tmp_path):
    """The short version of the whole run."""
    ran = snakemake(tmp_path, "kaduri2025_fig2e", "--cores", "2", "--configfile", MINI)
    assert ran.returncode == 0, ran.stdout
    drawn = pd.read_csv(tmp_path / "results" / "mini" / "kaduri2025" / "fig2e.csv")
    assert "mini-internvl2" in set(drawn["model"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole mini run."""
    folder = tmp_path_factory.mktemp("mini")
    ran = snakemake(folder, "--cores", "2", "--configfile", MINI)
    assert ran.returncode == 0, ran.stdout
    return folder


@pytest.mark.mini
def test_every_study_has_its_items(run):
    for study in ("neo2025", "kaduri2025", "qian2025", "khajuria2025"):
        items = pd.read_csv(run / "results" / "mini" / study / "items.csv")
        assert (items["status"] == "produced").sum() > 5, study
    scorecard = pd.read_csv(run / "results" / "mini" / "scorecard.csv")
    assert scorecard["study"].nunique() == 4


@pytest.mark.mini
def test_weights_came_through_the_conversions(run):
    converted = run / "results" / "converted"
    assert (converted / "mini-internvl2" / "internvl" / "config.json").is_file()
    assert (converted / "mini-read" / "segmenter" / "projection.safetensors").is_file()


@pytest.mark.mini
def test_second_call_has_nothing_to_do(run):
    ran = snakemake(run, "--cores", "1", "--configfile", MINI)
    assert ran.returncode == 0 and "Nothing to be done" in ran.stdout, ran.stdout


@pytest.mark.skipif(
    not (REAL / "coco").is_dir(), reason=f"no COCO images at {REAL}; set SIGHTLINE_REAL_DATA"
)
def test_real_images_go_through_the_mini_run(tmp_path):
    """COCO's own files and categories instead of the drawn world's."""
    config = yaml.safe_load(MINI.read_text())
    config["run"] = "real"
    config["datasets"]["coco"] = {"source": "local", "path": str(REAL / "coco")}
    studies = config["studies"]
    studies.pop("khajuria2025")
    neo = studies["neo2025"]
    neo["models"] = ["mini-llava"]
    neo["reference"]["split"] = neo["ablation_set"]["split"] = "val2017"
    neo["ablation_set"] |= {"max_annotations": 30, "area": [500, 100_000]}
    neo["lens"] |= {"max_annotations": 30, "area": [500, 100_000]}
    studies["kaduri2025"]["models"] = ["mini-internvl2"]
    file = tmp_path / "real.yaml"
    file.write_text(yaml.safe_dump(config))
    ran = snakemake(
        tmp_path, "--configfile", file, "--cores", "2", "neo2025_tab1", "neo2025_fig3",
        "kaduri2025_fig2e",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    study = tmp_path / "results" / "real" / "neo2025"
    assert not pd.read_csv(study / "tab1.csv").empty
