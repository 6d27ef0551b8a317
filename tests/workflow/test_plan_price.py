"""The plan's figures against what a real small run writes, and a run that its disk cannot hold."""

import csv
from pathlib import Path

import pytest
import yaml
from snakemake_calls import ROOT, TINY, snakemake, tiny_config

CACHES = {
    "cache_image_tokens": "cache/demo-llava/image_tokens",
    "read_lens": "cache/demo-llava/lens",
    "extract_features": "khajuria2025/features/vit",
}
"""Rule -> folder that it fills."""
# What says how many images and samples there are.
KNOWN = ("neo2025/lens/images.parquet", "khajuria2025/samples.parquet")


def small_config(folder: Path) -> Path:
    """The lens and one random encoder on a few scenes of the embedded world."""
    mini = yaml.safe_load((ROOT / "config/mini.yaml").read_text())
    probing = mini["studies"]["khajuria2025"] | {"encoders": ["vit"], "defects": {"shifts": [1]}}
    probing["probes"] = probing["probes"] | {"mlp_encoders": [], "defect_encoders": []}
    studies = {"neo2025": TINY["studies"]["neo2025"], "khajuria2025": probing}
    coco = mini["datasets"]["coco"]
    return tiny_config(
        folder,
        ROOT / "resources/demo/llava",
        datasets={"coco": coco},
        encoders={"vit": mini["encoders"]["vit"]},
        studies=studies,
    )


def bytes_in(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> tuple[Path, dict[str, dict[str, str]], str]:
    """Folder, rows of the plan by rule, and what was printed; the caches of the plan are written afterwards."""
    folder = tmp_path_factory.mktemp("plan")
    config = small_config(folder)
    call = ("--cores", "1", "--configfile", config)
    results = Path("results/tiny")
    ran = snakemake(
        folder, *(results / name for name in KNOWN), results / "tiny" / "vit.json", *call
    )
    assert ran.returncode == 0, ran.stdout
    ran = snakemake(folder, "plan", *call)
    assert ran.returncode == 0, ran.stdout
    with (folder / results / "plan.csv").open(newline="") as lines:
        rows = {row["rule"]: row for row in csv.DictReader(lines)}
    markers = ("spec.json", "spec.json", "cls/spec.json")
    wanted = [results / place / end for place, end in zip(CACHES.values(), markers, strict=True)]
    built = snakemake(folder, *wanted, *call)
    assert built.returncode == 0, built.stdout
    return folder / results, rows, ran.stdout


@pytest.mark.parametrize("rule", CACHES)
def test_disk_of_caches_is_within_a_tenth_of_what_is_written(planned, rule):
    results, rows, _ = planned
    written = bytes_in(results / CACHES[rule])
    assert abs(float(rows[rule]["cache_bytes"]) / written - 1) < 0.1


def test_plan_counts_the_jobs_that_are_left_and_says_it_fits(planned):
    _, rows, printed = planned
    assert {rule: rows[rule]["jobs"] for rule in CACHES} == dict.fromkeys(CACHES, "1")
    # They had run before the plan was made.
    assert not {"choose_lens_images", "select_pairs", "generate_probing"} & set(rows)
    assert int(rows["total"]["jobs"]) == sum(
        int(row["jobs"]) for rule, row in rows.items() if rule != "total"
    )
    assert "# Plan of run tiny" in printed and ": enough." in printed


def test_hours_are_given_where_a_model_runs_and_nowhere_else(planned):
    _, rows, _ = planned
    assert float(rows["read_lens"]["gpu_hours"]) > 0
    assert float(rows["read_lens"]["gpu_memory_bytes"]) > 0
    assert rows["write_model_settings"]["gpu_hours"] == ""


def test_a_run_that_the_disk_cannot_hold_does_not_start(tmp_path):
    """A billion images leave 150 TB of image tokens: the run says so before its first job, and so does the plan."""
    neo = TINY["studies"]["neo2025"]
    neo = neo | {"reference": {"source": "images", "split": "everything", "images": 10**9}}
    (tmp_path / "annotations").mkdir()
    for split in ("everything", "train2017"):
        (tmp_path / "annotations" / f"instances_{split}.json").write_text("{}")
    config = tiny_config(
        tmp_path,
        ROOT / "resources/demo/llava",
        datasets={"coco": {"source": "local", "path": str(tmp_path)}},
        studies={"neo2025": neo},
    )
    call = ("--cores", "1", "--configfile", config)
    ran = snakemake(tmp_path, *call)
    assert ran.returncode != 0
    assert "GB are free. Make room" in ran.stdout
    assert not (tmp_path / "results/tiny").exists()
    planned = snakemake(tmp_path, "plan", *call)
    assert planned.returncode != 0
    assert "NOT ENOUGH" in planned.stdout
