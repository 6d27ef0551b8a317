"""Items in several processes: same results, same order, errors as they are."""

import os

import pytest
import torch

from sightline.errors import SightlineError
from sightline.instruments.workers import one_thread_each, side_by_side

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
