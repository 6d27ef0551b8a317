"""Many questions about an image in one sequence, each seeing the image and itself only.

A pack of turns equals as many single-turn prompts to float tolerance, but pays for the image once. A blind turn sees
the words before the image and itself, at the positions it would have without one.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from sightline.demo.architecture import SIDE
from sightline.demo.language import KINDS, SEGMENT_TOKEN, Turn

IGNORED = -100


@dataclass(frozen=True)
class Pack:
    """Turns of a batch of images.

    Attributes:
        tokens: (batch, length) text after the image.
        turn: (batch, length) number of the turn, -1 for padding.
        positions: (batch, prefix + length) position ids.
        mask: (batch, 1, prefix + length, prefix + length) additive attention mask.
        labels: (batch, length) the next token where it belongs to an answer, else IGNORED.
        kind: (batch, length) index into KINDS, -1 for padding.
        segments: (image, place of [SEG] in the text, number of the object) of every segmentation turn.
    """

    tokens: Tensor
    turn: Tensor
    positions: Tensor
    mask: Tensor
    labels: Tensor
    kind: Tensor
    segments: list[tuple[int, int, int]]


class Packer:
    """Builds packs for one tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self.prefix = self._ids("USER:", start=True)
        self.prefix_length = len(self.prefix) + SIDE * SIDE
        self._end = tokenizer.eos_token_id
        self._segment = tokenizer.convert_tokens_to_ids(SEGMENT_TOKEN)
        self._assistant = self._ids("ASSISTANT:")

    def _ids(self, text: str, start: bool = False) -> list[int]:
        return self._tokenizer(text, add_special_tokens=start).input_ids

    def pack(
        self, asked: Sequence[Sequence[Turn]], length: int, dtype: torch.dtype = torch.bfloat16
    ) -> Pack:
        """Lay out the turns of each image; turns that no longer fit into ``length`` tokens are left out."""
        batch, prefix = len(asked), self.prefix_length
        tokens = torch.full((batch, length), self._tokenizer.pad_token_id)
        turn, kind = torch.full((batch, length), -1), torch.full((batch, length), -1)
        labels = torch.full((batch, length), IGNORED)
        text_positions = torch.full((batch, length), prefix)
        blind = torch.zeros((batch, length), dtype=torch.bool)
        segments = []
        for image, questions in enumerate(asked):
            used = 0
            for number, question in enumerate(questions):
                prompt = self._ids(question.question) + self._assistant
                answer = [*self._ids(question.answer), self._end]
                ids = prompt + answer
                if used + len(ids) > length:
                    continue
                here = slice(used, used + len(ids))
                tokens[image, here] = torch.tensor(ids)
                turn[image, here], kind[image, here] = number, KINDS.index(question.kind)
                begin = len(self.prefix) if question.blind else prefix
                text_positions[image, here] = torch.arange(begin, begin + len(ids))
                blind[image, here] = question.blind
                first = used + len(prompt) - 1
                labels[image, first : first + len(answer)] = torch.tensor(answer)
                if question.target is not None:
                    place = used + len(prompt) + answer.index(self._segment)
                    segments.append((image, place, question.target))
                used += len(ids)
        positions = torch.cat([torch.arange(prefix).expand(batch, -1), text_positions], 1)
        mask = self._mask(turn, blind, dtype)
        return Pack(tokens, turn, positions, mask, labels, kind, segments)

    def _mask(self, turn: Tensor, blind: Tensor, dtype: torch.dtype) -> Tensor:
        batch, length = turn.shape
        prefix, total = self.prefix_length, self.prefix_length + length
        owner = torch.cat([torch.full((batch, prefix), -2), turn], 1)
        sees_image = torch.cat([torch.ones((batch, prefix), dtype=torch.bool), ~blind], 1)
        place = torch.arange(total)
        causal = place[None, :] <= place[:, None]
        shared = (place < prefix)[None, None, :] & (
            sees_image[:, :, None] | (place < len(self.prefix))[None, None, :]
        )
        allowed = causal & (shared | (owner[:, None, :] == owner[:, :, None]))
        # A large finite number: the minimum of bfloat16 would overflow when added to a score.
        return torch.zeros(batch, 1, total, total, dtype=dtype).masked_fill_(
            ~allowed[:, None], -1e4
        )


def turn_rng(seed: int, stage: str, step: int) -> random.Random:
    """Random numbers of one training step, the same after a restart."""
    return random.Random(f"{stage} {seed} {step}")
