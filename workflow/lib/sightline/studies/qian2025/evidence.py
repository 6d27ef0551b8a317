"""What one model is judged on: its measurements, and how a number of them becomes a finding."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from sightline.studies.claims import INCONCLUSIVE, REPLICATED
from sightline.studies.qian2025.criteria import Criterion
from sightline.studies.qian2025.masks.names import OWN, OWN_WITH_POINTS, PUBLISHED
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.qian2025.resampling import Draws, Estimate, Scores
from sightline.studies.verdicts import BESIDE, Finding, at_least

FEWEST_SEEDS = 3
TITLES = {"giou": "gIoU", "ciou": "cIoU"}


@dataclass(frozen=True)
class Tables:
    """Measurements of one model, on the split that is judged.

    Attributes:
        masks: rows of its masks.
        agreement: of its maps, on the split that the criterion of C1 names.
        gradients: of mask losses.
        nouns: of expressions.
        variants: masks of segmenters trained alike.
        scores: of its masks, resampled.
        protocol: of the run.
        criteria: claim -> what it is judged by.
        others: stand-ins of the run that were not taught with points, beside this one -> scores of their masks.
    """

    masks: pd.DataFrame
    agreement: pd.DataFrame
    gradients: pd.DataFrame
    nouns: pd.DataFrame
    variants: pd.DataFrame
    scores: Scores
    protocol: Protocol
    criteria: Mapping[str, Criterion]
    others: Mapping[str, Scores] = field(default_factory=dict)


def minus(one: Draws, two: Draws) -> Draws:
    """In points."""
    return 100 * (one - two)


def over(one: Draws, two: Draws) -> Draws:
    """A share; not a number where nothing was found."""
    return np.divide(one, two, out=np.full_like(one, np.nan), where=two > 0)


def reach(
    metric: str,
    found: Estimate,
    threshold: float,
    floor: float = 0.0,
    published: tuple[float | None, str] = (None, ""),
) -> Finding:
    """A number that should reach a threshold."""
    verdict = at_least(threshold, floor)(found.value, found.low, found.high)
    return Finding(metric, found.value, found.low, found.high, found.n, verdict, *published)


def own_key(tables: Tables) -> tuple[str, str]:
    """How the model makes its own masks."""
    model = tables.masks["model"].iloc[0]
    taught = model in tables.protocol.taught_points
    return (OWN_WITH_POINTS if taught else OWN), PUBLISHED


def beside(metric: str, found: Estimate, verdict: str) -> Finding:
    """A number that decides nothing."""
    return Finding(f"{BESIDE}{metric}", found.value, found.low, found.high, found.n, verdict)


def left_open(found: Finding) -> Finding:
    """A number that is as it should be, where something else that the claim needs was not measured."""
    verdict = INCONCLUSIVE if found.verdict == REPLICATED else found.verdict
    return replace(found, verdict=verdict)
