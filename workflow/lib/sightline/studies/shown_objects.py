"""Objects as explorers show them: outlines in the frame that a tower sees, and the tokens they touch."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from sightline.scenes.outline import outlines
from sightline.scenes.scene import Mask
from sightline.scenes.tokens import Grid, token_coverage

SHOWN_OBJECTS = {
    "image_id": "int64", "category": "str", "role": "str", "outlines": "object", "tokens": "object",
}  # fmt: skip
"""One row per object in sight; ``role`` is the study's word for it, or empty; outlines are polygons x, y, x, y ... in
pixels of the frame, even-odd; tokens those that it touches."""


def shown_objects(
    image_id: int, masks: Iterable[tuple[str, str, Mask]], grid: Grid
) -> pd.DataFrame:
    """SHOWN_OBJECTS of one image; objects out of sight are left out.

    Args:
        image_id: of the image.
        masks: category, role and mask (rows, columns) bool, in pixels of the frame.
        grid: of the tokens that show the frame.
    """
    rows = []
    for category, role, mask in masks:
        tokens = np.flatnonzero(token_coverage(mask, grid))
        if not len(tokens):
            continue
        seen = mask[: grid.rows * grid.patch, : grid.columns * grid.patch]
        drawn = [one.reshape(-1).tolist() for one in outlines(seen)]
        rows.append((image_id, category, role, drawn, tokens.tolist()))
    return pd.DataFrame(rows, columns=list(SHOWN_OBJECTS)).astype(SHOWN_OBJECTS)
