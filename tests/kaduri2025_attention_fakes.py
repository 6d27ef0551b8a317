"""Made-up attention measurements of the kaduri2025 study: 16 layers, 10 x 10 tokens of 4 px, four objects an image."""

from io import BytesIO

import numpy as np
import pandas as pd
from PIL import Image

from kaduri2025_fakes import DEPTH, PROTOCOL, knockout_measurements
from sightline.studies.kaduri2025.attention import measurements as columns
from sightline.studies.kaduri2025.attention import selection
from sightline.studies.kaduri2025.attention.layer_bins import groups, layer_bins
from sightline.studies.kaduri2025.attention.measurements import table
from sightline.studies.kaduri2025.windows import Window

SIDE, PATCH, IMAGES, STEPS = 10, 4, 40, 12
TOKENS = SIDE * SIDE
OBJECTS = ("cup", "cat", "dog", "tree")
MIDDLE = PROTOCOL.middle("toy", DEPTH)


def attention_tables(model: str = "toy", strong: bool = True) -> dict[str, pd.DataFrame]:
    """Tables of a strong replication: the query leads, the middle is spread and finds the objects; or the reverse."""
    rng = np.random.default_rng(0)
    rows: dict[str, list[tuple]] = {name: [] for name in columns.TABLES}
    for image in range(IMAGES):
        key = (model, DEPTH, 100 + image)
        text = "a cup, a cat, a dog and a tree"
        rows["descriptions"].append((*key, text, STEPS, 1, 2, TOKENS, 5, SIDE, SIDE, 1, picture()))
        for layer in range(DEPTH):
            rows["fractions"] += _fractions(key, layer, strong, rng)
            rows["maps"] += _maps(key, layer, strong, image, rng)
        for number, name in enumerate(OBJECTS):
            rows["objects"].append(
                (
                    *key, name, "", 1, 2 + 3 * number, 1, 0.1, 0.04, len(OBJECTS) - 1,
                    _mask(number), rng.random(TOKENS).astype(np.float32),
                )
            )  # fmt: skip
            rows["peaks"] += _peaks(key, name, strong, image + number)
        rows["objects"].append(
            (*key, "car", columns.NOT_ANNOTATED, 1, 1, 0, np.nan, np.nan, 0, b"", [])
        )
    return {name: table(rows[name], columns.TABLES[name]) for name in columns.TABLES}


def judged_sweep(model: str = "toy", strong: bool = True) -> pd.DataFrame:
    """Judged descriptions: most attended tokens keep nearly everything, or no more than random ones do."""
    rows = []
    for image in range(IMAGES):
        wobble = 0.02 * (image % 3)

        def add(how: str, family: str, used: str, share: float, draw: int, f1: float) -> None:
            f1 = min(1.0, max(0.0, f1))
            cell = (how, family, used, share, draw, round(share))
            rows.append((model, DEPTH, 100 + image, *cell, "", "", "", "", f1, f1, f1))  # noqa: B023

        add(columns.EVERYTHING_SEEN, columns.ALL_LAYERS, columns.AS_PUBLISHED, 100, 0, 1)
        add(columns.EVERYTHING_SEEN, columns.MIDDLE_ONLY, columns.AS_PUBLISHED, 100, 0, 0.9)
        add(columns.NOTHING_SEEN, columns.ALL_LAYERS, columns.AS_PUBLISHED, 0, 0, 0.3)
        for share in (5, 10, 50):
            top = (0.95 if strong else 0.5) - wobble
            for how in (selection.ATTENTION, selection.FIRST_STEP, selection.NORM):
                add(how, columns.ALL_LAYERS, columns.AS_PUBLISHED, share, 0, top)
            add(selection.ATTENTION, columns.ALL_LAYERS, columns.STRICTER, share, 0, top - 0.01)
            add(selection.ATTENTION, columns.MIDDLE_ONLY, columns.AS_PUBLISHED, share, 0, top - 0.1)
            for draw in range(2):
                for family in columns.FAMILIES:
                    add(selection.RANDOM, family, columns.AS_PUBLISHED, share, draw, 0.5 + wobble)
                add(selection.RANDOM, columns.ALL_LAYERS, columns.STRICTER, share, draw, 0.4)
    return table(rows, columns.JUDGED)


def knockout(model: str = "toy", truth: float = 0.95) -> pd.DataFrame:
    """Knockout measurements of the same images, whose descriptions name the tree alone once the image is hidden."""
    rows = knockout_measurements(model, images=IMAGES, truth=truth)
    return rows.assign(text="a tree")


def picture() -> bytes:
    """A gray square, as a PNG file."""
    return _png(np.full((SIDE * PATCH, SIDE * PATCH, 3), 128, np.uint8))


def _mask(number: int) -> bytes:
    mask = np.zeros((SIDE * PATCH, SIDE * PATCH), bool)
    mask[4 * number : 4 * number + 8, 8:16] = True
    return _png(mask)


def _png(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _fractions(key: tuple, layer: int, strong: bool, rng: np.random.Generator) -> list[tuple]:
    image = 0.3 if layer in MIDDLE.layers else 0.05
    if not strong:
        image = 0.7
    image += 0.02 * (layer == MIDDLE.first + 1) + 0.004 * rng.random()
    found = []
    for keys in columns.KEYS:
        shares = {
            columns.TEXT: 0.9 - image, columns.IMAGE: image, columns.GENERATED: 0.1,
            columns.SYSTEM: 0.1, columns.QUERY: 0.6 - image,
        }  # fmt: skip
        if keys == columns.ALL_KEYS:
            shares[columns.FIRST] = 0.2
        found += [(*key, layer, keys, role, STEPS, v, v * v) for role, v in shares.items()]
    return found


def _maps(
    key: tuple, layer: int, strong: bool, image: int, rng: np.random.Generator
) -> list[tuple]:
    spread = (layer in MIDDLE.layers) == strong
    values = 0.5 + rng.random(TOKENS) if spread else np.full(TOKENS, 0.01)
    if not spread:
        values[37] = 5
    values = (values / values.sum()).astype(np.float32)
    return [(*key, layer, name, values) for name in columns.MAPS]


def _peaks(key: tuple, name: str, strong: bool, number: int) -> list[tuple]:
    def rate(one: Window) -> float:
        """Share of objects hit."""
        inner = set(one.layers) & set(MIDDLE.layers)
        return 0.8 if bool(inner) == strong else 0.2

    scopes = [(columns.LAYER, Window(layer, layer)) for layer in range(DEPTH)]
    scopes += [(columns.BIN, one) for one in layer_bins(DEPTH)] + [(columns.MIDDLE, MIDDLE)]
    found = []
    for reading in columns.READINGS:
        for scope, one in scopes:
            hit = number % 10 < 10 * rate(one)
            found.append((*key, name, reading, scope, one.first, one.last, 37, hit, hit, 0.05))
    return found


GROUPS = groups(DEPTH, MIDDLE)
