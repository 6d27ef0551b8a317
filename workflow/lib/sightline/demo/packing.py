"""Many questions about an image in one sequence, each seeing the image and itself only.

A pack of turns equals as many prompts of their own to float tolerance, but pays for the image once. A blind turn sees
the words before the image and itself, at the positions it would have without one. A turn that comes after another one
sees that one too, whole or without its answer, and goes on from there.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from sightline.demo.architecture import SIDE
from sightline.demo.language import AFTER_ANSWER, KINDS, SEGMENT_TOKEN, Turn
from sightline.demo.precision import TRAINING

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
        self._user, self._assistant = self._ids("USER:"), self._ids("ASSISTANT:")

    def _ids(self, text: str, start: bool = False) -> list[int]:
        return self._tokenizer(text, add_special_tokens=start).input_ids

    def pack(
        self, asked: Sequence[Sequence[Turn]], length: int, dtype: torch.dtype = TRAINING
    ) -> Pack:
        """Lay out the turns of each image; turns that no longer fit into ``length`` tokens are left out.

        A turn that comes after another one follows the last one laid out that sees the image and follows none itself.
        """
        batch, prefix = len(asked), self.prefix_length
        tokens = torch.full((batch, length), self._tokenizer.pad_token_id)
        turn, kind = torch.full((batch, length), -1), torch.full((batch, length), -1)
        labels = torch.full((batch, length), IGNORED)
        text_positions = torch.full((batch, length), prefix)
        blind = torch.zeros((batch, length), dtype=torch.bool)
        most = max(len(questions) for questions in asked)
        # Question and answer of a turn are two parts; the last part is the padding.
        part = torch.full((batch, length), 2 * most)
        sees = torch.eye(2 * most + 1, dtype=torch.bool).repeat(batch, 1, 1)
        segments = []
        for image, questions in enumerate(asked):
            used = 0
            before = None
            for number, question in enumerate(questions):
                follows = before if question.after else None
                prompt = self._ids(question.question) + self._assistant
                if follows and question.after == AFTER_ANSWER:
                    prompt = self._user + prompt
                answer = [*self._ids(question.answer), self._end]
                ids = prompt + answer
                if used + len(ids) > length:
                    continue
                here, split = slice(used, used + len(ids)), used + len(prompt)
                tokens[image, here] = torch.tensor(ids)
                turn[image, here], kind[image, here] = number, KINDS.index(question.kind)
                part[image, used:split], part[image, split : here.stop] = 2 * number, 2 * number + 1
                own = slice(2 * number, 2 * number + 2)
                sees[image, own, own] = True
                begin = len(self.prefix) if question.blind else prefix
                if follows:
                    heard = 1 + (question.after == AFTER_ANSWER)
                    sees[image, own, 2 * follows.number : 2 * follows.number + heard] = True
                    begin = follows.ends[heard - 1]
                text_positions[image, here] = torch.arange(begin, begin + len(ids))
                if not question.blind and not follows:
                    before = _Placed(number, (begin + len(prompt), begin + len(ids)))
                blind[image, here] = question.blind
                first = used + len(prompt) - 1
                labels[image, first : first + len(answer)] = torch.tensor(answer)
                if question.target is not None:
                    place = used + len(prompt) + answer.index(self._segment)
                    segments.append((image, place, question.target))
                used += len(ids)
        positions = torch.cat([torch.arange(prefix).expand(batch, -1), text_positions], 1)
        mask = self._mask(part, sees, blind, dtype)
        return Pack(tokens, turn, positions, mask, labels, kind, segments)

    def _mask(self, part: Tensor, sees: Tensor, blind: Tensor, dtype: torch.dtype) -> Tensor:
        """Additive mask: what comes later is hidden, and of the text all parts that a part does not see."""
        batch, length = part.shape
        prefix, total = self.prefix_length, self.prefix_length + length
        allowed = torch.ones((batch, total, total), dtype=torch.bool).tril()
        images = torch.arange(batch)[:, None, None]
        allowed[:, prefix:, prefix:] &= sees[images, part[:, :, None], part[:, None, :]]
        allowed[:, prefix:, len(self.prefix) : prefix] &= ~blind[:, :, None]
        # A large finite number: the minimum of bfloat16 would overflow when added to a score.
        return torch.zeros(batch, 1, total, total, dtype=dtype).masked_fill_(
            ~allowed[:, None], -1e4
        )


class _Placed(NamedTuple):
    """A turn in a pack: its number, and the positions after its question and after its answer."""

    number: int
    ends: tuple[int, int]


def turn_rng(seed: int, stage: str, step: int) -> random.Random:
    """Random numbers of one training step, the same after a restart."""
    return random.Random(f"{stage} {seed} {step}")
