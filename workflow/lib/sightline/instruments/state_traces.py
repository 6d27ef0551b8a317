"""Store captured states and attention of many images, a batch in memory at a time.

Trace set of states: one row per kept position, tensor ``states`` (layers, width).
Trace set of attention: one row per query, tensor ``attention`` (blocks, heads or 1, keys).
Columns of both: what the caller says of each prompt, and ``position`` in it, its ``role``, and its
``token`` in the image, -1 for text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch

from sightline.cache.store import TraceWriter
from sightline.instruments.reading import Reading, plan_of
from sightline.instruments.row_attention import refuse_condition
from sightline.instruments.states import Captured, capture
from sightline.instruments.watching import CaptureError
from sightline.models.prompts import Prompt
from sightline.models.roles import PARTS, Positions, TokenRoles
from sightline.models.vlm import VLM

STATES, ATTENTION = "states", "attention"
HALF = "float16"


@dataclass(frozen=True, eq=False)
class Item:
    """One prompt to read.

    Attributes:
        columns: what the trace set says of it, such as ``image_id``; the same names in all items.
        prompt: about the image.
        image_tokens: (tokens, width); None for a prompt without an image.
        objects: the image tokens that "object" stands for, (n,) int64.
    """

    columns: Mapping[str, Any]
    prompt: Prompt
    image_tokens: torch.Tensor | None
    objects: Positions | None = None


def stored(reading: Reading) -> Reading:
    """The reading as it is stored: in half precision unless it names another type."""
    return reading if reading.dtype else replace(reading, dtype=HALF)


def trace_spec(vlm: VLM, reading: Reading, prompt: Prompt) -> dict[str, Any]:
    """Settings that fix both trace sets, for the spec of a cache.

    Args:
        vlm: the model.
        reading: as given to `stream_captures`.
        prompt: any of those to be read.
    """
    blocks = len(vlm.adapter.layers(vlm.model))
    # Numbers do not depend on which tokens an object has.
    plan = plan_of(reading, [prompt], [np.empty(0, np.int64)], blocks)
    return {
        "model": vlm.spec,
        "reading": stored(reading).spec,
        "layers": list(plan.layers),
        "blocks": list(plan.blocks),
    }


def stream_captures(
    vlm: VLM,
    items: Iterable[Item],
    reading: Reading,
    states: TraceWriter | None = None,
    attention: TraceWriter | None = None,
    batch_size: int | None = None,
) -> None:
    """Read items and add their rows to one or both trace sets.

    Args:
        vlm: the model.
        items: read as they come, so that image tokens may be made on the way; all with an image,
            or all without.
        reading: what to keep; in half precision unless it names a type.
        states: where residual streams go.
        attention: where attention rows go.
        batch_size: items at a time.

    Raises:
        CaptureError: what `capture` refuses; the reading asks for nothing that a writer takes.
        AttentionError: the model runs under a condition, which the spec of a trace set does not name.
    """
    refuse_condition(vlm, "stream_captures")
    reading = stored(reading)
    for batch in _batches(items, batch_size or vlm.source.batch_size):
        with_image = [item.image_tokens is not None for item in batch]
        if any(with_image) and not all(with_image):
            raise CaptureError(
                "capture: some items have an image and some have none; stream them apart."
            )
        found = capture(
            vlm,
            [item.prompt for item in batch],
            [item.image_tokens for item in batch] if all(with_image) else None,
            reading,
            _objects(batch),
            len(batch),
        )
        columns = [item.columns for item in batch]
        add_captured(found, columns, [item.prompt for item in batch], states, attention)


def add_captured(
    captured: Captured,
    columns: Sequence[Mapping[str, Any]],
    prompts: Sequence[Prompt],
    states: TraceWriter | None = None,
    attention: TraceWriter | None = None,
) -> None:
    """Add what was captured, of prompts or of answers, to one or both trace sets.

    Args:
        captured: of these prompts.
        columns: what the trace set says of each prompt.
        prompts: those captured.
        states: where residual streams go.
        attention: where attention rows go.

    Raises:
        CaptureError: a writer was given for what was not captured.
    """
    roles = [prompt.roles for prompt in prompts]
    if states is not None:
        if not captured.layers:
            raise CaptureError("capture: no layers were read, so there are no states to store.")
        sequences, positions = captured.row_sequences, captured.row_positions
        if len(positions):
            rows = list(_rows(columns, roles, sequences, positions))
            states.add(rows, {STATES: captured.states.transpose(0, 1).cpu()})
    if attention is not None:
        if not captured.blocks:
            raise CaptureError("capture: no queries were read, so there is no attention to store.")
        sequences, positions = captured.query_sequences, captured.query_positions
        if len(positions):
            rows = list(_rows(columns, roles, sequences, positions))
            attention.add(rows, {ATTENTION: captured.attention.permute(2, 0, 1, 3).cpu()})


def _rows(
    columns: Sequence[Mapping[str, Any]],
    roles: Sequence[TokenRoles],
    sequences: Positions,
    positions: Positions,
) -> Iterator[dict[str, Any]]:
    parts = [_parts(one) for one in roles]
    for sequence, position in zip(sequences.tolist(), positions.tolist(), strict=True):
        # What lies behind the prompt was generated.
        role, token = parts[sequence].get(position, ("generated", -1))
        yield {**columns[sequence], "position": position, "role": role, "token": token}


def _parts(roles: TokenRoles) -> dict[int, tuple[str, int]]:
    """Role of each position of the prompt, and its number among the image tokens."""
    return {
        int(position): (role, number if role == "image" else -1)
        for role in PARTS
        for number, position in enumerate(getattr(roles, role))
    }


def _objects(batch: Sequence[Item]) -> list[Positions] | None:
    given = [item.objects for item in batch]
    if all(one is None for one in given):
        return None
    return [np.empty(0, np.int64) if one is None else one for one in given]


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
