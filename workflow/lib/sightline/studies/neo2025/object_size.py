"""Whether a larger object survives the ablation better: answers lost by the number of tokens it covers.

Not in the paper, whose objects are all about equally large. Images are sorted by the tokens of the object itself and
cut into groups of equal numbers, per model and setting, so that a group is the same for all conditions. A larger
object also means more tokens replaced: random subsets of object + 1's size stand beside for that.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline import cli
from sightline.files import write_csv
from sightline.intervals import Interval, bootstrap_mean, wilson
from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.effects import initially_correct
from sightline.studies.neo2025.judging import CORRECTED
from sightline.studies.neo2025.measurements import MeasurementError, read_measurements
from sightline.studies.tables import read_columns

COLUMNS = (
    "model", "setting", "condition", "variant", "group", "n", "object_tokens",
    "fewest_tokens", "most_tokens", "decrease_percent", "ci_low", "ci_high",
    "bootstrap_low", "bootstrap_high", "slope", "slope_low", "slope_high",
)  # fmt: skip
CONDITIONS = (
    (subsets.object_condition(0), subsets.MASK),
    (subsets.object_condition(1), subsets.MASK),
    (subsets.object_condition(2), subsets.MASK),
    (subsets.matched_condition(subsets.GRADIENTS, 1), subsets.IG_YES),
    (subsets.matched_condition(subsets.RANDOM, 1), subsets.OUTSIDE),
)
GROUPS = 4
# Below this a group's interval spans most of the axis.
FEWEST = 10


def size_groups(tokens: NDArray[np.integer], groups: int = GROUPS) -> NDArray[np.int64]:
    """Group of each image, 0 for the smallest objects: equal numbers, but equal sizes never parted.

    Args:
        tokens: of each image's object, (images,).
        groups: wanted; fewer where there are not FEWEST images for each or too few different sizes.

    Returns:
        (images,) numbers from 0 without gaps.
    """
    groups = max(1, min(groups, len(tokens) // FEWEST))
    bounds = np.quantile(tokens, np.linspace(0, 1, groups + 1)[1:-1])
    found = np.searchsorted(bounds, tokens, side="left")
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def slope_of(
    tokens: Sequence[float], lost: Sequence[float], seed: int, draws: int
) -> tuple[float, Interval]:
    """Least-squares slope of lost answers on object size, in points per token, with a bootstrap over images.

    Returns:
        NaNs where all objects are equally large.
    """
    x, y = np.asarray(tokens, float), 100 * np.asarray(lost, float)
    if np.ptp(x) == 0:
        return float("nan"), Interval(float("nan"), float("nan"))
    picks = np.random.default_rng(seed).integers(len(x), size=(draws, len(x)))
    drawn = _slopes(x[picks], y[picks])
    low, high = np.quantile(drawn[np.isfinite(drawn)], [0.025, 0.975])
    # Rounding would leave 1e-14 where a bound is exactly 0.
    value, low, high = (
        round(float(one), 9) + 0.0 for one in (*_slopes(x[None], y[None]), low, high)
    )
    return value, Interval(low, high)


def _slopes(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    x = x - x.mean(axis=1, keepdims=True)
    spread = (x**2).sum(axis=1)
    return np.divide((x * y).sum(axis=1), spread, out=np.full(len(x), np.nan), where=spread > 0)


def summarise(measurements: pd.DataFrame, seed: int = 0, draws: int = 2000) -> pd.DataFrame:
    """Decrease in percent by size of the object, under the corrected judge.

    Args:
        measurements: rows of `sightline.studies.neo2025.ablation`.
        seed: of the bootstrap.
        draws: resamples of the bootstrap.

    Returns:
        COLUMNS; ``object_tokens`` is the mean size in the group, ``ci_low`` and ``ci_high`` are Wilson's bounds in
        percent, ``slope`` that of all images of the condition, in points per token of the object.
    """
    counted = initially_correct(measurements, CORRECTED)
    own = counted["condition"].eq(subsets.OBJECT) & counted["variant"].eq(subsets.MASK)
    sizes = counted[own].drop_duplicates(["model", "setting", "image_id"])
    rows = []
    for (model, setting), images in sizes.groupby(["model", "setting"], sort=False):
        known = pd.DataFrame(
            {
                "object_tokens": images["n_tokens"].to_numpy(),
                "group": size_groups(images["n_tokens"].to_numpy()),
            },
            index=pd.Index(images["image_id"], name="image_id"),
        )
        here = counted[(counted["model"] == model) & (counted["setting"] == setting)]
        for condition, variant in CONDITIONS:
            part = here[(here["condition"] == condition) & (here["variant"] == variant)]
            # Several random draws of one image are one observation.
            lost = part.groupby("image_id")["lost"].mean().to_frame().join(known, how="inner")
            if lost.empty:
                continue
            slope, around = slope_of(lost["object_tokens"], lost["lost"], seed, draws)
            for group, some in lost.groupby("group"):
                binomial = wilson(round(some["lost"].sum()), len(some))
                boot = bootstrap_mean(some["lost"], some.index, seed, draws)
                tokens = some["object_tokens"]
                rows.append(
                    (
                        model, setting, condition, variant, group, len(some), tokens.mean(),
                        tokens.min(), tokens.max(), 100 * some["lost"].mean(),
                        *(100 * bound for bound in (*binomial, *boot)),
                        slope, *around,
                    )
                )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read_object_size(path: Path | str) -> pd.DataFrame:
    """What this module wrote.

    Raises:
        MeasurementError: the file has other columns.
    """
    unknown = {name: [""] for name in ("slope", "slope_low", "slope_high")}
    return read_columns(path, COLUMNS, "summarise_object_size", MeasurementError, na_values=unknown)


def main(options: argparse.Namespace) -> None:
    """Write the table."""
    table = summarise(read_measurements(options.measurements), options.seed, options.draws)
    write_csv(table, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--draws", type=int, default=2000, help="resamples of the bootstrap")
    cli.run(main, parser)
