"""Whether what a run will write fits on its disk."""

import shutil
from collections.abc import Iterable
from math import inf
from pathlib import Path

from sightline.errors import SightlineError
from sightline.report.plan.disk import take
from sightline.report.plan.jobs import Job
from sightline.report.plan.run import Run

ALLOWANCE = 1.05
"""For tables, figures and logs, which are not reckoned."""


class RoomError(SightlineError):
    """The disk is too small for the run."""


def free_bytes(folder: Path) -> int:
    """Bytes free where a folder is or would be."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def needed_bytes(run: Run, jobs: Iterable[Job]) -> float:
    """Bytes that jobs write, allowance included; what is unknown counts as nothing."""
    sizes = [take(run, job).disk for job in jobs]
    return ALLOWANCE * sum(size for size in sizes if size is not None and size != inf)


def require_room(needed: float, free: float, folder: Path) -> None:
    """Refuse to start what cannot end.

    Raises:
        RoomError: more is needed than free; says how much, and what to do.
    """
    if needed > free:
        raise RoomError(
            f"{folder}: the run writes up to {needed / 1e9:,.1f} GB and {free / 1e9:,.1f} GB are free. Make room, "
            "use another disk (snakemake --directory), leave models or images out of the configuration, or start all "
            "the same with plan: {check_disk: false}."
        )


def check_room(run: Run, jobs: Iterable[Job]) -> None:
    """Refuse to start jobs that the disk has no room for.

    Raises:
        RoomError: as `require_room`.
    """
    require_room(needed_bytes(run, jobs), free_bytes(run.results), run.results)
