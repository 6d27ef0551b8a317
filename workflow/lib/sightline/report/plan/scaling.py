"""Time, cost and disk of reading 10^2 to 10^8 images with 1 to 1,000 GPUs, from measured constants and shapes.

One image costs the vision tower and one pass over its prompt; of every image the states of some rows are kept in
every layer. A shard is one job; one more gathers what several have made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from sightline.report.plan.cards import Card
from sightline.report.plan.cost import read, see
from sightline.report.plan.shapes import Shape

LISTED = 20_000
"""Jobs of one DAG that a user waits for: about a minute."""
LOADING = 0.1
"""Share of a shard's time that loading the model may take."""
FILES = 1_000_000
"""Single image files that shared file systems and quotas usually bear."""


@dataclass(frozen=True)
class Growth:
    """How building a DAG grows with its jobs.

    Attributes:
        start: seconds for none.
        per_job: seconds.
        base: mebibytes for none.
        kibibytes: per job.
    """

    start: float
    per_job: float
    base: float
    kibibytes: float

    def seconds(self, jobs: float) -> float:
        """CPU time of building a DAG."""
        return self.start + self.per_job * jobs

    def gigabytes(self, jobs: float) -> float:
        """Memory that it takes."""
        return (self.base * 2**20 + self.kibibytes * 2**10 * jobs) / 1e9


def fit_growth(runs: Sequence[Mapping[str, float]]) -> Growth:
    """Straight lines through measured dry runs, by least squares.

    Args:
        runs: jobs, seconds and mebibytes of each; at least two of different size.
    """
    jobs = [one["jobs"] for one in runs]
    per_job, start = np.polyfit(jobs, [one["seconds"] for one in runs], 1)
    memory, base = np.polyfit(jobs, [one["mebibytes"] for one in runs], 1)
    return Growth(float(start), float(per_job), float(base), float(memory) * 1024)


@dataclass(frozen=True)
class Step:
    """A run of one size.

    Attributes:
        images: read.
        source: bytes of the images.
        cache: bytes of the states kept.
        index: bytes of the index, read whole by whoever looks a row up.
        files: of the trace set.
        shards: jobs that capture; each loads the model once.
        hours: GPU-hours of the work itself.
        loading: GPU-hours of loading the model.
    """

    images: int
    source: float
    cache: float
    index: float
    files: int
    shards: int
    hours: float
    loading: float

    @property
    def jobs(self) -> int:
        """Jobs of the DAG."""
        return self.shards + (self.shards > 1)

    def wall(self, gpus: int) -> float:
        """Hours with so many cards; a shard is not divided."""
        rounds = ceil(self.shards / min(gpus, self.shards))
        return rounds * (self.hours + self.loading) / self.shards


def step(images: int, constants: Mapping[str, Any], shape: Shape, card: Card) -> Step:
    """What a run of one size takes.

    A shard has so many images that loading the model is a tenth of its time.

    Args:
        images: how many.
        constants: docs/scaling-constants.json.
        shape: of the model.
        card: that it runs on.
    """
    model, load = constants["model"], constants["load_seconds"]["value"]
    assert shape.language is not None
    row = model["layers_kept"] * shape.language.width * model["number_bytes"]
    rows = images * model["rows_kept"]
    line = constants["index_line_bytes"]["value"]
    flops = see(shape, 1) + read(shape, shape.image_tokens + model["text_positions"])
    each = card.seconds(flops, 0)
    shards = ceil(images * each / (load * (1 / LOADING - 1)))
    return Step(
        images,
        images * constants["image_bytes"]["value"],
        rows * (row + line),
        rows * line,
        ceil(rows * row / constants["file_bytes"]["value"]),
        shards,
        images * each / 3600,
        shards * load / 3600,
    )


def breaks(one: Step, growth: Growth) -> tuple[str, str]:
    """What gives way first at a size, and what is done about it."""
    if one.jobs > LISTED:
        batches = ceil(one.jobs / LISTED)
        time, memory = growth.seconds(one.jobs) / 60, growth.gigabytes(one.jobs)
        return (
            f"the DAG: {time:,.0f} min and {memory:,.1f} GB for {one.jobs:,} jobs",
            f"`--batch gather_file=1/{batches}` and so on, or shards {batches} times as large",
        )
    if one.images > FILES:
        return (
            f"inodes: {one.images:,} image files; then the index, {one.index / 1e9:,.1f} GB read whole",
            "nothing yet: images must move into archives, and one trace set per part of the data",
        )
    if one.shards > 1:
        return "patience with one GPU", f"{one.shards:,} shards on as many GPUs"
    return "loading the model costs more than a tenth", "one job; studies of one model share a load"
