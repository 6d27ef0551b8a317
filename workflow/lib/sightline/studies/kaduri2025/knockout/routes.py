"""Where the positions of one prompt and its description look in the unmodified run, for Figure 2 (a) to (d)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.studies.kaduri2025.attention.measurements import ROLES
from sightline.studies.kaduri2025.attention.page_columns import GENERATED, QUERY
from sightline.studies.kaduri2025.knockout.edges import ASKED, IMAGE, LAST, SAID, SYSTEM

KEYS = dict(zip(ROLES, (SYSTEM, SYSTEM, IMAGE, ASKED, SAID), strict=True))
"""Role of the page's tables -> role as interventions name it; the first position is part of the system's text."""


@dataclass(frozen=True, eq=False)
class Routes:
    """Positions of one sequence that stand behind the image, in their order.

    Attributes:
        image_id: the image that is described.
        labels: what stands at each position.
        kinds: ASKED, LAST or SAID of each.
        shares: of a position's attention that goes to each of ROLES, mean over heads and layers, (positions, roles).
    """

    image_id: int
    labels: list[str]
    kinds: list[str]
    shares: NDArray[np.float64]


def read_routes(folder: Path) -> Routes:
    """Of the first image of a page of attention routes.

    The page has the row of every token of the question, and of every token that was said the row that it was chosen
    with, which is that of the position before it. So a said token's own row is that of the next one, and the last one
    has none.
    """
    images, tokens, shares = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("images", "tokens", "shares")
    )
    image = int(images["image_id"].iloc[0])
    here = tokens[tokens["image_id"] == image].sort_values("token")
    asked = here.loc[here["role"] == QUERY, ["token", "text"]]
    said = here.loc[here["role"] == GENERATED, ["token", "text"]]
    rows = [*asked["token"], *said["token"].iloc[1:]]
    found = shares[shares["image_id"] == image]
    mean = found.pivot_table(index="token", columns="role", values="share", aggfunc="mean")
    return Routes(
        image,
        [*asked["text"], *said["text"].iloc[:-1]],
        [ASKED] * (len(asked) - 1) + [LAST] + [SAID] * (len(said) - 1),
        mean.loc[rows, list(ROLES)].to_numpy(np.float64),
    )
