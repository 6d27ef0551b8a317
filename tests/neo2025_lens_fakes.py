"""A made-up image of four tokens and three states, and tables of made-up images, for the lens tests."""

import numpy as np
import pandas as pd

from sightline.studies.neo2025.lens import curves, decoded, replaced_columns
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.read_out import ReadOut
from sightline.studies.neo2025.lens.regions import Regions
from sightline.studies.neo2025.lens.words import Lexicon

SETTINGS = {
    "seed": 0, "bootstrap": 200, "area": [10, 100], "max_annotations": 2, "images": 3, "scenes": 2,
    "question": "Describe the image.", "top": 2, "confident": 0.1, "map_depth": 0.72,
}  # fmt: skip
PROTOCOL = LensProtocol.parse(SETTINGS)

TEXTS = ["is", "cat", "Cat", "traffic", "light", "red", "seven", "ca", "cats", "blue"]
IS, CAT, BIG_CAT, TRAFFIC, LIGHT, RED, SEVEN, CA, CATS, BLUE = range(len(TEXTS))
LEXICON = Lexicon.build(
    TEXTS,
    {
        "cat": {"strict": [CAT], "any_case": [CAT, BIG_CAT], "whole": [CAT, BIG_CAT]},
        "traffic light": {"strict": [TRAFFIC], "any_case": [TRAFFIC], "whole": []},
    },
)
# Tokens down, states across: the cat covers the first two tokens.
BEST = np.array(
    [[IS, CAT, CAT], [IS, IS, BIG_CAT], [IS, TRAFFIC, CAT], [SEVEN, IS, SEVEN]], np.int64
)
REGIONS = Regions(
    {1: np.array([1, 0.25, 0, 0]), 2: np.array([0, 0, 0.5, 0])},
    {1: np.array([1, 0.25, 0, 0]), 2: np.array([0, 0, 0.5, 0])},
    {1: np.array([True, True, True, False]), 2: np.array([False, False, True, False])},
    {1: "cat", 2: "traffic light"},
    {1: 20, 2: 8},
    np.zeros(4, bool),
    4,
)


def read_out(image: int = 7, chances: float = 0.5) -> ReadOut:
    """The image as the lens shows it; every best entry has the same probability."""
    entries = np.stack([BEST, np.full_like(BEST, IS)], axis=-1)
    words = np.zeros((*BEST.shape, 2))
    words[..., 0], words[..., 1] = 0.2, 0.1
    ranks = np.zeros((*BEST.shape, 2), np.int64)
    ranks[..., 0], ranks[..., 1] = 9, 99
    probabilities = np.full(entries.shape, chances, np.float32)
    # By the input embeddings every token is a cat; with a second norm none is.
    return ReadOut(
        image, entries, probabilities, ranks, words, np.full_like(BEST, CAT), np.full(4, IS)
    )


def lens_tables(
    model: str = "toy", images: int = 60, states: int = 11, number_rate: float = 1.0
) -> dict[str, pd.DataFrame]:
    """Measurements of a strong replication: the peak is at depth 0.8, outside there is little."""
    rng = np.random.default_rng(0)
    curve = np.clip((np.arange(states) - 4) / 4, 0, 1) * 0.3
    curve[9:] = 0.15, 0.1
    state_rows, best_rows, attribute_rows, map_rows = [], [], [], []
    number_rows, count_rows, replaced_rows = [], [], []
    for image in range(images):
        key = (model, image, 1, "cat", image % 4 != 0, True, states)
        noise = rng.uniform(0.8, 1.2)
        for series, level in (
            (curves.OBJECT, noise), (curves.PUBLISHED, noise * 0.9), (curves.OUTSIDE, 0.05),
            (curves.SHUFFLED, 0.02), (curves.PRESENT, 0.04), (curves.INPUT, 0.01),
        ):  # fmt: skip
            values = curve * level
            state_rows += [
                (*key, state, series, "strict", curves.SHARE, 5, value)
                for state, value in enumerate(values)
            ]
            best_rows.append((*key, series, "strict", values.max(), int(values.argmax())))
        for series, rank in ((curves.OBJECT, 1), (curves.OUTSIDE, 2), (curves.ABSENT, 3)):
            state_rows += [
                (*key, state, series, "strict", curves.RANK, 5, rank) for state in range(states)
            ]
        state_rows += [
            (*key, state, curves.EVERY_TOKEN, "strict", curves.TOP, 9, 0.03)
            for state in range(states)
        ]
        for state in range(states):
            attribute_rows.append((*key, state, "attributes", "red", 9, 4, 0.25 * noise, 0.03, 0.3))
            for category, iou in (("cat", 0.25), ("car", 0.15)):
                map_rows.append(
                    (model, image, category, states, state, decoded.EVERY, 4, iou, 0.02, 0.6)
                )
        count_rows += [(model, image, "", 3 + image % 4), (model, image, "cat", 1)]
        if image < number_rate * images:
            value = 3 + image % 4
            number_rows.append((model, image, 12, states, 7, True, True, str(value), value, 0.4))
            for condition, token, new in (
                ("before", 12, False),
                ("numbers replaced", 13 if image % 5 else -1, image % 5 != 0),
                ("others replaced", 12, False),
            ):
                replaced_rows.append(
                    (model, image, condition, token, 7, str(value), value, 0.4, False, new)
                )
    columns = {
        "states": (state_rows, curves.STATE_COLUMNS),
        "best": (best_rows, curves.BEST_COLUMNS),
        "attributes": (attribute_rows, decoded.ATTRIBUTE_COLUMNS),
        "numbers": (number_rows, decoded.NUMBER_COLUMNS),
        "counts": (count_rows, decoded.COUNT_COLUMNS),
        "maps": (map_rows, decoded.MAP_COLUMNS),
        "replaced": (replaced_rows, replaced_columns.COLUMNS),
    }
    return {
        name: pd.DataFrame(rows, columns=list(types)).astype(types)
        for name, (rows, types) in columns.items()
    }
