"""Peaks of memory.

On a GPU: bytes that torch has allocated at most, above what model and inputs take.

On a CPU: the resident memory of a fresh process that builds the model, forgets the peak of doing so, and then
makes one call. ``growth`` is the peak above what was resident before the call; it holds everything: tensors,
thread buffers and code loaded on the way. Of work that changes little, noise of some MiB is the larger part;
``tensors`` therefore counts, where asked for, the bytes of tensors alone, from torch's own record of every
allocation, in a second call.
"""

import ctypes
import gc
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from sightline.bench.shapes import BenchError

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Peak:
    """Bytes at the peak of one call.

    Attributes:
        before: taken before the call: model, inputs, and on a CPU the process itself.
        total: at the peak.
        tensors: of tensors made by the call, at their peak; None where not counted.
    """

    before: int
    total: int
    tensors: int | None

    @property
    def growth(self) -> int:
        """What the call takes beyond what was there before."""
        return self.total - self.before

    def above(self, other: "Peak") -> float:
        """How much more than another call this one takes: of tensors if counted, else of growth."""
        if self.tensors is not None and other.tensors is not None:
            return self.tensors - other.tensors
        return self.growth - other.growth

    def times(self, other: "Peak") -> float:
        """Share of another call's peak, by tensors if counted, else by growth."""
        if self.tensors is not None and other.tensors is not None:
            return self.tensors / max(other.tensors, 1)
        return self.growth / max(other.growth, 1)


def peak_on_gpu(call: Callable[[], Any]) -> Peak:
    """Peak of a call on the GPU; the first call, which loads kernels, does not count."""
    call()
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = call()
    total = torch.cuda.max_memory_allocated()
    del result
    return Peak(before, total, total - before)


def peak_on_cpu(call: Callable[[], Any], trace: bool) -> Peak:
    """Peak of the first call in this process.

    Raises:
        BenchError: this system tells no peaks (it is not Linux).
    """
    gc.collect()
    _give_back_freed()
    try:
        # "5" resets the peak to what is resident now (man proc).
        _FORGET.write_text("5")
        before = _resident("VmRSS")
        result = call()
        total = _resident("VmHWM")
    except OSError as error:
        raise BenchError(
            f"bench: peaks of memory are read from {_STATUS}, which only Linux has ({error})."
        ) from error
    del result
    return Peak(before, total, _tensor_peak(call) if trace else None)


def _resident(entry: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(entry):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {entry}")


def _give_back_freed() -> None:
    """Memory freed while the model was built goes back to the system, or the call would reuse it unseen."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _tensor_peak(call: Callable[[], Any]) -> int:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        result = call()
    del result
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json"
        record.export_chrome_trace(str(file))
        events = json.loads(file.read_text())["traceEvents"]
    return largest_sum(
        (event["ts"], event["args"]["Bytes"]) for event in events if event.get("name") == "[memory]"
    )


def largest_sum(changes: Any) -> int:
    """Largest running sum of (time, bytes), in order of time; what was freed counts negative."""
    now = most = 0
    for _, change in sorted(changes, key=lambda one: one[0]):
        now += change
        most = max(most, now)
    return most
