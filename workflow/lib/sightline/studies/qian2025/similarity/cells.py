"""How well maps over image tokens find an object: measured on cells, each as much object as it is covered.

Cells that an object covers in part count in part, so that objects smaller than a cell count too.
"""

from typing import NamedTuple

import torch

from sightline.scenes.geometry import ImageTransform
from sightline.scenes.scene import Mask
from sightline.scenes.tokens import Grid, token_coverage


class CellScores(NamedTuple):
    """Measures of maps, (maps,) float32 each; NaN where there is no object among the cells.

    Attributes:
        precision: average precision, cells by falling score; chance is the object's share of the image.
        area: area under the curve of hits against false alarms; 0.5 by chance, below it where the map is inverted.
        overlap: IoU of the cells at and above mean + deviations x standard deviation.
        hit: share of the highest cell that is object (pointing game).
        share: the object's share of all cells, which is what pointing anywhere gives.
    """

    precision: torch.Tensor
    area: torch.Tensor
    overlap: torch.Tensor
    hit: torch.Tensor
    share: torch.Tensor


def coverage(mask: Mask, grid: Grid, transform: ImageTransform) -> torch.Tensor:
    """Share of each cell that is object, (rows, columns) float32.

    Args:
        mask: (height, width) bool, on the image.
        grid: of the image tokens of one tile.
        transform: from image to tower frame.
    """
    shares = torch.from_numpy(token_coverage(transform.apply_mask(mask), grid))
    return shares.reshape(grid.rows, grid.columns).float()


def score_cells(maps: torch.Tensor, covered: torch.Tensor, deviations: float) -> CellScores:
    """Measure maps against the cells an object covers.

    Args:
        maps: (maps, rows, columns).
        covered: (rows, columns), 0 to 1.
        deviations: of the cut, in standard deviations above the mean.
    """
    values, weight = maps.flatten(1).float(), covered.flatten().float()
    total = weight.sum()
    order = values.argsort(dim=1, descending=True, stable=True)
    hits, misses = weight[order], 1 - weight[order]
    found, wrong = hits.cumsum(1), misses.cumsum(1)
    # Within a cell that is object in part, hits and false alarms come in any order: half of the cell counts.
    precision = (hits * (found - hits / 2) / (found + wrong - 0.5).clamp(min=0.5)).sum(1) / total
    area = ((found - hits / 2) * misses).sum(1) / (total * misses.sum(1))
    cut = values.mean(1) + deviations * values.std(1, correction=0)
    chosen = (values >= cut[:, None]).float()
    shared = (chosen * weight).sum(1)
    overlap = shared / (chosen.sum(1) + total - shared)
    share = (total / weight.numel()).expand(len(values))
    found_scores = CellScores(precision, area, overlap, hits[:, 0], share)
    if total > 0:
        return found_scores
    return CellScores(*(torch.full_like(one, torch.nan) for one in found_scores))
