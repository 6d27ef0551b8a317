"""Similarity maps of one model's queries on disk: a table of the queries, and arrays in their order."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from sightline.errors import SightlineError
from sightline.files import atomic_path, write_parquet
from sightline.studies.qian2025.protocol import METRICS, POSITIONS, Position

QUERIES, ARRAYS = "queries.parquet", "maps.safetensors"
FINAL = -1
"""Entry behind the final norm, the published one."""


class MapStoreError(SightlineError):
    """Maps are missing or do not fit their queries."""


@dataclass(frozen=True, eq=False)
class Maps:
    """What was read of all queries.

    Attributes:
        queries: model, split, query, image, text, is_sentence, width and height, one row each.
        maps: (queries, positions, metrics, entries, rows, columns) float32; see `POSITIONS` and `METRICS`.
        states: (queries, positions, width) float32 at [SEG], behind the final norm.
        controls: name -> (queries, rows, columns) float32.
    """

    queries: pd.DataFrame
    maps: torch.Tensor
    states: torch.Tensor
    controls: dict[str, torch.Tensor]

    @property
    def entries(self) -> int:
        """Layers with a map: those of the residual stream, and the one behind the final norm."""
        return self.maps.shape[3]

    def of(self, position: Position, metric: str = METRICS[0], entry: int = FINAL) -> torch.Tensor:
        """One map of every query, (queries, rows, columns)."""
        return self.maps[:, POSITIONS.index(position), METRICS.index(metric), entry]

    def seg(self, position: Position) -> torch.Tensor:
        """State at [SEG] of every query, (queries, width)."""
        return self.states[:, POSITIONS.index(position)]

    def save(self, folder: Path) -> None:
        """Write the table and the arrays."""
        arrays = {"maps": self.maps, "states": self.states}
        arrays |= {f"control {name}": one for name, one in self.controls.items()}
        with atomic_path(folder / ARRAYS) as temporary:
            save_file({name: one.contiguous() for name, one in arrays.items()}, temporary)
        write_parquet(self.queries, folder / QUERIES)


def load_maps(folder: Path) -> Maps:
    """Read what `Maps.save` wrote.

    Raises:
        MapStoreError: a file is missing, or the arrays are of other queries than the table.
    """
    for name in (QUERIES, ARRAYS):
        if not (folder / name).exists():
            raise MapStoreError(f"{folder / name} is missing; run read_similarity_maps first.")
    queries, arrays = pd.read_parquet(folder / QUERIES), load_file(folder / ARRAYS)
    if len(queries) != len(arrays["maps"]):
        raise MapStoreError(
            f"{folder}: {len(queries)} queries but maps of {len(arrays['maps'])}; delete the folder and run again."
        )
    controls = {
        name.removeprefix("control "): one
        for name, one in arrays.items()
        if name.startswith("control ")
    }
    return Maps(queries, arrays["maps"], arrays["states"], controls)
