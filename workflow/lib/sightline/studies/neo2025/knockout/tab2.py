"""Table 2: accuracy left when attention between token groups is cut, measured beside published.

Rows follow the paper, then pairs added here. The two blocks per model are the corrected protocol and the one as
published, which takes the authors' geometry and judge; the paper's own row stands below those it has.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.judging import AS_PUBLISHED, CORRECTED
from sightline.studies.neo2025.knockout import pairs
from sightline.studies.neo2025.knockout.effects import find_cell, read_effects
from sightline.studies.neo2025.knockout.pairs import PAIRS, Pair
from sightline.studies.published import UNKNOWN, find_published, load_published
from sightline.studies.tables import write_table

ITEM = "tab2"
# The paper measures its first model only.
PAPER_MODEL = "LLaVA-1.5"
NOT_RUN = "not run"
HEADERS = {
    pairs.EARLY: "Early", pairs.EARLY_MID: "Early-mid", pairs.MID: "Mid",
    pairs.MID_LATE: "Mid-late", pairs.LATE: "Late", pairs.ALL: "All",
}  # fmt: skip
GEOMETRY = {CORRECTED: subsets.MASK, AS_PUBLISHED: subsets.CODE_GEOMETRY}
CAPTION = (
    "Accuracy relative to the run in which nothing is cut (95 % Wilson interval; 1 means no impact) when "
    "attention from tokens to rows is cut in a window of layers, beside the published values (neo2025 Table 2). "
    "O object, I image, LVR last visual row, LTP last token position; rows below the paper's six are added here."
)


def build(effects: pd.DataFrame, models: Sequence[str], published: pd.DataFrame) -> pd.DataFrame:
    """The table with every number in its own column.

    Args:
        effects: of `sightline.studies.neo2025.knockout.effects.summarise`.
        models: keys of the models, the one that stands for the paper's first; one that the effects lack is
            listed as not run.
        published: of `sightline.studies.published.load_published`.

    Returns:
        One line per model, pair and protocol: model, paper_model, protocol, pair, title, variant, status,
        asked, n, avg_tokens, and for each window its relative accuracy with _low, _high, _layers and
        _published.
    """
    return pd.DataFrame(
        [
            _line(effects, model, PAPER_MODEL if number == 0 else "", judge, pair, published)
            for number, model in enumerate(models)
            for pair in PAIRS
            for judge in ((CORRECTED, AS_PUBLISHED) if pair.in_paper else (CORRECTED,))
        ]
    )


def _line(
    effects: pd.DataFrame,
    model: str,
    paper_model: str,
    judge: str,
    pair: Pair,
    published: pd.DataFrame,
) -> dict:
    variant = pair.variant(GEOMETRY[judge])
    found = {
        window: find_cell(effects, model, judge, pair.name, variant, window) for window in HEADERS
    }
    measured = [cell for cell in found.values() if cell is not None]
    line = {
        "model": model,
        "paper_model": paper_model,
        "protocol": judge,
        "pair": pair.name,
        "title": pair.title,
        "variant": variant,
        "status": "measured" if measured else NOT_RUN,
        **{
            column: measured[0][column] if measured else np.nan
            for column in ("asked", "n", "avg_tokens")
        },
    }
    for window, cell in found.items():
        values = ("relative_accuracy", "ci_low", "ci_high")
        for suffix, value in zip(("", "_low", "_high"), values, strict=True):
            line[f"{window}{suffix}"] = np.nan if cell is None else cell[value]
        line[f"{window}_layers"] = (
            "" if cell is None else f"{cell['first_layer']}–{cell['last_layer']}"  # noqa: RUF001
        )
        line[f"{window}_published"] = find_published(
            published, ITEM, paper_model, pair.name, window
        ).value
    return line


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read; windows are headed by their layers, which differ between depths of models."""
    lines = []
    for _, block in table.groupby("model", sort=False):
        lines += _display_model(block)
    return pd.DataFrame(lines)


def _display_model(block: pd.DataFrame) -> Iterator[dict[str, str]]:
    first = block.iloc[0]
    layers = {title: first[f"{window}_layers"] or NOT_RUN for window, title in HEADERS.items()}
    common = {"Model": first["model"]}
    yield common | {"From → to": "layers, from 0", "Protocol": "", "n": ""} | layers
    for _, rows in block.groupby("pair", sort=False):
        for row in rows.to_dict("records"):
            n = "" if np.isnan(row["n"]) else f"{row['n']:.0f}"
            head = {"From → to": row["title"], "Protocol": row["protocol"], "n": n}
            yield common | head | {title: _cell(row, window) for window, title in HEADERS.items()}
        if first["paper_model"] and row["protocol"] == AS_PUBLISHED:
            head = {"From → to": row["title"], "Protocol": f"paper, {PAPER_MODEL}", "n": UNKNOWN}
            yield (
                common
                | head
                | {title: _printed(row[f"{window}_published"]) for window, title in HEADERS.items()}
            )


def _cell(row: dict, window: str) -> str:
    value, low, high = (row[f"{window}{suffix}"] for suffix in ("", "_low", "_high"))
    return NOT_RUN if np.isnan(value) else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _printed(value: float | None) -> str:
    return UNKNOWN if value is None or np.isnan(value) else f"{value:.2f}"


def main(options: argparse.Namespace) -> None:
    """Write the table as csv, md and tex."""
    table = build(read_effects(options.effects), options.models, load_published("neo2025"))
    write_table(table, options.out, CAPTION, formats=("csv",))
    write_table(display(table), options.out, CAPTION, formats=("md", "tex"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--models", nargs="*", required=True, help="keys, the paper's model first")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
