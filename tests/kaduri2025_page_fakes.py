"""Tables of a page of attention routes, made up: two images of unequal grids, a token that tries to be markup."""

import numpy as np
import pandas as pd

from neo2025_page_fakes import EVIL, PATCH, picture
from sightline.studies.kaduri2025.attention.measurements import ROLES
from sightline.studies.kaduri2025.attention.page_columns import GENERATED, QUERY, TABLES

LAYERS, MIDDLE = 6, (2, 3)
GRIDS = {7: (4, 6), 11: (5, 5)}
TOKENS = {
    7: [(QUERY, "what"), (QUERY, "?"), (GENERATED, "a"), (GENERATED, "cat"), (GENERATED, EVIL)],
    11: [(QUERY, "what"), (QUERY, "?"), (GENERATED, "dog")],
}


def routes_tables(
    grids: dict[int, tuple[int, int]] = GRIDS,
    layers: int = LAYERS,
    tokens: dict[int, list[tuple[str, str]]] = TOKENS,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Random attention whose maps add up to the share of the image; the cat is the upper left patch."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for image, (rows, columns) in grids.items():
        said = tokens[image]
        shares = rng.dirichlet(np.ones(len(ROLES)), (len(said), layers))
        maps = rng.dirichlet(np.full(rows * columns, 0.3), shares.shape[:2])
        maps *= shares[..., ROLES.index("image"), None]
        token, layer, role = (axis.reshape(-1) for axis in np.indices(shares.shape))
        roles = np.array(ROLES, object)[role]
        found = {"token": token, "layer": layer, "role": roles, "share": shares.reshape(-1)}
        parts["shares"].append(pd.DataFrame({"image_id": image} | found))
        cells = [
            (image, t, n, maps[t, n].astype(np.float32))
            for t in range(len(said))
            for n in range(layers)
        ]
        parts["maps"].append(pd.DataFrame(cells, columns=list(TABLES["maps"])))
        listed = [(image, number, *one) for number, one in enumerate(said)]
        parts["tokens"].append(pd.DataFrame(listed, columns=list(TABLES["tokens"])))
        square = [0.0, 0.0, PATCH, 0.0, PATCH, PATCH, 0.0, PATCH]
        thing = (image, "cat & <b>", "", [square], [0])
        parts["objects"].append(pd.DataFrame([thing], columns=list(TABLES["objects"])))
        about = {
            "image_id": image, "model": "toy", "question": "What <is> it?", "text": "a cat",
            "rows": rows, "columns": columns, "patch": PATCH, "layers": layers,
            "middle_first": MIDDLE[0], "middle_last": MIDDLE[1], "picture": picture(rows, columns),
        }  # fmt: skip
        parts["images"].append(pd.DataFrame([about]))
    frames = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    return {name: frame.astype(TABLES[name]) for name, frame in frames.items()}
