"""What to keep of prompts and answers, named by role and place."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from sightline.instruments.watching import CaptureError, Heads, Plan
from sightline.models.prompts import Prompt
from sightline.models.roles import NEW, ROLES, Positions, TokenRoles

WORDS = (*ROLES, "object")

Rows = str | Positions | Sequence[int | str]


@dataclass(frozen=True, eq=False)
class Reading:
    """What to keep of prompts and answers.

    Rows are named by the roles of `sightline.instruments.interventions`, are "object", the image
    tokens given with each image, or are positions of the prompt; several together are a list.

    Attributes:
        rows: whose residual streams are kept.
        layers: entries of the residual stream, 0 to number of blocks, negative from the end; None
            for all.
        queries: whose attention is kept; empty for none.
        keys: what they attend to, in the prompt.
        blocks: whose attention is kept, 0 the first, negative from the end; None for all.
        heads: attention of "each" head, or their "mean".
        dtype: of what is kept, such as "float16"; None for the model's.
    """

    rows: Rows = "last"
    layers: Sequence[int] | None = None
    queries: Rows = ()
    keys: Rows = "image"
    blocks: Sequence[int] | None = None
    heads: Heads = "mean"
    dtype: str | None = None

    @property
    def spec(self) -> dict[str, Any]:
        """The same as plain data, for the spec of a cache."""
        return {
            "rows": _plain(self.rows),
            "layers": _plain(self.layers),
            "queries": _plain(self.queries),
            "keys": _plain(self.keys),
            "blocks": _plain(self.blocks),
            "heads": self.heads,
            "dtype": self.dtype,
        }


def find_positions(roles: TokenRoles, rows: Rows, objects: Positions | None = None) -> Positions:
    """Positions of named or numbered rows.

    Args:
        roles: of one prompt.
        rows: a word of `WORDS`, positions, or a list of both.
        objects: image tokens, counted in the grid, which the word "object" stands for.

    Returns:
        Sorted, each once, (n,) int64; n may be 0.

    Raises:
        CaptureError: no such word; "object" or "last_image_row" where there is none; a position
            beyond the prompt.
    """
    parts = [rows] if isinstance(rows, str) else list(rows)
    found = [_positions_of(roles, part, objects) for part in parts]
    return np.unique(np.concatenate([np.empty(0, np.int64), *found]))


def plan_of(
    reading: Reading,
    prompts: Sequence[Prompt],
    objects: Sequence[Positions] | None,
    blocks: int,
) -> Plan:
    """Everything asked, in positions of all prompts.

    Args:
        reading: what is asked.
        prompts: at least one.
        objects: per prompt, the image tokens that "object" stands for; None if nothing is so named.
        blocks: how many the language model has.

    Raises:
        CaptureError: rows, layers, blocks or keys that are not there.
    """
    if not prompts:
        raise CaptureError("capture: no prompts. Give at least one.")
    if objects is not None and len(objects) != len(prompts):
        raise CaptureError(f"capture: objects of {len(objects)} images for {len(prompts)} prompts.")
    each = [None] * len(prompts) if objects is None else objects

    def find(rows: Rows) -> list[Positions]:
        return [
            find_positions(prompt.roles, rows, tokens)
            for prompt, tokens in zip(prompts, each, strict=True)
        ]

    attention = isinstance(reading.queries, str) or len(reading.queries) > 0
    keys = find(reading.keys) if attention else [np.empty(0, np.int64)] * len(prompts)
    counts = sorted({len(columns) for columns in keys})
    if attention and (len(counts) > 1 or counts == [0]):
        raise CaptureError(
            f"capture: keys {reading.keys!r} are {counts} positions, depending on the prompt. Ask "
            "prompts with equally many keys, at least one, together."
        )
    return Plan(
        rows=find(reading.rows),
        layers=_numbers("layer", reading.layers, blocks + 1),
        queries=find(reading.queries),
        keys=keys,
        blocks=_numbers("block", reading.blocks, blocks) if attention else (),
        heads=reading.heads,
        dtype=None if reading.dtype is None else getattr(torch, reading.dtype),
    )


def plan_of_generated(part: Plan, reading: Reading, position: int) -> Plan:
    """What is asked of the token at this position of each prompt."""

    def find(rows: Rows) -> list[Positions]:
        words = [rows] if isinstance(rows, str) else rows
        asked = any(isinstance(word, str) and word in NEW for word in words)
        return [np.array([position] if asked else [], np.int64)] * len(part.rows)

    return replace(part, rows=find(reading.rows), queries=find(reading.queries))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return int(value) if np.ndim(value) == 0 else [_plain(one) for one in value]


def _positions_of(roles: TokenRoles, part: Any, objects: Positions | None) -> Positions:
    if not isinstance(part, str):
        if not 0 <= part <= roles.last:
            raise CaptureError(
                f"capture: position {part}; give one from 0 to {roles.last}, the last of the prompt."
            )
        return np.array([part], np.int64)
    if part not in WORDS:
        raise CaptureError(f"capture: no rows named {part!r}; give one of {', '.join(WORDS)}.")
    if part in ("object", "last_image_row") and roles.grid is None:
        raise CaptureError(f"capture: {part!r} in a prompt without an image.")
    if part in ROLES:
        found = roles.of_prompt(part)
        return np.concatenate([found, roles.generated]) if part in NEW else found
    if objects is None:
        raise CaptureError("capture: 'object' asked for; pass the image tokens of each object.")
    if np.asarray(objects).dtype == bool:
        raise CaptureError("capture: object tokens as a mask; give their numbers (np.flatnonzero).")
    chosen = np.asarray(objects, np.int64)
    if len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(roles.image):
        raise CaptureError(
            f"capture: object tokens {chosen.min()}...{chosen.max()} of an image with "
            f"{len(roles.image)} tokens."
        )
    return roles.image[chosen]


def _numbers(name: str, chosen: Sequence[int] | None, count: int) -> tuple[int, ...]:
    if chosen is None:
        return tuple(range(count))
    for number in chosen:
        if not -count <= number < count:
            raise CaptureError(
                f"capture: {name} {number}; give numbers from 0 to {count - 1}, or {-count} to -1 "
                "from the end."
            )
    return tuple(int(number) % count for number in chosen)
