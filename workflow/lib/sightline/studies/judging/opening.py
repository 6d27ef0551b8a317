"""The judge that a configuration asks for."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sightline.studies.judging.chat import Chat, LanguageModelJudge, RecordedChat
from sightline.studies.judging.comparison import Judge, JudgeError
from sightline.studies.judging.endpoint import KEY_VARIABLE, EndpointChat
from sightline.studies.judging.vocabulary import VocabularyJudge

KINDS = ("vocabulary", "endpoint", "local", "recorded")


def open_judge(
    settings: Mapping[str, Any], names: Iterable[str], record: Path | str | None = None
) -> Judge:
    """Make the judge of a study.

    Args:
        settings: ``judge`` of the study's configuration; ``kind`` is one of KINDS. endpoint needs ``url`` and
            ``model`` (and may have ``key_variable``, ``timeout``, ``attempts``), local needs ``path`` (and may have
            ``revision``, ``device``), recorded needs ``model``.
        names: object categories of the data set, for the kind vocabulary.
        record: JSON-lines file of a language model's answers; needed for all kinds but vocabulary.

    Raises:
        JudgeError: no such kind, or settings of that kind are missing.
    """
    kind = settings.get("kind", "vocabulary")
    if kind == "vocabulary":
        return VocabularyJudge(names)
    chat = open_chat(settings)
    name = settings["model"] if chat is None else chat.name
    if record is None:
        raise JudgeError(f"judge.kind: {kind} needs a file to record its answers in.")
    return LanguageModelJudge(RecordedChat(name, record, chat))


def open_chat(settings: Mapping[str, Any]) -> Chat | None:
    """The language model behind a judge; None where recorded answers must do.

    Raises:
        JudgeError: as `open_judge`.
    """
    kind = settings.get("kind")
    needed = {"endpoint": ("url", "model"), "local": ("path",), "recorded": ("model",)}
    if kind not in needed:
        raise JudgeError(f"judge.kind: {kind!r} is none of {', '.join(KINDS)}.")
    missing = [key for key in needed[kind] if not settings.get(key)]
    if missing:
        raise JudgeError(f"judge.{missing[0]} is missing; {kind} needs {', '.join(needed[kind])}.")
    if kind == "endpoint":
        return EndpointChat(
            settings["url"],
            settings["model"],
            settings.get("key_variable", KEY_VARIABLE),
            settings.get("timeout", 60.0),
            settings.get("attempts", 5),
        )
    if kind == "local":
        # Only this kind needs the libraries that run models.
        from sightline.studies.judging.local import LocalChat

        return LocalChat(
            settings["path"], settings.get("device", "auto"), revision=settings.get("revision")
        )
    return None
