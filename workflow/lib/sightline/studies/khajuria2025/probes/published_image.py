"""The one image of the published similarity maps, a dog on a bed, and the tokens that were looked at (section 4.4).

Tokens were fixed by hand on the 24 x 24 grid of BLIP, 295 on the dog and 384 on the bed; other grids take the token
in which the middle of that cell falls.
"""

import pandas as pd

from sightline.scenes.geometry import Grid
from sightline.studies.khajuria2025.names import PRIMARY, SECONDARY

IMAGE_ID = 203371
"""In COCO train2017."""
CATEGORIES = {PRIMARY: "dog", SECONDARY: "bed"}
SIDE = 24
PLACES = {PRIMARY: divmod(295, SIDE), SECONDARY: divmod(384, SIDE)}
"""Role -> row and column."""


def published_token(role: str, grid: Grid) -> int:
    """Number of the token that was looked at, on any grid."""
    row, column = (
        int((place + 0.5) / SIDE * cells)
        for place, cells in zip(PLACES[role], (grid.rows, grid.columns), strict=True)
    )
    return row * grid.columns + column


def is_published(samples: pd.DataFrame) -> pd.Series:
    """Whether samples (``image_id``, ``role``, ``category``) are the objects of that image, (samples,) bool.

    Another data set may have an image of the same number: the categories tell.
    """
    expected = samples["role"].map(CATEGORIES)
    return (samples["image_id"] == IMAGE_ID) & (samples["category"] == expected)
