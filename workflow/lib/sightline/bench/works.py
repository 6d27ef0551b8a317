"""All rows of the table, in its order."""

from collections.abc import Callable

from sightline.bench import (
    capturing,
    compressed,
    description,
    knockout_sweep,
    lens,
    probes,
    token_ablation,
)
from sightline.bench.subject import Subject
from sightline.bench.work import Work

WORKS: dict[str, Callable[[Subject], Work]] = {
    "knockout": knockout_sweep.prepare,
    "ablation": token_ablation.prepare,
    "describe": description.prepare,
    "capture": capturing.prepare,
    "lens": lens.prepare,
    "probes": probes.prepare,
    "compress": compressed.prepare,
}
