"""Processes on one machine take different GPUs, wait for those that are taken, and give them back however they end."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable

import pytest
import torch

from sightline.models import devices
from sightline.models.devices import choose_device
from sightline.models.entry import ModelError
from sightline.models.leases import FOLDER, LEASED, PER_GPU, VISIBLE, lease_gpus, visible_gpus

GPUS = ["GPU-0000-a", "GPU-0000-b", "GPU-0000-c"]
WORK = """
import os, sys, time
from sightline.models.leases import lease_gpus
lease_gpus(int(sys.argv[1]))
start = time.monotonic()
print(os.environ["CUDA_VISIBLE_DEVICES"], start, flush=True)
time.sleep(float(sys.argv[2]))
print(time.monotonic())
"""


@pytest.fixture
def box(tmp_path, monkeypatch) -> Callable[..., None]:
    """Make this a machine with GPUs, whatever it is: only the tool that lists them is asked."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "locks"))
    for name in (VISIBLE, LEASED, PER_GPU):
        # Set first, so that what a lease leaves behind in this process is undone.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def build(*lines: str) -> None:
        tool = tmp_path / "bin" / "nvidia-smi"
        tool.parent.mkdir(exist_ok=True)
        tool.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tool.parent), prepend=":")

    build(*(f"GPU {number}: NVIDIA Card (UUID: {name})" for number, name in enumerate(GPUS)))
    return build


def start(count: int, seconds: float) -> subprocess.Popen:
    command = [sys.executable, "-c", WORK, str(count), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def spans(process: subprocess.Popen) -> tuple[set[str], float, float]:
    """GPUs of a process, and from when to when it had them."""
    taken, end = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 0
    names, begin = taken.split()
    return set(names.split(",")), float(begin), float(end)


def most_at_once(found: list[tuple[set[str], float, float]], gpu: str) -> int:
    own = [(begin, end) for names, begin, end in found if gpu in names]
    return max(sum(begin <= moment < end for begin, end in own) for moment, _ in own)


def test_no_two_processes_are_ever_on_one_gpu(box):
    found = [spans(one) for one in [start(count, 0.4) for count in (1, 1, 2, 1, 3, 1, 2, 1)]]
    assert sorted(len(names) for names, _, _ in found) == [1, 1, 1, 1, 1, 2, 2, 3]
    assert [most_at_once(found, gpu) for gpu in GPUS] == [1, 1, 1]


def test_as_many_as_there_are_gpus_work_at_the_same_time(box):
    found = [spans(one) for one in [start(1, 3) for _ in GPUS]]
    assert set().union(*(names for names, _, _ in found)) == set(GPUS)
    assert max(begin for _, begin, _ in found) < min(end for _, _, end in found)


def test_several_share_a_gpu_where_that_is_wished(box, monkeypatch):
    monkeypatch.setenv(PER_GPU, "2")
    found = [spans(one) for one in [start(1, 3) for _ in range(6)]]
    assert [most_at_once(found, gpu) for gpu in GPUS] == [2, 2, 2]


def test_what_a_killed_process_had_is_free_again(box, monkeypatch):
    monkeypatch.setenv(VISIBLE, GPUS[0])
    first = start(1, 600)
    assert first.stdout.readline().split()[0] == GPUS[0]
    second = start(1, 0)
    time.sleep(1)
    assert second.poll() is None
    first.kill()
    first.wait()
    assert spans(second)[0] == {GPUS[0]}


def test_only_what_a_scheduler_has_handed_out_is_taken(box, monkeypatch):
    monkeypatch.setenv(VISIBLE, "2,GPU-0000-a")
    assert visible_gpus() == [GPUS[2], GPUS[0]]
    lease_gpus()
    assert os.environ[VISIBLE] == GPUS[2]


def test_children_work_on_what_their_parent_has(box, monkeypatch):
    monkeypatch.setenv(LEASED, GPUS[1])
    monkeypatch.setenv(VISIBLE, GPUS[1])
    assert {frozenset(spans(one)[0]) for one in [start(1, 0) for _ in range(2)]} == {
        frozenset({GPUS[1]})
    }


def test_all_are_taken_where_no_number_is_given(box):
    lease_gpus(None)
    assert os.environ[VISIBLE].split(",") == GPUS


def test_a_machine_without_gpus_is_left_alone(box, monkeypatch, tmp_path):
    box("No devices were found")
    lease_gpus(4)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    lease_gpus(4)
    assert VISIBLE not in os.environ
    assert not (tmp_path / "locks").exists()


def test_hidden_gpus_stay_hidden(box, monkeypatch):
    for hidden in ("", "-1"):
        monkeypatch.setenv(VISIBLE, hidden)
        assert visible_gpus() == []


def test_parts_of_a_gpu_count_for_themselves(box):
    box(
        *textwrap.dedent("""\
            GPU 0: NVIDIA Card (UUID: GPU-0000-a)
              MIG 3g.40gb     Device  0: (UUID: MIG-1111)
              MIG 3g.40gb     Device  1: (UUID: MIG-2222)""").splitlines()
    )
    assert visible_gpus() == ["MIG-1111", "MIG-2222"]


def test_more_than_there_are_is_refused(box):
    with pytest.raises(ModelError, match=r"wants 4 GPUs and 3 can be seen here"):
        lease_gpus(4)


@pytest.mark.parametrize(
    ("name", "asked"), [("auto", [2]), ("cuda", [2]), ("cuda:1", []), ("cpu", [])]
)
def test_a_gpu_is_taken_where_none_is_named(name, asked, monkeypatch):
    calls: list[int] = []
    monkeypatch.setattr(devices, "lease_gpus", calls.append)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    choose_device(name, 2)
    assert calls == asked


def test_a_build_without_cuda_takes_none(monkeypatch):
    calls: list[int] = []
    monkeypatch.setattr(devices, "lease_gpus", calls.append)
    monkeypatch.setattr(torch.version, "cuda", None)
    choose_device("auto")
    assert calls == []
