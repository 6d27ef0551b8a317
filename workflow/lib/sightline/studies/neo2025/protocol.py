"""What a run of this study fixes in advance: sets, prompts, subset sizes, seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sightline.studies.protocols import ProtocolError, StudySettings, find_setting

SETTINGS = ("generative", "polling", "vqa")


@dataclass(frozen=True)
class Protocol(StudySettings):
    """Settings of one run, as the configuration gives them under ``studies: neo2025``.

    Attributes:
        seed: of every random choice.
        max_annotations: filter 1, annotations an image may have.
        area: filter 1, open interval of the object's annotated area in pixels squared.
        accepted: images wanted after both filters.
        question_source: "templates" or "authors".
        questions: questions wanted.
        ablated: most of them that tokens are ablated under, the first; None for all.
        question_file: the authors' questions, JSON, for the source "authors".
        describe: generative question.
        ask: polling question, with ``{category}``.
        vqa_prefix: words that begin the answer in the VQA setting.
        describe_tokens: most new tokens of a description.
        ask_tokens: most new tokens of a polling answer.
        sizes: token counts of the random and gradient subsets.
        buffers: rings around the object, ascending.
        register_deviations: standard deviations above the mean norm.
        random_draws: random subsets drawn per size.
        integration_steps: points on the path of integrated gradients.
        bootstrap: resamples of an interval.
    """

    seed: int
    max_annotations: int
    area: tuple[float, float]
    accepted: int
    question_source: str
    questions: int
    ablated: int | None
    question_file: str | None
    describe: str
    ask: str
    vqa_prefix: str
    describe_tokens: int
    ask_tokens: int
    sizes: tuple[int, ...]
    buffers: tuple[int, ...]
    register_deviations: float
    random_draws: int
    integration_steps: int
    bootstrap: int

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> "Protocol":
        """Take the nested mapping of the configuration apart.

        Raises:
            ProtocolError: names the key at fault.
        """
        area = tuple(_find(settings, "ablation_set.area"))
        if len(area) != 2 or area[0] >= area[1]:
            raise ProtocolError(
                f"ablation_set.area: {list(area)} is no interval; give for example [1000, 2000]."
            )
        ask = _find(settings, "prompts.polling")
        if "{category}" not in ask:
            raise ProtocolError(
                f"prompts.polling: {ask!r} asks for nothing; "
                "write for example 'Is there a {category} in this image?'."
            )
        source = _find(settings, "vqa_set.source")
        question_file = settings["vqa_set"].get("file")
        if source not in ("templates", "authors"):
            raise ProtocolError(f"vqa_set.source: {source!r} is neither templates nor authors.")
        if source == "authors" and not question_file:
            raise ProtocolError("vqa_set.file: name the authors' clean_questions.json.")
        return cls(
            seed=_find(settings, "seed"),
            max_annotations=_find(settings, "ablation_set.max_annotations"),
            area=area,
            accepted=_find(settings, "ablation_set.accepted"),
            question_source=source,
            questions=_find(settings, "vqa_set.questions"),
            ablated=settings["vqa_set"].get("ablated"),
            question_file=question_file,
            describe=_find(settings, "prompts.generative"),
            ask=ask,
            vqa_prefix=_find(settings, "prompts.vqa_prefix"),
            describe_tokens=_find(settings, "max_new_tokens.generative"),
            ask_tokens=_find(settings, "max_new_tokens.polling"),
            sizes=tuple(_find(settings, "subset_sizes")),
            buffers=tuple(sorted(_find(settings, "buffers"))),
            register_deviations=_find(settings, "register_deviations"),
            random_draws=_find(settings, "random_draws"),
            integration_steps=_find(settings, "integration_steps"),
            bootstrap=_find(settings, "bootstrap"),
        )

    def under_ablation(self, questions: pd.DataFrame) -> pd.DataFrame:
        """The questions that tokens are ablated under; attention is knocked out under all (Tables 1 and 2)."""
        return questions.iloc[: self.ablated]

    def polling_question(self, category: str) -> str:
        """The category as annotated, never adapted: always "a", never "an" (section 2.3)."""
        return self.ask.format(category=category)


def _find(settings: Mapping[str, Any], dotted: str) -> Any:
    return find_setting(settings, dotted, "neo2025")
