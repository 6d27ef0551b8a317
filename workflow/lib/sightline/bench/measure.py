"""Run rows of the table on one shape."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import torch

from sightline.bench.fresh_processes import peaks_in_fresh_processes
from sightline.bench.machine import describe_machine
from sightline.bench.peaks import Peak, peak_on_gpu
from sightline.bench.rounds import alternate
from sightline.bench.shapes import BenchError, Shape
from sightline.bench.subject import Subject, build_subject, find_device
from sightline.bench.work import Work
from sightline.bench.works import WORKS

log = logging.getLogger(__name__)


def measure_all(
    shape: Shape,
    only: Iterable[str] | None = None,
    rounds: int = 3,
    threads: int | None = None,
    device: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Measure rows one after the other.

    Args:
        shape: sizes.
        only: keys of rows; None for all.
        rounds: how often the two sides take turns.
        threads: of torch; None for its own choice.
        device: instead of the shape's.

    Yields:
        The report so far, as plain data, after each row.

    Raises:
        BenchError: no such row, or no such device.
    """
    keys = list(WORKS if only is None else only)
    for key in keys:
        if key not in WORKS:
            raise BenchError(f"bench: no row {key!r}; give some of {', '.join(WORKS)}.")
    if threads:
        torch.set_num_threads(threads)
    device = find_device(shape, device)
    machine = describe_machine(shape, device, torch.get_num_threads())
    subject = build_subject(shape, device)
    report = {"machine": machine, "shape": asdict(shape), "rounds": rounds, "rows": []}
    for key in keys:
        log.info("%s on shape %s", key, shape.name)
        report["rows"].append(measure(key, WORKS[key](subject), subject, rounds))
        yield report


def measure(key: str, work: Work, subject: Subject, rounds: int) -> dict[str, Any]:
    """One row as plain data; it is met only if every goal is and both sides agree."""
    cuda = subject.vlm.device.type == "cuda"
    timings = alternate(work.steps, work.whole, rounds * work.often, cuda)
    agreement = work.agree(timings.results)
    timings.results.clear()
    peaks = _peaks(key, work, subject)
    ratios = [one.measured(timings) for one in work.ratios]
    memory = [one.measured(peaks) for one in work.peak_ratios]
    judged = [one["met"] for one in ratios + memory if one["met"] is not None]
    return {
        "key": key,
        "work": work.title,
        "against": work.against,
        "conditions": len(work.steps),
        "ratios": ratios,
        "memory": memory,
        "peaks": {name: asdict(peak) for name, peak in peaks.items()},
        "agreement": agreement.to_json(),
        "met": all(judged) and agreement.reached,
        "seconds": timings.to_json(),
    }


def keep_other_rows(report: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """The report with those rows of an earlier one that were not measured again; days and the larger load of both.

    Raises:
        BenchError: the earlier one is of another machine, other versions, another shape or other rounds.
    """
    # Days and loads differ from call to call.
    differing = {"date", "load_before"}
    machines = [
        {name: value for name, value in one["machine"].items() if name not in differing}
        for one in (report, earlier)
    ]
    if machines[0] != machines[1] or any(report[k] != earlier[k] for k in ("shape", "rounds")):
        raise BenchError(
            "bench: the report that is there is of another machine, other versions, another shape or other rounds; "
            "measure all rows again, or give another --out."
        )
    both = [one["machine"] for one in (earlier, report)]
    days = dict.fromkeys(one["date"] for one in both)
    load = max(one["load_before"] for one in both)
    machine = report["machine"] | {"date": " and ".join(days), "load_before": load}
    latest = {row["key"]: row for row in report["rows"]}
    rows = [latest.pop(row["key"], row) for row in earlier["rows"]]
    return {**report, "machine": machine, "rows": [*rows, *latest.values()]}


def _peaks(key: str, work: Work, subject: Subject) -> dict[str, Peak]:
    if subject.vlm.device.type == "cuda":
        return {name: peak_on_gpu(call) for name, call in work.peaks.items()}
    threads = torch.get_num_threads()
    return peaks_in_fresh_processes(key, subject.shape.name, list(work.peaks), threads)
