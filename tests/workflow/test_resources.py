"""What jobs ask for, and how it changes when they are tried again."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_calls import ROOT, snakemake, tiny_config

from sightline.entries import origin, whole_entry

MODEL = ROOT / "resources" / "demo" / "llava"
CONFIG = {
    "device": "auto",
    "models": {
        "listed": {"path": "llava-hf/llava-1.5-7b-hf", "revision": "main", "batch_size": 16},
        "here": {"path": str(MODEL)},
        "random": {"path": "tiny:llava"},
        "unknown": {"path": "somebody/something", "revision": "main"},
        "spread": {"path": str(MODEL), "device_map": "auto", "gpus": 4},
        "again": {"of": "listed", "prompt": "llava-v1"},
    },
}
RULES = ROOT / "workflow" / "rules" / "resources_common.smk"


class Wildcards(dict):
    """As Snakemake hands them over: values by attribute, names by ``keys``."""

    __getattr__ = dict.__getitem__


def job(
    model: str, attempt: int = 1, threads: int = 1, kind: str = "model", **changes: Any
) -> dict[str, Any]:
    """Resources of a job, from functions of the rules that are plain Python, with what they look up."""
    config = CONFIG | changes
    known = {
        "config": config,
        "Path": Path,
        "bundled": lambda path: str(ROOT / path),
        "checkpoint": config["models"].__getitem__,
        "origin": origin,
        "whole_entry": whole_entry,
        "checkpoint_folder": lambda name: config["models"][name]["path"],
        "study": lambda name: config.get("studies", {}).get(name, {}),
        "tiny_checkpoints": lambda: {"random": "llava"},
    }
    exec(compile(RULES.read_text(), RULES, "exec"), known)
    given = {"wildcards": Wildcards(model=model), "attempt": attempt}
    given["threads"] = threads
    return {
        name: ask(*(given[word] for word in ask.__code__.co_varnames[: ask.__code__.co_argcount]))
        if callable(ask)
        else ask
        for name, ask in known[f"{kind}_job"]().items()
    }


def test_a_model_that_takes_over_a_checkpoint_asks_for_as_much():
    assert job("again") == job("listed")


def test_batches_shrink_and_the_rest_grows():
    asked = [job("listed", attempt) for attempt in (1, 2, 3, 6)]
    assert [one["batch_size"] for one in asked] == [16, 8, 4, 1]
    assert [one["mem_mb"] for one in asked[:3]] == [25_625, 51_250, 76_875]
    assert [one["runtime"] for one in asked[:3]] == [720, 1440, 2160]
    assert {one["gpu"] for one in asked} == {1}


@pytest.mark.parametrize(
    ("model", "least", "most"),
    [("here", 8_001, 8_100), ("random", 8_000, 8_000), ("unknown", 28_000, 28_000)],
)
def test_memory_follows_the_checkpoint(model, least, most):
    assert least <= job(model)["mem_mb"] <= most


def test_every_process_without_a_gpu_holds_the_weights():
    asked = job("listed", threads=4, device="cpu")
    assert asked["mem_mb"] == 8_000 + 8 * 14_100
    assert "gpu" not in asked and "gpu_model" not in asked


@pytest.mark.parametrize(
    ("cores", "local", "remote", "threads"),
    [
        (1, True, False, 1),
        (2, True, False, 1),
        (6, True, False, 3),
        (64, True, False, 4),
        (None, False, False, 4),
        (2, True, True, 4),
    ],
    ids=["one core", "laptop", "desktop", "server", "asking a cluster", "a cluster's job"],
)
def test_a_job_that_shares_work_out_leaves_half_of_a_machine_to_the_next(
    cores, local, remote, threads
):
    workflow = SimpleNamespace(cores=cores, local_exec=local, remote_exec=remote)
    known = {"workflow": workflow}
    exec(compile(RULES.read_text(), RULES, "exec"), known)
    assert known["half_of_the_cores"](None) == threads


def test_layers_on_several_gpus_ask_for_them():
    assert job("spread")["gpu"] == 4


@pytest.mark.parametrize(
    ("judge", "asked"),
    [
        ({"kind": "vocabulary"}, set()),
        ({"kind": "local", "path": "folder"}, {"gpu", "mem_mb", "runtime"}),
        ({"kind": "local", "path": "folder", "device": "cpu"}, {"mem_mb", "runtime"}),
    ],
)
def test_only_a_judge_on_the_same_machine_asks_for_more(judge, asked):
    given = job("here", kind="judge", studies={"kaduri2025": {"judge": judge}})
    assert given.keys() == asked


def test_kind_of_gpu_comes_from_the_configuration():
    assert "gpu_model" not in job("here")
    assert job("here", gpu_model="a100")["gpu_model"] == "a100"


def test_number_of_gpus_is_no_reason_to_measure_again(tmp_path):
    """Beside batch size and device it is the third thing that no result depends on."""
    entry = {"path": str(MODEL), "family": "llava", "prompt": "llava-1.5"}
    target = "results/tiny/settings/identities/demo-llava.json"
    for changes in ({}, {"gpus": 2, "batch_size": 4}):
        config = tiny_config(tmp_path, MODEL, models={"demo-llava": entry | changes})
        ran = snakemake(tmp_path, target, "--cores", "1", "--configfile", config)
        assert ran.returncode == 0, ran.stdout
    assert "Nothing to be done" in ran.stdout
