"""What a model makes of a query: its states at [SEG] and at the image tokens, the answer given to it.

Entries of the residual stream are numbered as in `sightline.instruments.states`: 0 is the input of the first block, l
the output of block l. Behind them comes one more, the last one after the final norm, which released code takes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from tqdm import tqdm

from sightline.errors import SightlineError
from sightline.instruments.reading import Reading
from sightline.instruments.states import capture
from sightline.models.prompts import Prompt
from sightline.models.vlm import VLM
from sightline.scenes.reasonseg import load_reasonseg
from sightline.scenes.scene import SegmentationQuery
from sightline.studies.qian2025.protocol import POSITIONS, Protocol


class TokenError(SightlineError):
    """A model does not know the token that asks for masks."""


@dataclass(frozen=True, eq=False)
class Told:
    """States of one query, float32.

    Attributes:
        number: of the query among those asked.
        seg: (positions, entries, width), the positions as in `POSITIONS`.
        image: (entries, tokens, width).
    """

    number: int
    seg: torch.Tensor
    image: torch.Tensor


def load_queries(root: str, protocol: Protocol) -> dict[str, list[SegmentationQuery]]:
    """The first queries of every split of ReasonSeg, as many as the protocol says."""
    return {
        split: load_reasonseg(root, split)[:number] for split, number in protocol.queries.items()
    }


def forced_prompt(vlm: VLM, question: str, answer: str, token: str) -> Prompt:
    """A question with the beginning of its answer, which ends at the token.

    Raises:
        TokenError: the tokenizer does not end it with the token.
    """
    prompt = vlm.prompt(question, prefix=answer)
    expected = vlm.tokenizer.convert_tokens_to_ids(token)
    if expected in (None, vlm.tokenizer.unk_token_id) or int(prompt.input_ids[-1]) != expected:
        raise TokenError(
            f"models.{vlm.key}: {answer!r} does not end in a token {token} of this tokenizer; name the model's own "
            "under studies.qian2025.token, or take a checkpoint that was taught to ask for masks."
        )
    return prompt


def read_told(
    vlm: VLM,
    prompts: Sequence[Prompt],
    queries: Sequence[SegmentationQuery],
    layers: Sequence[int] | None = None,
) -> Iterator[Told]:
    """States of queries, in an order that puts prompts of equal length together.

    Args:
        vlm: the model.
        prompts: ending in the token, one for each query.
        queries: whose images are looked at.
        layers: entries of the residual stream; None for all.
    """
    by_length: dict[int, list[int]] = {}
    for number, prompt in enumerate(prompts):
        by_length.setdefault(len(prompt), []).append(number)
    size = vlm.source.batch_size
    batches = [
        numbers[first : first + size]
        for numbers in by_length.values()
        for first in range(0, len(numbers), size)
    ]
    for batch in tqdm(batches, desc="look at queries", unit="batch"):
        tokens = vlm.encode_images([queries[number].scene.image() for number in batch])
        asked = [prompts[number] for number in batch]
        last = asked[0].roles.last
        reading = Reading(rows=["image", last - 1, last], layers=layers)
        found = capture(vlm, asked, tokens, reading)
        for place, number in enumerate(batch):
            states = with_final(vlm, found.of(place).states)
            yield Told(number, states[:, -len(POSITIONS) :].transpose(0, 1), states[:, :-2])


@torch.no_grad()
def with_final(vlm: VLM, states: torch.Tensor) -> torch.Tensor:
    """Residual streams (layers, rows, width) with the last one behind the final norm added; float32."""
    final = vlm.adapter.final_norm(vlm.model)(states[-1:])
    return torch.cat([states, final]).float()
