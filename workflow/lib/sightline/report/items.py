"""Which figures, tables and numbers of a study this run produced, and why the others are absent.

python -m sightline.report.items --study neo2025 --folder results/demo/neo2025 --out items.csv
"""

import argparse
from pathlib import Path

import pandas as pd

from sightline.cli import run
from sightline.files import write_csv
from sightline.studies.published import load_items, output_files

COLUMNS = ("study", "item", "kind", "title", "status", "reason")
PRODUCED = "produced"
NOT_RUN = "not run"


def item_status(study: str, items: pd.DataFrame, folder: Path | str) -> pd.DataFrame:
    """Status of every item of a study.

    Args:
        study: key of the study, such as neo2025.
        items: what `sightline.studies.published.load_items` gives.
        folder: where the item's files are, results/<run>/<study>.

    Returns:
        One line per item, COLUMNS: ``produced`` with an empty reason if all its files are there and
        hold something (CSV files a row besides their columns), ``not run`` with the study's reason
        if none is, and with the names of the absent or empty files if some are.
    """
    folder = Path(folder)
    rows = []
    for item in items.to_dict("records"):
        files = output_files(item["item"], item["outputs"])
        lacking = [name for name in files if not _holds_something(folder / name)]
        if not lacking:
            status, reason = PRODUCED, ""
        elif len(lacking) == len(files):
            status, reason = NOT_RUN, item["reason"]
        else:
            status, reason = NOT_RUN, f"incomplete: {', '.join(lacking)} absent or empty"
        rows.append((study, item["item"], item["kind"], item["title"], status, reason))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _holds_something(path: Path) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return False
    if path.suffix != ".csv":
        return True
    with path.open(encoding="utf-8") as lines:
        return bool(lines.readline() and lines.readline())


def main(arguments: argparse.Namespace) -> None:
    """Look for the files and write the list."""
    items = load_items(arguments.study)
    write_csv(item_status(arguments.study, items, arguments.folder), arguments.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="List which items of a study were produced.")
    parser.add_argument("--study", required=True, help="key of the study, such as neo2025")
    parser.add_argument(
        "--folder", required=True, type=Path, help="folder of the study's results in this run"
    )
    parser.add_argument("--out", required=True, type=Path, help="CSV to write")
    run(main, parser)
