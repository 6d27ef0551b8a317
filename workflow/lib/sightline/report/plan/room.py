"""Whether what a run will write fits on its disks."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from pathlib import Path

from sightline.cache.layout import is_address
from sightline.errors import SightlineError
from sightline.report.plan.disk import take
from sightline.report.plan.jobs import Job
from sightline.report.plan.run import Run

ALLOWANCE = 1.05
"""For tables, figures and logs, which are not reckoned."""


class RoomError(SightlineError):
    """The disk is too small for the run."""


@dataclass(frozen=True)
class Disk:
    """A disk that a run writes to.

    Attributes:
        folder: on it.
        needed: bytes that will be written; what is unknown counts as nothing.
        free: bytes.
    """

    folder: Path
    needed: float
    free: float

    @property
    def suffices(self) -> bool:
        """Whether there is room."""
        return self.needed <= self.free


def disks(run: Run, jobs: Iterable[Job]) -> list[Disk]:
    """The disk of the results, and that of the caches if it is another; what a store has room for nobody tells."""
    takes = [take(run, job) for job in jobs]
    results = ALLOWANCE * _sum(one.disk for one in takes)
    place = run.caches
    if place is None or is_address(place):
        return [Disk(run.results, results, _free_bytes(run.results))]
    folder = Path(place.removeprefix("file://"))
    # The index stays with the results, and is counted here once more: it is small.
    kept = _sum(one.cache for one in takes)
    if _there(folder).stat().st_dev == _there(run.results).stat().st_dev:
        return [Disk(run.results, results + kept, _free_bytes(run.results))]
    return [
        Disk(run.results, results, _free_bytes(run.results)),
        Disk(folder, kept, _free_bytes(folder)),
    ]


def check_room(run: Run, jobs: Iterable[Job]) -> None:
    """Refuse to start jobs that a disk has no room for.

    Raises:
        RoomError: as `require_room`.
    """
    for disk in disks(run, jobs):
        require_room(disk)


def require_room(disk: Disk) -> None:
    """Refuse to start what cannot end.

    Raises:
        RoomError: more is needed than free; says how much, and what to do.
    """
    if not disk.suffices:
        raise RoomError(
            f"{disk.folder}: the run writes up to {disk.needed / 1e9:,.1f} GB and {disk.free / 1e9:,.1f} GB are free. "
            "Make room, use another disk (snakemake --directory, or `caches` for states of models), leave models or "
            "images out of the configuration, or start all the same with plan: {check_disk: false}."
        )


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(_there(folder)).free


def _there(folder: Path) -> Path:
    """The folder, or the one that it would be made in."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _sum(sizes: Iterable[float | None]) -> float:
    return sum(size for size in sizes if size is not None and size != inf)
