"""What a run of this study fixes in advance: images, questions, layers, shares of tokens, seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sightline.studies.kaduri2025 import windows
from sightline.studies.kaduri2025.windows import Window
from sightline.studies.protocols import ProtocolError, StudySettings, find_setting


@dataclass(frozen=True)
class Protocol(StudySettings):
    """Settings of one run, as the configuration gives them under ``studies: kaduri2025``.

    Attributes:
        seed: of every random choice.
        split: of the images.
        count: images drawn.
        question: that every condition is asked.
        second_question: another wording, for a control.
        max_new_tokens: of a description.
        middle_share: first and last layer of the middle as fractions of the depth.
        middle_layers: model key -> first and last layer of its middle, where they are published.
        points: layers after which a knockout begins; a shallower model gets one for every layer.
        window_step: layers between the starts of two windows that are compared, at most; in shallow models half a
            window's width.
        top_shares: percent of the image tokens that stay visible, ascending.
        random_draws: draws of every random control.
        bootstrap: resamples of an interval.
        judge: settings of the judge, with its ``kind``.
        mme: settings of the yes/no pairs.
        pope: settings of the further question set.
    """

    seed: int
    split: str
    count: int
    question: str
    second_question: str
    max_new_tokens: int
    middle_share: tuple[float, float]
    middle_layers: Mapping[str, tuple[int, int]]
    points: int
    window_step: int
    top_shares: tuple[float, ...]
    random_draws: int
    bootstrap: int
    judge: Mapping[str, Any]
    mme: Mapping[str, Any]
    pope: Mapping[str, Any]

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> "Protocol":
        """Take the nested mapping of the configuration apart.

        Raises:
            ProtocolError: names the key at fault.
        """
        share = (_find(settings, "middle.first"), _find(settings, "middle.last"))
        if not 0 <= share[0] < share[1] < 1:
            raise ProtocolError(
                f"middle: {list(share)} is no interval within the depth; give for example "
                "first: 0.25 and last: 0.5."
            )
        return cls(
            seed=_find(settings, "seed"),
            split=_find(settings, "images.split"),
            count=_find(settings, "images.count"),
            question=_find(settings, "question"),
            second_question=_find(settings, "second_question"),
            max_new_tokens=_find(settings, "max_new_tokens"),
            middle_share=share,
            middle_layers={
                model: (first, last)
                for model, (first, last) in settings["middle"].get("layers", {}).items()
            },
            points=_find(settings, "knockout.points"),
            window_step=_find(settings, "knockout.window_step"),
            top_shares=tuple(sorted(_find(settings, "top_shares"))),
            random_draws=_find(settings, "random_draws"),
            bootstrap=_find(settings, "bootstrap"),
            judge=_find(settings, "judge"),
            mme=settings.get("mme", {}),
            pope=settings.get("pope", {}),
        )

    def middle(self, model: str, depth: int) -> Window:
        """Middle layers of a model: the published ones, else between the two fractions of its depth.

        Raises:
            WindowError: the model has not the layers that are given for it.
        """
        if model in self.middle_layers:
            return windows.named_middle(depth, *self.middle_layers[model])
        return windows.middle(depth, *self.middle_share)


def _find(settings: Mapping[str, Any], dotted: str) -> Any:
    return find_setting(settings, dotted, "kaduri2025")
