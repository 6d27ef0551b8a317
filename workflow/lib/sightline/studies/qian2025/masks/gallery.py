"""What figures show of single queries: maps on the image, masks and points, as arrays that need no torch to read."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from sightline.instruments.points import image_map, unit_range
from sightline.scenes.scene import SegmentationQuery
from sightline.studies.qian2025.masks.measuring import Measuring
from sightline.studies.qian2025.masks.names import BEST, PUBLISHED, SAM
from sightline.studies.qian2025.protocol import Protocol


def pictures(
    measuring: Measuring, number: int, place: int, query: SegmentationQuery, seen: dict[str, Any]
) -> dict[str, torch.Tensor]:
    """Arrays of one query, named by its number and what they are.

    Maps (height, width) from 0 to 1, NaN where the tower sees nothing: "map", "best", "input", "sam"; masks uint8:
    "own", "clicked", "target"; "places" (points, 2) and "labels" of the points.
    """
    size = (query.scene.height, query.scene.width)
    maps = {"map": PUBLISHED, "best": BEST, "input": "input"}
    found = {
        name: _show(measuring.named[key][number], size, measuring.transform)
        for name, key in maps.items()
    }
    found["sam"] = _show(seen[SAM][place], size, measuring.frame)
    found |= {name: seen[name][place].cpu().to(torch.uint8) for name in ("own", "clicked")}
    found["target"] = torch.from_numpy(query.target.astype("uint8"))
    points = seen["points"][place]
    found |= {"places": points.places.detach(), "labels": points.labels}
    return {f"{number} {name}": one.contiguous() for name, one in found.items()}


def _show(scores: torch.Tensor, size: tuple[int, int], transform: Any) -> torch.Tensor:
    return image_map(unit_range(scores.cpu()), size, transform, outside=torch.nan).half()


def drawn_for_gallery(queries: pd.DataFrame, protocol: Protocol) -> list[int]:
    """Queries that the gallery shows, drawn from the first split by the seed."""
    first = queries.index[queries["split"] == queries["split"].iloc[0]]
    drawn = np.random.default_rng(protocol.seed).permutation(len(first))[: protocol.gallery]
    return sorted(int(first[n]) for n in drawn)
