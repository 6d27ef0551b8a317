"""Where the numbers of the paper's own models should lie (dossier section 6, "same model: value window").

Other models are held against thresholds, which ask for direction and size of an effect. An entry that is one of the
paper's models is held against these windows where the dossier gives one, on the protocol as published; its thresholds
stand beside and decide nothing. A claim without a window here has the same criterion for every model.

A number replicates where it lies in its window, fails where its whole interval lies outside, and is inconclusive where
only the interval reaches in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, REPLICATED
from sightline.studies.kaduri2025.attention.measurements import IMAGE
from sightline.studies.kaduri2025.knockout import conditions, contrasts
from sightline.studies.kaduri2025.knockout.conditions import BOTH, GENERATED, KNOCKOUTS, QUERY
from sightline.studies.kaduri2025.paper_models import DEPTHS, MAIN_MODEL, MIDDLES, SECOND_MODEL
from sightline.studies.kaduri2025.reprompt import effects as reprompt
from sightline.studies.published import find_published
from sightline.studies.verdicts import Rule

Number = tuple[float | None, str]


@dataclass(frozen=True)
class ValueWindow:
    """Where one number should lie.

    Attributes:
        number: name of the contrast or comparison.
        title: in words.
        lower: smallest value within; None for no such limit.
        upper: largest value within; None for no such limit.
        condition: of the knockout, where the number has one.
        certain: the interval, too, must lie within: for the direction of an effect.
        cell: item, row and column of the published value.
        tolerance: in place of limits, the largest distance from that value.
    """

    number: str
    title: str
    lower: float | None = None
    upper: float | None = None
    condition: str = ""
    certain: bool = False
    cell: tuple[str, str, str] | None = None
    tolerance: float | None = None

    def printed(self, published: pd.DataFrame, model: str) -> Number:
        """What the paper printed of its model, and where."""
        if self.cell is None:
            return None, ""
        found = find_published(published, self.cell[0], model, *self.cell[1:])
        return found.value, f"{found.source} ({found.trust})" if found.value is not None else ""

    def limits(self, published: pd.DataFrame, model: str) -> tuple[float | None, float | None]:
        """Lower and upper limit; both None where a tolerance has no published value to be about."""
        if self.tolerance is None:
            return self.lower, self.upper
        value, _ = self.printed(published, model)
        if value is None:
            return None, None
        return round(value - self.tolerance, 6), round(value + self.tolerance, 6)

    def verdict(self, published: pd.DataFrame, model: str) -> Rule:
        """How a value with its interval is judged."""
        lower, upper = self.limits(published, model)
        least = float("-inf") if lower is None else lower
        most = float("inf") if upper is None else upper

        def rule(value: float, low: float, high: float) -> str:
            if high < least or low > most:
                return NOT_REPLICATED
            inside = least <= value <= most and (not self.certain or least < low)
            return REPLICATED if inside else INCONCLUSIVE

        return rule

    def criterion(self, published: pd.DataFrame, model: str) -> str:
        """The window in words."""
        lower, upper = self.limits(published, model)
        if lower is None and upper is None:
            return f"{self.title}: no published value to compare with"
        if upper is None:
            return f"{self.title} {'certainly above' if self.certain else 'at least'} {lower:.4g}"
        return f"{self.title} {'at most' if lower is None else f'{lower:.4g} to'} {upper:.4g}"


def _level(condition: str, layers: str, item: str, **limits: float) -> ValueWindow:
    """F1 itself with the image hidden in some layers."""
    label = conditions.LABELS[condition]
    return ValueWindow(
        contrasts.level_name(layers), f"{label}: F1, {layers}", condition=condition,
        cell=(item, condition, layers), **limits,
    )  # fmt: skip


def _printed_levels(tolerance: float) -> tuple[ValueWindow, ...]:
    """All bars and points that were printed of LLaVA; bars and curves share the first, with all layers."""
    step = DEPTHS[SECOND_MODEL] // 8
    points = range(step, DEPTHS[SECOND_MODEL], step)
    return tuple(
        _level(condition, layers, item, tolerance=tolerance)
        for condition in KNOCKOUTS
        for item, layers in (
            ("figS1e", conditions.ALL),
            ("figS1e", conditions.EXCEPT_MIDDLE),
            *(("figS1f", conditions.after_name(point)) for point in points),
        )
    )


def _in_middle(number: str, title: str, lower: float) -> tuple[ValueWindow, ...]:
    return tuple(
        ValueWindow(number, f"{conditions.LABELS[one]}: {title}", lower, condition=one)
        for one in KNOCKOUTS
    )


_LAYERS = DEPTHS[MAIN_MODEL]
_MIDDLE = "{}-{}".format(*MIDDLES[MAIN_MODEL])
LOCAL_BIN = "30-39"
"""The bin of layers in which the paper's localisation is best."""
VALUE_WINDOWS: Mapping[tuple[str, str], Sequence[ValueWindow]] = {
    ("C1", MAIN_MODEL): (
        ValueWindow("text_above_0.6", "share of layers in which the query gets more than 0.6", 65 / _LAYERS),
        ValueWindow(f"mean_{IMAGE}", "mean share of the image", 0.04, 0.12),
        ValueWindow("image_peak_depth", "depth at which the image's share peaks", 27 / _LAYERS, 39 / _LAYERS),
    ),
    ("C2", MAIN_MODEL): (
        _level(GENERATED, conditions.ALL, "fig2e", lower=0.32, upper=0.46),
        ValueWindow(contrasts.ABOVE_FLOOR, "F1 minus floor", 0, condition=GENERATED, certain=True),
        ValueWindow(contrasts.BELOW_CEILING, "ceiling minus F1", 0, condition=GENERATED, certain=True),
    ),
    ("C3", MAIN_MODEL): (
        _level(QUERY, conditions.ALL, "fig2e", upper=0.05),
        ValueWindow(
            contrasts.GENERATED_OVER_QUERY, "F1 of img→gen minus that of img→query", 0, certain=True
        ),
    ),
    ("C3", SECOND_MODEL): (
        _level(QUERY, conditions.ALL, "figS1e", lower=0.05, upper=0.2),
        ValueWindow(
            contrasts.GENERATED_OVER_QUERY, "F1 of img→gen minus that of img→query", 0, certain=True
        ),
    ),
    ("C4", MAIN_MODEL): (_level(BOTH, conditions.ALL, "fig2e", upper=0.05),),
    ("C5", MAIN_MODEL): tuple(
        _level(condition, conditions.EXCEPT_MIDDLE, "fig2e", tolerance=0.07) for condition in KNOCKOUTS
    ),
    ("C6", MAIN_MODEL): (
        *_in_middle(contrasts.MIDDLE_SHARE, "share of the rise in the published middle", 0.6),
        *_in_middle(contrasts.MIDDLE_END, "F1 behind it over ceiling", 0.85),
    ),
    ("C8", MAIN_MODEL): (
        ValueWindow(
            f"accuracy_{LOCAL_BIN}", f"accuracy in layers {LOCAL_BIN}", 0.63, 0.83
        ),
        ValueWindow(
            f"lead_{LOCAL_BIN}", f"points over the best bin outside layers {_MIDDLE}", 25
        ),
    ),
    ("C10", MAIN_MODEL): (
        ValueWindow(reprompt.RATIO, "ACC ratio", 0.93, 0.99),
        ValueWindow(reprompt.RATIO_PLUS, "ACC+ ratio", 0.85, 0.97),
    ),
    ("C11", MAIN_MODEL): (ValueWindow(reprompt.COMPLEMENT, "points of both over the better of the two", 8),),
    ("C12", MAIN_MODEL): (
        ValueWindow(reprompt.OVER_DESCRIPTION, "points of the context over a description", 4, 12),
    ),
    ("C14", SECOND_MODEL): (
        *_printed_levels(0.08),
        ValueWindow(
            contrasts.GENERATED_OVER_QUERY, "F1 of img→gen minus that of img→query", 0, certain=True
        ),
    ),
}  # fmt: skip
"""Claim and paper's model -> its windows. C7, C9 and C13 ask the same of every model."""


def value_windows(claim: str, model: str) -> Sequence[ValueWindow]:
    """Windows of a claim on one of the paper's models; none for another model or claim."""
    return VALUE_WINDOWS.get((claim, model), ())


def windows_criterion(claim: str, published: pd.DataFrame, model: str) -> str:
    """All windows of a claim in words; many that share a tolerance in one phrase."""
    rows = value_windows(claim, model)
    about = [one for one in rows if one.tolerance is not None]
    texts = [one.criterion(published, model) for one in rows if one.tolerance is None]
    if about:
        texts.insert(
            0, f"each of {len(about)} F1 within {about[0].tolerance:g} of the published one"
        )
    return f"value windows for {model}: {'; '.join(texts)}"
