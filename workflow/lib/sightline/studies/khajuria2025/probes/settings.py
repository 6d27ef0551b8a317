"""What the probes of a run fix in advance."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sightline.studies.protocols import ProtocolError, StudySettings

ANY, ONE = "any", "one"


@dataclass(frozen=True)
class ProbeSettings(StudySettings):
    """Settings under ``studies: khajuria2025: probes``.

    Attributes:
        seed: of balancing and folds.
        folds: parts that take turns as test set, corrected.
        penalty: 1 / C of the logistic regression.
        test_share: test images, as published.
        caption_samples: fewest images in and not in caption for a task to count.
        captions: an object is in caption if "any" human caption names it, or "one" drawn at random.
        mlp_encoders: encoders that the MLP control looks at.
        mlp_layers: every how many layers, counted from the last.
        mlp_tasks: how many tasks; None for all.
        defect_encoders: encoders that deliberate defects are measured on; None for all.
        prompt: what encoders with words are asked of a category.
        similarity_images: images of the similarity maps.
        bootstrap: resamples of an interval.
    """

    seed: int
    folds: int = 5
    penalty: float = 1.0
    test_share: float = 0.1
    caption_samples: int = 400
    captions: str = ANY
    mlp_encoders: tuple[str, ...] = ()
    mlp_layers: int = 1
    mlp_tasks: int | None = None
    defect_encoders: tuple[str, ...] | None = None
    prompt: str = "a photo of a {category}"
    similarity_images: int = 120
    bootstrap: int = 1000

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> "ProbeSettings":
        """Take a mapping of the configuration.

        Raises:
            ProtocolError: names the key at fault.
        """
        names = {field.name for field in fields(cls)}
        for key in sorted({"seed"} - set(settings)) + sorted(set(settings) - names):
            raise ProtocolError(
                f"probes.{key}: {'missing' if key == 'seed' else 'unknown'}; keys are "
                f"{', '.join(sorted(names))}."
            )
        found = dict(settings)
        for key in ("mlp_encoders", "defect_encoders"):
            if found.get(key) is not None:
                found[key] = tuple(found[key])
        return cls(**found)
