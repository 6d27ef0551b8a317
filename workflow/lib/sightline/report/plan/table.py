"""The bill as a table to read, and as CSV."""

import csv
import io
from collections.abc import Sequence

from sightline.report.plan.bill import UNKNOWN, Line, total
from sightline.report.plan.cards import Card
from sightline.report.plan.room import ALLOWANCE, Disk
from sightline.report.plan.run import Run
from sightline.report.plan.work import TEXT, UNRECKONED

COLUMNS = (
    "rule",
    "jobs",
    "download_bytes",
    "disk_bytes",
    "cache_bytes",
    "gpu_memory_bytes",
    "gpu_hours",
    "trust",
    "unknown",
    "notes",
)


def as_csv(lines: Sequence[Line]) -> str:
    """One row per rule and a last one with the totals; empty where no model runs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in (*lines, total(lines)):
        memory = "" if line.memory is None else f"{line.memory:.0f}"
        hours = "" if line.hours is None else f"{line.hours:.4g}"
        sizes = [f"{size:.0f}" for size in (line.download, line.disk, line.cache)]
        rest = (line.trust, line.unknown, "; ".join(line.notes))
        writer.writerow((line.rule, line.jobs, *sizes, memory, hours, *rest))
    return text.getvalue()


def as_markdown(run: Run, lines: Sequence[Line], card: Card, disks: Sequence[Disk]) -> str:
    """The page of the plan.

    Args:
        run: that is planned.
        lines: rule by rule.
        card: that hours are for.
        disks: that it writes to.
    """
    caches = f"caches at {run.caches}" if run.caches else "of it caches"
    priced = [line for line in lines if _costs(line)]
    others = [line for line in lines if not _costs(line)]
    rows = [
        f"# Plan of run {run.config['run']}",
        "",
        f"GPU-hours are for one {card.name}: the larger of operations over {card.peak / 1e12:,.0f} TFLOP/s and of "
        f"weights read over {card.bandwidth / 1e9:,.0f} GB/s, both at an efficiency of {card.efficiency:.0%}, which is "
        f"assumed: see resources/cards.csv. A prompt is taken to have {TEXT} positions beside its image.",
        "",
        f"| rule | jobs | download | disk | {caches} | GPU memory | GPU-hours | size figure |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
        *(_row(line) for line in priced),
        _row(total(lines)),
        "",
    ]
    for told, some in (
        ("On a GPU, hours not reckoned", [one for one in others if one.rule in UNRECKONED]),
        ("Without a GPU and with little on disk", [one for one in others if one.rule not in UNRECKONED]),
    ):  # fmt: skip
        if some:
            rows += [f"{told}: {', '.join(f'{one.rule} ({one.jobs})' for one in some)}.", ""]
    notes = [f"* {line.rule}: {note}" for line in lines for note in line.notes]
    if notes:
        rows += ["What the figures rest on:", "", *notes, ""]
    for disk in disks:
        fits = "enough" if disk.suffices else "NOT ENOUGH"
        rows.append(
            f"Disk of {disk.folder}: about {size(disk.needed)} will be written, {size(disk.free)} are free: {fits}."
        )
    rows.append(f"For tables and figures, {ALLOWANCE - 1:.0%} were added beside the results.")
    return "\n".join(rows) + "\n"


def size(count: float) -> str:
    """Bytes for people, in powers of ten."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:,.1f} {unit}"
    return f"{count:.0f} B"


def _costs(line: Line) -> bool:
    return bool(line.download or line.disk or line.cache or line.unknown or line.hours is not None)


def _hours(hours: float) -> str:
    return "< 0.01" if 0 < hours < 0.01 else f"{hours:,.2f}"


def _row(line: Line) -> str:
    sizes = [size(one) if one else "" for one in (line.download, line.disk, line.cache)]
    memory = size(line.memory) if line.memory else ""
    hours = "" if line.hours is None else _hours(line.hours)
    lacking = f", {line.unknown} {UNKNOWN}" if line.unknown else ""
    trust = line.trust if line.disk or line.unknown else ""
    return f"| {line.rule} | {line.jobs} | {' | '.join(sizes)} | {memory} | {hours} | {trust}{lacking} |"
