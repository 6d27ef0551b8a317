"""Capture: residual streams and attention rows of prompts and of answers in the making.

States are numbered like hidden states of transformers: entry 0 is the input of the first block,
entry l the output of block l. One thing differs: transformers gives the last entry behind the final
norm, here every entry is the bare residual stream, so that the logit lens norms all of them alike.
The model's own logits are the lens of the last entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import DynamicCache

from sightline.instruments.reading import Reading, plan_of, plan_of_generated
from sightline.instruments.watching import CaptureError, Plan, Watch, watched_attention, watching
from sightline.models.prompts import Prompt, of_equal_length
from sightline.models.roles import Positions
from sightline.models.vlm import VLM


@dataclass(frozen=True, eq=False)
class Captured:
    """What was read, on the model's device.

    Attributes:
        states: residual streams before the final norm, (layers, rows, width).
        attention: softmax weights, (blocks, heads or 1, queries, keys); a row adds up to one over
            all keys there are, not over the chosen ones.
        layers: entry of the residual stream of each layer kept.
        blocks: number of each block kept.
        row_sequences: which prompt each row belongs to, (rows,) int64.
        row_positions: its position there, (rows,) int64.
        query_sequences: which prompt each query belongs to, (queries,) int64.
        query_positions: its position there, (queries,) int64.
        keys: positions of the keys, (prompts, keys) int64.
    """

    states: torch.Tensor
    attention: torch.Tensor
    layers: tuple[int, ...]
    blocks: tuple[int, ...]
    row_sequences: Positions
    row_positions: Positions
    query_sequences: Positions
    query_positions: Positions
    keys: Positions

    def of(self, sequence: int) -> "Captured":
        """What belongs to one prompt."""
        rows = np.flatnonzero(self.row_sequences == sequence)
        queries = np.flatnonzero(self.query_sequences == sequence)
        return replace(
            self,
            states=self.states[:, torch.from_numpy(rows).to(self.states.device)],
            attention=self.attention[:, :, torch.from_numpy(queries).to(self.attention.device)],
            row_sequences=np.zeros_like(rows),
            row_positions=self.row_positions[rows],
            query_sequences=np.zeros_like(queries),
            query_positions=self.query_positions[queries],
            keys=self.keys[sequence : sequence + 1],
        )


@dataclass(frozen=True, eq=False)
class CapturedAnswers:
    """Greedy answers and what was read while they were written.

    Attributes:
        captured: rows of the prompt and, where asked, of generated tokens. The last token of an
            answer was never run, so it has no row.
        tokens: per prompt the new tokens, the end token included if it came, (n,) int64 each.
    """

    captured: Captured
    tokens: list[torch.Tensor]


# Prompts of one pass, what was asked of them in positions of each prompt, and what was seen.
Part = tuple[list[int], Plan, Watch]


@torch.no_grad()
def capture(
    vlm: VLM,
    prompts: Sequence[Prompt],
    image_tokens: Sequence[torch.Tensor] | torch.Tensor | None,
    reading: Reading,
    objects: Sequence[Positions] | None = None,
    batch_size: int | None = None,
) -> Captured:
    """Read prompts, those of equal length in one forward pass of the language model.

    Args:
        vlm: the model.
        prompts: each about its own image.
        image_tokens: (prompts, tokens, width), or one (tokens, width) per prompt; None if the
            prompts have no image.
        reading: what to keep.
        objects: per prompt, the image tokens that "object" stands for, (n,) int64.
        batch_size: prompts at a time; the result does not depend on it.

    Returns:
        Rows and queries by prompt, then by position.

    Raises:
        CaptureError: rows, layers or blocks that are not there; prompts with different numbers of
            keys.
    """
    plan = plan_of(reading, prompts, objects, len(vlm.adapter.layers(vlm.model)))
    parts = []
    with watched_attention(vlm):
        for batch in of_equal_length(prompts, batch_size or vlm.source.batch_size):
            part = _part(plan, batch)
            with watching(vlm, part) as watch:
                _run(vlm, _embed(vlm, prompts, image_tokens, batch), _places(vlm, prompts, batch))
            parts.append((batch, part, watch))
    return _join(vlm, plan, parts)


@torch.no_grad()
def capture_answers(
    vlm: VLM,
    prompts: Sequence[Prompt],
    image_tokens: Sequence[torch.Tensor] | torch.Tensor | None,
    reading: Reading,
    max_new_tokens: int,
    objects: Sequence[Positions] | None = None,
) -> CapturedAnswers:
    """Answer prompts of equal length greedily and read on the way; one batch.

    Rows and queries named "generated" are the new tokens, each when it is run. The attention with
    which token n of an answer was chosen is that of "last" for n = 0, else of generated row n - 1.

    Args:
        vlm: the model.
        prompts: of equal length, each about its own image.
        image_tokens: as in `capture`.
        reading: what to keep.
        max_new_tokens: most tokens of an answer.
        objects: as in `capture`.

    Raises:
        CaptureError: as in `capture`; prompts of different lengths.
    """
    if len({len(prompt) for prompt in prompts}) != 1:
        raise CaptureError(
            f"capture: prompts of lengths {sorted({len(prompt) for prompt in prompts})}. Answer "
            "prompts of equal length together."
        )
    plan = plan_of(reading, prompts, objects, len(vlm.adapter.layers(vlm.model)))
    with watched_attention(vlm):
        parts, answers = _decode(vlm, prompts, image_tokens, reading, max_new_tokens, plan)
    tokens = [torch.tensor(answer, dtype=torch.int64) for answer in answers]
    return CapturedAnswers(_join(vlm, plan, parts), tokens)


def _decode(
    vlm: VLM,
    prompts: Sequence[Prompt],
    image_tokens: Sequence[torch.Tensor] | torch.Tensor | None,
    reading: Reading,
    max_new_tokens: int,
    plan: Plan,
) -> tuple[list[Part], list[list[int]]]:
    everyone = list(range(len(prompts)))
    # Told of the model, it would drop keys beyond a sliding window, and positions would no longer be theirs.
    cache = DynamicCache()
    places = _places(vlm, prompts, everyone)
    with watching(vlm, plan) as watch:
        state = _run(vlm, _embed(vlm, prompts, image_tokens, everyone), places, cache)
    parts: list[Part] = [(everyone, plan, watch)]
    running, place = torch.tensor(everyone, device=state.device), places.amax((0, 2)) + 1
    ends = torch.tensor(vlm.model.generation_config.eos_token_id or [], device=state.device)
    answers: list[list[int]] = [[] for _ in prompts]
    for step in range(max_new_tokens):
        tokens = vlm.model.get_output_embeddings()(state[:, -1]).argmax(-1)
        for number, token in zip(running.tolist(), tokens.tolist(), strict=True):
            answers[number].append(token)
        going = ~torch.isin(tokens, ends)
        if step == max_new_tokens - 1 or not going.any():
            break
        if not going.all():
            # Finished answers leave the batch: what is left gets cheaper at every end.
            cache.batch_select_indices(going.nonzero()[:, 0])
            running, tokens, place = running[going], tokens[going], place[going]
        batch = running.tolist()
        part = plan_of_generated(_part(plan, batch), reading, len(prompts[0]) + step)
        # A decoding step is a pass of one column.
        one_column = replace(part, rows=_zeros(part.rows), queries=_zeros(part.queries))
        embeddings = vlm.model.get_input_embeddings()(tokens[:, None])
        with watching(vlm, one_column) as watch:
            state = _run(vlm, embeddings, place.expand(len(places), -1)[..., None], cache)
        parts.append((batch, part, watch))
        place = place + 1
    return parts, answers


def _part(plan: Plan, batch: Sequence[int]) -> Plan:
    """What is asked of some of the prompts."""
    return replace(
        plan,
        rows=[plan.rows[number] for number in batch],
        queries=[plan.queries[number] for number in batch],
        keys=[plan.keys[number] for number in batch],
    )


def _zeros(chosen: Sequence[Positions]) -> list[Positions]:
    return [np.zeros_like(columns) for columns in chosen]


def _embed(
    vlm: VLM,
    prompts: Sequence[Prompt],
    image_tokens: Sequence[torch.Tensor] | torch.Tensor | None,
    batch: Sequence[int],
) -> torch.Tensor:
    """Input embeddings, (batch, positions, width)."""
    if image_tokens is not None and len(image_tokens) != len(prompts):
        raise CaptureError(
            f"capture: image tokens of {len(image_tokens)} images for {len(prompts)} prompts."
        )
    versions = [None if image_tokens is None else image_tokens[one][None] for one in batch]
    return torch.cat(
        [vlm.embed(prompts[one], version) for one, version in zip(batch, versions, strict=True)]
    )


def _places(vlm: VLM, prompts: Sequence[Prompt], batch: Sequence[int]) -> torch.Tensor:
    """Positions of the rotary embedding, (axes, batch, positions)."""
    found = [vlm.adapter.position_ids(vlm.model, prompts[one]) for one in batch]
    return torch.stack(found, 1).to(vlm.device)


def _run(
    vlm: VLM, embeddings: torch.Tensor, places: torch.Tensor, cache: DynamicCache | None = None
) -> torch.Tensor:
    """States behind the final norm, (batch, positions, width)."""
    length, past = embeddings.shape[1], 0 if cache is None else cache.get_seq_length()
    return vlm.adapter.text_model(vlm.model)(
        inputs_embeds=embeddings,
        # Without a mask transformers looks for packed sequences in the positions.
        attention_mask=embeddings.new_ones(len(embeddings), length + past, dtype=torch.int64),
        position_ids=places[0] if len(places) == 1 else places,
        past_key_values=cache,
        use_cache=cache is not None,
    ).last_hidden_state


def _join(vlm: VLM, plan: Plan, parts: Sequence[Part]) -> Captured:
    """Rows of all passes, by prompt and then by position."""
    rows = _Order([(batch, part.rows) for batch, part, _ in parts])
    queries = _Order([(batch, part.queries) for batch, part, _ in parts])
    heads = 1
    if plan.heads == "each":
        heads = vlm.adapter.text_model(vlm.model).config.num_attention_heads
    like = {"device": vlm.device, "dtype": plan.dtype or vlm.dtype}
    shape = (len(plan.blocks), heads, len(queries.sequences), len(plan.keys[0]))
    if len(parts) == 1:
        # One pass is in order already; copying it would double what it holds.
        watch = parts[0][2]
        states = (
            watch.states
            if plan.layers
            else torch.empty((0, len(rows.sequences), vlm.width), **like)
        )
        attention = watch.attention if shape[0] and shape[2] else torch.empty(shape, **like)
    else:
        states = torch.empty((len(plan.layers), len(rows.sequences), vlm.width), **like)
        attention = torch.empty(shape, **like)
        for (_, part, watch), here, asking in zip(parts, rows.places, queries.places, strict=True):
            if part.layers:
                states[:, here.to(states.device)] = watch.states
            if len(asking):
                attention[:, :, asking.to(attention.device)] = watch.attention
    return Captured(
        states,
        attention,
        tuple(plan.layers),
        tuple(plan.blocks),
        rows.sequences,
        rows.positions,
        queries.sequences,
        queries.positions,
        np.stack(plan.keys),
    )


class _Order:
    """Rows of several passes put in order.

    Attributes:
        sequences: which prompt each row belongs to, sorted, (rows,) int64.
        positions: its position there, sorted within a prompt, (rows,) int64.
        places: per pass, where its rows go, (rows of the pass,) int64.
    """

    def __init__(self, passes: Sequence[tuple[list[int], Sequence[Positions]]]) -> None:
        counts = [[len(columns) for columns in chosen] for _, chosen in passes]
        sequences = np.concatenate(
            [np.repeat(np.array(batch), n) for (batch, _), n in zip(passes, counts, strict=True)]
        )
        positions = np.concatenate([columns for _, chosen in passes for columns in chosen])
        order = np.lexsort((positions, sequences))
        self.sequences, self.positions = sequences[order], positions[order]
        places = torch.from_numpy(np.argsort(order))
        self.places = places.split([sum(n) for n in counts])
