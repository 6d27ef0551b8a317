"""Run a prompt once, then many conditions of it, each at the cost of the rows it changes.

A transformer is causal in positions and in layers, so an intervention changes a cone of rows and nothing
else. `replay` recomputes the cones of all conditions together and takes everything else from the clean run;
nothing is approximated. `replay_prompts` does the same for several prompts about one image, whose rows up to
the end of the image are shared, in the clean run and under each condition.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

import numpy as np
import torch

from sightline.instruments.branches import Branches
from sightline.instruments.clean_run import CleanRun, ReplayError
from sightline.instruments.cones import Cone, common_starts, cone
from sightline.instruments.decoding import PADDING, Decoded, decode
from sightline.instruments.edges import Edges, Positions, resolve, rows_of
from sightline.instruments.interventions import Condition, Rows
from sightline.instruments.row_attention import ROWS_FOR_FUSED
from sightline.models.prompts import Prompt

__all__ = [
    "BUDGET",
    "CleanRun",
    "Decoded",
    "ReplayError",
    "check",
    "replay",
    "replay_decoding",
    "replay_prompts",
    "replay_states",
]

log = logging.getLogger(__name__)

BUDGET = 2 * 1024**3
"""Bytes that the rows of all conditions may take beside model and clean run."""

Vectors = Mapping[str, torch.Tensor]
_Result = TypeVar("_Result")


def check(
    clean: CleanRun, conditions: Sequence[Condition], vectors: Vectors | None = None
) -> list[Edges]:
    """Resolve conditions against the prompt of a clean run.

    Args:
        clean: the clean run.
        conditions: each with a name of its own.
        vectors: what image tokens may be replaced by, (width,) or (tokens, width), by name.

    Raises:
        InterventionError: a condition cannot be applied to this model and prompt.
        ReplayError: no conditions, or two of one name.
    """
    names = [condition.name for condition in conditions]
    if not names or len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ReplayError(
            f"replay: two conditions are called {twice}; name them apart."
            if names
            else "replay: no conditions; give at least one."
        )
    return [
        resolve(condition, clean.prompt.roles, len(clean.blocks), clean.heads, vectors)
        for condition in conditions
    ]


def replay(
    clean: CleanRun,
    conditions: Sequence[Condition],
    vectors: Vectors | None = None,
    budget: int = BUDGET,
) -> torch.Tensor:
    """Logits at the last position of the prompt under each condition.

    Args:
        clean: the clean run.
        conditions: any number, each with a name of its own.
        vectors: what image tokens may be replaced by, (width,) or (tokens, width), by name.
        budget: bytes the rows of all conditions may take; more conditions run in several groups. No result
            depends on it.

    Returns:
        (conditions, vocabulary) float32.

    Raises:
        InterventionError: a condition cannot be applied to this model and prompt.
        ReplayError: not even one condition fits the memory of the device.
    """
    last = np.array([clean.length - 1])

    def run(edges: list[Edges], cones: list[Cone]) -> torch.Tensor:
        states = Branches(clean, edges, vectors).run(cones, last)
        return clean.unembed(states[:, -1, 0])

    edges = check(clean, conditions, vectors)
    return torch.cat(_in_groups(clean, edges, _cones(edges, clean, last), run, budget))


def replay_states(
    clean: CleanRun,
    conditions: Sequence[Condition],
    rows: Rows,
    vectors: Vectors | None = None,
    budget: int = BUDGET,
) -> torch.Tensor:
    """Residual streams of chosen rows under each condition.

    Args:
        clean: the clean run.
        conditions: any number, each with a name of its own.
        rows: of the prompt, by role or position.
        vectors: what image tokens may be replaced by, by name.
        budget: as in `replay`.

    Returns:
        (conditions, layers + 1, rows, width): entering each layer, and after the last one, before the final norm.
    """
    marked, _ = rows_of(rows, clean.prompt.roles, "replayed states")
    read = np.flatnonzero(marked)

    def run(edges: list[Edges], cones: list[Cone]) -> torch.Tensor:
        return Branches(clean, edges, vectors).run(cones, read, every_layer=True)

    edges = check(clean, conditions, vectors)
    cones = _cones(edges, clean, read, every_layer=True)
    return torch.cat(_in_groups(clean, edges, cones, run, budget))


def replay_decoding(
    clean: CleanRun,
    conditions: Sequence[Condition],
    max_new_tokens: int,
    vectors: Vectors | None = None,
    budget: int = BUDGET,
    keep_logits: bool = False,
) -> list[Decoded]:
    """Greedy answers under each condition, decoded together.

    Args:
        clean: the clean run.
        conditions: any number, each with a name of its own.
        max_new_tokens: most tokens of an answer.
        vectors: what image tokens may be replaced by, by name.
        budget: as in `replay`.
        keep_logits: keep the logits of every step too.

    Returns:
        One answer for each condition.
    """
    # The last new token is never run.
    clean.check_window(clean.length + max_new_tokens - 1)
    last = np.array([clean.length - 1])

    def run(edges: list[Edges], cones: list[Cone]) -> list[Decoded]:
        branches = Branches(clean, edges, vectors)
        states = branches.run(cones, last, keep=True)[:, -1, 0]
        return decode(branches, states, max_new_tokens, keep_logits)

    edges = check(clean, conditions, vectors)
    cones = _cones(edges, clean, last, keys="all")
    groups = _in_groups(clean, edges, cones, run, budget, max_new_tokens)
    return [one for group in groups for one in group]


def replay_prompts(
    clean: CleanRun,
    conditions: Sequence[Condition],
    prompts: Sequence[Prompt],
    max_new_tokens: int | Sequence[int] = 1,
    vectors: Vectors | None = None,
    budget: int = BUDGET,
) -> list[list[Decoded]]:
    """Greedy answers to several prompts about one image, all under the same conditions.

    The rows up to the end of the image are run once for all prompts: in causal attention no question changes
    them (neo2025 section 2.3).

    Args:
        clean: the clean run of any prompt about the image.
        conditions: any number, each with a name of its own.
        prompts: any number, all with the same beginning up to the end of the image.
        max_new_tokens: most tokens of an answer, for all prompts or for each; with 1, only the prompt is run.
        vectors: what image tokens may be replaced by, by name.
        budget: as in `replay`.

    Returns:
        For each prompt one answer for each condition.

    Raises:
        ReplayError: a prompt has another beginning; further errors as in `replay`.
    """
    shared = clean.shared_with(clean.prompt)
    lengths = [max_new_tokens] * len(prompts) if isinstance(max_new_tokens, int) else max_new_tokens
    runs = [clean.ask(prompt) for prompt in prompts]
    asked = []
    for one, length in zip(runs, lengths, strict=True):
        one.check_window(one.length + length - 1)
        resolved = check(one, conditions, vectors)
        asked.append({edges.condition.name: edges for edges in resolved})

    def run(edges: list[Edges], cones: list[Cone]) -> list[list[Decoded]]:
        image = Branches(clean, edges, vectors)
        image.run(cones, nothing, keep=True)
        answers = []
        for one, length, known in zip(runs, lengths, asked, strict=True):
            own = [known[each.condition.name] for each in edges]
            last = np.array([one.length - 1])
            going_on = length > 1
            cones = _cones(own, one, last, "all" if going_on else "needed")
            rows = [_between(each, shared, one.length) for each in cones]
            branches = Branches(one, own, vectors, [list(past) for past in image.past])
            states = branches.run(rows, last, keep=going_on)[:, -1, 0]
            answers.append(decode(branches, states, length))
        return answers

    nothing = np.empty(0, np.int64)
    edges = check(clean, conditions, vectors)
    cones = [_between(one, 0, shared) for one in _cones(edges, clean, nothing, "all")]
    groups = _in_groups(clean, edges, cones, run, budget, max(lengths))
    return [[one for group in groups for one in group[number]] for number in range(len(prompts))]


def _cones(
    edges: Sequence[Edges],
    clean: CleanRun,
    wanted: Positions,
    keys: Literal["needed", "all"] = "needed",
    every_layer: bool = False,
) -> list[Cone]:
    """The cone of each condition; those that begin almost together are made to begin together."""
    starts = [
        int(one.replaced_positions[0]) if len(one.replaced_positions) else None for one in edges
    ]
    return [
        cone(one, wanted, every_layer, keys, start)
        for one, start in zip(edges, common_starts(starts, clean.length), strict=True)
    ]


def _between(rows: Cone, first: int, end: int) -> Cone:
    return [one[(one >= first) & (one < end)] for one in rows]


def _in_groups(
    clean: CleanRun,
    edges: Sequence[Edges],
    cones: Sequence[Cone],
    run: Callable[[list[Edges], list[Cone]], _Result],
    budget: int,
    new_tokens: int = 0,
) -> list[_Result]:
    """Run conditions in groups that fit the budget, and in smaller ones if the device has no room for them."""
    sizes = [_bytes(clean, one, new_tokens) for one in cones]
    groups: list[list[int]] = [[]]
    room = budget
    for number, size in enumerate(sizes):
        if groups[-1] and size > room:
            groups.append([])
            room = budget
        groups[-1].append(number)
        room -= size
    if len(groups) > 1:
        log.info(
            "%d conditions run in %d groups: together they need %.1f MiB, the budget is %.1f MiB",
            len(edges),
            len(groups),
            sum(sizes) / 2**20,
            budget / 2**20,
        )
    results = []
    while groups:
        group = groups.pop(0)
        try:
            results.append(run([edges[one] for one in group], [cones[one] for one in group]))
            continue
        except torch.cuda.OutOfMemoryError as error:
            if len(group) == 1:
                raise ReplayError(
                    f"condition {edges[group[0]].condition.name!r}: not even one condition fits the "
                    f"memory of {clean.vlm.device} ({error}). Free memory or take a smaller model."
                ) from error
        # Outside the handler, whose traceback would keep the failed tensors alive.
        half = len(group) // 2
        log.warning("out of memory with %d conditions: going on with %d", len(group), half)
        torch.cuda.empty_cache()
        groups[:0] = [group[:half], group[half:]]
    return results


def _bytes(clean: CleanRun, rows: Cone, new_tokens: int) -> int:
    """What one condition's rows take while they run, and afterwards if they are kept for new tokens."""
    config = clean.vlm.adapter.text_model(clean.vlm.model).config
    item, most = clean.keys[0].element_size(), max(map(len, rows))
    kept_row = 2 * clean.keys[0].shape[0] * clean.keys[0].shape[2] * item
    # Streams and the block's inner width; then the mask and, with few rows, scores in float32 and as weights.
    row = 8 * clean.residual[0].shape[-1] * item + 3 * config.intermediate_size * item
    row += clean.length * 8
    if most < ROWS_FOR_FUSED:
        row += clean.length * clean.heads * (8 + item)
    total = max(most, 1) * row + 8 * config.vocab_size
    if new_tokens:
        total += kept_row * (int(PADDING * sum(map(len, rows))) + len(rows) * new_tokens)
    return total
