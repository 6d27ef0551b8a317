"""What a changed setting renews is renewed in the call that changes it, whatever else the call has to do."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from snakemake_calls import ROOT, planned_jobs

SNAKEFILE = """
include: "{rules}/scheduler_common.smk"

rule all:
    input:
        "drawn",

rule write_settings:
    output:
        "settings",
    params:
        text=config["settings"],
    shell:
        "echo {{params.text}} > {{output}}"

rule measure:
    input:
        settings=ancient("settings"),
        {files}
    output:
        "measured",
    params:
        points=config["points"],
    shell:
        "echo {{params.points}} > {{output}}"

rule draw:
    input:
        "measured",
    output:
        "drawn",
    shell:
        "cp {{input}} {{output}}"
"""


def call(folder: Path, *options: str, **settings: int) -> str:
    """Run Snakemake there, or plan to with ``-n``, and return what it says."""
    config = [f"{name}={value}" for name, value in settings.items()]
    ran = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *options, "--config", *config],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    return said


def write(folder: Path, files: str = "") -> None:
    rules = ROOT / "workflow" / "rules"
    (folder / "Snakefile").write_text(SNAKEFILE.format(rules=rules, files=files))


@pytest.mark.parametrize(
    ("settings", "points", "renewed"),
    [
        (2, 1, {"write_settings", "all"}),
        (1, 2, {"measure", "draw", "all"}),
        (2, 2, {"write_settings", "measure", "draw", "all"}),
    ],
)
def test_a_job_behind_an_ancient_input_keeps_its_own_reasons(tmp_path, settings, points, renewed):
    write(tmp_path)
    call(tmp_path, settings=1, points=1)
    planned = planned_jobs(call(tmp_path, "-n", settings=settings, points=points))
    assert set(planned) - {"all"} == renewed - {"all"}
    call(tmp_path, settings=settings, points=points)
    assert (tmp_path / "drawn").read_text() == f"{points}\n"
    assert "Nothing to be done" in call(tmp_path, "-n", settings=settings, points=points)


def test_so_does_one_with_another_set_of_inputs(tmp_path):
    write(tmp_path)
    call(tmp_path, settings=1, points=1)
    (tmp_path / "table").touch()
    write(tmp_path, 'table=ancient("table"),')
    assert {"measure", "draw"} <= set(planned_jobs(call(tmp_path, "-n", settings=2, points=1)))


def test_whoever_reads_a_models_settings_depends_on_what_results_depend_on():
    """Settings are ancient, because batch size and device are among them; the identity holds the rest."""
    rules = [
        rule
        for file in (ROOT / "workflow" / "rules").glob("*.smk")
        for rule in re.split(r"\n(?=rule )", file.read_text())
        if "ancient(results(" in rule and "settings/models/" in rule
    ]
    assert len(rules) > 10
    assert [rule.split(":")[0] for rule in rules if "settings/identities/" not in rule] == []
