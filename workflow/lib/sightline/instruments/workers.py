"""Independent measurements side by side on the cores of a CPU.

Small matrices leave most of a second thread idle, so several processes of one thread each finish sooner than one
process of several threads. They are forked from the process that holds the model: its weights are there once.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from typing import Any, TypeVar

import torch

log = logging.getLogger(__name__)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_work: Callable[[Any], Any] | None = None
"""What the workers of this process do: they inherit it, so it need not be sent to them."""


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
    device: torch.device,
) -> Iterator[_Result]:
    """Results of independent items, in their order.

    Args:
        work: what is done to an item; its result travels between processes, so it should be plain data.
        items: any number.
        processes: how many at a time, after `one_thread_each`; 1 does everything here.
        device: of the model; only what runs on a CPU is spread.
    """
    global _work
    processes = min(processes, len(items))
    if processes > 1 and device.type != "cpu":
        log.info("one process: the model runs on %s", device)
        processes = 1
    if processes <= 1:
        yield from map(work, items)
        return
    _work = work
    try:
        with get_context("fork").Pool(processes) as pool:
            yield from pool.imap(_do, items)
    finally:
        _work = None


def _do(item: Any) -> Any:
    if _work is None:
        raise RuntimeError("a worker without work: it was not forked by side_by_side")
    return _work(item)
