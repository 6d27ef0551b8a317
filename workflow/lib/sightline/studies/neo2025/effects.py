"""From single answers to Table 1: how many right answers each ablation destroys.

For each setting: among the images answered correctly with nothing replaced, the percentage answered
wrongly once tokens are replaced (neo2025 section 3.4). In the generative and the polling setting
the images are those that passed filter 2, in VQA all with a question. Everything is computed once
per judge.

A second table compares conditions on the same images, above all the object against as many random
and as many high-gradient tokens.
"""

import argparse
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.files import write_csv
from sightline.intervals import bootstrap_mean, mcnemar_exact, sample_spread, wilson
from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.judging import CORRECTED, JUDGES
from sightline.studies.neo2025.measurements import MeasurementError, read_measurements
from sightline.studies.neo2025.protocol import SETTINGS
from sightline.studies.tables import read_columns

EFFECT_COLUMNS = (
    "model", "setting", "judge", "condition", "subset", "variant", "size", "like",
    "n", "avg_tokens", "decrease_percent", "ci_low", "ci_high", "wilson_low", "wilson_high",
    "spread_low", "spread_high", "object_share", "norm_ratio",
)  # fmt: skip
"""One row per model, setting, judge, condition and variant. Percentages: ``ci_*`` from a bootstrap over images,
``wilson_*`` from the binomial, ``spread_*`` the middle 95 % of what random samples as small as the paper's would
show (PUBLISHED_SAMPLES; empty on fewer images). ``n`` counts images."""

PUBLISHED_SAMPLES = {"generative": 39, "polling": 39, "vqa": 15}
"""Images behind the published cells: all that are known are multiples of 1/39 or 1/15 (neo2025 section 0)."""

COMPARISON_COLUMNS = (
    "model", "setting", "judge", "first", "first_variant", "second", "second_variant",
    "n", "first_percent", "second_percent", "difference", "ci_low", "ci_high",
    "only_first", "only_second", "p_value",
)  # fmt: skip

Condition = tuple[str, str]


def initially_correct(measurements: pd.DataFrame, judge: str) -> pd.DataFrame:
    """Rows of the images that count for a judge; ``lost`` tells that the answer became wrong."""
    suffix = "" if judge == CORRECTED else "_as_published"
    correct, selected = measurements[f"correct{suffix}"], measurements[f"selected{suffix}"]
    eligible = (measurements["setting"] == "vqa") | selected
    clean = measurements["condition"] == subsets.NONE
    keys = ["model", "setting", "image_id"]
    right = pd.MultiIndex.from_frame(measurements.loc[clean & correct & eligible, keys])
    kept = pd.MultiIndex.from_frame(measurements[keys]).isin(right)
    return measurements[kept].assign(lost=~correct[kept])


def summarise(measurements: pd.DataFrame, seed: int = 0, draws: int = 2000) -> pd.DataFrame:
    """Decrease in percent of every condition.

    Args:
        measurements: rows of `sightline.studies.neo2025.ablation`.
        seed: of the bootstrap.
        draws: resamples of the bootstrap.

    Returns:
        EFFECT_COLUMNS. ``object_share`` and ``norm_ratio`` are means over the images.
    """
    rows = []
    for judge in JUDGES:
        counted = initially_correct(measurements, judge)
        counted = counted[counted["condition"] != subsets.NONE]
        by = ["model", "setting", "condition", "variant"]
        for (model, setting, condition, variant), part in counted.groupby(by, sort=False):
            # Several random draws of one image are one observation.
            lost = part.groupby("image_id")["lost"].mean()
            boot = bootstrap_mean(part["lost"], part["image_id"], seed, draws)
            count = round(lost.sum())
            binomial = wilson(count, len(lost))
            spread = sample_spread(count, len(lost), PUBLISHED_SAMPLES[setting])
            first = part.iloc[0]
            rows.append(
                (
                    model, setting, judge, condition, first["subset"], variant,
                    first["size"], first["like"],
                    len(lost), part["n_tokens"].mean(), 100 * lost.mean(),
                    *(100 * bound for bound in (*boot, *binomial, *spread)),
                    part["object_share"].mean(), part["norm_ratio"].mean(),
                )
            )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(EFFECT_COLUMNS)).astype({"size": "Int64"})
    # Models stay in the order given: it says which of the paper's models each stands for.
    ranks = {
        "model": list(dict.fromkeys(measurements["model"])),
        "judge": list(JUDGES),
        "setting": list(SETTINGS),
    }
    places = [table[column].map(order.index) for column, order in reversed(ranks.items())]
    return table.iloc[np.lexsort(places)].reset_index(drop=True)


def comparisons_of(conditions: Sequence[Condition]) -> Iterator[tuple[Condition, Condition]]:
    """Pairs worth comparing among the (condition, variant) at hand.

    Object against random and gradients: of its own size, and of every fixed size. Each ring against
    the one within, and the object against register tokens.
    """
    listed = list(dict.fromkeys(conditions))
    objects = [one for one in listed if one[0].startswith(subsets.OBJECT)]
    for name, variant in objects:
        for other in listed:
            if not other[0].startswith((subsets.RANDOM, subsets.GRADIENTS)):
                continue
            _, matched, like = other[0].partition("_like_")
            # Matched subsets have the size that the mask gives the object.
            if not matched or (like == name and variant == subsets.MASK):
                yield (name, variant), other
    for inner, outer in pairwise(sorted(objects, key=lambda one: (one[1], one[0]))):
        if inner[1] == outer[1]:
            yield outer, inner
    for one in objects:
        if one[0] == subsets.OBJECT:
            yield from ((one, other) for other in listed if other[0] == subsets.REGISTER)


def compare(measurements: pd.DataFrame, seed: int = 0, draws: int = 2000) -> pd.DataFrame:
    """Two conditions on the same images: difference of the decreases in points.

    Where a random condition has several draws, the interval uses all of them and McNemar's exact
    test the first.

    Returns:
        COMPARISON_COLUMNS; ``only_first`` counts images that only the first condition loses.
    """
    rows = []
    for judge in JUDGES:
        counted = initially_correct(measurements, judge)
        for (model, setting), part in counted.groupby(["model", "setting"], sort=False):
            table = part.groupby(["image_id", "condition", "variant"])["lost"]
            means = table.mean().unstack(["condition", "variant"]).astype(float)
            firsts = table.first().astype(float).unstack(["condition", "variant"])
            images = means.index.to_numpy()
            # Plain columns: picking two of a table takes longer than all that is computed of them.
            mean = {one: means[one].to_numpy() for one in means}
            lost = {one: firsts[one].to_numpy() == 1 for one in firsts}
            order = list(part[["condition", "variant"]].itertuples(index=False, name=None))
            for first, second in comparisons_of(order):
                # An image can lack a condition, for example when the authors' geometry finds no
                # patch.
                both = np.isfinite(mean[first]) & np.isfinite(mean[second])
                a, b = mean[first][both], mean[second][both]
                difference = a - b
                low, high = bootstrap_mean(difference, images[both], seed, draws)
                x, y = lost[first][both], lost[second][both]
                only_first, only_second = int((x & ~y).sum()), int((y & ~x).sum())
                rows.append(
                    (
                        model, setting, judge, *first, *second,
                        len(a), 100 * a.mean(), 100 * b.mean(),
                        100 * difference.mean(), 100 * low, 100 * high,
                        only_first, only_second, mcnemar_exact(only_first, only_second),
                    )
                )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))


def find_effect(
    effects: pd.DataFrame, model: str, setting: str, judge: str, condition: str, variant: str
) -> pd.Series | None:
    """One row of `summarise`, or None where it was not measured."""
    found = effects[
        (effects["model"] == model)
        & (effects["setting"] == setting)
        & (effects["judge"] == judge)
        & (effects["condition"] == condition)
        & (effects["variant"] == variant)
    ]
    return None if found.empty else found.iloc[0]


def read_effects(path: Path | str) -> pd.DataFrame:
    """What this module wrote; empty cells are missing in columns of numbers and empty text in others.

    Raises:
        MeasurementError: the file has other columns.
    """
    unknown = {name: [""] for name in ("size", *EFFECT_COLUMNS[EFFECT_COLUMNS.index("n") :])}
    frame = read_columns(
        path, EFFECT_COLUMNS, "summarise_ablation", MeasurementError, na_values=unknown
    )
    return frame.astype({"size": "Int64"})


def main(options: argparse.Namespace) -> None:
    """Write both tables."""
    measurements = read_measurements(options.measurements)
    write_csv(summarise(measurements, options.seed, options.draws), options.out)
    comparisons = options.comparisons or options.out.with_name("comparisons.csv")
    write_csv(compare(measurements, options.seed, options.draws), comparisons)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--comparisons", type=Path, help="default: comparisons.csv beside --out")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--draws", type=int, default=2000, help="resamples of the bootstrap")
    cli.run(main, parser)
