"""Tables of a lens page, made up: two images of unequal grids, a word that tries to be markup."""

from io import BytesIO

import numpy as np
import pandas as pd
from PIL import Image

from sightline.report.lens_page import Tables
from sightline.studies.neo2025.lens.page_columns import TABLES

EVIL = "</script><img src=x onerror=alert(1)>"
VOCABULARY = np.array(["cat", "Cat", "dog", "the", "", EVIL, "traffic", "cats"], object)
STATES, TOP, PATCH = 5, 3, 8
GRIDS = {7: (4, 6), 11: (5, 5)}


def picture(rows: int, columns: int) -> bytes:
    """A JPEG of the frame's size."""
    pixels = np.random.default_rng(0).integers(0, 255, (rows, columns, 3), dtype=np.uint8)
    buffer = BytesIO()
    image = Image.fromarray(pixels).resize((columns * PATCH, rows * PATCH))
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def page_tables(
    grids: dict[int, tuple[int, int]] = GRIDS,
    states: int = STATES,
    top: int = TOP,
    vocabulary: np.ndarray = VOCABULARY,
    seed: int = 0,
) -> Tables:
    """Tables with random words and falling shares; the cat is the upper left patch."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list] = {name: [] for name in TABLES}
    for image, (rows, columns) in grids.items():
        tokens = rows * columns
        for name, shape, axes in (
            ("words", (tokens, states, top), ("token", "state", "rank")),
            ("answer", (states, top), ("state", "rank")),
        ):
            places = dict(zip(axes, (axis.reshape(-1) for axis in np.indices(shape)), strict=True))
            shares = -np.sort(-rng.dirichlet(np.ones(top + 1), shape[:-1]))[..., :top]
            texts = vocabulary[rng.integers(0, len(vocabulary), shape)]
            found = {"text": texts.reshape(-1), "probability": shares.reshape(-1)}
            parts[name].append(pd.DataFrame({"image_id": image} | places | found))
        weights = rng.dirichlet(np.ones(tokens + 1), states - 1)[:, :tokens]
        block, token = (axis.reshape(-1) for axis in np.indices(weights.shape))
        looked = {"block": block, "token": token, "attention": weights.reshape(-1)}
        parts["attention"].append(pd.DataFrame({"image_id": image} | looked))
        square = [0.0, 0.0, PATCH, 0.0, PATCH, PATCH, 0.0, PATCH]
        thing = {"object_id": 1, "category": "cat & <b>", "crowd": False, "outlines": [square]}
        thing["tokens"] = [0]
        parts["objects"].append(pd.DataFrame([{"image_id": image} | thing]))
        about = {"model": "toy", "question": "Describe <it>.", "rows": rows, "columns": columns}
        about |= {"patch": PATCH, "states": states, "picture": picture(rows, columns)}
        parts["images"].append(pd.DataFrame([{"image_id": image} | about]))
    frames = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    return Tables(**{n: f[list(TABLES[n])].astype(TABLES[n]) for n, f in frames.items()})
