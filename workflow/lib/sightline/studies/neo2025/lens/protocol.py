"""What the lens part of a run fixes in advance."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sightline.studies.protocols import ProtocolError, StudySettings


@dataclass(frozen=True)
class LensProtocol(StudySettings):
    """Settings of one run, as the configuration gives them under ``studies: neo2025: lens``.

    Attributes:
        seed: of every random choice.
        bootstrap: resamples of an interval.
        area: open interval of the object's annotated area in pixels squared.
        max_annotations: annotations an image of the main sample may have.
        images: most images of a sample.
        scenes: images taken whatever is in them, for maps and number words.
        question: what the model is asked while it is read.
        top: words kept per token and state.
        confident: probability above which a word counts as confidently decoded.
        map_depth: state of the maps, as a share of the way from the first state to the last.
    """

    seed: int
    bootstrap: int
    area: tuple[float, float]
    max_annotations: int
    images: int
    scenes: int
    question: str
    top: int
    confident: float
    map_depth: float

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> "LensProtocol":
        """Take the mapping of the configuration apart; keys beyond the attributes are left alone.

        Raises:
            ProtocolError: names the key at fault.
        """
        for field in fields(cls):
            if field.name not in settings:
                raise ProtocolError(
                    f"lens.{field.name} is missing; see studies.neo2025 in config/demo.yaml."
                )
        given = {field.name: settings[field.name] for field in fields(cls)}
        given["area"] = tuple(given["area"])
        if len(given["area"]) != 2 or given["area"][0] >= given["area"][1]:
            raise ProtocolError(
                f"lens.area: {list(given['area'])} is no interval; give for example [20000, 30000]."
            )
        return cls(**given)

    def map_state(self, states: int) -> int:
        """State of the maps among so many, state 0 included."""
        return round(self.map_depth * (states - 1))

    def late_states(self, states: int) -> range:
        """The middle-to-late states, from half the way on: where words are looked for."""
        return range(-(-(states - 1) // 2), states)
