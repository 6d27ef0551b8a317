"""What the claims are judged from: one model's effects under one judge."""

import pandas as pd

from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.effects import find_effect
from sightline.studies.neo2025.judging import CORRECTED
from sightline.studies.neo2025.tab1 import ITEM
from sightline.studies.published import find_published


class Evidence:
    """Effects and comparisons of one model under one judge, with published numbers beside."""

    def __init__(
        self,
        effects: pd.DataFrame,
        comparisons: pd.DataFrame,
        published: pd.DataFrame,
        model: str,
        paper_model: str,
        judge: str,
    ) -> None:
        """Pick the variants of the judge: corrected, or those of the authors' code."""
        chosen = comparisons[(comparisons["model"] == model) & (comparisons["judge"] == judge)]
        self._effects, self._comparisons, self._published = effects, chosen, published
        self._model, self._paper_model, self.judge = model, paper_model, judge
        corrected = judge == CORRECTED
        self.geometry = subsets.MASK if corrected else subsets.CODE_GEOMETRY
        self.gradients = subsets.IG_YES if corrected else subsets.IG_CODE
        self.registers = (subsets.PROJECTOR, subsets.TOWER) if corrected else (subsets.PROJECTOR,)

    def effect(self, setting: str, condition: str, variant: str) -> pd.Series | None:
        """One row of the effects."""
        return find_effect(self._effects, self._model, setting, self.judge, condition, variant)

    def object(self, setting: str, buffer: int) -> pd.Series | None:
        """Effect of the object with rings."""
        return self.effect(setting, subsets.object_condition(buffer), self.geometry)

    def versus(
        self, setting: str, first: tuple[str, str], second: tuple[str, str]
    ) -> pd.Series | None:
        """One row of the comparisons."""
        table = self._comparisons
        wanted = dict(
            zip(
                ("first", "first_variant", "second", "second_variant"),
                (*first, *second),
                strict=True,
            )
        ) | {"setting": setting}
        for column, value in wanted.items():
            table = table[table[column] == value]
        return None if table.empty else table.iloc[0]

    def rival(self, setting: str, family: str) -> tuple[str, str] | None:
        """Random or gradient condition to hold against object + 1.

        Corrected: of exactly its size. As published: of the fixed size next above its average.
        """
        variant = subsets.ANYWHERE if family == subsets.RANDOM else self.gradients
        if self.judge == CORRECTED:
            return subsets.matched_condition(family, 1), variant
        own = self.object(setting, 1)
        rows = self._effects[
            (self._effects["model"] == self._model)
            & (self._effects["subset"] == family)
            & self._effects["size"].notna()
        ]
        above = [] if own is None else [n for n in rows["size"] if n >= own["avg_tokens"]]
        return (subsets.sized_condition(family, min(above)), variant) if above else None

    def published(self, condition: str, setting: str) -> tuple[float | None, str]:
        """Printed value and its source."""
        found = find_published(self._published, ITEM, self._paper_model, condition, setting)
        return found.value, f"{found.source} ({found.trust})" if found.value is not None else ""

    def published_difference(
        self, first: str, second: str, setting: str
    ) -> tuple[float | None, str]:
        """Difference of two printed values."""
        (a, source), (b, _) = self.published(first, setting), self.published(second, setting)
        if a is None or b is None:
            return None, ""
        return round(a - b, 2), f"difference of two cells: {source}"
