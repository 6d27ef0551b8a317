"""One table, three files: CSV for programs, Markdown for reading, LaTeX for papers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sightline.errors import SightlineError
from sightline.files import atomic_path, write_csv

MISSING = "–"  # noqa: RUF001
TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",  # noqa: RUF001
    "−": "$-$",  # noqa: RUF001
    "±": r"$\pm$",
    "×": r"$\times$",  # noqa: RUF001
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
}


def read_columns(
    path: Path | str,
    columns: Sequence[str],
    rule: str,
    error: type[SightlineError],
    **options: Any,
) -> pd.DataFrame:
    """A table that another command wrote.

    Args:
        path: CSV.
        columns: that it must have, in this order.
        rule: that writes it.
        error: raised for another table.
        options: of `pandas.read_csv`; empty cells stay empty text unless told otherwise.

    Raises:
        SightlineError: of the class given, names the file and says how to write it again.
    """
    frame = pd.read_csv(path, **({"keep_default_na": False} | options))
    if list(frame.columns) != list(columns):
        raise error(
            f"{path}: columns are {', '.join(frame.columns)}, expected {', '.join(columns)}. "
            f"Rebuild it (snakemake --forcerun {rule})."
        )
    return frame


def write_table(
    frame: pd.DataFrame,
    stem: Path | str,
    caption: str,
    formats: Sequence[str] = ("csv", "md", "tex"),
    headers: Mapping[str, str] | None = None,
    digits: int | Mapping[str, int] = 2,
    missing: str = MISSING,
) -> list[Path]:
    """Write ``frame`` as ``<stem>.csv``, ``.md`` and ``.tex``; equal input gives equal bytes.

    Args:
        frame: the table; its index is not written.
        stem: path without suffix, such as results/demo/neo2025/tab1.
        caption: one sentence above the Markdown and LaTeX tables.
        formats: which of csv, md and tex.
        headers: column -> heading for md and tex; the CSV keeps the column names and all digits.
        digits: decimals of numbers with a fraction, for all columns or per column.
        missing: what md and tex show for an empty cell; the CSV leaves it empty.

    Returns:
        The files written.

    Raises:
        SightlineError: an unknown format, or a heading or digits for a column that is not there.
    """
    unknown = set(formats) - {"csv", "md", "tex"}
    if unknown:
        raise SightlineError(f"{stem}: no table format {sorted(unknown)[0]}; use csv, md or tex.")
    named = set(headers or ()) | (set(digits) if isinstance(digits, Mapping) else set())
    if named - set(frame.columns):
        raise SightlineError(
            f"{stem}: no column {sorted(named - set(frame.columns))[0]} to give a heading or "
            f"digits to; the table has {', '.join(map(str, frame.columns))}."
        )
    stem = Path(stem)
    cells = _cells(frame, digits, missing)
    titles = [str((headers or {}).get(column, column)) for column in frame.columns]
    right = [pd.api.types.is_numeric_dtype(frame[column]) for column in frame.columns]
    paths = []
    for kind in formats:
        path = stem.with_name(f"{stem.name}.{kind}")
        if kind == "csv":
            write_csv(frame, path)
        else:
            render = _markdown if kind == "md" else _latex
            with atomic_path(path) as temporary:
                temporary.write_text(render(titles, cells, right, caption, stem.name))
        paths.append(path)
    return paths


def markdown_rows(
    titles: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool]
) -> str:
    """Lines of a Markdown table, columns aligned by type, bars inside cells escaped."""
    lines = [list(titles), ["--:" if flag else ":--" for flag in right], *cells]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |\n"
        for line in lines
    )


def _cells(frame: pd.DataFrame, digits: int | Mapping[str, int], missing: str) -> list[list[str]]:
    places = [digits.get(name, 2) if isinstance(digits, Mapping) else digits for name in frame]
    return [
        [_text(value, place, missing) for value, place in zip(line, places, strict=True)]
        for line in frame.astype(object).itertuples(index=False, name=None)
    ]


def _text(value: Any, digits: int, missing: str) -> str:
    if pd.isna(value):
        return missing
    if isinstance(value, float):
        shown = f"{value:.{digits}f}"
        # "-0.00" would claim a sign that rounding has taken away.
        return shown.lstrip("-") if float(shown) == 0 else shown
    return str(value)


def _markdown(
    titles: list[str], cells: list[list[str]], right: list[bool], caption: str, name: str
) -> str:
    return f"{caption}\n\n{markdown_rows(titles, cells, right)}"


def _latex(
    titles: list[str], cells: list[list[str]], right: list[bool], caption: str, name: str
) -> str:
    def row(line: list[str]) -> str:
        return " & ".join(map(escape_tex, line)) + r" \\" + "\n"

    return (
        "% needs \\usepackage{booktabs}\n"
        "\\begin{table}\n"
        "\\centering\n"
        f"\\caption{{{escape_tex(caption)}}}\n"
        f"\\label{{tab:{name}}}\n"
        f"\\begin{{tabular}}{{{''.join('r' if flag else 'l' for flag in right)}}}\n"
        f"\\toprule\n{row(titles)}\\midrule\n{''.join(map(row, cells))}\\bottomrule\n"
        "\\end{tabular}\n"
        "\\end{table}\n"
    )


def escape_tex(text: str) -> str:
    """``text`` as LaTeX shows it literally, one letter at a time so that nothing escapes twice."""
    return "".join(TEX.get(letter, letter) for letter in text)
