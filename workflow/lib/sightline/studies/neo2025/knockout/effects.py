"""From single answers to Table 2: how many right answers survive each cut.

Accuracy relative to the run in which nothing is cut: among the questions answered correctly then, the share
still answered correctly (neo2025 section 3.6; 1 means no impact). Everything is computed once per judge.

A second table compares windows of one pair, and the object's tokens with as many random ones, on the same
questions.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from sightline import cli
from sightline.files import write_csv
from sightline.intervals import bootstrap_mean, mcnemar_exact, wilson
from sightline.studies.neo2025.judging import CORRECTED, JUDGES
from sightline.studies.neo2025.knockout import pairs
from sightline.studies.neo2025.knockout.measurements import read_knockout
from sightline.studies.neo2025.measurements import MeasurementError
from sightline.studies.tables import read_columns

EFFECT_COLUMNS = (
    "model", "model_layers", "judge", "pair", "source", "target", "variant",
    "window", "first_layer", "last_layer", "asked", "n", "avg_tokens",
    "relative_accuracy", "ci_low", "ci_high", "bootstrap_low", "bootstrap_high",
    "p_drop", "p_drop_low", "p_drop_high", "logit_change",
)  # fmt: skip
COMPARISON_COLUMNS = (
    "model", "judge", "first", "first_variant", "first_window",
    "second", "second_variant", "second_window",
    "n", "first_accuracy", "second_accuracy", "difference", "ci_low", "ci_high",
    "only_first_lost", "only_second_lost", "p_value",
)  # fmt: skip
REFERENCES = (pairs.EARLY, pairs.LATE)


class Cell(NamedTuple):
    """What is compared: one pair, with its variant, in one window."""

    pair: str
    variant: str
    window: str


def initially_correct(measurements: pd.DataFrame, judge: str) -> pd.DataFrame:
    """Rows of the questions that count for a judge; ``kept`` tells that the answer stayed right."""
    correct = measurements["correct" if judge == CORRECTED else "correct_as_published"]
    clean = measurements["pair"] == pairs.NONE
    keys = ["model", "image_id"]
    before = measurements.loc[clean, [*keys, "p_expected"]].rename(
        columns={"p_expected": "p_before"}
    )
    right = before[correct[clean].to_numpy()]
    table = measurements.assign(kept=correct)[~clean].merge(right, on=keys, validate="m:1")
    return table.assign(p_drop=table["p_before"] - table["p_expected"])


def summarise(measurements: pd.DataFrame, seed: int = 0, draws: int = 2000) -> pd.DataFrame:
    """Relative accuracy of every pair in every window.

    Args:
        measurements: rows of `sightline.studies.neo2025.knockout.measure`.
        seed: of the bootstrap.
        draws: resamples of the bootstrap.

    Returns:
        EFFECT_COLUMNS. ``asked`` counts questions, ``n`` those answered correctly with nothing cut. The interval
        of the relative accuracy is Wilson's, which stays honest at 1, with one from a bootstrap over images
        beside. ``p_drop`` is the mean fall of the probability of the object's first sub-token, with a bootstrap
        interval; ``logit_change`` the median of the largest change of a logit.
    """
    asked = measurements[measurements["pair"] == pairs.NONE].groupby("model").size()
    by = ["model", "pair", "variant", "window"]
    rows = []
    for judge in JUDGES:
        counted = initially_correct(measurements, judge)
        for (model, pair, variant, window), part in counted.groupby(by, sort=False):
            # Several random draws for one image are one observation.
            kept = part.groupby("image_id")["kept"].mean()
            share = kept.mean()
            first = part.iloc[0]
            rows.append(
                (
                    model, first["model_layers"], judge, pair, first["source"], first["target"],
                    variant, window, first["first_layer"], first["last_layer"],
                    asked[model], len(kept), part["n_tokens"].mean(),
                    share, *wilson(round(kept.sum()), len(kept)),
                    *bootstrap_mean(part["kept"], part["image_id"], seed, draws),
                    part["p_drop"].mean(),
                    *bootstrap_mean(part["p_drop"], part["image_id"], seed, draws),
                    part["logit_change"].median(),
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))


def comparisons_of(cells: list[Cell]) -> Iterator[tuple[Cell, Cell]]:
    """Cells worth comparing: every window with early and late, the object + 1 with random tokens."""
    known = set(cells)
    sources = {pair.name: pair for pair in pairs.PAIRS}
    named = [cell for cell in cells if cell.window in pairs.NAMES]
    for reference in REFERENCES:
        for cell in named:
            other = cell._replace(window=reference)
            if other != cell and other in known:
                yield other, cell
    for cell in cells:
        pair = sources.get(cell.pair)
        if pair is None or pair.source != pairs.PLUS_1:
            continue
        for other in pairs.PAIRS:
            if (other.source, other.target) == (pairs.RANDOM, pair.target):
                second = Cell(other.name, other.variants[0], cell.window)
                # The authors' geometry finds another number of tokens.
                if second in known and cell.variant == pair.variants[0]:
                    yield cell, second


def compare(measurements: pd.DataFrame, seed: int = 0, draws: int = 2000) -> pd.DataFrame:
    """Two cells on the same questions: difference of the relative accuracies, first minus second.

    Where random tokens have several draws, the interval uses all of them and McNemar's exact test the first.

    Returns:
        COMPARISON_COLUMNS; ``only_first_lost`` counts questions that only the first cell loses.
    """
    keys = list(Cell._fields)
    rows = []
    for judge in JUDGES:
        counted = initially_correct(measurements, judge)
        for model, part in counted.groupby("model", sort=False):
            table = part.groupby(["image_id", *keys])["kept"]
            means = table.mean().astype(float).unstack(keys)
            firsts = table.first().astype(float).unstack(keys).reindex_like(means).to_numpy()
            place = {Cell(*column): number for number, column in enumerate(means.columns)}
            images, values = means.index.to_numpy(), means.to_numpy()
            order = list(dict.fromkeys(map(Cell._make, part[keys].itertuples(index=False))))
            for first, second in comparisons_of(order):
                columns = [place[first], place[second]]
                both = np.isfinite(values[:, columns]).all(axis=1)
                a, b = values[both][:, columns].T
                low, high = bootstrap_mean(a - b, images[both], seed, draws)
                x, y = firsts[both][:, columns].T == 0
                only_first, only_second = int((x & ~y).sum()), int((y & ~x).sum())
                rows.append(
                    (
                        model, judge, *first, *second,
                        len(a), a.mean(), b.mean(), (a - b).mean(), low, high,
                        only_first, only_second, mcnemar_exact(only_first, only_second),
                    )
                )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))


def find_cell(
    effects: pd.DataFrame, model: str, judge: str, pair: str, variant: str, window: str
) -> pd.Series | None:
    """One row of `summarise`, or None where it was not measured."""
    found = effects[
        (effects["model"] == model)
        & (effects["judge"] == judge)
        & (effects["pair"] == pair)
        & (effects["variant"] == variant)
        & (effects["window"] == window)
    ]
    return None if found.empty else found.iloc[0]


def read_effects(path: Path | str) -> pd.DataFrame:
    """Effects that this module wrote.

    Raises:
        MeasurementError: the file has other columns.
    """
    return _read(path, EFFECT_COLUMNS)


def read_comparisons(path: Path | str) -> pd.DataFrame:
    """Comparisons that this module wrote.

    Raises:
        MeasurementError: the file has other columns.
    """
    return _read(path, COMPARISON_COLUMNS)


def _read(path: Path | str, columns: tuple[str, ...]) -> pd.DataFrame:
    # Empty variants stay empty text.
    return read_columns(path, columns, "summarise_knockout", MeasurementError)


def main(options: argparse.Namespace) -> None:
    """Write both tables."""
    measurements = read_knockout(options.measurements)
    write_csv(summarise(measurements, options.seed, options.draws), options.out)
    write_csv(compare(measurements, options.seed, options.draws), options.comparisons)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--comparisons", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--draws", type=int, default=2000, help="resamples of the bootstrap")
    cli.run(main, parser)
