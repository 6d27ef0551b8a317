"""Share of attention by role and layer, pooled over all generated tokens (kaduri2025 section 3.2, Figure 1)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.intervals import bootstrap_mean, bootstrap_ratio
from sightline.studies.kaduri2025.attention.contrast import Contrast
from sightline.studies.kaduri2025.attention.measurements import (
    ALL_KEYS,
    GENERATED,
    IMAGE,
    TEXT,
    WITHOUT_FIRST,
)
from sightline.studies.kaduri2025.attention.resampling import Weights, estimate

COLUMNS = (
    "model", "model_layers", "keys", "role", "layer", "n", "tokens", "mean", "sd", "ci_low", "ci_high",
)  # fmt: skip
SHARES = (TEXT, IMAGE, GENERATED)
"""The three shares of the published figure; they add up to one."""
FIRST_LAYERS = 0.1
"""Share of the layers, the first ones, in which the image's peak does not count (dossier section 6, C1)."""
MOST = 0.6


def summarise(fractions: pd.DataFrame, seed: int, draws: int) -> pd.DataFrame:
    """Mean share by model, keys, role and layer.

    Args:
        fractions: FRACTIONS.
        seed: of the bootstrap over images.
        draws: resamples.

    Returns:
        COLUMNS; ``sd`` is over generated tokens, as published, the interval over images.
    """
    by = ["model", "model_layers", "keys", "role", "layer"]
    rows = []
    for key, part in fractions.groupby(by, sort=False):
        steps = part["steps"].to_numpy(float)
        weighted, tokens = part["mean"] * steps, steps.sum()
        mean = weighted.sum() / tokens
        variance = (part["square"] * steps).sum() / tokens - mean**2
        interval = bootstrap_ratio(weighted, steps, part["image_id"], seed, draws)
        rows.append((*key, len(part), int(tokens), mean, max(variance, 0) ** 0.5, *interval))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def contrasts(
    fractions: pd.DataFrame, descriptions: pd.DataFrame, seed: int, draws: int
) -> Iterator[Contrast]:
    """Numbers of one model that C1 rests on, with all keys and without the first position.

    Args:
        fractions: of one model.
        descriptions: of the same model.
        seed: of the bootstrap over images.
        draws: resamples.
    """
    text = descriptions[["first", "system", "query"]].sum(axis=1)
    share = 100 * text / (text + descriptions["image"])
    images = descriptions["image_id"]
    n = len(share)
    interval = bootstrap_mean(share, images, seed, draws)
    yield Contrast(ALL_KEYS, "text_positions", n, share.mean(), interval)
    for keys in (ALL_KEYS, WITHOUT_FIRST):
        yield from _of_layers(fractions[fractions["keys"] == keys], keys, seed, draws)


def _of_layers(part: pd.DataFrame, keys: str, seed: int, draws: int) -> Iterator[Contrast]:
    steps, sums = _sums(part)
    n, depth = sums[TEXT].shape

    def shares(weights: Weights) -> dict[str, NDArray[np.float64]]:
        tokens = (weights @ steps)[:, None]
        return {role: weights @ one / tokens for role, one in sums.items()}

    def largest(weights: Weights) -> NDArray[np.float64]:
        found = shares(weights)
        return (found[TEXT] >= np.maximum(found[IMAGE], found[GENERATED])).mean(axis=1)

    def image_above(weights: Weights) -> NDArray[np.float64]:
        found = shares(weights)
        return (found[IMAGE] > found[TEXT]).mean(axis=1)

    def most(weights: Weights) -> NDArray[np.float64]:
        return (shares(weights)[TEXT] > MOST).mean(axis=1)

    skipped = int(np.ceil(FIRST_LAYERS * depth))

    def peak(weights: Weights) -> NDArray[np.float64]:
        return (shares(weights)[IMAGE][:, skipped:].argmax(axis=1) + skipped) / depth

    numbers = {
        "text_largest": largest,
        "image_above_text": image_above,
        "text_above_0.6": most,
        "image_peak_depth": peak,
    }
    for what, statistic in numbers.items():
        value, interval = estimate(statistic, n, seed, draws)
        note = (
            f"layer {round(value * depth)} of {depth}" if statistic is peak else f"{depth} layers"
        )
        yield Contrast(keys, what, n, value, interval, note)
    for role in SHARES:
        value, interval = estimate(
            lambda w, role=role: shares(w)[role].mean(axis=1), n, seed, draws
        )
        yield Contrast(keys, f"mean_{role}", n, value, interval, f"{depth} layers")


def _sums(part: pd.DataFrame) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Generated tokens of every image, and sums over them by role, (images, layers)."""
    steps = part.drop_duplicates("image_id").sort_values("image_id")["steps"].to_numpy(float)
    sums = {}
    for role in SHARES:
        rows = part[part["role"] == role]
        table = rows.pivot(index="image_id", columns="layer", values="mean")
        sums[role] = table.sort_index().to_numpy() * steps[:, None]
    return steps, sums
