"""Items in several processes: same results, same order, errors as they are."""

import os
import select
import signal
import time
from multiprocessing import get_context

import pytest
import torch

from sightline.errors import SightlineError
from sightline.instruments.workers import WorkerError, one_thread_each, side_by_side

CPU = torch.device("cpu")


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_results_come_in_order(processes):
    weights = torch.arange(4.0)
    found = side_by_side(lambda n: float((weights * n).sum()), range(7), processes, CPU)
    assert list(found) == [6.0 * n for n in range(7)]


def test_several_processes_work():
    assert os.getpid() not in set(side_by_side(lambda _: os.getpid(), range(4), 2, CPU))
    assert set(side_by_side(lambda _: os.getpid(), range(4), 1, CPU)) == {os.getpid()}
    assert list(side_by_side(lambda n: n, [], 2, CPU)) == []


def test_what_runs_on_a_gpu_stays_in_one_process():
    found = side_by_side(lambda _: os.getpid(), range(3), 2, torch.device("cuda"))
    assert set(found) == {os.getpid()}


def test_an_error_of_a_worker_is_raised_here():
    def fail(number: int) -> int:
        raise SightlineError(f"item {number} is at fault")

    with pytest.raises(SightlineError, match="item 0 is at fault"):
        list(side_by_side(fail, range(3), 2, CPU))


def test_a_killed_worker_is_an_error_and_no_endless_wait():
    """As when memory runs out: the kernel kills, and nothing is raised in the worker."""

    def work(number: int) -> int:
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(WorkerError, match=r"a worker of 2 died .* memory ran out"):
        list(side_by_side(work, range(20), 2, CPU))


def test_workers_run_only_a_little_ahead(tmp_path):
    """Results that nobody has read yet take memory."""

    def work(number: int) -> int:
        (tmp_path / str(number)).touch()
        return number

    found = side_by_side(work, range(100), 2, chunk=2)
    assert next(found) == 0
    found.close()
    assert len(list(tmp_path.iterdir())) <= 2 * 2 * 4


def test_workers_do_not_outlive_a_killed_parent():
    """They hold the writing end of a pipe, which ends when the last of them is gone."""
    reading, writing = os.pipe()

    def work(number: int) -> None:
        os.write(writing, b"begun")
        time.sleep(60)

    parent = get_context("fork").Process(target=lambda: list(side_by_side(work, range(2), 2)))
    parent.start()
    os.close(writing)
    assert os.read(reading, 5) == os.read(reading, 5) == b"begun"
    parent.kill()
    parent.join()
    ready, _, _ = select.select([reading], [], [], 30)
    assert ready and os.read(reading, 1) == b""
    os.close(reading)


@pytest.mark.parametrize("chunk", [1, 3, 50])
def test_chunks_change_nothing(chunk):
    assert list(side_by_side(lambda n: n * n, range(20), 2, chunk=chunk)) == [
        n * n for n in range(20)
    ]


def test_threads_are_left_alone_with_one_process():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        one_thread_each(1)
        assert torch.get_num_threads() == 2
        one_thread_each(2)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
