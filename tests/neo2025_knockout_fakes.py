"""Made-up knockout measurements of the neo2025 study."""

from collections.abc import Mapping

import pandas as pd

from sightline.studies.neo2025.knockout import pairs
from sightline.studies.neo2025.knockout.measurements import COLUMNS

LAYERS = 32
# Questions, of every hundred answered at first, that a cut loses; the others lose none. A strong replication.
LOST = {
    ("object_plus_1 to last position", "early"): 2,
    ("object_plus_1 to last position", "mid_late"): 20,
    ("object_plus_1 to last position", "all"): 40,
    ("object_plus_1 to last position", "from_15"): 20,
    ("image without object_plus_1 to last position", "early"): 12,
    ("image without object_plus_1 to all text", "all"): 30,
    ("image to all text", "all"): 90,
    ("random_like_object_plus_1 to last position", "from_15"): 4,
}
WRONG_AT_FIRST = 10
"""Questions that the corrected judge finds wrong from the start; the judge as published finds half of them right."""


def knockout_measurements(
    model: str = "toy",
    answered: int = 100,
    lost: Mapping[tuple[str, str], int] = LOST,
    logit_change: float = 0.5,
    sliding: bool = True,
) -> pd.DataFrame:
    """Answers of a model that loses the first questions, as many of a hundred as ``lost`` says.

    ``logit_change`` is that of all cuts; ``sliding`` says whether there are sliding windows, which no claim needs.
    """
    rows = []
    for image in range(answered + WRONG_AT_FIRST):
        right = image < answered
        begins = right or image % 2 == 0
        common = {
            "model": model, "model_layers": LAYERS, "image_id": image, "object_id": 1,
            "category": "car", "kind": "color", "question": "?", "answer": "", "draw": 0,
        }  # fmt: skip
        uncut = {
            "pair": pairs.NONE, "source": "", "target": "", "variant": "", "window": "",
            "first_layer": -1, "last_layer": -1, "n_tokens": 0, "correct": right,
            "correct_as_published": begins, "p_expected": 0.9, "logit_change": 0.0,
        }  # fmt: skip
        rows.append(common | uncut)
        if not begins:
            continue
        for pair, variant, window in pairs.cuts(LAYERS):
            if pairs.is_sliding(window.name) and not sliding:
                continue
            kept = image >= lost.get((pair.name, window.name), 0) * answered // 100
            rows.append(
                common
                | {
                    "pair": pair.name, "source": pair.source, "target": pair.target,
                    "variant": variant, "window": window.name, "first_layer": window.first,
                    "last_layer": window.last, "n_tokens": 24, "correct": right and kept,
                    "correct_as_published": kept, "p_expected": 0.9 if kept else 0.1,
                    "logit_change": logit_change,
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
