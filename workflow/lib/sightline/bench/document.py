"""The document of all benchmarks, written from the reports that lie beside it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sightline.bench import table
from sightline.bench.growth import CONDITIONS
from sightline.bench.growth_plot import draw_growth, seconds
from sightline.files import atomic_path

GPU, GROWTH = "7b", "growth"

_INTRODUCTION = """# Benchmarks

Written by `python -m sightline.bench`; do not edit. What the instruments cost against the same work done with plain
transformers, one condition at a time. Both sides run the same random weights, in the same type, with the same threads.

* **Other side**: scaled-dot-product attention; attention is cut by a 4D mask in the layers concerned only, all others
  keep the fast path without a mask; no cache in single forward passes, logits of the last position only.
* **Time**: after a warm-up both sides take turns; a ratio is formed in each round, the table gives its median and, in
  brackets, the smallest and largest. In each round the other side runs its share of the conditions, so that each
  condition is timed once or more, and stands for all by the mean.
* **Results** of both sides are compared in the same run; a row that is fast and wrong is not met. The error is the
  largest difference as a share of the largest value. Beside it stands how much the conditions change the result: what
  a mistake could hide behind.
* **Memory** on a CPU: resident peak of a fresh process (model, code and all), and what the call adds to it. For capture
  also the peak of tensors alone, as torch records them: the differences there are smaller than the noise of a
  process. On a GPU: bytes that torch has allocated.
* The vision tower is left out: both sides need its image tokens once.
"""

_COMMANDS = """## To repeat

```
python -m sightline.bench --shape small --threads 1 --out docs/benchmarks.json --doc docs/benchmarks.md
python -m sightline.bench --shape 7b --out docs/benchmarks-7b.json --doc docs/benchmarks.md     # on a GPU
python -m sightline.bench growth --shape small --threads 1 --out docs/benchmarks-growth.json --doc docs/benchmarks.md
```
"""


def write_document(path: Path) -> None:
    """Write the document, and the plot of growth, from ``<stem>.json``, ``<stem>-7b.json``, ``<stem>-growth.json``.

    A report that is not there is named as not run.
    """
    cpu, gpu, growth = (
        _read(path.with_name(f"{path.stem}{part}.json")) for part in ("", f"-{GPU}", f"-{GROWTH}")
    )
    parts = [
        _INTRODUCTION,
        *_section("On a CPU", cpu, "python -m sightline.bench was not run with --out."),
        *_section(
            "On a GPU, shaped like LLaVA-1.5-7B",
            gpu,
            "No GPU was at hand. The command is below; the model is made of random weights on the "
            "device, nothing is downloaded.",
        ),
        *_growth(growth, path),
        _COMMANDS,
    ]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(parts))


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text()) if path.is_file() else None


def _section(title: str, report: Mapping[str, Any] | None, missing: str) -> Iterator[str]:
    yield f"## {title}\n"
    if report is None:
        yield f"**Not run.** {missing}\n"
        return
    yield _circumstances(report)
    yield "| work | what | measured | goal | |\n|---|---|---|---|---|"
    notes = []
    for row in report["rows"]:
        for number, one in enumerate([*row["ratios"], *row["memory"]]):
            work = f"{row['work']}; against {row['against']}" if number == 0 else ""
            cells = work, one["name"], table.value(one), table.goal(one), table.verdict(one)
            yield f"| {' | '.join(cells)} |"
            if one.get("note"):
                notes.append(f"* {one['name']}: {one['note']}")
    yield "\n| work | results of both sides | seconds, median | peak memory |\n|---|---|---|---|"
    for row in report["rows"]:
        peaks = "<br>".join(f"{name}: {table.peak(one)}" for name, one in row["peaks"].items())
        cells = (
            row["key"],
            table.agreement(row["agreement"]),
            "<br>".join(table.medians(row["seconds"])),
            peaks,
        )
        yield f"| {' | '.join(cells)} |"
    yield "\n" + "\n".join(notes) + "\n" if notes else ""


def _circumstances(report: Mapping[str, Any]) -> str:
    machine, shape = report["machine"], report["shape"]
    place = f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} used"
    if machine["gpu"]:
        place = f"{machine['gpu']} (CUDA {machine['cuda']}), {place}"
    text = (
        f"{place}. Shape `{shape['name']}`: {shape['layers']} layers, width {shape['width']}, "
        f"{shape['heads']} heads, {shape['vocabulary']:,} words, prompts of {shape['length']} "
        f"positions, {machine['dtype']}. {report['rounds']} rounds. Python {machine['python']}, "
        f"torch {machine['torch']}, transformers {machine['transformers']}; {machine['date']}."
    )
    if machine["load_before"] > 0.5:
        text += (
            f" **Another load was on the machine**: {machine['load_before']} processes wanted to run "
            "before the benchmark began. Ratios within a round are less affected than seconds."
        )
    return text + "\n"


def _growth(report: Mapping[str, Any] | None, path: Path) -> Iterator[str]:
    yield "## How cost grows\n"
    if report is None:
        yield "**Not run.**\n"
        return
    stem = path.with_name(f"{path.stem}-{GROWTH}")
    draw_growth(report, stem)
    yield _circumstances(report)
    yield f"![Seconds against conditions, tokens and layers]({stem.name}.png)\n"
    crossing = report["shape"]
    yield (
        "Sweeps of conditions that end in the last token. One forward each: the median of the "
        "timed passes times the number of conditions. (a) conditions, "
        f"{crossing['length']} positions, {crossing['layers']} layers; (b) positions and (c) "
        f"layers, {CONDITIONS} conditions. Seconds below and in "
        f"[{stem.name}.json]({stem.name}.json). Largest error of any point: "
        f"{max(point['error'] for point in report['points']):.1e}.\n"
    )
    yield "| axis | conditions | positions | layers | one forward each | replay with clean run | replay alone |"
    yield "|---|---|---|---|---|---|---|"
    for point in report["points"]:
        times = " | ".join(f"{one:.3g}" for one in seconds(point).values())
        sizes = " | ".join(str(point[name]) for name in ("axis", "conditions", "tokens", "layers"))
        yield f"| {sizes} | {times} |"
    yield ""
