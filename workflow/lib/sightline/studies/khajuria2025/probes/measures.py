"""M1 and M2 of every encoder, the global probe at the layer they choose, and their correlations (section 3, tab1).

M1(layer) = A_ss; M2(layer) = A_sp / A_pp; both at the layer of the largest A_ss. The published bar "M2" is A_sp
(defect 3). M2' = (A_sp - c) / (A_pp - c) leaves out what guessing gives, c being the share of the more frequent
label: perfect segregation is 0 there, while M2 cannot fall below c / A_pp.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from sightline import cli
from sightline.files import write_csv
from sightline.studies.khajuria2025.names import AVG_OBJ
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CATEGORY,
    MLP,
    PRIMARY,
    SECONDARY,
    WHOLE,
    read_decoding,
    read_images,
    unpack,
)
from sightline.studies.khajuria2025.probes.resampling import Cells, Estimate, ImageWeights
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


class Chosen(NamedTuple):
    """Measures of an encoder at one layer."""

    layer: int
    measures: dict[str, Estimate]


class GlobalCells:
    """Accuracies of the global probe of one variant, in and not in caption.

    Args:
        rows: outcomes of one variant.
        images: objects behind them.
        weights: of images.
        flag: column that says what captions name.
    """

    def __init__(
        self, rows: pd.DataFrame, images: pd.DataFrame, weights: ImageWeights, flag: str
    ) -> None:
        self._rows = rows.set_index(["encoder", "layer", "representation"]).sort_index()
        self._objects = {key: part for key, part in images.groupby("encoder")}
        self._weights, self._flag = weights, flag
        self._known: dict[tuple[str, int, str, bool], Estimate] = {}

    def cell(self, encoder: str, layer: int, representation: str, named: bool) -> Estimate:
        """Accuracy on the objects that captions name, or on the others."""
        key = (encoder, layer, representation, named)
        if key not in self._known:
            row = self._rows.loc[key[:3]]
            row = row.iloc[0] if isinstance(row, pd.DataFrame) else row
            objects = self._objects[encoder]
            asked = objects[self._flag].to_numpy(bool) == named
            right = unpack(row["correct"], int(row["images"])) & asked
            drawn = self._weights.accuracies(
                objects["image_id"].tolist(), asked[None], right[None]
            )[0]
            n = int(asked.sum())
            self._known[key] = Estimate(float(right.sum() / n) if n else float("nan"), drawn, n)
        return self._known[key]

    def has(self, encoder: str, layer: int, representation: str = AVG_OBJ) -> bool:
        """Whether the probe was run there."""
        return (encoder, layer, representation) in self._rows.index


def flag_of(variant: str) -> str:
    """Column of the images that says what captions name, as the variant sees it."""
    return "in_caption_published" if variant == AS_PUBLISHED else "in_caption"


def global_cells(
    rows: pd.DataFrame, images: pd.DataFrame, settings: ProbeSettings
) -> dict[str, GlobalCells]:
    """Variant -> its global probe."""
    weights = ImageWeights(settings.bootstrap, settings.seed)
    return {
        variant: GlobalCells(
            some, images[images["variant"] == variant], weights, flag_of(str(variant))
        )
        for variant, some in rows[rows["target"] == CATEGORY].groupby("variant", sort=False)
    }


def paired(cells: Cells, encoder: str, layer: int, source: str, target: str) -> Estimate:
    """A_xy: accuracy of avg_obj tokens of one object for the label of another."""
    return cells.cell(encoder, layer, AVG_OBJ, source, target)


def measure(
    cells: Cells, probe: GlobalCells | None, encoder: str, rule: str = BEST_M1
) -> Chosen | None:
    """All measures of an encoder at the layer that a rule chooses.

    Returns:
        None where the rule needs the global probe and there is none.
    """
    layers = [layer for layer in cells.layers(encoder)]
    if rule == BEST_M1:
        score = {n: paired(cells, encoder, n, SECONDARY, SECONDARY).value for n in layers}
    elif probe is None or not probe.has(encoder, layers[0]):
        return None
    else:
        score = {n: probe.cell(encoder, n, AVG_OBJ, False).value for n in layers}
    layer = max(layers, key=lambda n: (score[n], -n))
    a_ss, a_sp, a_pp, a_ps = (
        paired(cells, encoder, layer, *pair)
        for pair in (
            (SECONDARY, SECONDARY),
            (SECONDARY, PRIMARY),
            (PRIMARY, PRIMARY),
            (PRIMARY, SECONDARY),
        )
    )
    chance = cells.baseline(encoder, layer, AVG_OBJ, PRIMARY, PRIMARY)
    found = {
        M1: a_ss, A_SP: a_sp, A_PP: a_pp, A_PS: a_ps, M2: a_sp / a_pp,
        M2_CORRECTED: (a_sp - chance) / (a_pp - chance), M2_DRAFT: a_ps / a_pp,
    }  # fmt: skip
    if probe is not None and probe.has(encoder, layer):
        found[IN], found[NOT_IN] = (
            probe.cell(encoder, layer, AVG_OBJ, named) for named in (True, False)
        )
        found[GAP] = found[IN] - found[NOT_IN]
    return Chosen(layer, found)


def pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation along the first axis of (encoders, draws)."""
    one, two = first - first.mean(0), second - second.mean(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (one * two).sum(0) / np.sqrt((one**2).sum(0) * (two**2).sum(0))


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank correlation along the first axis of (encoders, draws)."""
    return pearson(*(stats.rankdata(part, axis=0) for part in (first, second)))


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


def partial(r_xy: float, r_xz: float, r_yz: float) -> float:
    """Correlation of x and y with z held fixed."""
    below = ((1 - r_xz**2) * (1 - r_yz**2)) ** 0.5
    return (r_xy - r_xz * r_yz) / below if below else float("nan")


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
            found = {e: measure(cells, probe, e, rule) for e in cells.encoders}
            chosen = {e: one for e, one in found.items() if one is not None}
            for encoder, (layer, measures) in chosen.items():
                for name, one in measures.items():
                    lines.append(
                        (variant, rule, encoder, layer, name, one.value, *one.interval, one.n)
                    )
            if probe is not None:
                table += correlations(chosen, variant, rule, roster.trained, "all trained")
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
