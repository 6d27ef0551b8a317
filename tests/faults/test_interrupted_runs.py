"""Kill a run at random moments, call it again, and lose nothing."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from interrupted_runs import VICTIMS, InterruptedRuns
from snakemake_calls import ROOT

SEED = 20261121
KILLS = 100


@pytest.fixture
def runs(tmp_path, tell) -> Iterator[InterruptedRuns]:
    """Ready to be disturbed; an undisturbed run is done."""
    model = Path(os.environ.get("SIGHTLINE_DEMO_MODEL", ROOT / "resources" / "demo" / "llava"))
    if not (model / "config.json").is_file():
        pytest.skip(f"no demo model in {model}; name one with SIGHTLINE_DEMO_MODEL")
    runs = InterruptedRuns(tmp_path, SEED, model)
    yield runs
    tell(str(runs.report))


def check(runs: InterruptedRuns) -> None:
    """Nothing is lost, in no table, measurement or trace set, and no secret is written anywhere."""
    assert any(name.endswith("tab1.csv") for name in runs.wanted)
    assert any(name.endswith(".safetensors") for name in runs.wanted)
    assert runs.report.repeated == []
    assert runs.report.changed == []
    assert runs.files_with_secret() == []


def test_a_run_that_is_killed_a_few_times_loses_nothing(runs):
    runs.disturb(VICTIMS)
    assert runs.report.kills
    check(runs)


@pytest.mark.faults
def test_a_hundred_kills_lose_nothing(runs):
    chosen = random.Random(SEED)
    while len(runs.report.kills) < KILLS:
        runs.disturb(tuple(chosen.choices(VICTIMS, k=12)))
    assert {kill.victim for kill in runs.report.kills} == set(VICTIMS)
    check(runs)
