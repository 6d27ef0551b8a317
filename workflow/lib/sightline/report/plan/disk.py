"""Bytes that jobs fetch and write: from the inventories, and for caches from shapes."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sightline.report.plan.caches import CACHES, GATHERED, Held
from sightline.report.plan.counts import AT_MOST, ESTIMATE, EXACT
from sightline.report.plan.jobs import Job
from sightline.report.plan.run import Run
from sightline.scenes.inventory import find_file, read_inventory
from sightline.scenes.single_images import choose_way
from sightline.studies.image_counts import count_images

UNPACKED = {"train2017": 570e6, "val2017": 25e6}
"""Annotations and captions of a split of COCO 2017 without compression, rounded up."""
LIKELY = 60_000
"""Bytes of a drawn scene with its share of annotations, rounded up."""


@dataclass(frozen=True)
class Taken:
    """What a job fetches and leaves.

    Attributes:
        download: bytes over the network; None where nobody published them.
        disk: bytes written beside the results; None where they cannot be known.
        cache: bytes of states of models: of these, or kept elsewhere.
        kind: how far the figures may be trusted.
        note: the arithmetic or the reason.
    """

    download: float | None = 0
    disk: float | None = 0
    cache: float | None = 0
    kind: str = EXACT
    note: str = ""


def take(run: Run, job: Job) -> Taken:
    """What one job fetches and writes; tables, figures and logs count as nothing."""
    if job.rule in CACHES:
        arithmetic, wildcard = CACHES[job.rule]
        return _traces(run, job.wildcards[wildcard], arithmetic, job.share)
    if job.rule == "gather_traces":
        return _gathered(run, job)
    if job.rule == "fetch_model":
        name = job.wildcards["model"]
        size, rounded = _published_bytes(run, name)
        note = "" if size else f"{name}: size unknown"
        return Taken(size, size, 0, ESTIMATE if rounded else EXACT, note)
    if job.rule in ("convert_checkpoint", "convert_internvl2"):
        size, _ = _published_bytes(run, job.wildcards["model"])
        return Taken(0, size, 0, ESTIMATE)
    if job.rule in _FETCHING:
        return _FETCHING[job.rule](run, job)
    return Taken()


def _traces(run: Run, name: str, arithmetic: Callable[[Run, str], Held], share: float) -> Taken:
    held = arithmetic(run, name)
    note = f"{name}: {held.sum}" if held.sum else f"{name}: shape unknown"
    size = None if held.size is None else held.size * share
    disk = size if size is None or run.caches is None else held.index * share
    return Taken(0, disk, size, held.kind, note)


def _gathered(run: Run, job: Job) -> Taken:
    """A second copy, beside those of the shards."""
    for pattern, arithmetic in GATHERED.items():
        if found := re.fullmatch(pattern, job.wildcards["folder"]):
            return _traces(run, found[1], arithmetic, 1)
    return Taken(0, None)


def _archive(run: Run, job: Job) -> Taken:
    size = find_file(run.table("datasets.csv"), f"{job.wildcards['archive']}.zip").size
    own = _by_hand(run, f"{job.wildcards['archive']}.zip")
    return Taken(0 if own else size, size, 0, EXACT, "removed once it is unpacked")


def _file(run: Run, job: Job) -> Taken:
    size = find_file(run.table("datasets.csv"), job.wildcards["file"]).size
    return Taken(0 if _by_hand(run, job.wildcards["file"]) else size, size)


def _by_hand(run: Run, name: str) -> bool:
    folder = run.config.get("downloads", {}).get("data_dir")
    return bool(folder) and (Path(folder) / name).is_file()


def _images(run: Run, job: Job) -> Taken:
    # Whatever was stored in a zip is hardly smaller there: photographs are compressed already.
    size = find_file(run.table("datasets.csv"), f"{job.wildcards['split']}.zip").size
    return Taken(0, size, 0, ESTIMATE)


def _annotations(run: Run, job: Job) -> Taken:
    return Taken(0, UNPACKED.get(job.wildcards["split"]), 0, ESTIMATE)


def _single(run: Run, job: Job) -> Taken:
    split = job.wildcards["split"]
    archive = find_file(run.table("datasets.csv"), f"{split}.zip")
    way = choose_way(count_images(run.config).get(split, 0), archive, "single")
    return Taken(way.transfer, way.transfer, 0, AT_MOST, way.why)


def _mirror(run: Run, job: Job) -> Taken:
    name = run.config["datasets"]["reasonseg"]["mirrors"][job.wildcards["split"]]
    listed = read_inventory(run.table("datasets.csv")).get(name)
    size = listed.size if listed else None
    return Taken(size, size, 0, ESTIMATE, "" if size else f"{name}: size unknown")


def _drawn(run: Run, job: Job) -> Taken:
    count = run.config["datasets"]["coco"].get("images", {}).get(job.wildcards["split"], 0)
    return Taken(0, count * LIKELY, 0, AT_MOST)


_FETCHING = {
    "download_archive": _archive,
    "download_file": _file,
    "unpack_images": _images,
    "unpack_annotations": _annotations,
    "fetch_images": _single,
    "fetch_reasonseg_mirror": _mirror,
    "generate_world": _drawn,
}


def _published_bytes(run: Run, name: str) -> tuple[float | None, bool]:
    """Bytes of a checkpoint and whether they are rounded; None where nobody published them."""
    repository = run.entry(name).get("path")
    with run.table("models.csv").open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            # One repository may serve under two names, such as a tower that is an encoder too.
            if repository == row["repository"] and row["bytes"].isdigit():
                return float(row["bytes"]), row["bytes_from"] != "listed"
    return None, True
