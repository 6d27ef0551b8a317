"""All quality gates in one table.

python -m sightline.report.quality_table --quality first.csv second.csv --out results/demo/models/quality.csv
"""

import argparse
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import write_csv

COLUMNS = ["model", "gate", "wanted", "measured", "ci_low", "ci_high", "n", "met"]


def gather_quality(files: list[Path]) -> pd.DataFrame:
    """Rows of several tables, in their order.

    Raises:
        SightlineError: a table has other columns, or two tables tell of the same model and gate.
    """
    tables = []
    for file in files:
        table = pd.read_csv(file)
        if list(table.columns) != COLUMNS:
            raise SightlineError(
                f"{file}: columns {', '.join(table.columns)}; expected {', '.join(COLUMNS)}."
            )
        tables.append(table.dropna(axis=1, how="all"))
    gates = pd.concat(tables, ignore_index=True).reindex(columns=COLUMNS)
    twice = gates[gates.duplicated(["model", "gate"])]
    if len(twice):
        model, gate = twice.iloc[0][["model", "gate"]]
        raise SightlineError(f"{model}: '{gate}' is measured in two of the tables. Keep one.")
    return gates


def main(arguments: argparse.Namespace) -> None:
    """Gather the tables."""
    write_csv(gather_quality(arguments.quality), arguments.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quality", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
