"""A judge that asks a language model, and a file of its answers, so that a run can be repeated without it."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Protocol

from sightline.studies.judging.comparison import Comparison, JudgeError
from sightline.studies.judging.instructions import (
    UnreadableAnswer,
    ask_for_comparison,
    read_comparison,
)

log = logging.getLogger(__name__)

SEED = 42
"""Of the paper's judge."""


class Chat(Protocol):
    """A language model that answers one message.

    Attributes:
        name: of the model, part of what tells recorded answers apart; never a secret.
    """

    name: str

    def ask(self, message: str, seed: int) -> str:
        """The answer to one message.

        Raises:
            JudgeError: there is none.
        """
        ...


class LanguageModelJudge:
    """Compares descriptions by asking a language model."""

    def __init__(self, chat: Chat, attempts: int = 3) -> None:
        """Take a model.

        Args:
            chat: who answers.
            attempts: questions per pair; each has another seed, since the same would give the same garbage.
        """
        self._chat, self._attempts = chat, attempts

    def compare(self, reference: str, prediction: str) -> Comparison:
        """Compare two descriptions.

        Raises:
            UnreadableAnswer: no attempt gave an answer that can be read.
            JudgeError: the model cannot be asked.
        """
        message = ask_for_comparison(reference, prediction)
        for attempt in range(self._attempts):
            try:
                return read_comparison(self._chat.ask(message, SEED + attempt))
            except UnreadableAnswer as error:
                if attempt == self._attempts - 1:
                    raise
                log.warning("attempt %d: %s", attempt + 1, error)
        raise JudgeError("judge: attempts must be at least 1.")


class RecordedChat:
    """Answers from a JSON-lines file; what is not there is asked and added.

    One line holds model, seed, message and answer: all that is needed to repeat the run, and no key.

    Attributes:
        name: of the model.
        asked: messages that were not in the file.
    """

    def __init__(self, name: str, path: Path | str, chat: Chat | None = None) -> None:
        """Read what was recorded.

        Args:
            name: of the model.
            path: the file; it need not exist yet.
            chat: who answers what is not recorded; None to replay only.

        Raises:
            JudgeError: the file is damaged before its last line.
        """
        self.name, self.asked = name, 0
        self._path, self._chat = Path(path), chat
        self._answers = self._read()

    def ask(self, message: str, seed: int) -> str:
        """The recorded answer, or a new one.

        Raises:
            JudgeError: nothing is recorded and there is nobody to ask, or asking failed.
        """
        key = _key(self.name, seed, message)
        if key not in self._answers:
            if self._chat is None:
                raise JudgeError(
                    f"{self._path}: no answer of {self.name} to this message is recorded, and no "
                    f"service may be asked. Missing: {message[-120:]!r}."
                )
            answer = self._chat.ask(message, seed)
            self.asked += 1
            self._append({"model": self.name, "seed": seed, "message": message, "answer": answer})
            self._answers[key] = answer
        return self._answers[key]

    def _append(self, line: dict[str, str | int]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # One write per line: a killed run loses at most the line it was writing.
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, sort_keys=True) + "\n")

    def _read(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        content = self._path.read_text(encoding="utf-8")
        lines = content.splitlines()
        answers = {}
        for number, line in enumerate(lines, 1):
            try:
                found = json.loads(line)
                key = _key(found["model"], found["seed"], found["message"])
                answers[key] = found["answer"]
            except (json.JSONDecodeError, KeyError, TypeError):
                if number == len(lines) and not content.endswith("\n"):
                    log.warning("%s: last line was cut off; asking again", self._path)
                    self._path.write_text("".join(f"{one}\n" for one in lines[:-1]), "utf-8")
                    break
                raise JudgeError(
                    f"{self._path} line {number}: no recorded answer (model, seed, message, "
                    "answer). Remove the line."
                ) from None
        return answers


def _key(name: str, seed: int, message: str) -> str:
    return hashlib.sha256(json.dumps([name, seed, message]).encode()).hexdigest()
