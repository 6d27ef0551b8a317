"""Finished runs, made once for all tests that look at one."""

import os
from pathlib import Path

import pytest
from snakemake_calls import ROOT, part_config, snakemake, tiny_config


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Its folder and its configuration. Tests leave the run finished."""
    model = Path(os.environ.get("SIGHTLINE_DEMO_MODEL", ROOT / "resources" / "demo" / "llava"))
    if not (model / "config.json").is_file():
        pytest.skip(f"no demo model in {model}; name one with SIGHTLINE_DEMO_MODEL")
    folder = tmp_path_factory.mktemp("run")
    config = tiny_config(folder, model)
    ran = snakemake(folder, "--cores", "2", "--configfile", config)
    assert ran.returncode == 0, ran.stdout
    return folder, config


@pytest.fixture(scope="session")
def part_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a finished part of a run, results/part/kaduri2025/knockout_effects.csv and what it rests on."""
    folder = tmp_path_factory.mktemp("part")
    target = "results/part/kaduri2025/knockout_effects.csv"
    ran = snakemake(folder, target, "--cores", "2", "--configfile", part_config(folder))
    assert ran.returncode == 0, ran.stdout
    return folder
