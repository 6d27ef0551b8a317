"""Scores of every model, split and mask with intervals: what tables and figures show.

    python -m sightline.studies.qian2025.effects --masks m1/masks.parquet --expressions e1/expressions.parquet \
        --layers m1/layers.parquet --variants variants.parquet --seed 0 --draws 2000 --out effects.csv

Rows: part, model, split, subset, method, variant, metric, value, low, high, n, in percent. ``part`` is masks
(ReasonSeg), refer (expressions), layers (maps by layer) or variants (trained segmenters).
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import write_csv
from sightline.intervals import bootstrap_mean
from sightline.studies.qian2025.masks.names import OWN, OWN_WITH_POINTS
from sightline.studies.qian2025.metrics import is_seen
from sightline.studies.qian2025.resampling import Estimate, resample

COLUMNS = ("part", "model", "split", "subset", "method", "variant", "metric", "value", "low", "high", "n")  # fmt: skip
METRICS = {"giou": "gIoU", "ciou": "cIoU"}
SUBSETS = {"all": None, "short": False, "long": True}
LAYER_MEASURES = ("precision", "area", "overlap", "hit", "share")
Row = tuple[str, str, str, str, str, str, str, float, float, float, int]


def mask_effects(masks: pd.DataFrame, draws: int, seed: int) -> Iterator[Row]:
    """Scores of every mask of ReasonSeg's queries; short and long ones apart for the model's own."""
    for (model, split), here in masks.groupby(["model", "split"], sort=False):
        for subset, long in SUBSETS.items():
            some = here
            if long is not None:
                own = here["method"].isin((OWN, OWN_WITH_POINTS))
                some = here[own & (here["is_sentence"] == long)]
            if some.empty:
                continue
            scores = resample(some, ["method", "variant"], "number", "number", draws, seed)
            for method, variant in scores.keys:
                for metric, title in METRICS.items():
                    found = scores.estimate((method, variant), metric)
                    yield _row("masks", model, split, subset, method, variant, title, found)


def refer_effects(expressions: pd.DataFrame, draws: int, seed: int) -> Iterator[Row]:
    """Scores of referring expressions; cIoU is Segment where premises are false, with See beside it."""
    for (model, dataset, split), here in expressions.groupby(
        ["model", "dataset", "split"], sort=False
    ):
        name = f"{dataset} {split}"
        false = not here["present"].all()
        scores = resample(here.assign(mask=OWN), ["mask"], "query", "image", draws, seed)
        for metric, title in METRICS.items():
            shown = "Segment" if false and metric == "ciou" else title
            found = scores.estimate((OWN,), metric)
            yield _row("refer", model, name, "all", OWN, "", shown, found)
        if false:
            seen = is_seen(here["has_token"], here["predicted"])
            right = (seen == here["present"].to_numpy()).astype(float)
            low, high = bootstrap_mean(right, here["image"], seed, draws)
            found = Estimate(right.mean(), low, high, len(right))
            yield _row("refer", model, name, "all", OWN, "", "See", found)


def layer_effects(layers: pd.DataFrame, draws: int, seed: int) -> Iterator[Row]:
    """Mean measures of the maps of every layer; ``variant`` is position and metric, ``method`` the entry."""
    by = ["model", "split", "position", "metric", "entry"]
    for (model, split, position, metric, entry), here in layers.groupby(by, sort=False):
        for measure in LAYER_MEASURES:
            values = here[measure].dropna().to_numpy()
            interval = bootstrap_mean(values, np.arange(len(values)), seed, min(draws, 500))
            found = Estimate(values.mean() if len(values) else np.nan, *interval, len(values))
            variant = f"{position}, {metric}"
            yield _row("layers", model, split, "all", str(entry), variant, measure, found)


def variant_effects(variants: pd.DataFrame, draws: int, seed: int) -> Iterator[Row]:
    """Scores of trained segmenters, the seeds of each pooled; queries and trainings are resampled."""
    for (model, split), here in variants.groupby(["model", "split"], sort=False):
        for name, some in here.groupby("variant", sort=False):
            pooled = some.assign(row=some["number"].astype(str) + "-" + some["seed"].astype(str))
            scores = resample(pooled, ["variant"], "row", "number", draws, seed, crossed="seed")
            for metric, title in METRICS.items():
                found = scores.estimate((name,), metric)
                seeds = ", ".join(map(str, sorted(some["seed"].unique())))
                yield _row(
                    "variants", model, split, f"seeds {seeds}", "trained", name, title, found
                )


def _row(
    part: str, model: str, split: str, subset: str, method: str, variant: str, metric: str, found: Estimate
) -> Row:  # fmt: skip
    numbers = (100 * found.value, 100 * found.low, 100 * found.high)
    return (part, model, split, subset, method, variant, metric, *numbers, found.n)


def read_effects(path: Path | str) -> pd.DataFrame:
    """Read what this command wrote.

    Raises:
        SightlineError: a column is missing.
    """
    frame = pd.read_csv(
        path, keep_default_na=False, na_values={"value": [""], "low": [""], "high": [""]}
    )
    if tuple(frame.columns) != COLUMNS:
        raise SightlineError(
            f"{path}: columns {', '.join(frame.columns)}; run summarise_qian2025 anew."
        )
    return frame


def main(options: argparse.Namespace) -> None:
    """Summarise all measurements."""
    rows: list[Row] = []
    parts = (
        (options.masks, mask_effects), (options.expressions, refer_effects),
        (options.layers, layer_effects), (options.variants, variant_effects),
    )  # fmt: skip
    for paths, summarise in parts:
        for path in paths:
            table = pd.read_parquet(path)
            if len(table):
                rows += summarise(table, options.draws, options.seed)
    write_csv(pd.DataFrame(rows, columns=list(COLUMNS)), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masks", type=Path, nargs="*", default=[])
    parser.add_argument("--expressions", type=Path, nargs="*", default=[])
    parser.add_argument("--layers", type=Path, nargs="*", default=[])
    parser.add_argument("--variants", type=Path, nargs="*", default=[])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--draws", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
