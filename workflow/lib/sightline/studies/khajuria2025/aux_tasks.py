"""Composition of the tasks (AUX.tasks): images of each pair, found beside published.

python -m sightline.studies.khajuria2025.aux_tasks --composition pairs.csv --out aux_tasks
"""

import argparse
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.studies.khajuria2025.names import PAIRS
from sightline.studies.published import find_published, load_published
from sightline.studies.tables import write_table

ITEM = "aux_tasks"
DATA = "COCO train2017"
CAPTION = (
    "Images with exactly one primary and one secondary category of a task, those that balancing can "
    "leave of them at most, and the published numbers (khajuria2025)."
)
HEADERS = {
    "task": "Task",
    "primary": "Primary",
    "secondary": "Secondary",
    "images": "Images",
    "balanced": "Balanced at most",
    "published": "Published",
}


def build(composition: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """The table.

    Args:
        composition: of `selection.Selection.composition`.
        published: of `sightline.studies.published.load_published`.

    Returns:
        One line per task and pair: the keys of HEADERS.
    """
    pairs = composition[composition["part"] == PAIRS].copy()
    pairs["published"] = [
        find_published(
            published, ITEM, DATA, f"{row.task} {row.primary} {row.secondary}", "images"
        ).value
        for row in pairs.itertuples()
    ]
    # Another task may share a pair or two with the paper's; only the whole task is the same.
    same = pairs.groupby("task")["published"].transform(lambda found: found.notna().all())
    pairs["published"] = pairs["published"].where(same)
    return pairs[list(HEADERS)].reset_index(drop=True)


def main(options: argparse.Namespace) -> None:
    """Write the table in three formats."""
    table = build(pd.read_csv(options.composition), load_published("khajuria2025"))
    write_table(table, options.out, CAPTION, headers=HEADERS, digits=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--composition", type=Path, required=True, help="images per pair, CSV")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
