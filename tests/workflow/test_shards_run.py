"""Shards in a run: what is planned, and files that are the bytes of one job each."""

import json
from pathlib import Path

from snakemake_calls import ROOT, part_config, planned_jobs, snakemake

MINI = ROOT / "config" / "mini.yaml"
SHARDED = {
    "ablate_tokens": 2,
    "block_attention": 2,
    "read_lens": 2,
    "describe_without_image": 2,
    "read_attention": 2,
    "hide_tokens": 2,
    "extract_features": 11,
}
"""Rules that divide their samples, and their jobs in the mini run."""
MADE = ("kaduri2025/knockout_effects.csv", "kaduri2025/descriptions/mini-llava-phi.parquet")


def plan(folder: Path, shards: int) -> dict[str, int]:
    ran = snakemake(
        folder, "--dry-run", "--configfile", MINI, "--config", f"run=plan-{shards}", f"shards={shards}"
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    return planned_jobs(ran.stdout)


def test_one_shard_costs_no_job_and_sixteen_cost_what_is_divided(tmp_path):
    ran = snakemake(tmp_path, "--dry-run", "--configfile", MINI)
    default = planned_jobs(ran.stdout)
    assert plan(tmp_path, 1) == default
    assert SHARDED.items() <= default.items()
    divided = plan(tmp_path, 16)
    listed = json.loads((ROOT / "docs" / "scaling-constants.json").read_text())
    assert set(listed["shards"]["divided"]) == SHARDED.keys()
    changed = {rule for rule in divided | default if divided.get(rule) != default.get(rule)}
    assert changed == {*SHARDED, "gather_file", "gather_traces"}
    assert all(divided[rule] == 16 * jobs for rule, jobs in SHARDED.items())


def test_a_run_in_three_shards_gives_the_same_files(part_run):
    """A table from its measurements, and those; tests/parity holds every rule's files against each other."""
    file = part_config(part_run, run="in-3", shards=3)
    targets = [f"results/in-3/{file}" for file in MADE]
    ran = snakemake(part_run, *targets, "--cores", "2", "--configfile", file)
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert jobs["describe_without_image"] == 3 and jobs["gather_file"] == 1
    for name in MADE:
        whole, gathered = (part_run / "results" / run / name for run in ("part", "in-3"))
        assert whole.read_bytes() == gathered.read_bytes()
    assert (part_run / "results/in-3/logs/shards/3-of-3/kaduri2025/descriptions").is_dir()
