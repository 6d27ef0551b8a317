"""What the paper printed about attention, from the study's published values."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.studies.kaduri2025.attention.fractions import FIRST_LAYERS, MOST
from sightline.studies.kaduri2025.attention.layer_bins import mostly_in
from sightline.studies.kaduri2025.attention.measurements import GENERATED, IMAGE, TEXT
from sightline.studies.kaduri2025.paper_models import MIDDLES
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


def window_numbers(published: pd.DataFrame, model: str) -> dict[str, float]:
    """Published counterparts of the numbers that have a window of values, by the name of their contrast.

    Empty for a model without published values.
    """
    found = {}
    text, image = (share_curve(published, model, role) for role in (TEXT, IMAGE))
    if len(text):
        skipped = math.ceil(FIRST_LAYERS * len(image))
        found["text_above_0.6"] = float((text > MOST).mean())
        found[f"mean_{IMAGE}"] = float(image.mean())
        found["image_peak_depth"] = float(image[skipped:].argmax() + skipped) / len(image)
    if accuracies := bin_accuracies(published, model):
        middle = Window(*MIDDLES[model])
        outer = max(rate for one, rate in accuracies.items() if not mostly_in(one, middle))
        for one, rate in accuracies.items():
            if mostly_in(one, middle):
                found |= {f"accuracy_{one}": rate, f"lead_{one}": round(100 * (rate - outer), 1)}
    return found


def _rows(published: pd.DataFrame, item: str, model: str) -> pd.DataFrame:
    return published[(published["item"] == item) & (published["model"] == model)]
