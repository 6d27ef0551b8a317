"""Independent measurements side by side on the cores of a CPU.

Small matrices leave most of a second thread idle, so several processes of one thread each finish sooner than one
process of several threads. They are forked from the process that holds the model: its weights are there once.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

import torch

from sightline.errors import SightlineError

log = logging.getLogger(__name__)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_CPU = torch.device("cpu")
# Chunks per process that may run ahead of the one whose results are wanted next.
_AHEAD = 4

_work: Callable[[Any], Any] | None = None
"""What a worker does: it inherits it, so it need not be sent."""


class WorkerError(SightlineError):
    """A process of several side by side died."""


def one_thread_each(processes: int) -> None:
    """Prepare for `side_by_side`; to be called before a model is loaded.

    With one process nothing changes. Otherwise torch keeps to one thread from now on: a process in which it ran
    several cannot be forked safely, and results do not depend on the number of processes.
    """
    if processes > 1:
        torch.set_num_threads(1)


def side_by_side(
    work: Callable[[_Item], _Result],
    items: Sequence[_Item],
    processes: int,
    device: torch.device = _CPU,
    chunk: int = 1,
) -> Iterator[_Result]:
    """Results of independent items, in their order; workers run ahead of the reader by a few chunks only.

    Args:
        work: what is done to an item; its result travels between processes, so it should be plain data.
        items: any number.
        processes: how many at a time, after `one_thread_each`; 1 does everything here.
        device: of the model; only what runs on a CPU is spread.
        chunk: items that a worker takes at once; more for short ones.

    Raises:
        WorkerError: a worker was killed, most likely for want of memory.
    """
    processes = min(processes, len(items))
    if processes > 1 and device.type != "cpu":
        log.info("one process: the model runs on %s", device)
        processes = 1
    if processes <= 1:
        yield from map(work, items)
        return
    executor = ProcessPoolExecutor(processes, get_context("fork"), _begin, (work,))
    waiting: deque[Future[list[_Result]]] = deque()
    try:
        for first in range(0, len(items), chunk):
            waiting.append(executor.submit(_do, items[first : first + chunk]))
            if len(waiting) == _AHEAD * processes:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        raise WorkerError(
            f"a worker of {processes} died without an error of its own, most likely killed because memory ran out. "
            "Give the job more memory, or let it run fewer at a time (--processes; in Snakemake its threads, "
            "--set-threads)."
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _begin(work: Callable[[Any], Any]) -> None:
    """The first thing a worker does."""
    global _work
    _work = work
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    # The pipe that brings items is held open by the other workers, so its end tells nobody that the parent is gone.
    parent_process().join()
    os._exit(1)


def _do(items: Sequence[Any]) -> list[Any]:
    if _work is None:
        raise RuntimeError("a worker without work: it was not forked by side_by_side")
    return [_work(item) for item in items]
