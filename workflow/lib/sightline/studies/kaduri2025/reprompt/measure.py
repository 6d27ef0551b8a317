"""Ask yes/no questions with the image, with what is kept of it, and without it (kaduri2025, Table 1).

Each picture is described once. Every method then answers all questions about it; a picture that lies in several
subtasks is looked at once.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.compress import Look, look
from sightline.instruments.similarity import kept_tokens
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.vlm import VLM
from sightline.studies.judging.answers import read_answer
from sightline.studies.judging.chat import SEED, Chat, RecordedChat
from sightline.studies.judging.opening import open_chat
from sightline.studies.kaduri2025.protocol import Protocol as StudyProtocol
from sightline.studies.kaduri2025.reprompt import methods
from sightline.studies.kaduri2025.reprompt.measurements import COLUMNS
from sightline.studies.kaduri2025.reprompt.methods import Method
from sightline.studies.kaduri2025.reprompt.questions import MME, Asked, by_picture, read_sets
from sightline.studies.kaduri2025.reprompt.settings import Settings


@dataclass(frozen=True)
class Answered:
    """Answers of one method about one picture.

    Attributes:
        texts: one per question.
        context: tokens there before the question, image tokens included.
        question: tokens of the question as it is put, one number per question.
    """

    texts: Sequence[str]
    context: int
    question: Sequence[int]


class Reader(Protocol):
    """Whoever answers a question about a description."""

    def read(self, messages: Sequence[str]) -> Answered:
        """One answer per message."""
        ...


@dataclass(frozen=True)
class OwnText:
    """The model's own language model, without an image: the reader where no other is configured."""

    vlm: VLM
    answer_tokens: int
    _read: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)

    def read(self, messages: Sequence[str]) -> Answered:
        """Greedy answers; what was read before is not read again."""
        fresh = [message for message in dict.fromkeys(messages) if message not in self._read]
        prompts = [self.vlm.prompt(message, image=False) for message in fresh]
        texts = self.vlm.generate_many(prompts, None, self.answer_tokens)
        for message, prompt, text in zip(fresh, prompts, texts, strict=True):
            self._read[message] = text, len(prompt)
        found = [self._read[message] for message in messages]
        return Answered([text for text, _ in found], 0, [length for _, length in found])


@dataclass(frozen=True)
class OtherReader:
    """A language model that was configured as judge; its tokens are counted in words."""

    chat: Chat

    def read(self, messages: Sequence[str]) -> Answered:
        """Its answers, recorded."""
        texts = [self.chat.ask(message, SEED) for message in messages]
        return Answered(texts, 0, [len(message.split()) for message in messages])


@dataclass(frozen=True, eq=False)
class Reprompting:
    """The experiment, ready to measure one picture after the other.

    Attributes:
        vlm: the model.
        protocol: of the study.
        settings: of this part.
        reader: answers questions about descriptions.
    """

    vlm: VLM
    protocol: StudyProtocol
    settings: Settings
    reader: Reader

    @cached_property
    def _blind(self) -> OwnText:
        # One for all pictures: they have many questions in common.
        return OwnText(self.vlm, self.settings.answer_tokens)

    def measure(self, picture: str, asked: Sequence[Asked]) -> list[dict[str, Any]]:
        """Rows of all questions about one picture."""
        image = asked[0].one.picture()
        seen = look(self.vlm, image, self.protocol.question, self.protocol.max_new_tokens)
        rows = []
        for method in methods.methods(self.settings.shares):
            # Controls are for the table; the further set has its rows only.
            chosen = [one for one in asked if method.in_table or one.set == MME]
            if not chosen:
                continue
            found = self._answer(method, seen, [one.one.question for one in chosen], picture)
            rows += [
                self._row(picture, one, method, text, found.context, tokens)
                for one, text, tokens in zip(chosen, found.texts, found.question, strict=True)
            ]
        return rows

    def _answer(
        self, method: Method, seen: Look, questions: Sequence[str], picture: str
    ) -> Answered:
        if method.kind == methods.DESCRIBE:
            fill = {"description": seen.description}
            return self.reader.read(
                [self.settings.reader.format(question=one, **fill) for one in questions]
            )
        if method.kind == methods.BLIND:
            return self._blind.read(questions)
        share = method.share / 100
        if method.kind == methods.FULL:
            context = seen.full_context()
        elif method.kind == methods.RANDOM:
            context = seen.context(self._random(seen, share, picture))
        elif method.kind == methods.IMAGE:
            context = seen.compress(share, "image")
        else:
            # Without a share the query alone, with all of it nothing is dropped.
            context = seen.compress(share, "both" if share else "query")
        texts = context.answers(questions, self.settings.answer_tokens)
        lengths = [len(context.question_tokens(one)) for one in questions]
        return Answered(texts, len(context), lengths)

    def _random(self, seen: Look, share: float, picture: str) -> torch.Tensor:
        """As many tokens, drawn anew for each layer and picture."""
        rng = np.random.default_rng([self.protocol.seed, int(picture, 16)])
        layers, tokens = seen.scores.shape
        count = kept_tokens(share, tokens)
        return torch.from_numpy(
            np.stack([rng.choice(tokens, count, replace=False) for _ in range(layers)])
        )

    def _row(
        self, picture: str, asked: Asked, method: Method, text: str, context: int, question: int
    ) -> dict[str, Any]:
        said = read_answer(text)
        return {
            "model": self.vlm.key,
            "set": asked.set,
            "subtask": asked.one.subtask,
            "picture": picture,
            "image": asked.one.image.name,
            "question": asked.one.question,
            "truth": asked.one.answer,
            "method": method.name,
            "share": method.share,
            "answer": text,
            "said": said,
            "correct": said == asked.one.answer,
            "context_tokens": context,
            "question_tokens": question,
        }


def measure_all(pictures: Mapping[str, Sequence[Asked]], experiment: Reprompting) -> pd.DataFrame:
    """Answers about all pictures."""
    rows = []
    for picture, asked in tqdm(pictures.items(), desc="ask again", unit="picture", mininterval=5):
        rows += experiment.measure(picture, asked)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def open_reader(vlm: VLM, protocol: StudyProtocol, settings: Settings, record: Path) -> Reader:
    """The judge's language model where one is configured, as published; else the model's own text part."""
    if protocol.judge["kind"] == "vocabulary":
        return OwnText(vlm, settings.answer_tokens)
    chat = open_chat(protocol.judge)
    name = protocol.judge["model"] if chat is None else chat.name
    return OtherReader(RecordedChat(name, record, chat))


def main(options: argparse.Namespace) -> None:
    """Measure one model."""
    vlm = load_vlm(read_model(options))
    protocol = StudyProtocol.read(options.protocol)
    settings = Settings.of(protocol)
    sets = read_sets(options.mme, options.pope, options.images)
    reader = open_reader(vlm, protocol, settings, options.record)
    experiment = Reprompting(vlm, protocol, settings, reader)
    write_parquet(measure_all(by_picture(sets), experiment), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--mme", type=Path, help="folder of MME")
    parser.add_argument("--pope", type=Path, help="folder of POPE's question files")
    parser.add_argument("--images", type=Path, nargs="*", default=[], help="of POPE's images")
    parser.add_argument("--record", type=Path, required=True, help="answers of another reader")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
