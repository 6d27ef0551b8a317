"""From single images to curves with intervals, and the single numbers that the claims rest on.

fractions.csv      share of attention by role and layer
spread.csv         entropy and largest tokens of image attention by layer
overlaps.csv       largest tokens that groups of layers have in common
tail.csv           part of the attention that the largest tokens hold
localisation.csv   how often the peak of an object's tokens falls on it
visible.csv        object F1 against the share of image tokens seen
contrasts.csv      the numbers that C1, C7, C8 and C9 rest on
"""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.files import write_csv
from sightline.intervals import bootstrap_mean
from sightline.scenes.mentions import Vocabulary
from sightline.studies.kaduri2025.attention import (
    contrast,
    fractions,
    localisation,
    spread,
    visible,
)
from sightline.studies.kaduri2025.attention.contrast import Contrast
from sightline.studies.kaduri2025.attention.measurements import (
    TABLES,
    MeasurementError,
    read_judged,
    read_tables,
)
from sightline.studies.kaduri2025.attention.spread import Spread
from sightline.studies.kaduri2025.knockout import conditions
from sightline.studies.kaduri2025.knockout.measurements import read_measurements
from sightline.studies.kaduri2025.protocol import Protocol

Lost = set[tuple[int, str]]


def lost_objects(knockout: pd.DataFrame, objects: pd.DataFrame) -> dict[str, Lost]:
    """Model -> image and name of objects that are no longer named with the image hidden from generated tokens.

    Names are looked for in the text itself: a language model that judges may call them otherwise.

    Args:
        knockout: of `sightline.studies.kaduri2025.knockout.measurements`.
        objects: OBJECTS of the same models.
    """
    rows = knockout[
        (knockout["condition"] == conditions.GENERATED)
        & (knockout["layers"] == conditions.ALL)
        & (knockout["variant"] == conditions.AS_PUBLISHED)
        & (knockout["wording"] == conditions.MAIN)
    ]
    texts = rows.set_index(["model", "image_id"])["text"].to_dict()
    found: dict[str, Lost] = {model: set() for model in rows["model"]}
    if objects.empty:
        return found
    vocabulary = Vocabulary(sorted(set(objects["object"])))
    left = {key: vocabulary.mentioned(text) for key, text in texts.items()}
    for row in objects.itertuples():
        if row.object not in left.get((row.model, row.image_id), {row.object}):
            found[row.model].add((row.image_id, row.object))
    return found


def gate(knockout: pd.DataFrame, model: str, seed: int, draws: int) -> list[Contrast]:
    """F1 of the unmodified descriptions against the annotated objects; nothing where annotations are not complete.

    Data sets that tell the dominant object tell all of them; COCO names fewer objects than a description.
    """
    rows = knockout[
        (knockout["model"] == model)
        & (knockout["condition"] == conditions.NONE)
        & (knockout["wording"] == conditions.MAIN)
        & (knockout["dominant"] != "")
    ].dropna(subset="truth_f1")
    if rows.empty:
        return []
    interval = bootstrap_mean(rows["truth_f1"], rows["image_id"], seed, draws)
    return [Contrast("", "gate", len(rows), rows["truth_f1"].mean(), interval)]


def summarise(
    tables: Mapping[str, pd.DataFrame],
    judged: pd.DataFrame,
    knockout: pd.DataFrame,
    protocol: Protocol,
) -> dict[str, pd.DataFrame]:
    """All tables of this module, by name.

    Args:
        tables: TABLES by name, of one or more models.
        judged: JUDGED of the same models.
        knockout: of `sightline.studies.kaduri2025.knockout.measurements`, for the same models.
        protocol: of the run.

    Raises:
        MeasurementError: a model was not measured in all ways.
    """
    seed, draws = protocol.seed, protocol.bootstrap
    lost = lost_objects(knockout, tables["objects"])
    found: dict[str, list[tuple]] = {name: [] for name in _COLUMNS}
    for model, described in tables["descriptions"].groupby("model", sort=False):
        if model not in lost or model not in set(judged["model"]):
            raise MeasurementError(
                f"{model}: knockout or hidden tokens were not measured. Run both (snakemake kaduri2025)."
            )
        own = {name: frame[frame["model"] == model] for name, frame in tables.items()}
        swept = judged[judged["model"] == model]
        depth, tokens = int(described["model_layers"].iloc[0]), int(described["image"].median())
        middle = protocol.middle(model, depth)
        one = Spread(own["maps"], middle)
        located = (own["peaks"], own["objects"], lost[model], depth, middle, seed, draws)

        def add(name: str, rows: Iterable[tuple], model: str = model, depth: int = depth) -> None:
            found[name] += [(model, depth, *row) for row in rows]

        add("spread", spread.layer_rows(one, seed, draws))
        add("overlaps", spread.overlap_rows(one, seed, draws))
        add("tail", spread.tail_rows(one, protocol.top_shares, seed, draws))
        add("localisation", localisation.rows_of(*located))
        found["contrasts"] += [
            each.row(model)
            for each in (
                *gate(knockout, model, seed, draws),
                *fractions.contrasts(own["fractions"], described, seed, draws),
                *spread.contrasts(one, seed, draws),
                *localisation.contrasts(*located),
                *visible.contrasts(swept, protocol.top_shares, tokens, seed, draws),
            )
        ]
    frames = {name: pd.DataFrame(found[name], columns=list(_COLUMNS[name])) for name in _COLUMNS}
    return {
        "fractions": fractions.summarise(tables["fractions"], seed, draws),
        "visible": visible.summarise(judged, seed, draws),
        **frames,
    }


_COLUMNS = {
    "spread": spread.LAYER_COLUMNS,
    "overlaps": spread.OVERLAP_COLUMNS,
    "tail": spread.TAIL_COLUMNS,
    "localisation": localisation.COLUMNS,
    "contrasts": contrast.COLUMNS,
}


def read_effects(folder: Path | str, name: str) -> pd.DataFrame:
    """One of the tables that this module wrote, by name.

    Raises:
        MeasurementError: the file is missing or has other columns.
    """
    path = Path(folder) / f"{name}.csv"
    columns = _COLUMNS | {"fractions": fractions.COLUMNS, "visible": visible.COLUMNS}
    again = "Rebuild it (snakemake --forcerun summarise_attention)."
    if not path.exists():
        raise MeasurementError(f"{path} is missing. {again}")
    # Empty variants stay empty text.
    texts = {column: str for column in ("variant", "note")}
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=texts)
    if tuple(frame.columns) != tuple(columns[name]):
        raise MeasurementError(
            f"{path}: columns are {', '.join(frame.columns)}, expected {', '.join(columns[name])}. {again}"
        )
    return frame.fillna({column: "" for column in texts if column in frame})


def main(options: argparse.Namespace) -> None:
    """Write all tables."""
    tables = summarise(
        {name: read_tables(options.attention, name) for name in TABLES},
        read_judged(options.hidden),
        read_measurements(options.knockout),
        Protocol.read(options.protocol),
    )
    for name, frame in tables.items():
        write_csv(frame, options.out / f"{name}.csv")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attention", type=Path, nargs="+", required=True, help="a folder each")
    parser.add_argument("--hidden", type=Path, nargs="+", required=True, help="judged descriptions")
    parser.add_argument("--knockout", type=Path, nargs="+", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the tables")
    cli.run(main, parser)
