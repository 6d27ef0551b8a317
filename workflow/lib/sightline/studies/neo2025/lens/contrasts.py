"""The single numbers that the claims rest on, each with its interval or test.

start            share of object tokens that decode to the class in state 0, percent
peak             the largest mean share, percent
peak_ratio       peak over the share of tokens outside the object in the same state
peak_difference  peak minus the same, points
peak_depth       depth of the state with the peak
best_depth       mean depth of each image's best state, and the same over images with a match
best_share       mean share in each image's best state, percent
best_difference  the same minus that of tokens outside the object, points
top_start        median probability of the best entry in state 0, mean over images
input_start      share of object tokens nearest to the class among the input embeddings in state 0
attribute        confident object tokens that name something true other than the class, percent
attribute_shuffled  the same with what is true of other images' objects
number_images    scenes in which a background token decodes to a number in a later state, percent
number_match     those numbers that are a count of the image, minus the same for other images' counts
number_back      images with a new number word once the tokens with numbers are replaced, percent
number_control   the same once as many other background tokens are replaced
map_iou, map_shuffled, map_ratio   decoded classes against exact masks, at the state of the maps

Everything as ``corrected``; what depends on geometry or on the norm of the last state also ``as
published``.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline import cli
from sightline.files import write_csv
from sightline.intervals import Interval, bootstrap_mean, bootstrap_ratio, wilson
from sightline.studies.neo2025.judging import AS_PUBLISHED, CORRECTED
from sightline.studies.neo2025.lens import curves, decoded, replaced_columns
from sightline.studies.neo2025.lens.effects import read_tables
from sightline.studies.neo2025.lens.image_set import MAIN
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.words import STRICT

COLUMNS = ("model", "judge", "what", "n", "value", "ci_low", "ci_high", "p_value", "note")
OWN_SERIES = {CORRECTED: curves.OBJECT, AS_PUBLISHED: curves.PUBLISHED}
NOTHING = Interval(float("nan"), float("nan"))
WITH_A_MATCH = "best_depth_with_a_match"


class Contrast(NamedTuple):
    """One number: what, images, value, interval, p-value, and the state or words it is of."""

    what: str
    n: int
    value: float
    interval: Interval = NOTHING
    p_value: float = float("nan")
    note: str = ""


def peak_contrasts(
    states: pd.DataFrame, best: pd.DataFrame, judge: str, protocol: LensProtocol
) -> Iterator[Contrast]:
    """Numbers about the curves of one model, main sample and main matching rule."""
    seed, draws = protocol.seed, protocol.bootstrap
    own, images = _by_state(states, OWN_SERIES[judge])
    outside, _ = _by_state(states, curves.OUTSIDE, images)
    n, last = len(images), own.shape[1] - 1
    peak = int(own.mean(axis=0).argmax())
    at_peak, beyond = own[:, peak], outside[:, peak]

    def mean(values: NDArray[np.float64]) -> tuple[float, Interval]:
        return float(values.mean()), bootstrap_mean(values, images, seed, draws)

    yield Contrast("start", n, *mean(100 * own[:, 0]))
    yield Contrast("peak", n, *mean(100 * at_peak), note=f"state {peak} of 0 to {last}")
    if beyond.sum() > 0:
        ratio = bootstrap_ratio(at_peak, beyond, images, seed, draws)
        yield Contrast("peak_ratio", n, at_peak.sum() / beyond.sum(), ratio)
    yield Contrast("peak_difference", n, *mean(100 * (at_peak - beyond)))
    depths = Interval(*(end / last for end in _peak_interval(own, seed, draws)))
    yield Contrast("peak_depth", n, peak / last, depths)
    rows = best[(best["series"] == OWN_SERIES[judge]) & (best["rule"] == STRICT)]
    for what, part in (("best_depth", rows), (WITH_A_MATCH, rows[rows["share"] > 0])):
        if len(part):
            depth = part["state"] / last
            interval = bootstrap_mean(depth, part["image_id"], seed, draws)
            yield Contrast(what, len(part), depth.mean(), interval)
    interval = bootstrap_mean(100 * rows["share"], rows["image_id"], seed, draws)
    yield Contrast("best_share", len(rows), 100 * rows["share"].mean(), interval)
    beyond = best[best["series"] == curves.OUTSIDE].set_index("image_id")["share"]
    values = rows["share"].to_numpy() - beyond.reindex(rows["image_id"]).fillna(0).to_numpy()
    interval = bootstrap_mean(100 * values, rows["image_id"], seed, draws)
    yield Contrast("best_difference", len(rows), 100 * values.mean(), interval)
    if judge == CORRECTED:
        entering, places = _by_state(states, curves.INPUT)
        interval = bootstrap_mean(100 * entering[:, 0], places, seed, draws)
        yield Contrast("input_start", len(places), 100 * entering[:, 0].mean(), interval)
        first = states[(states["measure"] == curves.TOP) & (states["state"] == 0)]
        interval = bootstrap_mean(first["value"], first["image_id"], seed, draws)
        yield Contrast("top_start", len(first), first["value"].mean(), interval)


def _by_state(
    states: pd.DataFrame, series: str, images: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Shares (images, states) of one series, and the images."""
    rows = states[
        (states["series"] == series)
        & (states["rule"] == STRICT)
        & (states["measure"] == curves.SHARE)
    ]
    table = rows.pivot_table(index="image_id", columns="state", values="value")
    # An object over the whole image has no outside; it counts as free of false matches there.
    table = table if images is None else table.reindex(images).fillna(0)
    return table.to_numpy(float), table.index.to_numpy()


def _peak_interval(shares: NDArray[np.float64], seed: int, draws: int) -> Interval:
    """Bootstrap interval of the state with the largest mean."""
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(shares), np.full(len(shares), 1 / len(shares)), size=draws)
    low, high = np.quantile((counts @ shares).argmax(axis=1), [0.025, 0.975])
    return Interval(float(low), float(high))


def attribute_contrasts(attributes: pd.DataFrame, protocol: LensProtocol) -> Iterator[Contrast]:
    """What confident object tokens name, at the state of the maps, main sample."""
    rows = attributes[attributes["state"] == attributes["states"].map(protocol.map_state)]
    rows = rows[rows["confident"] > 0]
    if rows.empty:
        return
    note = f"{rows['words_from'].iloc[0]}, state {rows['state'].iloc[0]}"
    for what, column in (("attribute", "attribute"), ("attribute_shuffled", "shuffled")):
        values = 100 * rows[column]
        interval = bootstrap_mean(values, rows["image_id"], protocol.seed, protocol.bootstrap)
        yield Contrast(what, len(rows), values.mean(), interval, note=note)


def number_contrasts(
    numbers: pd.DataFrame, counts: pd.DataFrame, protocol: LensProtocol
) -> Iterator[Contrast]:
    """Numbers of background tokens in middle-to-late states, against what can be counted."""
    scenes = counts["image_id"].nunique()
    if not scenes:
        return
    rows = numbers[numbers["late"] & numbers["background"]]
    images = sorted(set(rows["image_id"]))
    share = Interval(*(100 * end for end in wilson(len(images), scenes)))
    yield Contrast("number_images", scenes, 100 * len(images) / scenes, share)
    if len(images) < 2:
        return
    true = countable(counts)
    said = {image: part["value"].to_numpy() for image, part in rows.groupby("image_id")}
    # Row: whose numbers; column: whose counts.
    matches = np.array(
        [[np.isin(said[one], list(true[other])).mean() for other in images] for one in images]
    )
    own = np.diag(matches)
    chance = (matches.sum(axis=1) - own) / (len(images) - 1)
    rng = np.random.default_rng(protocol.seed)
    places = np.arange(len(images))
    drawn = [matches[places, rng.permutation(places)].mean() for _ in range(protocol.bootstrap)]
    p_value = (1 + np.sum(np.array(drawn) >= own.mean() - 1e-12)) / (1 + len(drawn))
    values = 100 * (own - chance)
    interval = bootstrap_mean(values, images, protocol.seed, protocol.bootstrap)
    note = f"{100 * own.mean():.1f} % match, {100 * chance.mean():.1f} % by chance"
    yield Contrast("number_match", len(images), values.mean(), interval, float(p_value), note)


def countable(counts: pd.DataFrame) -> dict[int, set[int]]:
    """Numbers that are true of each image: of all its objects, or of a category with two or more."""
    kept = counts[(counts["of"] == "") | (counts["count"] >= 2)]
    return {int(image): set(part["count"]) for image, part in kept.groupby("image_id")}


def reappearing(replaced: pd.DataFrame) -> Mapping[str, pd.Series]:
    """Condition -> whether each image has a number word at a token that had none before."""
    return {
        condition: part.groupby("image_id")["new"].any()
        for condition, part in replaced.groupby("condition")
    }


def replaced_contrasts(replaced: pd.DataFrame) -> Iterator[Contrast]:
    """What becomes of number words once their tokens are replaced."""
    found = reappearing(replaced)
    for what, condition in (
        ("number_back", replaced_columns.NUMBERS_REPLACED),
        ("number_control", replaced_columns.OTHERS_REPLACED),
    ):
        if condition in found:
            back = found[condition]
            interval = Interval(*(100 * end for end in wilson(int(back.sum()), len(back))))
            yield Contrast(what, len(back), 100 * back.mean(), interval)


def map_contrasts(maps: pd.DataFrame, protocol: LensProtocol) -> Iterator[Contrast]:
    """Decoded classes against exact masks."""
    rows = maps[
        (maps["state"] == maps["states"].map(protocol.map_state))
        & (maps["variant"] == decoded.EVERY)
    ]
    n, seed, draws = rows["image_id"].nunique(), protocol.seed, protocol.bootstrap
    if not n:
        return
    note = f"state {rows['state'].iloc[0]}, {len(rows)} pairs of image and class"
    for what, column in (("map_iou", "iou"), ("map_shuffled", "shuffled")):
        interval = bootstrap_mean(rows[column], rows["image_id"], seed, draws)
        yield Contrast(what, n, rows[column].mean(), interval, note=note)
    if rows["shuffled"].sum() > 0:
        interval = bootstrap_ratio(rows["iou"], rows["shuffled"], rows["image_id"], seed, draws)
        ratio = rows["iou"].sum() / rows["shuffled"].sum()
        yield Contrast("map_ratio", n, ratio, interval, note=note)


def contrast(tables: Mapping[str, pd.DataFrame], protocol: LensProtocol) -> pd.DataFrame:
    """All numbers of all models.

    Args:
        tables: of `sightline.studies.neo2025.lens.effects.read_tables`.
        protocol: of the run.

    Returns:
        COLUMNS.
    """
    rows = []
    for model in dict.fromkeys(tables["states"]["model"]):
        own = {name: table[table["model"] == model] for name, table in tables.items()}
        states = own["states"][own["states"][MAIN]]
        best = own["best"][own["best"][MAIN]]
        attributes = own["attributes"][own["attributes"][MAIN]]
        found = [
            (judge, one)
            for judge in OWN_SERIES
            for one in peak_contrasts(states, best, judge, protocol)
        ]
        rest = [
            *attribute_contrasts(attributes, protocol),
            *number_contrasts(own["numbers"], own["counts"], protocol),
            *map_contrasts(own["maps"], protocol),
        ]
        if "replaced" in own:
            rest += replaced_contrasts(own["replaced"])
        found += [(CORRECTED, one) for one in rest]
        rows += [
            (model, judge, one.what, one.n, one.value, *one.interval, one.p_value, one.note)
            for judge, one in found
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def main(options: argparse.Namespace) -> None:
    """Write the table."""
    tables = read_tables(options.measurements)
    write_csv(contrast(tables, LensProtocol.read(options.protocol)), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
