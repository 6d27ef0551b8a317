"""Numbers with intervals, from the lens measurements of all models.

curves     mean over images of every series and measure, state by state
best       mean over images of the best state and of the share in it
attributes what confidently decoded object tokens name, state by state
maps       IoU of decoded classes, state by state and in all, or per category at the map state

Intervals are bootstraps over images.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.files import write_csv
from sightline.intervals import bootstrap_mean
from sightline.studies.neo2025.lens.curves import OBJECT
from sightline.studies.neo2025.lens.decoded import EVERY
from sightline.studies.neo2025.lens.image_set import MAIN, WIDE
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.words import STRICT
from sightline.studies.neo2025.measurements import MeasurementError

TABLES = ("states", "best", "attributes", "numbers", "counts", "maps", "replaced")
CURVE_COLUMNS = (
    "model", "sample", "series", "rule", "measure", "states", "state", "depth",
    "n", "value", "ci_low", "ci_high",
)  # fmt: skip
BEST_COLUMNS = (
    "model", "sample", "series", "rule", "images", "states", "n",
    "share", "share_low", "share_high", "state", "state_low", "state_high",
)  # fmt: skip
ATTRIBUTE_COLUMNS = (
    "model", "sample", "states", "state", "words_from", "named", "n", "tokens",
    "value", "ci_low", "ci_high",
)  # fmt: skip
MAP_COLUMNS = (
    "model", "variant", "category", "states", "state", "n", "pairs",
    "iou", "iou_low", "iou_high", "shuffled", "shuffled_low", "shuffled_high", "ceiling",
)  # fmt: skip
ALL_IMAGES, WITH_A_HIT = "all", "with a hit"
EVERY_CATEGORY = "all"


def read_tables(folders: Sequence[Path | str]) -> dict[str, pd.DataFrame]:
    """Measurements of one or more models, one below the other, by name.

    Args:
        folders: each holds the tables of one model, and ``replaced.parquet`` if it was measured.

    Raises:
        MeasurementError: a table is missing.
    """
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for folder in map(Path, folders):
        for name in TABLES:
            path = folder / f"{name}.parquet"
            if path.is_file():
                found[name].append(pd.read_parquet(path))
            elif name != "replaced":
                raise MeasurementError(
                    f"{path} is missing. Measure again (snakemake --forcerun measure_lens)."
                )
    return {name: pd.concat(frames, ignore_index=True) for name, frames in found.items() if frames}


def samples(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The two object samples, each with its rows; the wide one only where it adds images."""
    yield MAIN, table[table[MAIN]]
    if (table[WIDE] & ~table[MAIN]).any():
        yield WIDE, table[table[WIDE]]


def summarise_curves(states: pd.DataFrame, seed: int, draws: int) -> pd.DataFrame:
    """CURVE_COLUMNS; shares in percent. The matching rules beside the main one have no interval."""
    rows = []
    by = ["model", "series", "rule", "measure", "states", "state"]
    for sample, part in samples(states):
        for (model, series, rule, measure, count, state), cell in part.groupby(by, sort=False):
            unit = 1 if measure == "log10_rank" else 100
            interval = (np.nan, np.nan)
            if rule == STRICT and sample == MAIN:
                interval = bootstrap_mean(cell["value"], cell["image_id"], seed, draws)
            rows.append(
                (
                    model, sample, series, rule, measure, count, state, state / (count - 1),
                    len(cell), unit * cell["value"].mean(), *(unit * end for end in interval),
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


def summarise_best(best: pd.DataFrame, seed: int, draws: int) -> pd.DataFrame:
    """BEST_COLUMNS; shares in percent, states counted from 0."""
    rows = []
    by = ["model", "series", "rule", "states"]
    for sample, part in samples(best):
        for (model, series, rule, count), cell in part.groupby(by, sort=False):
            for images in (ALL_IMAGES, WITH_A_HIT):
                chosen = cell if images == ALL_IMAGES else cell[cell["share"] > 0]
                if chosen.empty or (images == WITH_A_HIT and series != OBJECT):
                    continue
                share = bootstrap_mean(chosen["share"], chosen["image_id"], seed, draws)
                state = bootstrap_mean(chosen["state"], chosen["image_id"], seed, draws)
                rows.append(
                    (
                        model, sample, series, rule, images, count, len(chosen),
                        100 * chosen["share"].mean(), *(100 * end for end in share),
                        chosen["state"].mean(), *state,
                    )
                )  # fmt: skip
    return pd.DataFrame(rows, columns=list(BEST_COLUMNS))


def summarise_attributes(attributes: pd.DataFrame, seed: int, draws: int) -> pd.DataFrame:
    """ATTRIBUTE_COLUMNS; mean over the images with a confident token, in percent."""
    rows = []
    by = ["model", "states", "state", "words_from"]
    for sample, part in samples(attributes[attributes["confident"] > 0]):
        for key, cell in part.groupby(by, sort=False):
            for named in ("attribute", "shuffled", "class"):
                low, high = bootstrap_mean(cell[named], cell["image_id"], seed, draws)
                rows.append(
                    (
                        key[0], sample, *key[1:], named, len(cell), int(cell["confident"].sum()),
                        100 * cell[named].mean(), 100 * low, 100 * high,
                    )
                )  # fmt: skip
    return pd.DataFrame(rows, columns=list(ATTRIBUTE_COLUMNS))


def summarise_maps(maps: pd.DataFrame, protocol: LensProtocol, draws: int) -> pd.DataFrame:
    """MAP_COLUMNS; means over pairs of image and category.

    All states for all categories together, single categories at the map state.
    """
    rows = []

    def add(part: pd.DataFrame, key: tuple) -> None:
        own = bootstrap_mean(part["iou"], part["image_id"], protocol.seed, draws)
        drawn = bootstrap_mean(part["shuffled"], part["image_id"], protocol.seed, draws)
        rows.append(
            (
                *key, part["image_id"].nunique(), len(part), part["iou"].mean(), *own,
                part["shuffled"].mean(), *drawn, part["ceiling"].mean(),
            )
        )  # fmt: skip

    for (model, variant, count, state), part in maps.groupby(
        ["model", "variant", "states", "state"], sort=False
    ):
        add(part, (model, variant, EVERY_CATEGORY, count, state))
        if variant == EVERY and state == protocol.map_state(count):
            for category, own in part.groupby("category"):
                add(own, (model, variant, category, count, state))
    return pd.DataFrame(rows, columns=list(MAP_COLUMNS))


def main(options: argparse.Namespace) -> None:
    """Write the four tables."""
    protocol = LensProtocol.read(options.protocol)
    tables = read_tables(options.measurements)
    seed, draws = protocol.seed, protocol.bootstrap
    write_csv(summarise_curves(tables["states"], seed, draws), options.out / "curves.csv")
    write_csv(summarise_best(tables["best"], seed, draws), options.out / "best.csv")
    attributes = summarise_attributes(tables["attributes"], seed, draws)
    write_csv(attributes, options.out / "attributes.csv")
    write_csv(summarise_maps(tables["maps"], protocol, draws), options.out / "maps.csv")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    cli.run(main, parser)
