"""What the papers printed, as data: two CSV files beside each study's modules.

studies/<study>/published.csv     item,model,row,column,value,unit,source,trust
    One line per printed number. ``item`` names the figure, table or number (tab1), ``row`` and
    ``column`` the cell, ``value`` is a number or the word unknown, ``unit`` such as percent,
    ``source`` says where the value was read, ``trust`` how far to rely on it (see TRUST).

studies/<study>/items.csv         item,kind,title,outputs,reason
    One line per figure, table, number or page of the study. ``outputs`` lists the suffixes of the
    files that make it, such as csv;md;tex, or full names where a file is not <item>.<suffix>;
    ``reason`` is what to say while they are absent.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sightline.errors import SightlineError

STUDIES = Path(__file__).parent
PUBLISHED_COLUMNS = ("item", "model", "row", "column", "value", "unit", "source", "trust")
ITEM_COLUMNS = ("item", "kind", "title", "outputs", "reason")
KINDS = ("figure", "diagram", "table", "number", "page", "text")
UNKNOWN = "unknown"
TRUST = {
    "paper": "read in the paper's own text, tables or pictures",
    "authors": "from the authors elsewhere: code, results, supplement, project page, readme",
    "quoted": "given as a quotation of the paper in another public source",
    "second-hand": "reported by others, not checked against the paper",
    "digitised": "measured in a picture of a published figure",
    "derived": "computed from other published values",
    "inferred": "an inference, not verified",
    UNKNOWN: "the value is not known",
}


class PublishedError(SightlineError):
    """A study's published.csv or items.csv is missing or malformed."""


@dataclass(frozen=True)
class Published:
    """One published number; ``value`` is None where it could not be learnt."""

    value: float | None
    unit: str
    source: str
    trust: str


def load_published(study: str, root: Path = STUDIES) -> pd.DataFrame:
    """Published values of a study.

    Args:
        study: package name, such as neo2025.
        root: folder that holds the studies.

    Returns:
        One line per cell, PUBLISHED_COLUMNS, ``value`` as float with NaN where unknown.

    Raises:
        PublishedError: names the file and line at fault.
    """
    path = root / study / "published.csv"
    frame = _read(path, PUBLISHED_COLUMNS, key=("item", "model", "row", "column"))
    known = frame["value"] != UNKNOWN
    values = pd.to_numeric(frame["value"].where(known), errors="coerce")
    for line in frame.index[known & values.isna()]:
        raise PublishedError(
            f"{path} line {line + 2}: value {frame['value'][line]!r} is neither a number nor the "
            f"word {UNKNOWN}."
        )
    for line in frame.index[~frame["trust"].isin(TRUST)]:
        raise PublishedError(
            f"{path} line {line + 2}: trust {frame['trust'][line]!r} is none of {', '.join(TRUST)}."
        )
    return frame.assign(value=values)


def find_published(
    published: pd.DataFrame, item: str, model: str, row: str, column: str
) -> Published:
    """One cell of `load_published`; a cell without a line is as unknown as one that says so."""
    wanted = {"item": item, "model": model, "row": row, "column": column}
    here = pd.Series(True, index=published.index)
    for key, value in wanted.items():
        here &= published[key] == value
    if not here.any():
        return Published(None, "", "not found", UNKNOWN)
    cell = published[here].iloc[0]
    value = None if pd.isna(cell["value"]) else float(cell["value"])
    return Published(value, cell["unit"], cell["source"], cell["trust"])


def load_items(study: str, root: Path = STUDIES) -> pd.DataFrame:
    """Figures, tables, numbers and pages of a study.

    Args:
        study: package name, such as neo2025.
        root: folder that holds the studies.

    Returns:
        One line per item, ITEM_COLUMNS, all text, in the file's order.

    Raises:
        PublishedError: names the file and line at fault.
    """
    path = root / study / "items.csv"
    frame = _read(path, ITEM_COLUMNS, key=("item",))
    for line in frame.index[~frame["kind"].isin(KINDS)]:
        raise PublishedError(
            f"{path} line {line + 2}: kind {frame['kind'][line]!r} is none of {', '.join(KINDS)}."
        )
    for column in ("title", "outputs", "reason"):
        for line in frame.index[frame[column] == ""]:
            raise PublishedError(f"{path} line {line + 2}: {column} is empty.")
    return frame


def output_files(item: str, outputs: str) -> list[str]:
    """File names of an item: ``csv;md`` of tab1 is tab1.csv and tab1.md."""
    names = [part.strip() for part in outputs.split(";") if part.strip()]
    return [name if "." in name else f"{item}.{name}" for name in names]


def _read(path: Path, columns: tuple[str, ...], key: tuple[str, ...]) -> pd.DataFrame:
    if not path.exists():
        raise PublishedError(f"{path} is missing; it needs the columns {','.join(columns)}.")
    try:
        # Text first: pandas would read a model called "None" as missing.
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise PublishedError(f"{path}: {error}. Quote cells that hold commas.") from None
    if tuple(frame.columns) != columns:
        raise PublishedError(
            f"{path}: columns are {','.join(frame.columns)}, expected {','.join(columns)}."
        )
    for line in frame.index[frame.duplicated(list(key))]:
        name = ", ".join(frame.loc[line, list(key)])
        raise PublishedError(f"{path} line {line + 2}: {name} was given before; keep one line.")
    return frame
