"""Published accuracies in the shape of this run's tables."""

import pandas as pd

from sightline.studies.khajuria2025.names import REPRESENTATIONS


def published_grid(published: pd.DataFrame, item: str, model: str, row: str) -> pd.DataFrame:
    """Layer (index) by representation (columns) of one panel.

    Args:
        published: what `sightline.studies.published.load_published` gives.
        item: such as fig2a.
        model: key of the published encoder.
        row: what comes before the representation in the row's name, such as "primary secondary".

    Returns:
        Empty where nothing is known.
    """
    here = published[(published["item"] == item) & (published["model"] == model)]
    columns = {}
    for name in REPRESENTATIONS:
        line = here[here["row"] == f"{row} {name}"]
        if len(line):
            columns[name] = line.set_index(line["column"].astype(int))["value"]
    return pd.DataFrame(columns).sort_index()


def published_line(published: pd.DataFrame, item: str, model: str, row: str) -> pd.Series:
    """Values by layer of one row; empty where nothing is known."""
    here = published[
        (published["item"] == item) & (published["model"] == model) & (published["row"] == row)
    ]
    return here.set_index(here["column"].astype(int))["value"].sort_index()


def published_value(
    published: pd.DataFrame, item: str, model: str, row: str, column: str = "value"
) -> float | None:
    """One cell, None where unknown."""
    here = published[
        (published["item"] == item)
        & (published["model"] == model)
        & (published["row"] == row)
        & (published["column"] == column)
    ]["value"]
    return None if here.empty or pd.isna(here.iloc[0]) else float(here.iloc[0])
