"""How a similarity map becomes points, as data: what the released code does, what the paper says, and between."""

from dataclasses import dataclass
from typing import Literal

from sightline.errors import SightlineError

FORMS = ("released", "paper")
SURFACES = ("pixels", "cells", "none")
DISTANCES = ("squared", "plain")


class PointRuleError(SightlineError):
    """A rule for points makes no sense."""


@dataclass(frozen=True)
class PointRule:
    """Similarity as points and discrete to continuous (qian2025 sections 3.2 and 3.3).

    The defaults are those of the released READ-7B; those of READ-13B are 60 points, 0.6 and no pooling.

    Attributes:
        form: "released" labels by shares of the map's range, "paper" by standard deviations from its mean.
        number: most points.
        positive: share of the range at and above which a cell is positive (released).
        negative: share at and below which it is negative (released).
        pool: the map's side is divided by this, rounded down; 1 leaves it as it is.
        deviations: standard deviations that make a cell positive or negative (paper).
        continuous: where points are moved to a weighted mean of places: on the map enlarged to the image's
            "pixels" (released; shifts of a hundredth of a pixel), on its "cells" (a later version of the
            authors; shifts of a twentieth of a cell), or "none".
        distance: in the weight exp(-distance): "squared" as released, or "plain".
    """

    form: Literal["released", "paper"] = "released"
    number: int = 30
    positive: float = 0.8
    negative: float = 0.2
    pool: int = 2
    deviations: float = 0.5
    continuous: Literal["pixels", "cells", "none"] = "pixels"
    distance: Literal["squared", "plain"] = "squared"

    def __post_init__(self) -> None:
        """Refuse what has no meaning.

        Raises:
            PointRuleError: names the setting.
        """
        choices = {"form": FORMS, "continuous": SURFACES, "distance": DISTANCES}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise PointRuleError(
                    f"points.{name}: {getattr(self, name)!r} is none of {', '.join(known)}."
                )
        for name in ("number", "pool"):
            if getattr(self, name) < 1:
                raise PointRuleError(f"points.{name}: {getattr(self, name)}; give 1 or more.")
        if not 0 <= self.negative < self.positive <= 1:
            raise PointRuleError(
                f"points: negative {self.negative} and positive {self.positive} must be shares of the map's range, "
                "in this order; give for example 0.2 and 0.8."
            )
