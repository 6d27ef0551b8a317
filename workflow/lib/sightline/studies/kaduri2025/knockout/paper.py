"""What the paper printed about the knockout, and numbers derived from it."""

from collections.abc import Callable

import pandas as pd

from sightline.studies.kaduri2025.knockout.conditions import (
    EXCEPT_MIDDLE,
    GENERATED,
    KNOCKOUTS,
    QUERY,
    after_name,
)
from sightline.studies.kaduri2025.paper_models import DEPTHS, MAIN_MODEL, MIDDLES, SECOND_MODEL
from sightline.studies.published import find_published

BARS = {MAIN_MODEL: "fig2e", SECOND_MODEL: "figS1e"}
CURVES = {MAIN_MODEL: "fig2f", SECOND_MODEL: "figS1f"}
POINTS = 8
"""Points of the published curves, at equal distance from 0, which stands for all layers."""

Number = tuple[float | None, str]
UNKNOWN: Number = (None, "")
_DERIVED = "derived from "


class Paper:
    """Published numbers of one of the paper's models."""

    def __init__(self, published: pd.DataFrame, model: str) -> None:
        """Take what `sightline.studies.published.load_published` gives; an empty model knows nothing."""
        self._published, self.model = published, model

    def bar(self, condition: str, layers: str) -> Number:
        """F1 in Fig. 2 (e)."""
        return self._find(BARS, condition, layers)

    def points(self) -> tuple[int, ...]:
        """Layers after which the image is hidden in Fig. 2 (f); -1 for all layers."""
        if not self.model:
            return ()
        step = DEPTHS[self.model] // POINTS
        return (-1, *range(step, DEPTHS[self.model], step))

    def curve(self, condition: str, layer: int) -> Number:
        """F1 in Fig. 2 (f)."""
        return self._find(CURVES, condition, after_name(layer))

    def deviation(self, condition: str, layer: int) -> Number:
        """Standard deviation over images in Fig. 2 (f)."""
        return self._find(CURVES, condition, f"{after_name(layer)} sd")

    def ceiling(self) -> Number:
        """Mean of the three curves at their last point."""
        if not self.model:
            return UNKNOWN
        ends = [self.curve(condition, self.points()[-1]) for condition in KNOCKOUTS]
        return _derive(lambda *values: sum(values) / len(values), *ends)

    def below_ceiling(self, condition: str) -> Number:
        """Ceiling minus F1 with the image hidden in all layers."""
        return _derive(lambda a, b: a - b, self.ceiling(), self.curve(condition, -1))

    def generated_over_query(self) -> Number:
        """F1 of img->gen minus F1 of img->query, all layers."""
        return _derive(lambda a, b: a - b, self.curve(GENERATED, -1), self.curve(QUERY, -1))

    def open_middle(self, condition: str) -> Number:
        """F1 with the middle open over the ceiling."""
        return _derive(lambda a, b: a / b, self.bar(condition, EXCEPT_MIDDLE), self.ceiling())

    def share_of_rise(self, condition: str) -> Number:
        """Share of the rise between the ends of the published middle."""
        if not self.model:
            return UNKNOWN
        places = (*MIDDLES[self.model], -1, self.points()[-1])
        numbers = [self.curve(condition, place) for place in places]
        return _derive(lambda a, b, low, high: (b - a) / (high - low), *numbers)

    def end_of_rise(self, condition: str) -> Number:
        """F1 behind the published middle over the ceiling."""
        if not self.model:
            return UNKNOWN
        behind = self.curve(condition, MIDDLES[self.model][1])
        return _derive(lambda a, b: a / b, behind, self.ceiling())

    def _find(self, items: dict[str, str], condition: str, layers: str) -> Number:
        if not self.model:
            return UNKNOWN
        found = find_published(self._published, items[self.model], self.model, condition, layers)
        return found.value, f"{found.source} ({found.trust})" if found.value is not None else ""


def _derive(formula: Callable[..., float], *numbers: Number) -> Number:
    values = [value for value, _ in numbers]
    if any(value is None for value in values):
        return UNKNOWN
    # The ceiling is derived itself.
    source = numbers[0][1].removeprefix(_DERIVED)
    return round(formula(*values), 3), f"{_DERIVED}{source}"
