"""Bytes of what jobs keep of models' states, from shapes alone: hidden size, layers, rows kept, type, images.

Each function says what its trace set holds for every row; `sightline.cache.layout` says in which files. Beside the
tensors stand the lines of the index and the headers of shards, which are small and taken as constants.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sightline.report.plan import counts
from sightline.report.plan.counts import AT_MOST, EXACT
from sightline.report.plan.run import Run

HALF, SINGLE = 2, 4
LINE, HEADERS = 10, 12_000
"""Bytes of a line of an index, and of index, spec and headers where they are empty."""
POSITIONS, METRICS, CONTROLS = 2, 2, 4
"""Of a similarity map of qian2025: before and at [SEG]; dot product and cosine; maps of other vectors."""
SMALL = 500_000_000
"""Models of no more weights get one more control: the map of the same model untrained."""
POOLED = 3
"""Vectors per sample and layer of khajuria2025: mean, one token of the object, one of the image."""


@dataclass(frozen=True)
class Held:
    """What a trace set takes on disk.

    Attributes:
        size: bytes; None where the model's shape is unknown.
        kind: how far its counts may be trusted, see `sightline.report.plan.counts`.
        sum: the arithmetic in words.
        index: of these bytes, what stays in the folder of the results where caches are kept elsewhere.
    """

    size: float | None
    kind: str = EXACT
    sum: str = ""
    index: float = 0


def trace_set(lines: float, row: float) -> float:
    """Bytes of a trace set with so many rows of so many bytes."""
    return lines * row + index(lines)


def index(lines: float) -> float:
    """Bytes of all but the tensors of a trace set."""
    return lines * LINE + HEADERS


def image_tokens(run: Run, model: str) -> Held:
    """One row per image: (tokens, width) in the model's type."""
    shape = run.shape(model)
    if shape is None or shape.language is None:
        return Held(None)
    images, tokens, width = counts.reference_images(run), shape.image_tokens, shape.language.width
    each = run.dtype(model)
    said = f"{images.number:,.0f} images x {tokens} tokens x {width} x {each} bytes"
    size = trace_set(images.number, tokens * width * each)
    return Held(size, images.kind, said, index(images.number))


def lens(run: Run, model: str) -> Held:
    """One row per image token, for every state: best entries, ranks and chances of two words, input entry."""
    shape = run.shape(model)
    if shape is None or shape.language is None:
        return Held(None)
    images, states = counts.lens_images(run), shape.language.layers + 1
    top = run.study("neo2025")["lens"]["top"]
    # Entries and ranks are whole numbers of four bytes, probabilities are halves; the last state is normed once more.
    each = (top + 2) * (SINGLE + HALF) + SINGLE
    tokens = images.number * run.image_tokens(model)
    said = (
        f"{images.number:,.0f} images x {run.image_tokens(model)} tokens x ({states} states x {each} + "
        f"{SINGLE}) bytes"
    )
    kind = images.kind if run.tiles(model) == 1 else AT_MOST
    return Held(trace_set(tokens, states * each + SINGLE), kind, said, index(tokens))


def features(run: Run, encoder: str) -> Held:
    """One row per image for CLS, one per sample and variant for pooled tokens; halves, every layer."""
    shape = run.shape(encoder)
    if shape is None or not shape.features:
        return Held(None)
    settings, found = run.study("khajuria2025"), counts.probed(run)
    variants, defects = len(settings["variants"]), settings.get("defects", {})
    bare = len(defects.get("shifts", ())) + ("wrong_grid" in defects)
    bare += encoder in settings.get("equal_grids", {})
    vector = HALF * sum(shape.features)
    samples = found.pairs + found.others
    size = trace_set(found.images, vector) + variants * trace_set(samples, POOLED * vector)
    size += bare * trace_set(found.pairs, vector)
    vectors = found.images + variants * POOLED * samples + bare * found.pairs
    said = f"{vectors:,.0f} vectors x {len(shape.features)} layers, {vector} bytes in all layers"
    lines = found.images + variants * samples + bare * found.pairs
    return Held(size, found.kind, said, index(lines))


def maps(run: Run, model: str) -> Held:
    """Per query: maps at two positions by two metrics of every state and behind the norm, states, controls."""
    shape = run.shape(model)
    if shape is None or shape.language is None:
        return Held(None)
    asked, entries = counts.queries(run), shape.language.layers + 2
    controls = CONTROLS + (shape.weights <= SMALL)
    numbers = shape.image_tokens * (POSITIONS * METRICS * entries + controls)
    numbers += POSITIONS * shape.language.width
    said = f"{asked.number:,.0f} queries x {numbers:,} numbers x {SINGLE} bytes"
    size = asked.number * numbers * SINGLE + HEADERS
    return Held(size, asked.kind, said, index(asked.number))


CACHES: dict[str, tuple[Callable[[Run, str], Held], str]] = {
    "cache_image_tokens": (image_tokens, "model"),
    "read_lens": (lens, "model"),
    "extract_features": (features, "encoder"),
    "read_similarity_maps": (maps, "model"),
}
"""Rule -> its arithmetic, and the wildcard that names the model."""

GATHERED: dict[str, Callable[[Run, str], Held]] = {
    "cache/([^/]+)/lens": lens,
    "khajuria2025/features/([^/]+)": features,
}
"""Folder of trace sets that shards leave -> its arithmetic; the group is the model."""
