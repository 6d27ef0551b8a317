"""From token states to one vector per sample: mean, one token of the object, one token of the image.

avg_obj      mean over the object's tokens
random_obj   one of them, drawn uniformly
random       one of all tokens of the image, drawn uniformly

In the corrected variant a draw holds for all layers, so that layers can be compared; as published, every layer
draws anew (dossier, defect 4). Draws depend on the seed and the sample alone, never on the batch.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sightline.studies.khajuria2025.names import AVG_OBJ, PUBLISHED, RANDOM, RANDOM_OBJ
from sightline.studies.khajuria2025.placing import Tokens

_DRAWN = "part task role category split image_id".split()


@dataclass(frozen=True)
class Placed:
    """Samples of one variant that have tokens on every grid.

    Attributes:
        rows: SAMPLE_COLUMNS and ``tokens``.
        sets: token numbers, per row and distinct grid.
    """

    rows: pd.DataFrame
    sets: list[list[Tokens]]

    @cached_property
    def _lines(self) -> dict[tuple[str, int], list[int]]:
        lines: dict[tuple[str, int], list[int]] = {}
        for line, key in enumerate(zip(self.rows["split"], self.rows["image_id"], strict=True)):
            lines.setdefault(key, []).append(line)
        return lines

    def of_images(self, images: pd.DataFrame) -> tuple["Placed", NDArray[np.int64]]:
        """The samples of a few images, and the line of each sample's image among them."""
        chosen, places = [], []
        for place, key in enumerate(zip(images["split"], images["image_id"], strict=True)):
            here = self._lines.get(key, [])
            chosen += here
            places += [place] * len(here)
        sets = [self.sets[line] for line in chosen]
        kept = Placed(self.rows.iloc[chosen].reset_index(drop=True), sets)
        return kept, np.array(places, dtype=np.int64)


class Draws:
    """Tokens drawn for samples.

    Args:
        seed: of the run.
        variant: "published" draws anew for every layer.
        layers: of the encoder.
    """

    def __init__(self, seed: int, variant: str, layers: int) -> None:
        self._seed, self._variant, self._layers = seed, variant, layers

    def shares(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Numbers from 0 to 1, (rows, 2, layers): for random_obj and for random."""
        drawn = np.empty((len(rows), 2, self._layers))
        for place, key in enumerate(zip(*(rows[name] for name in _DRAWN), strict=True)):
            text = " ".join(map(str, (*key, self._variant)))
            rng = np.random.default_rng([self._seed, zlib.crc32(text.encode())])
            size = (2, self._layers if self._variant == PUBLISHED else 1)
            drawn[place] = rng.random(size)
        return drawn


def pool(
    states: Sequence[torch.Tensor],
    placed: Placed,
    images: NDArray[np.int64],
    grid_of_layer: Sequence[int],
    draws: Draws | None,
) -> dict[str, list[torch.Tensor]]:
    """Pooled states of samples, per representation and layer (samples, width).

    Args:
        states: per layer (images, 1 + tokens, width), CLS first.
        placed: samples of these images.
        images: line of each sample's image in the states, (samples,).
        grid_of_layer: which of the sample's sets belongs to a layer.
        draws: for random tokens; None leaves them out.
    """
    pooled: dict[str, list[torch.Tensor]] = {AVG_OBJ: []}
    shares = draws.shares(placed.rows) if draws else None
    for layer, state in enumerate(states):
        sets = [found[grid_of_layer[layer]] for found in placed.sets]
        flat, length = state.flatten(0, 1), state.shape[1]
        pooled[AVG_OBJ].append(_mean(flat, sets, images * length + 1))
        if shares is None:
            continue
        sizes = np.array([len(found) for found in sets])
        own = (shares[:, 0, layer] * sizes).astype(np.int64)
        chosen = {
            RANDOM_OBJ: np.array([found[n] for found, n in zip(sets, own, strict=True)], np.int64),
            RANDOM: (shares[:, 1, layer] * (length - 1)).astype(np.int64),
        }
        for name, tokens in chosen.items():
            rows = torch.from_numpy(images * length + 1 + tokens).to(flat.device)
            pooled.setdefault(name, []).append(flat[rows].float())
    return pooled


def _mean(flat: torch.Tensor, sets: list[Tokens], first: NDArray[np.int64]) -> torch.Tensor:
    """Mean over sets of rows, (sets, width) float32."""
    offsets = np.cumsum([0, *map(len, sets)])[:-1]
    rows = np.concatenate([found + start for found, start in zip(sets, first, strict=True)])
    return torch.nn.functional.embedding_bag(
        torch.from_numpy(rows).to(flat.device),
        flat.float(),
        torch.from_numpy(offsets).to(flat.device),
        mode="mean",
    )
