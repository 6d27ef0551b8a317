"""What the paper printed about attention, from the study's published values."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.studies.kaduri2025.attention.measurements import GENERATED, IMAGE, TEXT
from sightline.studies.kaduri2025.windows import Window

SHARES, BINS = "fig1", "fig7"
ROWS = {IMAGE: "image", TEXT: "query", GENERATED: "generated"}
"""Rows of the published shares; the paper's query is all text of the prompt."""


def share_curve(published: pd.DataFrame, model: str, role: str) -> NDArray[np.float64]:
    """Share of attention by layer, (layers,); empty for a model without published values."""
    rows = _rows(published, SHARES, model)
    rows = rows[rows["row"] == ROWS[role]]
    return rows.sort_values("column", key=lambda layers: layers.astype(int))["value"].to_numpy(
        float
    )


def bin_accuracies(published: pd.DataFrame, model: str) -> dict[Window, float]:
    """Localisation accuracy by bin of layers, between 0 and 1; empty for a model without published values."""
    found = {}
    rows = _rows(published, BINS, model)
    for row in rows[rows["row"] == "accuracy"].itertuples():
        first, end = map(int, row.column.split("-"))
        # The printed bins share their ends; a bin holds the layers up to its end.
        found[Window(first, end - 1)] = row.value / 100
    return found


def _rows(published: pd.DataFrame, item: str, model: str) -> pd.DataFrame:
    return published[(published["item"] == item) & (published["model"] == model)]
