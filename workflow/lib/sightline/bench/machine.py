"""What a benchmark ran on: kind of processor and versions, never a name of a machine or a path."""

import datetime
import os
import platform
from pathlib import Path
from typing import Any

import torch
import transformers

from sightline.bench.shapes import Shape

_PROCESSORS = Path("/proc/cpuinfo")


def describe_machine(shape: Shape, device: str, threads: int) -> dict[str, Any]:
    """Everything a reader needs to judge a timing, as plain data; to be called before anything is timed."""
    gpu = device.startswith("cuda")
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if gpu else None,
        "device": device,
        "threads": threads,
        # Work that others do meanwhile: this process has done next to none yet.
        "load_before": round(os.getloadavg()[0], 2),
        "dtype": shape.dtype,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "cuda": torch.version.cuda if gpu else None,
    }


def _processor() -> str:
    """Model name of the processor, as the system tells it."""
    if _PROCESSORS.is_file():
        for line in _PROCESSORS.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
