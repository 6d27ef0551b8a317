"""Published numbers of an item as small tables, each number with its source and how far to trust it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sightline.studies.published import TRUST, UNKNOWN


@dataclass(frozen=True)
class PublishedTable:
    """Numbers that a paper printed in one place.

    Attributes:
        name: of the place: tab1, or tab1_logs for numbers told elsewhere.
        columns: headings of the columns.
        rows: model and row, then one cell per column; a cell is its text and the number of its note, or empty.
        notes: unit, source and trust, one text per note.
        count: numbers in it, unknown ones included.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[tuple[str, int] | None, ...]], ...]
    notes: tuple[str, ...]
    count: int


def published_of(item: str, stems: Sequence[str], published: pd.DataFrame) -> pd.DataFrame:
    """Lines of `load_published` that belong to an item.

    Args:
        item: its name.
        stems: names of all items and of their files, so that fig6_draft is not taken for a part of fig6.
        published: what `load_published` gives.
    """
    names = published["item"]
    own = (names == item) | (names.str.startswith(f"{item}_") & ~names.isin(list(stems)))
    return published[own]


def published_tables(lines: pd.DataFrame) -> list[PublishedTable]:
    """One table per place, rows and columns in the order of the file."""
    return [_table(str(name), part) for name, part in lines.groupby("item", sort=False)]


def _table(name: str, lines: pd.DataFrame) -> PublishedTable:
    columns = list(dict.fromkeys(lines["column"]))
    notes: dict[str, int] = {}
    cells: dict[tuple[str, str], dict[str, tuple[str, int]]] = {}
    for line in lines.itertuples(index=False):
        text = UNKNOWN if pd.isna(line.value) else f"{line.value:.6g}"
        note = _note(line.unit, line.source, line.trust)
        number = notes.setdefault(note, len(notes) + 1)
        cells.setdefault((line.model, line.row), {})[line.column] = (text, number)
    rows = tuple(
        (model, row, tuple(found.get(column) for column in columns))
        for (model, row), found in cells.items()
    )
    return PublishedTable(name, tuple(columns), rows, tuple(notes), len(lines))


def _note(unit: str, source: str, trust: str) -> str:
    told = f"{trust}: {TRUST[trust]}" if trust in TRUST else trust
    return "; ".join(part for part in (unit, source, told) if part)
