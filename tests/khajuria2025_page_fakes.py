"""Tables of a page of object tokens, made up: two images, three layers of unequal grids, two objects an image."""

import numpy as np
import pandas as pd

from neo2025_page_fakes import picture
from sightline.scenes.tokens import Grid
from sightline.studies.khajuria2025.page_columns import TABLES, pack_cosines
from sightline.studies.khajuria2025.probes.similarity import middle_token

GRIDS = ((6, 6), (6, 6), (3, 3))
IMAGES = (7, 11)
SIDE = 48


def object_tables(
    images: tuple[int, ...] = IMAGES,
    grids: tuple[tuple[int, int], ...] = GRIDS,
    encoder: str = "toy",
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Random states, those of an object alike; the cat is the upper left quarter, the hat the last cell."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[tuple]] = {name: [] for name in TABLES}
    for layer, (rows, columns) in enumerate(grids):
        parts["layers"].append((layer, rows, columns))
    for image in images:
        parts["images"].append((image, "val2017", encoder, 0, SIDE, SIDE, picture(6, 6)))
        half = SIDE / 2
        square = [0.0, 0.0, half, 0.0, half, half, 0.0, half]
        parts["objects"].append((image, "cat & <b>", "primary", [square], [0]))
        corner = [40.0, 40.0, SIDE, 40.0, SIDE, SIDE, 40.0, SIDE]
        parts["objects"].append((image, "hat", "secondary", [corner], [35]))
        for layer, (rows, columns) in enumerate(grids):
            grid = Grid(rows, columns, 1)
            places = [
                row * columns + column
                for row in range(max(1, rows // 2))
                for column in range(max(1, columns // 2))
            ]
            states = rng.normal(size=(rows * columns, 8))
            states[places] += 2 * (layer + 1)
            states /= np.linalg.norm(states, axis=1, keepdims=True)
            parts["cosines"].append((image, layer, pack_cosines(states @ states.T)))
            sets = {("primary", "cat & <b>"): places, ("secondary", "hat"): [rows * columns - 1]}
            for (role, name), tokens in sets.items():
                middle = middle_token(np.array(tokens), grid)
                parts["members"].append((image, role, name, layer, middle, tokens))
    return {
        name: pd.DataFrame(rows, columns=list(TABLES[name])).astype(TABLES[name])
        for name, rows in parts.items()
    }
