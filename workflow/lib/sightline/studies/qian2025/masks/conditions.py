"""Which masks are made of a query, by name: whose map, which rule, and what stands in as control."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import pandas as pd
import torch

from sightline.instruments.point_rules import PointRule
from sightline.studies.qian2025.masks.names import ANOTHER_IMAGE, BEST, CENTRE, PUBLISHED
from sightline.studies.qian2025.protocol import METRICS, POSITIONS, Position, Protocol
from sightline.studies.qian2025.similarity.store import FINAL, Maps


class Choice(NamedTuple):
    """A map that was chosen on the validation split."""

    position: Position
    metric: str
    entry: int


def choose(layers: pd.DataFrame, split: str) -> Choice:
    """Position, metric and layer with the highest mean average precision on a split; the first of equals."""
    here = layers[layers["split"] == split]
    means = here.groupby(["position", "metric", "entry"], sort=False)["precision"].mean()
    return Choice(*means.idxmax())


@dataclass(frozen=True)
class LanguageMaps:
    """Maps over the image tokens, (queries, rows, columns) each, by name.

    Attributes:
        maps: `PUBLISHED` first; then other metric and position, the best layer, and controls.
    """

    maps: Mapping[str, torch.Tensor]


def language_maps(maps: Maps, protocol: Protocol, best: Choice) -> LanguageMaps:
    """Every map over image tokens that masks are made of."""
    position = protocol.position
    other = next(one for one in POSITIONS if one != position)
    published = maps.of(position)
    found = {
        PUBLISHED: published,
        "cosine": maps.of(position, "cosine"),
        f"state {other} the token": maps.of(other),
        "not normed": maps.of(position, METRICS[0], FINAL - 1),
        BEST: maps.of(*best),
        ANOTHER_IMAGE: published.roll(1, 0),
        CENTRE: centre_map(published.shape[1:]).expand_as(published),
        **maps.controls,
    }
    return LanguageMaps(found)


def centre_map(shape: torch.Size) -> torch.Tensor:
    """A map that falls with the distance from the middle, (rows, columns)."""
    rows, columns = (torch.linspace(-1, 1, side) for side in shape)
    return -(rows[:, None] ** 2 + columns[None] ** 2)


def rule_variants(rule: PointRule) -> dict[str, PointRule]:
    """Other ways to make points of the published map."""
    return {
        "paper's rule": replace(rule, form="paper"),
        "not continuous": replace(rule, continuous="none"),
        "continuous on cells": replace(rule, continuous="cells"),
        "pooled by two": replace(rule, pool=2),
        **{f"{number} points": replace(rule, number=number) for number in (1, 10, 30, 60)},
        "positive from 0.6": replace(rule, positive=0.6),
    }
