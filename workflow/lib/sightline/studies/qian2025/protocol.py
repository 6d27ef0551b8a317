"""What a run of this study fixes in advance: queries, wording, where [SEG] is read, points, thresholds, seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sightline.instruments.point_rules import PointRule
from sightline.studies.protocols import ProtocolError, StudySettings, find_setting

Position = Literal["before", "at"]
POSITIONS: tuple[Position, ...] = ("before", "at")
"""Where the state of [SEG] is read: released code takes the state that predicts the token, one place before it."""
SPLITS = ("train", "val", "test")
METRICS = ("dot", "cosine")
"""Similarity of [SEG] with image tokens, as published first."""


@dataclass(frozen=True)
class Wording:
    """What models are asked, without the template around it, and what they are made to answer.

    Attributes:
        short: question to a phrase, with ``{text}``.
        long: question to a sentence, with ``{text}``.
        refer: question to a referring expression, with ``{text}``.
        answer: with the [SEG] token; given to the model where it is teacher-forced.
    """

    short: str
    long: str
    refer: str
    answer: str

    def ask(self, text: str, is_sentence: bool) -> str:
        """The question to a ReasonSeg query; phrases are put in lower case, as in the released code."""
        return self.long.format(text=text) if is_sentence else self.short.format(text=text.lower())

    def ask_expression(self, text: str) -> str:
        """The question to a referring expression, in lower case."""
        return self.refer.format(text=text.lower())


@dataclass(frozen=True)
class ReferSet:
    """One data set of referring expressions.

    Attributes:
        name: such as refcoco or fprefcoco.
        by: how it was split: unc, umd, berkeley_exclude_unified.
        splits: that are evaluated.
    """

    name: str
    by: str
    splits: tuple[str, ...]


@dataclass(frozen=True)
class Protocol(StudySettings):
    """Settings of one run, as the configuration gives them under ``studies: qian2025``.

    Attributes:
        seed: of every random choice.
        sam: key of the original SAM under ``parts``.
        token: the token whose state asks for a mask.
        position: where its state is read for the model's own masks; the other place is a variant.
        queries: split of ReasonSeg -> most queries, from its beginning; what is chosen is chosen on the first,
            and judged on the last.
        refer: data sets of referring expressions; empty where there are none.
        expressions: most expressions of a split, drawn with the seed.
        wording: of questions and answers.
        max_new_tokens: of a generated answer.
        points: rule for every model that ``model_points`` does not name.
        model_points: model key -> its rule.
        taught_points: models that were trained with points beside [SEG], such as READ: their own masks take both.
        several_masks: whether the original SAM offers three masks, of which it takes the one it believes in.
        deviations: the map is cut at its mean plus this many standard deviations, first of all.
        shares: further cuts, as shares of the map's range.
        gallery: images in the gallery.
        bootstrap: resamples of an interval.
    """

    seed: int
    sam: str
    token: str
    position: Position
    queries: Mapping[str, int]
    refer: tuple[ReferSet, ...]
    expressions: int
    wording: Wording
    max_new_tokens: int
    points: PointRule
    model_points: Mapping[str, PointRule]
    taught_points: tuple[str, ...]
    several_masks: bool
    deviations: float
    shares: tuple[float, ...]
    gallery: int
    bootstrap: int

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> "Protocol":
        """Take the nested mapping of the configuration apart.

        Raises:
            ProtocolError: names the key at fault.
        """
        token = _find(settings, "token")
        position = _find(settings, "state")
        if position not in POSITIONS:
            raise ProtocolError(f"state: {position!r} is none of {', '.join(POSITIONS)}.")
        wording = Wording(
            *(_find(settings, f"wording.{key}") for key in ("short", "long", "refer", "answer"))
        )
        if wording.answer.count(token) != 1:
            raise ProtocolError(
                f"wording.answer: {wording.answer!r} must hold {token} once; write for example "
                f"'Sure, the segmentation result is {token}.'."
            )
        rule = dict(_find(settings, "points"))
        models, taught = rule.pop("models", {}), rule.pop("taught", ())
        several = rule.pop("masks", "several") == "several"
        points = PointRule(**rule)
        return cls(
            seed=_find(settings, "seed"),
            sam=_find(settings, "sam"),
            token=token,
            position=position,
            queries=_in_order(_find(settings, "queries")),
            refer=_refer_sets(settings.get("refer", {})),
            expressions=_find(settings, "expressions"),
            wording=wording,
            max_new_tokens=_find(settings, "max_new_tokens"),
            points=points,
            model_points={model: replace(points, **change) for model, change in models.items()},
            taught_points=tuple(taught),
            several_masks=several,
            deviations=_find(settings, "thresholds.deviations"),
            shares=tuple(_find(settings, "thresholds.shares")),
            gallery=_find(settings, "gallery"),
            bootstrap=_find(settings, "bootstrap"),
        )

    def rule(self, model: str) -> PointRule:
        """How a model's maps become points: its checkpoint's own settings, where it has some."""
        return self.model_points.get(model, self.points)

    def answer_to_token(self) -> str:
        """The forced answer up to and with the token: what follows it changes no state before."""
        return self.wording.answer[: self.wording.answer.index(self.token) + len(self.token)]


def _in_order(queries: Mapping[str, int]) -> dict[str, int]:
    """The splits as they are used; a settings file lists them by name."""
    unknown = set(queries) - set(SPLITS)
    if unknown:
        raise ProtocolError(f"queries.{min(unknown)}: the splits are {', '.join(SPLITS)}.")
    return {split: queries[split] for split in SPLITS if split in queries}


def _refer_sets(entry: Mapping[str, Any]) -> tuple[ReferSet, ...]:
    sets: Sequence[tuple[str, Any]] = list(entry.items())
    return tuple(ReferSet(name, part["by"], tuple(part["splits"])) for name, part in sets)


def _find(settings: Mapping[str, Any], dotted: str) -> Any:
    return find_setting(settings, dotted, "qian2025")
