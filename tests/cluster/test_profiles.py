"""Profiles fit the plugins they are written for, and with them every job says what it needs."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from snakemake_calls import ROOT, snakemake, tiny_config

PLUGINS = {"slurm": "slurm", "generic": "cluster-generic", "kubernetes": "cluster-generic"}
MODEL = ROOT / "resources" / "demo" / "llava"
TOKENS = "results/tiny/cache/demo-llava/image_tokens/spec.json"

# A PBS in a few lines: a job starts at once, and what qstat says of it is a file.
QSUB = """#!/bin/sh
folder=$(dirname "$0")
for script; do :; done
name=$(basename "$script")
echo "$@" >> "$folder/asked"
echo "    job_state = R" > "$folder/$name.state"
{
  sh "$script" > "$folder/$name.said" 2>&1
  printf '    job_state = F\\n    Exit_status = %s\\n' $? > "$folder/$name.end"
  mv "$folder/$name.end" "$folder/$name.state"
} > /dev/null &
echo "$name"
"""
# A Kubernetes that takes one job at a time, and has ended it when it says that it has it.
KUBECTL = """
import subprocess, sys
from pathlib import Path
import yaml
folder = Path(__file__).parent
if sys.argv[1] == "create":
    job = sys.stdin.read()
    number = len(list(folder.glob("*.job")))
    (folder / f"{number}.job").write_text(job)
    command = yaml.safe_load(job)["spec"]["template"]["spec"]["containers"][0]["command"]
    with (folder / f"{number}.said").open("w") as said:
        ended = subprocess.run(command, stdout=said, stderr=said).returncode
    (folder / f"{number}.state").write_text("Job Complete" if ended == 0 else "Job Failed")
    print(f"job.batch/{number}")
else:
    print((folder / f"{Path(sys.argv[2]).name}.state").read_text())
"""
QSTAT = '#!/bin/sh\ncat "$(dirname "$0")/$3.state"\n'


@pytest.fixture(params=PLUGINS)
def profile(request: pytest.FixtureRequest) -> str:
    """Name of a profile whose plugin is installed."""
    name = f"snakemake_executor_plugin_{PLUGINS[request.param].replace('-', '_')}"
    if find_spec(name) is None:
        pytest.skip(f"no {name}: pip install -e '.[slurm,generic]'")
    return request.param


def read(profile: str) -> dict:
    return yaml.safe_load((ROOT / "profiles" / profile / "profile.yaml").read_text())


def test_plugin_knows_every_key(profile):
    executor = PLUGINS[profile]
    plugin = import_module(f"snakemake_executor_plugin_{executor.replace('-', '_')}")
    known = {field.name for field in fields(plugin.ExecutorSettings)}
    content = read(profile)
    assert content["executor"] == executor
    given = {key for key in content if key.startswith(f"{executor}-")}
    assert given
    assert {key.removeprefix(f"{executor}-").replace("-", "_") for key in given} <= known


def test_lost_jobs_come_again_in_one_way_only(profile):
    """A default profile is not read beside another: what it does has to be said again."""
    content, default = read(profile), read("default")
    assert content["retries"] == 2
    assert default.items() <= content.items()
    assert content.get("slurm-no-requeue", profile != "slurm")


def test_every_job_says_what_it_needs(profile, tmp_path):
    config = tiny_config(tmp_path, MODEL, device="auto", gpu_model="a100")
    planned = snakemake(
        tmp_path, "neo2025_tab2", "-n", "--workflow-profile", ROOT / "profiles" / profile,
        "--configfile", config,
    )  # fmt: skip
    assert planned.returncode == 0, planned.stdout
    found = re.findall(r"^rule (\w+):\n(?:    .*\n)*?    resources: (.*)$", planned.stdout, re.M)
    assert dict(found).keys() > {"block_attention", "generate_world", "neo2025_tab2"}
    for rule, resources in found:
        assert re.search(r"\bmem_mb=\d+, .*\bruntime=\d+|\bruntime=\d+, .*\bmem_mb=\d+", resources)
        assert "disk_mb=" in resources
        with_model = rule == "block_attention"
        assert ("gpu=1" in resources) == ("gpu_model=a100" in resources) == with_model


@pytest.fixture
def commands(tmp_path, monkeypatch) -> Callable[..., Path]:
    """Put programs where they are found first; gives their folder."""
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(**texts: str) -> Path:
        for name, text in texts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        return folder

    return put


@pytest.fixture
def run_through(tmp_path) -> Callable[[str], None]:
    """Call it with the name of a profile to run two jobs through it, one of them with a model."""

    def run(profile: str) -> None:
        if find_spec("snakemake_executor_plugin_cluster_generic") is None:
            pytest.skip("no generic executor: pip install -e '.[generic]'")
        folder = tmp_path / "run"
        folder.mkdir()
        shutil.copytree(ROOT / "profiles", folder / "profiles")
        ran = snakemake(
            folder, TOKENS, "--workflow-profile", ROOT / "profiles" / profile,
            "--configfile", tiny_config(folder, MODEL, device="auto"), "--latency-wait", "5",
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout
        assert (folder / TOKENS).is_file()

    return run


def test_generic_profile_runs_jobs_through_its_commands(commands, run_through):
    folder = commands(qsub=QSUB, qstat=QSTAT)
    run_through("generic")
    world, tokens = (folder / "asked").read_text().splitlines()
    assert "-N generate_world " in world
    assert "select=1:ncpus=4:mem=4000mb:ngpus=0 -l walltime=3600 " in world
    assert "-N cache_image_tokens " in tokens
    assert re.search(r"select=1:ncpus=1:mem=80\d\dmb:ngpus=1 -l walltime=43200 ", tokens)


def test_kubernetes_profile_runs_jobs_through_its_commands(commands, run_through, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_IMAGE", "registry.example.org/sightline:1")
    monkeypatch.setenv("SIGHTLINE_CLAIM", "work")
    monkeypatch.setenv("SIGHTLINE_MOUNT", "/work")
    folder = commands(kubectl=f"#!{sys.executable}\n{KUBECTL}")
    run_through("kubernetes")
    world, tokens = (yaml.safe_load((folder / f"{number}.job").read_text()) for number in (0, 1))
    assert world["spec"]["template"]["spec"]["activeDeadlineSeconds"] == 3600
    assert "activeDeadlineSeconds" not in world["spec"]
    assert world["spec"]["backoffLimit"] == 0
    pod = tokens["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert re.fullmatch(r"80\d\dM", container["resources"]["limits"]["memory"])
    assert container["resources"]["requests"]["cpu"] == 1
    assert container["volumeMounts"] == [{"name": "work", "mountPath": "/work"}]
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "work"}


@pytest.mark.parametrize(
    ("profile", "told", "said"),
    [
        ("generic", "    job_state = Q", "running"),
        ("generic", "    job_state = F\n    Exit_status = 0", "success"),
        ("generic", "    job_state = F\n    Exit_status = 137", "failed"),
        ("kubernetes", "Job ", "running"),
        ("kubernetes", "Job FailureTarget", "running"),
        ("kubernetes", "Job SuccessCriteriaMet Complete", "success"),
        ("kubernetes", "Job Failed", "failed"),
        ("kubernetes", "", "failed"),
    ],
)
def test_state_of_a_job_is_told_in_snakemakes_words(commands, profile, told, said):
    answer = f"#!/bin/sh\ncat <<'END'\n{told}\nEND\n"
    commands(qstat=answer, kubectl=answer)
    assert told_by(profile) == said


@pytest.mark.parametrize("profile", ["generic", "kubernetes"])
def test_a_server_that_does_not_answer_says_nothing_about_a_job(commands, profile):
    commands(qstat="#!/bin/sh\nexit 1\n", kubectl="#!/bin/sh\nexit 1\n")
    assert told_by(profile) == "running"


def told_by(profile: str) -> str:
    status = ROOT / "profiles" / profile / "status.sh"
    return subprocess.run([status, "7"], capture_output=True, text=True, check=True).stdout.strip()
