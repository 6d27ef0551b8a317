"""M1 and M2 of every encoder, the global probe at the layer they choose, and their correlations (section 3, tab1).

M1(layer) = A_ss; M2(layer) = A_sp / A_pp; both at the layer of the largest A_ss. The published bar "M2" is A_sp
(defect 3). M2' = (A_sp - c) / (A_pp - c) leaves out what guessing gives, c being the share of the more frequent
label: perfect segregation is 0 there, while M2 cannot fall below c / A_pp.

As published, the layer is chosen on the images that it is reported on (defect 5). Corrected, either half of the
images reports at the layer that the other half chose, and the mean is given; every draw chooses anew.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial as bound
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from sightline import cli
from sightline.files import write_csv
from sightline.studies.correlations import pearson, spearman
from sightline.studies.khajuria2025.names import AVG_OBJ
from sightline.studies.khajuria2025.probes.captioned import GlobalCells, global_cells
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    MLP,
    PRIMARY,
    SECONDARY,
    WHOLE,
    read_decoding,
    read_images,
)
from sightline.studies.khajuria2025.probes.resampling import Cells, Estimate, Pick, over_halves
from sightline.studies.khajuria2025.probes.roster import Roster
from sightline.studies.khajuria2025.probes.settings import ProbeSettings
from sightline.studies.khajuria2025.probes.summarise import all_cells

M1, A_SP, A_PP, A_PS = "M1", "A_sp", "A_pp", "A_ps"
M2, M2_CORRECTED, M2_DRAFT = "M2", "M2'", "A_ps/A_pp"
IN, NOT_IN, GAP = "global in caption", "global not in caption", "in minus not in caption"

BEST_M1, BEST_GLOBAL = "largest A_ss", "largest global not in caption"
"""How the layer is chosen: as published, and in the draft of October 2024."""

CORRELATIONS = {
    BEST_M1: ((M1, NOT_IN), (M2, NOT_IN), (M2, GAP), (M2_CORRECTED, NOT_IN), (M2_CORRECTED, GAP)),
    BEST_GLOBAL: ((M1, NOT_IN), (M2_DRAFT, NOT_IN), (M1, IN), (M2_DRAFT, IN)),
}
COLUMNS = ("variant", "rule", "encoder", "layer", "measure", "value", "ci_low", "ci_high", "n")
PAIR_COLUMNS = (
    "variant", "rule", "encoders", "first", "second", "n", "pearson", "pearson_low", "pearson_high",
    "p_value", "spearman", "spearman_low", "spearman_high",
)  # fmt: skip


ALL_TRAINED, WITHOUT_OUTLIER = "all trained", "without CLIP large"
"""Encoders of a correlation; CLIP large carries the published one of M2."""
OUTLIER = "clip-l"


class Chosen(NamedTuple):
    """Measures of an encoder at the layer that a rule chooses.

    Attributes:
        layer: chosen on all images.
        measures: name -> value. With crossed halves each half reports at the layer that the other chose, and
            the two may differ from ``layer``.
        drawn: (draws,) layer chosen on all images of every draw.
    """

    layer: int
    measures: dict[str, Estimate]
    drawn: NDArray[np.int64]

    def before(self, last: int) -> Estimate:
        """1 where the layer is before the last, else 0."""
        n = self.measures[M1].n
        return Estimate(float(self.layer < last), (self.drawn < last).astype(float), n)


def paired(cells: Cells, encoder: str, layer: int, source: str, target: str) -> Estimate:
    """A_xy: accuracy of avg_obj tokens of one object for the label of another."""
    return cells.cell(encoder, layer, AVG_OBJ, source, target)


def measure(
    cells: Cells,
    probe: GlobalCells | None,
    encoder: str,
    rule: str = BEST_M1,
    crossed: bool = True,
) -> Chosen | None:
    """All measures of an encoder at the layer that a rule chooses.

    Args:
        cells: paired decoding.
        probe: global probe; None without.
        encoder: key.
        rule: BEST_M1 or BEST_GLOBAL.
        crossed: each half of the images reports at the layer that the other half chose; without, all images
            report at the layer that they chose themselves, as published.

    Returns:
        None where the rule needs the global probe and there is none.
    """
    layers = cells.layers(encoder)
    asked = probe is not None and all(probe.has(encoder, layer) for layer in layers)

    def pairs(source: str, target: str, half: int | None = None) -> list[Estimate]:
        if half is None:
            return [paired(cells, encoder, layer, source, target) for layer in layers]
        return [cells.halves(encoder, n, AVG_OBJ, source, target)[half] for n in layers]

    def objects(named: bool, half: int | None = None) -> list[Estimate]:
        return [probe.cell(encoder, n, AVG_OBJ, named, half) for n in layers] if probe else []

    if rule == BEST_M1:
        scores = [pairs(SECONDARY, SECONDARY, half) for half in (None, 0, 1)]
    elif not asked:
        return None
    else:
        scores = [objects(False, half) for half in (None, 0, 1)]
    if any(np.isnan([one.value for one in side]).all() for side in scores):
        return None
    on_all = Pick.largest(scores[0])
    # Half that reports (None for all images) -> the layer that it reports at.
    picks: dict[int | None, Pick] = (
        {0: Pick.largest(scores[2]), 1: Pick.largest(scores[1])}
        if crossed
        else {None: Pick.largest(scores[0], redrawn=False)}
    )

    def at(parts: Callable[[int | None], list[Estimate]], chosen_on: bool) -> Estimate:
        # What the layer was not chosen on is reported by all images, at either layer.
        found = [pick.of(parts(half if chosen_on else None)) for half, pick in picks.items()]
        mean = over_halves(found)
        return mean if chosen_on else replace(mean, n=min(one.n for one in found))

    own = rule == BEST_M1
    a_ss, a_sp, a_pp, a_ps = (
        at(bound(pairs, *pair), own)
        for pair in (
            (SECONDARY, SECONDARY),
            (SECONDARY, PRIMARY),
            (PRIMARY, PRIMARY),
            (PRIMARY, SECONDARY),
        )
    )
    chance = float(
        np.mean(
            [
                cells.baseline(encoder, layers[pick.place], AVG_OBJ, PRIMARY, PRIMARY)
                for pick in picks.values()
            ]
        )
    )
    found = {
        M1: a_ss, A_SP: a_sp, A_PP: a_pp, A_PS: a_ps, M2: a_sp / a_pp,
        M2_CORRECTED: (a_sp - chance) / (a_pp - chance), M2_DRAFT: a_ps / a_pp,
    }  # fmt: skip
    if asked:
        inside, outside = (at(bound(objects, named), not own) for named in (True, False))
        if np.isfinite([inside.value, outside.value]).all():
            found |= {IN: inside, NOT_IN: outside, GAP: inside - outside}
    return Chosen(layers[on_all.place], found, np.array(layers)[on_all.drawn])


def correlate(first: list[Estimate], second: list[Estimate]) -> tuple[Estimate, Estimate, float]:
    """Pearson's r and Spearman's rho over encoders, which are drawn again too, and the p-value of r."""
    values = [np.array([[one.value] for one in side]) for side in (first, second)]
    draws = [np.stack([one.draws for one in side]) for side in (first, second)]
    generator = np.random.default_rng(len(first))
    picks = generator.integers(len(first), size=draws[0].shape)
    draws = [np.take_along_axis(side, picks, axis=0) for side in draws]
    n = len(first)
    found = [Estimate(float(call(*values)[0]), call(*draws), n) for call in (pearson, spearman)]
    p_value = float("nan")
    if n > 2 and np.isfinite(found[0].value):
        p_value = float(stats.pearsonr(*(side[:, 0] for side in values)).pvalue)
    return found[0], found[1], p_value


def correlations(
    chosen: Mapping[str, Chosen], variant: str, rule: str, encoders: list[str], name: str
) -> list[dict[str, object]]:
    """Lines of the table, PAIR_COLUMNS, over some encoders."""
    rows = []
    for first, second in CORRELATIONS[rule]:
        known = [
            chosen[e].measures for e in encoders
            if e in chosen and {first, second} <= set(chosen[e].measures)
        ]  # fmt: skip
        if len(known) < 3:
            continue
        r, rho, p_value = correlate([m[first] for m in known], [m[second] for m in known])
        rows.append(
            dict(
                zip(
                    PAIR_COLUMNS,
                    (variant, rule, name, first, second, len(known), r.value, *r.interval,
                     p_value, rho.value, *rho.interval),
                    strict=True,
                )
            )
        )  # fmt: skip
    return rows


def pair_cells(
    rows: pd.DataFrame, images: pd.DataFrame, settings: ProbeSettings
) -> dict[str, Cells]:
    """Variant -> cells of the whole sets, by its linear probe."""
    return {
        key[0]: cells
        for key, cells in all_cells(
            rows[(rows["subset"] == WHOLE) & (rows["probe"] != MLP)], images, settings
        )
    }


def main(options: argparse.Namespace) -> None:
    """Write measures and correlations of every variant that has a global probe, or none at all."""
    settings, roster = ProbeSettings.read(options.settings), Roster.read(options.roster)
    pairs = pair_cells(read_decoding(options.decoding), read_images(options.images), settings)
    probes = global_cells(
        read_decoding(options.global_probe), read_images(options.global_images), settings
    )
    lines, table = [], []
    for variant, cells in pairs.items():
        probe = probes.get(variant)
        for rule in CORRELATIONS:
            crossed = variant != AS_PUBLISHED
            found = {e: measure(cells, probe, e, rule, crossed) for e in cells.encoders}
            chosen = {e: one for e, one in found.items() if one is not None}
            for encoder, (layer, measures, _) in chosen.items():
                for name, one in measures.items():
                    lines.append(
                        (variant, rule, encoder, layer, name, one.value, *one.interval, one.n)
                    )
            if probe is None:
                continue
            table += correlations(chosen, variant, rule, roster.trained, ALL_TRAINED)
            if roster.published and OUTLIER in roster.trained:
                rest = [encoder for encoder in roster.trained if encoder != OUTLIER]
                table += correlations(chosen, variant, rule, rest, WITHOUT_OUTLIER)
    write_csv(pd.DataFrame(lines, columns=list(COLUMNS)), options.out)
    write_csv(pd.DataFrame(table, columns=list(PAIR_COLUMNS)), options.correlations)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decoding", type=Path, nargs="+", required=True)
    parser.add_argument("--images", type=Path, nargs="+", required=True)
    parser.add_argument("--global-probe", type=Path, nargs="+", required=True)
    parser.add_argument("--global-images", type=Path, nargs="+", required=True)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--roster", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--correlations", type=Path, required=True)
    cli.run(main, parser)
