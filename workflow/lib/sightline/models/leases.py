"""GPUs of one machine shared out between processes: each takes those that no other has, and waits while there are none.

A GPU is taken by locking a file that is named after it. The kernel drops the lock when the process ends, however it
ends. What a process has taken is all that it sees from then on, so that "cuda" means a GPU of its own.
"""

import fcntl
import logging
import os
import random
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from sightline.models.entry import ModelError

log = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
FOLDER = "SIGHTLINE_GPU_LOCKS"
PER_GPU = "SIGHTLINE_JOBS_PER_GPU"
LEASED = "SIGHTLINE_GPUS_LEASED"
"""Set in a process that has taken GPUs, and so in those it starts: they work on the same."""


def lease_gpus(count: int | None = 1) -> None:
    """Take GPUs for the rest of this process, which takes once: later calls change nothing.

    To be called before CUDA is asked for anything: it reads what it may see only once. Nothing happens on a machine
    without NVIDIA GPUs. Where a scheduler has handed out some, others are left alone.

    Args:
        count: GPUs to take; None is all that can be seen.

    Raises:
        ModelError: the machine has fewer.
    """
    gpus = [] if LEASED in os.environ else visible_gpus()
    if not gpus:
        return
    count = len(gpus) if count is None else count
    if count > len(gpus):
        raise ModelError(
            f"A job wants {count} GPUs and {len(gpus)} can be seen here ({', '.join(gpus)}). Give models.<name>.gpus a "
            "smaller number, or ask for a larger machine."
        )
    taken, told = _try(gpus, count), False
    while not taken:
        if not told:
            log.info("waiting for %d of %d GPUs: others work on them", count, len(gpus))
            told = True
        # At different times, so that jobs which want several do not keep taking some from each other.
        time.sleep(random.uniform(0.5, 1.5))
        taken = _try(gpus, count)
    # The files stay open, and their locks with them, until the process ends.
    os.environ[VISIBLE] = os.environ[LEASED] = ",".join(taken)
    log.info("on GPU %s", os.environ[VISIBLE])


def visible_gpus() -> list[str]:
    """GPUs that this process may use, by the names under which CUDA knows them; parts of a GPU count for themselves."""
    listed = _listed()
    if VISIBLE not in os.environ:
        return listed
    given = [name.strip() for name in os.environ[VISIBLE].split(",")]
    # Numbers count within what a scheduler lets this process see: only the full name is the same for all.
    return [
        listed[int(name)] if name.isdecimal() and int(name) < len(listed) else name
        for name in given
        if listed and name and name != "-1"
    ]


def _listed() -> list[str]:
    """All GPUs of the machine, or nothing where NVIDIA's tool is not there or finds none."""
    try:
        told = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=60
        )
    except FileNotFoundError:
        return []
    names = re.findall(r"UUID: ((?:GPU|MIG)-[\w/-]+)", told.stdout) if told.returncode == 0 else []
    return [name for name in names if name.startswith("MIG")] or names


def _try(gpus: list[str], count: int) -> dict[str, int]:
    """GPU -> its locked file, for as many as asked for; nothing where fewer are free."""
    taken: dict[str, int] = {}
    for place in range(int(os.environ.get(PER_GPU, "1"))):
        for gpu in gpus:
            if gpu not in taken and len(taken) < count:
                with suppress(BlockingIOError):
                    taken[gpu] = _lock(_folder() / f"{gpu.replace('/', '-')}.{place}")
    if len(taken) < count:
        for file in taken.values():
            os.close(file)
        return {}
    return taken


def _folder() -> Path:
    """Of this user on this machine; not below TMPDIR, which may be another one for every job."""
    folder = Path(os.environ.get(FOLDER, f"/tmp/sightline-gpus-{os.getuid()}"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _lock(path: Path) -> int:
    """Open and lock a file.

    Raises:
        BlockingIOError: another process has it.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise
    return file
