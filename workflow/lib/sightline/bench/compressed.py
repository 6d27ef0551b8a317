"""Later questions about one image: put to the image again, or to what is kept of it (kaduri2025 section 3.5)."""

from collections.abc import Mapping
from typing import Any

import torch

from sightline.bench.plain import Cut, last_logits
from sightline.bench.rounds import Step
from sightline.bench.subject import Subject
from sightline.bench.work import TOLERANCES, Agreement, Goal, Ratio, Work, relative_error
from sightline.instruments.compress import CompressedContext, Look, look_at

QUESTIONS, SHARE = 8, 0.05


def prepare(subject: Subject) -> Work:
    """First token of the answer to each question, with the whole prompt and from a context of query and 5 %."""
    prompts = [subject.ask(number) for number in range(QUESTIONS)]
    # What the template has around a question stands at its ends.
    head, tail = (subject.vlm.prompt("|").text.split("|")[end] for end in (0, 1))
    asked = [one.text.removeprefix(head).removesuffix(tail) for one in prompts]
    seen = _look(subject, 2)
    context = seen.compress(SHARE)
    names = {f"question {number}" for number in range(QUESTIONS)}

    def ours() -> torch.Tensor:
        return torch.stack([context.logits(question) for question in asked])

    def from_scratch() -> torch.Tensor:
        made = _look(subject, subject.shape.new_tokens).compress(SHARE)
        return torch.stack([made.logits(question) for question in asked])

    def agree(_: Mapping[str, Any]) -> Agreement:
        # The plain side cuts the same keys in every layer, so the comparison keeps the same tokens in every layer.
        same = seen.context(context.tokens[:1].expand(len(seen.keys), -1))
        found = same.logits(asked[0])
        expected, whole = (_masked(subject, same, asked[0], cut) for cut in (True, False))
        return Agreement(
            relative_error(found, expected),
            TOLERANCES[subject.shape.dtype],
            relative_error(whole, expected),
        )

    full = seen.full_context().nbytes
    return Work(
        title=f"{QUESTIONS} later questions about one image, query and {SHARE:.0%} of its tokens kept",
        against="one full forward each",
        steps=[
            Step(f"question {number}", lambda one=one: last_logits(subject, subject.embed(one)))
            for number, one in enumerate(prompts)
        ],
        whole={"context": ours, "context and its making": from_scratch},
        ratios=[
            Ratio(
                f"{QUESTIONS} questions, first token",
                "x faster",
                lambda one: one.all_of(names) / one.whole["context"],
                Goal(3),
            ),
            Ratio(
                f"{QUESTIONS} questions, first token, description of the image counted",
                "x faster",
                lambda one: one.all_of(names) / one.whole["context and its making"],
                note=f"{subject.shape.new_tokens} tokens are described once",
            ),
            Ratio(
                "keys and values held between questions",
                "x fewer bytes than for the image",
                lambda _: full / context.nbytes,
                Goal(8),
            ),
        ],
        agree=agree,
        peaks={
            "one full forward": lambda: last_logits(subject, subject.embed(prompts[0])),
            "one question": lambda: context.logits(asked[0]),
        },
    )


def _look(subject: Subject, new_tokens: int) -> Look:
    return look_at(subject.vlm, subject.prompt, subject.image_tokens, new_tokens)


def _masked(subject: Subject, context: CompressedContext, question: str, cut: bool) -> torch.Tensor:
    """Prompt and question in one pass; with ``cut`` the question does not see what the context dropped."""
    ids = context.question_tokens(question).to(subject.vlm.device)
    new = subject.vlm.model.get_input_embeddings()(ids[None])
    length, image = len(context.prompt), context.prompt.roles.image
    kept = set(image[context.tokens[0].numpy()].tolist())
    dropped = tuple(int(one) for one in image if one not in kept)
    rows = tuple(range(length, length + len(ids)))
    layers = tuple(range(subject.shape.layers))
    embeds = torch.cat([subject.embed(context.prompt), new], 1)
    return last_logits(subject, embeds, Cut("dropped", rows, dropped, layers) if cut else None)
