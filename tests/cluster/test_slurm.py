"""The workflow through a real Slurm: what jobs ask for, and a node that dies while one of them runs."""

import os
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from little_slurm import CARD, NODES, LittleSlurm
from run_files import digests
from slurm_runs import SlurmRun
from snakemake_calls import ROOT, snakemake, tiny_config

TARGET = "neo2025_tab2"
"""One table of a study: a world, questions, one job with a model and its interventions, effects with intervals."""
RULE, MODULE = "block_attention", "sightline.studies.neo2025.knockout.measure"


@dataclass(frozen=True)
class Outcome:
    """A run that lost a node, beside one that nobody disturbed."""

    run: SlurmRun
    status: int
    found: dict[str, bytes]
    wanted: dict[str, bytes]


@pytest.fixture(scope="module")
def model() -> Path:
    """The demo model that the short runs ask."""
    folder = Path(os.environ.get("SIGHTLINE_DEMO_MODEL", ROOT / "resources" / "demo" / "llava"))
    if not (folder / "config.json").is_file():
        pytest.skip(f"no demo model in {folder}; name one with SIGHTLINE_DEMO_MODEL")
    return folder


@pytest.fixture(scope="module")
def wanted(model: Path, tmp_path_factory) -> dict[str, bytes]:
    """Digests of what a run leaves that nobody disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    ran = snakemake(folder, TARGET, "--cores", "1", "--configfile", tiny_config(folder, model))
    assert ran.returncode == 0, ran.stdout
    return digests(folder)


@pytest.fixture(scope="module")
def outcome(slurm: LittleSlurm, model: Path, wanted, tmp_path_factory, tell) -> Outcome:
    """A node is killed while the job with the model runs there; Snakemake is left to itself."""
    folder = tmp_path_factory.mktemp("disturbed")
    # A GPU is asked for where one may be used; this Slurm hands out numbers.
    config = tiny_config(folder, model, device="auto", gpu_model=CARD)
    run = SlurmRun(slurm, folder, [TARGET, "--configfile", config])
    try:
        run.kill_node(MODULE)
        status = run.wait()
    finally:
        run.stop()
        tell(str(run))
    return Outcome(run, status, digests(folder), wanted)


def different(found: dict[str, bytes], wanted: dict[str, bytes]) -> list[str]:
    """Files that an undisturbed run has and the other lacks or has otherwise; where models run is no result."""
    names = [name for name in wanted if not name.startswith("settings/models/")]
    return [name for name in names if found.get(name) != wanted[name]]


def test_run_goes_on_without_the_node(outcome):
    (death,) = outcome.run.deaths
    assert outcome.status == 0, outcome.run.said
    first, second = outcome.run.records(RULE)
    (other,) = set(NODES) - {death.node}
    assert (first["JobState"], first["NodeList"]) == ("NODE_FAIL", death.node)
    assert (second["JobState"], second["NodeList"]) == ("COMPLETED", other)


def test_results_are_those_of_an_undisturbed_run(outcome):
    assert any(name.endswith("tab2.csv") for name in outcome.wanted)
    assert any(name.endswith(".parquet") for name in outcome.wanted)
    assert different(outcome.found, outcome.wanted) == []


def test_nothing_finished_is_lost(outcome):
    (death,) = outcome.run.deaths
    assert {path.name for path in death.finished} >= {"train2017.csv", "questions.parquet"}
    assert outcome.run.lost() == []


def test_jobs_with_a_model_ask_for_a_card_and_others_for_none(outcome):
    for record in outcome.run.records(RULE):
        assert record["TresPerJob"] == f"gres:gpu:{CARD}:1"
        assert record["TimeLimit"] != "UNLIMITED"
    for rule in ("generate_world", "write_questions", "neo2025_tab2"):
        (record,) = outcome.run.records(rule)
        assert "TresPerJob" not in record
        assert record["MinMemoryNode"] == "4000M"


def test_lost_job_comes_again_with_more_memory_and_smaller_batches(outcome):
    first, second = outcome.run.resources(RULE)
    assert (first["batch_size"], second["batch_size"]) == (16, 8)
    assert second["mem_mb"] == 2 * first["mem_mb"]
    assert second["runtime"] == 2 * first["runtime"]


@pytest.mark.cluster
def test_nodes_die_at_moments_that_nobody_chose(slurm, model, wanted, tmp_path_factory, tell):
    """While jobs wait, load, measure, write or have just ended; three seeds, the same table."""
    for seed in range(3):
        folder = tmp_path_factory.mktemp(f"random-{seed}")
        config = tiny_config(folder, model)
        run = SlurmRun(slurm, folder, [TARGET, "--configfile", config, "--retries", "20"])
        try:
            run.kill_nodes_at_random(random.Random(seed), most=6, longest=20)
            status = run.wait()
        finally:
            run.stop()
            tell(str(run))
        assert status == 0, run.said
        assert run.deaths
        assert run.lost() == []
        assert different(digests(folder), wanted) == []


@pytest.mark.cluster
def test_demo_loses_each_node_once(slurm, tmp_path_factory, tell):
    """All rules, models and studies of the demo, on few images; each node dies under a long job, and comes back.

    It is compared with the same run of the same commit in the folder that SIGHTLINE_DEMO_RUN names, else with one
    made here.
    """
    configs = [ROOT / "config" / "demo.yaml", Path(__file__).with_name("few.yaml")]
    folder = tmp_path_factory.mktemp("disturbed")
    if "SIGHTLINE_DEMO_RUN" in os.environ:
        undisturbed = Path(os.environ["SIGHTLINE_DEMO_RUN"])
    else:
        undisturbed = tmp_path_factory.mktemp("undisturbed")
        ran = snakemake(undisturbed, "--cores", "all", "--configfile", *configs)
        assert ran.returncode == 0, ran.stdout
    run = SlurmRun(slurm, folder, ["--configfile", *configs])
    try:
        # Which of them comes first is up to Snakemake.
        modules = {MODULE, "sightline.studies.kaduri2025.knockout.describe"}
        while modules:
            death = run.kill_node(*modules)
            slurm.revive_node(death.node)
            modules.remove(death.during)
        status = run.wait()
    finally:
        run.stop()
        tell(str(run))
    assert status == 0, run.said
    assert run.lost() == []
    found, wanted = (
        {name: one for name, one in digests(place, "demo").items() if name.endswith(".csv")}
        for place in (folder, undisturbed)
    )
    assert any(name.endswith("scorecard.csv") for name in wanted)
    assert found == wanted
