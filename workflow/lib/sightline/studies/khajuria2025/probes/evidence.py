"""What the claims are judged from: everything measured under one variant."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sightline.studies.khajuria2025.names import AVG_OBJ, CLS, PRIMARY, ROLES, SECONDARY
from sightline.studies.khajuria2025.probes.measurements import IMAGE
from sightline.studies.khajuria2025.probes.measures import Chosen, GlobalCells, paired
from sightline.studies.khajuria2025.probes.resampling import Cells, Estimate, combine
from sightline.studies.khajuria2025.probes.roster import Roster
from sightline.studies.verdicts import Finding, at_least

AUTHORS = "derived from the authors' result files at 4e4bbe3, BLIP where one encoder is meant"

Per = Callable[[str], Estimate]
"""A number of one encoder."""


@dataclass(frozen=True)
class Evidence:
    """Measurements of one variant.

    Attributes:
        variant: its name.
        roster: encoders.
        cells: paired decoding.
        by_caption: subset -> paired decoding within it; empty without.
        swapped: paired decoding with roles swapped in size; None without.
        mlp: paired decoding with the MLP; None without.
        linear_beside_mlp: the linear probe of the same variant as the MLP.
        probe: global probe; None without.
        chosen: encoder -> measures at the layer of the largest A_ss.
        equal_grid: likewise for encoders whose masks were reduced on a coarser grid too; empty without.
        tests: rows of failures and similarity maps: ``encoder``, ``test``, ``value``, ``ci_low``, ``ci_high``, ``n``.
    """

    variant: str
    roster: Roster
    cells: Cells
    by_caption: Mapping[str, Cells] = field(default_factory=dict)
    swapped: Cells | None = None
    mlp: Cells | None = None
    linear_beside_mlp: Cells | None = None
    probe: GlobalCells | None = None
    chosen: Mapping[str, Chosen] = field(default_factory=dict)
    equal_grid: Mapping[str, Chosen] = field(default_factory=dict)
    tests: pd.DataFrame = field(default_factory=pd.DataFrame)

    def known(self, encoders: Iterable[str]) -> list[str]:
        """Those encoders that were measured."""
        present = set(self.cells.encoders)
        return [encoder for encoder in encoders if encoder in present]

    @property
    def trained(self) -> list[str]:
        """Measured encoders that learnt something and see whole images."""
        return self.known(self.roster.trained)

    def last(self, encoder: str) -> int:
        """Last layer of an encoder."""
        return self.cells.layers(encoder)[-1]

    def cls(self, encoder: str, target: str, layer: int | None = None) -> Estimate:
        """Accuracy of CLS, at the last layer if none is given."""
        layer = self.last(encoder) if layer is None else layer
        return self.cells.cell(encoder, layer, CLS, IMAGE, target)

    def pair(self, encoder: str, source: str, target: str, layer: int | None = None) -> Estimate:
        """A_xy of avg_obj, at the last layer if none is given."""
        return paired(
            self.cells, encoder, self.last(encoder) if layer is None else layer, source, target
        )

    def chance(self, encoder: str, target: str) -> float:
        """Accuracy of always saying the most frequent label, as tested with avg_obj of the primary."""
        return self.cells.baseline(encoder, self.last(encoder), AVG_OBJ, PRIMARY, target)

    def above_chance(self, encoder: str, accuracy: Estimate, target: str) -> Estimate:
        """Share of what is left above guessing."""
        chance = self.chance(encoder, target)
        return (accuracy - chance) / (1 - chance)

    def favours_primary(self, encoder: str) -> Estimate:
        """Above-chance share of CLS for the primary minus that for the secondary, last layer."""
        first, second = (
            self.above_chance(encoder, self.cls(encoder, target), target) for target in ROLES
        )
        return first - second

    def pool(self, encoders: Iterable[str], per: Per) -> Estimate | None:
        """Mean over objectives of the mean over their encoders; None without an encoder."""
        groups: dict[str, dict[str, Estimate]] = {}
        for encoder in self.known(encoders):
            groups.setdefault(self.roster[encoder].objective, {})[encoder] = per(encoder)
        if not groups:
            return None
        parts = [self.cells.over_seeds(group) for group in groups.values()]
        return combine(lambda values: np.mean(values, axis=0), parts)

    def leakage(self, encoder: str, cells: Cells | None = None) -> Estimate:
        """Normalised leakage of the primary into secondary tokens minus the reverse, last layer (claim C4)."""
        cells = cells or self.cells
        layer = cells.layers(encoder)[-1]
        sides = []
        for own, other in ((PRIMARY, SECONDARY), (SECONDARY, PRIMARY)):
            chance = cells.baseline(encoder, layer, AVG_OBJ, PRIMARY, own)
            leaked = paired(cells, encoder, layer, other, own) - chance
            sides.append(leaked / (paired(cells, encoder, layer, own, own) - chance))
        return sides[0] - sides[1]


def found(
    metric: str, one: Estimate, verdict: str, published: float | str | None = None, source: str = ""
) -> Finding:
    """An estimate as a finding."""
    return Finding(metric, one.value, *_bounds(one), one.n, verdict, published, source)


def reached(
    metric: str,
    one: Estimate,
    threshold: float,
    published: float | str | None = None,
    source: str = "",
) -> Finding:
    """An estimate that should reach a threshold, with its interval above zero."""
    verdict = at_least(threshold)(one.value, *one.interval)
    return found(metric, one, verdict, published, source)


def _bounds(one: Estimate) -> tuple[float | None, float | None]:
    low, high = one.interval
    return (None, None) if np.isnan(low) else (low, high)
