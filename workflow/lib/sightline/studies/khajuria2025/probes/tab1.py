"""Correlations of M1 and M2 with the global probe over encoders, measured beside published."""

import argparse
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.khajuria2025.probes.measures import (
    ALL_TRAINED,
    BEST_M1,
    GAP,
    M1,
    M2,
    NOT_IN,
    PAIR_COLUMNS,
    WITHOUT_OUTLIER,
)
from sightline.studies.khajuria2025.probes.published_cells import published_value
from sightline.studies.published import load_published
from sightline.studies.tables import MISSING, write_table

ITEM, MODEL = "tab1", "nine encoders"
# Encoders and pair -> row and column of Pearson's r, and of its p-value.
ROWS = {
    (ALL_TRAINED, M1, NOT_IN): (("M1_vs_global_not_in_caption", "r"), ("M1_vs_global_not_in_caption", "p")),
    (ALL_TRAINED, M2, NOT_IN): (
        ("M2ratio_vs_global_not_in_caption", "r"), ("M2ratio_vs_global_not_in_caption", "p"),
    ),
    (ALL_TRAINED, M2, GAP): (("M2ratio_vs_caption_gap", "r"), ("M2ratio_vs_caption_gap", "p")),
} | {
    (WITHOUT_OUTLIER, first, second): tuple(
        (f"without_CLIP_ViT_L {pair} {column}", "derived") for column in "rp"
    )
    for first, second, pair in (
        (M1, NOT_IN, "M1_vs_not_in_caption"),
        (M2, NOT_IN, "M2_vs_not_in_caption"),
        (M2, GAP, "M2_vs_gap"),
    )
}  # fmt: skip
UNKNOWN = (("", ""), ("", ""))


def build(correlations: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Lines of the correlations with ``published_r`` and ``published_p`` where the pair was published."""
    here = correlations[correlations["rule"] == BEST_M1].copy()
    keys = list(zip(here["encoders"], here["first"], here["second"], strict=True))
    for number, name in enumerate(("published_r", "published_p")):
        values = [
            published_value(published, ITEM, MODEL, *ROWS.get(key, UNKNOWN)[number]) for key in keys
        ]
        here[name] = pd.Series(values, here.index, dtype=float)
    return here


def display(table: pd.DataFrame) -> pd.DataFrame:
    """As people read it."""

    def cell(row: pd.Series, name: str) -> str:
        if pd.isna(row[name]):
            return MISSING
        return f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"

    return pd.DataFrame(
        [
            {
                "Protocol": row["variant"],
                "Pair": f"{row['first']} and {row['second']}",
                "Encoders": f"{row['n']}, {row['encoders']}",
                "Pearson": cell(row, "pearson"),
                "p": MISSING if pd.isna(row["p_value"]) else f"{row['p_value']:.3g}",
                "Spearman": cell(row, "spearman"),
                "Published r (p)": MISSING
                if pd.isna(row["published_r"])
                else f"{row['published_r']:.2f} ({row['published_p']:.2g})",
            }
            for _, row in table.iterrows()
        ]
    )


def main(options: argparse.Namespace) -> None:
    """Write the table."""
    correlations = pd.read_csv(options.correlations)
    if tuple(correlations.columns) != PAIR_COLUMNS:
        raise SightlineError(
            f"{options.correlations}: other columns than a list of correlations has."
        )
    table = build(correlations, load_published("khajuria2025"))
    caption = (
        "Correlations over the trained encoders at the layer of largest A_ss, with 95 % intervals over "
        "images, tasks and encoders."
    )
    write_table(table, options.out, caption, formats=("csv",))
    write_table(display(table), options.out, caption, formats=("md", "tex"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--correlations", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
