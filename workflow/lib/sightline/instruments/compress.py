"""An image looked at once, kept as a small cache that answers later questions.

    context = compress(vlm, image, share=0.05)
    context.answer("Is there a mug in this image?")

The image is described once. What stays, per layer, are keys and values of the text around the image and of the
image tokens that the description attended to most; which tokens these are differs from layer to layer. Keys keep the
rotary positions they had, and a question goes on behind the largest of them (kaduri2025 section 3.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from PIL import Image
from transformers import DynamicCache

from sightline.errors import SightlineError
from sightline.instruments.clean_run import check_window
from sightline.instruments.row_attention import refuse_condition
from sightline.instruments.similarity import kept_tokens, top_tokens
from sightline.instruments.watching import Plan, watched_attention, watching
from sightline.models.prompts import Prompt, find_template
from sightline.models.vlm import VLM

DESCRIBE = "Describe this image."

Keep = Literal["both", "query", "image"]
KEEPS = ("both", "query", "image")


class CompressError(SightlineError):
    """A context that cannot be made, or that would hold nothing."""


@dataclass(frozen=True, eq=False)
class CompressedContext:
    """What is kept of an image and a question about it.

    Attributes:
        vlm: the model.
        keys: after the rotary embedding, one (key heads, kept, head_dim) for each layer.
        values: likewise.
        start: rotary position of the next token.
        axes: of the rotary embedding; new text advances on all of them together.
        tokens: image tokens kept, counted in the grid, ascending, (layers, kept) int64 on the CPU.
        first: nothing was asked yet, so that a question stands where a prompt has it.
        prompt: the prompt that was run.
    """

    vlm: VLM
    keys: Sequence[torch.Tensor] = field(repr=False)
    values: Sequence[torch.Tensor] = field(repr=False)
    start: int
    axes: int
    tokens: torch.Tensor = field(repr=False)
    first: bool
    prompt: Prompt = field(repr=False)

    def __len__(self) -> int:
        """Tokens kept, the same number in every layer."""
        return self.keys[0].shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values."""
        return sum(one.numel() * one.element_size() for one in (*self.keys, *self.values))

    def answer(self, question: str, max_new_tokens: int = 20) -> str:
        """Greedy answer to one question; the context stays as it is."""
        return self.answers([question], max_new_tokens)[0]

    @torch.no_grad()
    def answers(self, questions: Sequence[str], max_new_tokens: int = 20) -> list[str]:
        """Greedy answers to questions that know nothing of each other."""
        ids = [self.question_tokens(question) for question in questions]
        together, texts = self.vlm.source.batch_size, []
        for first in range(0, len(ids), together):
            found = self._decode(ids[first : first + together], max_new_tokens)
            texts += [self.vlm.decode(tokens) for tokens in found]
        return texts

    @torch.no_grad()
    def logits(self, question: str) -> torch.Tensor:
        """Logits after a question, (vocabulary,) float32."""
        return _Questions(self).logits([0], [self.question_tokens(question)])[0]

    def question_tokens(self, question: str) -> torch.Tensor:
        """A question as it is put to this context, (tokens,) int64.

        A further question repeats nothing of the template that stands before the image: as published, it is the
        question and the mark of the answer.
        """
        if self.first:
            prompt = self.vlm.prompt(question, grid=self.prompt.roles.grid)
            return prompt.input_ids[int(prompt.roles.image[-1]) + 1 :]
        text = find_template(self.vlm.source.prompt).follow_up(question)
        return torch.tensor(self.vlm.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _decode(self, asked: Sequence[torch.Tensor], max_new_tokens: int) -> list[list[int]]:
        """Greedy tokens behind questions, (tokens,) each."""
        ends = self.vlm.model.generation_config.eos_token_id or []
        questions, answers = _Questions(self), [[] for _ in asked]
        going, new = list(range(len(asked))), list(asked)
        while going:
            tokens = questions.logits(going, new).argmax(-1).tolist()
            for number, token in zip(going, tokens, strict=True):
                answers[number].append(token)
            going = [
                number
                for number in going
                if answers[number][-1] not in ends and len(answers[number]) < max_new_tokens
            ]
            new = [torch.tensor(answers[number][-1:]) for number in going]
        return answers


class _Questions:
    """Questions put to one context as one sequence behind it; none sees another, so none pads another."""

    def __init__(self, context: CompressedContext) -> None:
        self._context, self._cache = context, DynamicCache()
        for layer, kept in enumerate(zip(context.keys, context.values, strict=True)):
            self._cache.update(*(one[None] for one in kept), layer)
        # Of every row behind the context: the question it belongs to, and its place in it.
        self._owners = self._places = torch.empty(0, dtype=torch.int64)

    def logits(self, numbers: Sequence[int], new: Sequence[torch.Tensor]) -> torch.Tensor:
        """Logits after further tokens of some questions, (tokens,) each: (questions, vocabulary) float32."""
        vlm, begin = self._context.vlm, self._context.start
        lengths = torch.tensor([len(tokens) for tokens in new])
        owners = torch.tensor(numbers).repeat_interleave(lengths)
        known = [int((self._owners == number).sum()) for number in numbers]
        places = torch.cat(
            [torch.arange(first, first + len(one)) for first, one in zip(known, new, strict=True)]
        )
        self._owners = torch.cat([self._owners, owners])
        self._places = torch.cat([self._places, places])
        check_window(vlm, int(begin + places.max()) + 1)
        hidden = (self._owners != owners[:, None]) | (self._places > places[:, None])
        mask = torch.zeros(len(owners), len(self._context) + len(self._owners))
        mask[:, len(self._context) :].masked_fill_(hidden, torch.finfo(vlm.dtype).min)
        return _run(
            vlm,
            self._cache,
            vlm.model.get_input_embeddings()(torch.cat(list(new)).to(vlm.device))[None],
            (begin + places).to(vlm.device).expand(self._context.axes, -1),
            mask[None, None].to(vlm.device, vlm.dtype),
            lengths.cumsum(0).to(vlm.device) - 1,
        )


@dataclass(frozen=True, eq=False)
class Look:
    """One image described once, with all it takes to compress it in many ways.

    Attributes:
        vlm: the model.
        prompt: question about the image.
        description: greedy answer.
        scores: attention that each image token got while the description was written, mean over its steps and over
            heads, (layers, image tokens) float32.
        keys: of the prompt, after the rotary embedding, one (key heads, positions, head_dim) for each layer.
        values: likewise.
        positions: for the rotary embedding, (axes, positions).
    """

    vlm: VLM
    prompt: Prompt
    description: str
    scores: torch.Tensor = field(repr=False)
    keys: Sequence[torch.Tensor] = field(repr=False)
    values: Sequence[torch.Tensor] = field(repr=False)
    positions: torch.Tensor = field(repr=False)

    def top(self, share: float) -> torch.Tensor:
        """The most attended image tokens of each layer, floor(share x image tokens), (layers, kept)."""
        return top_tokens(self.scores, kept_tokens(share, self.scores.shape[1]))

    def compress(self, share: float = 0.05, keep: Keep = "both") -> CompressedContext:
        """Keep the text around the image, the most attended image tokens, or both.

        Raises:
            CompressError: no such part, or nothing would be kept.
        """
        if keep not in KEEPS:
            raise CompressError(f"compress: keep={keep!r}; give one of {', '.join(KEEPS)}.")
        return self.context(self.top(0.0 if keep == "query" else share), text=keep != "image")

    def context(self, tokens: torch.Tensor, text: bool = True) -> CompressedContext:
        """Keep chosen image tokens.

        Args:
            tokens: image tokens of each layer, counted in the grid, (layers, kept) int64, in any order.
            text: keep all text of the prompt too.

        Raises:
            CompressError: tokens that are not there, or nothing would be kept.
        """
        image, layers = torch.from_numpy(self.prompt.roles.image), len(self.keys)
        tokens = tokens.cpu().sort(-1).values
        if tokens.dim() != 2 or len(tokens) != layers:
            raise CompressError(
                f"compress: image tokens of shape {tuple(tokens.shape)}; give (layers, kept) for {layers} layers."
            )
        if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < len(image):
            raise CompressError(
                f"compress: image tokens {int(tokens.min())} to {int(tokens.max())}; there are {len(image)}."
            )
        if not text and not tokens.numel():
            raise CompressError(
                "compress: no text and no image token would be kept. Give a larger share; "
                f"this image has {len(image)} tokens."
            )
        roles = self.prompt.roles
        around = torch.from_numpy(np.concatenate([roles.system, roles.query]))
        around = around if text else around[:0]
        rows = torch.cat([around.expand(layers, -1), image[tokens]], 1).sort(-1).values
        start = int(self.positions[:, rows.flatten()].max()) + 1
        return self._take(rows, start, tokens, first=False)

    def full_context(self) -> CompressedContext:
        """System and image tokens, all of them: a question put to it is an ordinary prompt about the image."""
        image = self.prompt.roles.image
        rows = torch.arange(int(image[-1]) + 1).expand(len(self.keys), -1)
        tokens = torch.arange(len(image)).expand(len(self.keys), -1)
        start = int(self.positions[:, : int(image[-1]) + 1].max()) + 1
        return self._take(rows, start, tokens, first=True)

    def _take(
        self, rows: torch.Tensor, start: int, tokens: torch.Tensor, first: bool
    ) -> CompressedContext:
        keys, values = (
            [one.index_select(1, row.to(one.device)) for one, row in zip(of, rows, strict=True)]
            for of in (self.keys, self.values)
        )
        axes = len(self.positions)
        return CompressedContext(self.vlm, keys, values, start, axes, tokens, first, self.prompt)


@torch.no_grad()
def look(vlm: VLM, image: Image.Image, question: str = DESCRIBE, max_new_tokens: int = 300) -> Look:
    """Describe an image and note what the description attends to.

    Args:
        vlm: the model.
        image: RGB.
        question: asks for the description.
        max_new_tokens: most tokens of it.
    """
    prompt = vlm.prompt(question, grid=vlm.grid_of(image))
    return look_at(vlm, prompt, vlm.encode_images([image])[0], max_new_tokens)


@torch.no_grad()
def look_at(vlm: VLM, prompt: Prompt, image_tokens: torch.Tensor, max_new_tokens: int) -> Look:
    """The same for a prompt and image tokens, (tokens, width), that are there already."""
    # What is kept would answer later questions outside the context, where its condition is not.
    refuse_condition(vlm, "look")
    cache = DynamicCache()
    embeddings = vlm.embed(prompt, image_tokens[None])
    positions = vlm.adapter.position_ids(vlm.model, prompt).to(vlm.device)
    blocks = len(vlm.adapter.layers(vlm.model))
    plan = Plan(
        rows=[np.empty(0, np.int64)], layers=(), queries=[np.zeros(1, np.int64)],
        keys=[prompt.roles.image], blocks=range(blocks),
    )  # fmt: skip
    attention, tokens = [], []
    ends = vlm.model.generation_config.eos_token_id or []
    with watched_attention(vlm):
        # The last position alone: its attention, which chooses the first token, is then one row.
        _run(vlm, cache, embeddings[:, :-1], positions[:, :-1])
        state, place = embeddings[:, -1:], positions[:, -1:]
        for step in range(max_new_tokens):
            with watching(vlm, plan) as watch:
                logits = _run(vlm, cache, state, place)
            if step == 0:
                keys = [layer.keys[0] for layer in cache.layers]
                values = [layer.values[0] for layer in cache.layers]
            attention.append(watch.attention[:, 0, 0].float())
            token = logits.argmax(-1)
            tokens.append(int(token))
            if tokens[-1] in ends:
                break
            state = vlm.model.get_input_embeddings()(token[:, None])
            place = (positions.max() + 1 + step).expand(len(positions), 1)
    scores = torch.stack(attention).mean(0)
    return Look(vlm, prompt, vlm.decode(tokens), scores, keys, values, positions)


def compress(
    vlm: VLM,
    image: Image.Image,
    question: str = DESCRIBE,
    share: float = 0.05,
    keep: Keep = "both",
    max_new_tokens: int = 300,
) -> CompressedContext:
    """A small context that answers later questions about an image without it.

    Args:
        vlm: the model.
        image: RGB.
        question: asks for the description that tells which image tokens matter.
        share: of the image tokens kept in each layer, rounded down.
        keep: "query" keeps the text of the prompt, "image" the image tokens, "both" both.
        max_new_tokens: most tokens of the description.

    Returns:
        Keys and values of what is kept, at their original rotary positions.

    Raises:
        CompressError: nothing would be kept.

    Source: kaduri2025 sections 3.4 and 3.5.
    """
    return look(vlm, image, question, max_new_tokens).compress(share, keep)


def _run(
    vlm: VLM,
    cache: DynamicCache,
    embeddings: torch.Tensor,
    positions: torch.Tensor,
    mask: torch.Tensor | None = None,
    ends: torch.Tensor | int = 1,
) -> torch.Tensor:
    """Logits of some rows, by default the last, of a sequence that follows what is cached.

    Args:
        vlm: the model.
        cache: of one sequence.
        embeddings: (1, rows, width).
        positions: (axes, rows).
        mask: added to scores, (1, 1, rows, keys); None for a causal one.
        ends: rows whose logits are asked for, or how many of the last.

    Returns:
        (ends, vocabulary) float32.
    """
    if mask is None:
        # Without a mask transformers looks for packed sequences in the positions.
        mask = embeddings.new_ones(
            1, embeddings.shape[1] + cache.get_seq_length(), dtype=torch.int64
        )
    places = positions[:, None]
    out = vlm.model(
        inputs_embeds=embeddings,
        attention_mask=mask,
        position_ids=places[0] if len(places) == 1 else places,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=ends,
    )
    return out.logits[0].float()
