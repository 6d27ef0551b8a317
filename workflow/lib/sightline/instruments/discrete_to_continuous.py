"""Points that move with the map they were picked from, so that a mask loss reaches the map (qian2025 section 3.3).

A picked place (x, y) becomes a weighted mean of the places around it, weights exp(-distance) times the map's softmax:
the softmax's denominator is in every weight and cancels, so that only a window around the point matters.

On a map enlarged to the pixels of an image, as released, nothing but the nearest pixels has weight and neighbouring
pixels are alike: points move by a hundredth of a pixel, and what is left is a weak gradient. On a map's cells they
move by a twentieth of a cell.
"""

from typing import Literal

import torch

from sightline.errors import SightlineError

_RADIUS = {"squared": 8, "plain": 32}
"""Beyond this many places a weight is lost in float32: exp(-64), exp(-32)."""


class ContinuousPointError(SightlineError):
    """Points and the map they are moved on do not fit together."""


def discrete_to_continuous(
    places: torch.Tensor,
    surface: torch.Tensor,
    distance: Literal["squared", "plain"] = "squared",
    radius: int | None = None,
) -> torch.Tensor:
    """Move points to the weighted mean of the places around them.

    Args:
        places: (points, 2): x, y in columns and rows of the surface, whole numbers or not.
        surface: (rows, columns): the map's values there; NaN where nothing can be.
        distance: in the weight exp(-distance), "squared" as released or "plain"; which of them the paper
            means is not known.
        radius: of the window, in rows and columns; by default one that leaves nothing out.

    Returns:
        (points, 2) float32 in the same coordinates, differentiable in the surface and in the places.

    Raises:
        ContinuousPointError: no such distance, or a point without any place around it.
    """
    if distance not in _RADIUS:
        raise ContinuousPointError(f"distance {distance!r}; give {' or '.join(_RADIUS)}.")
    reach = _RADIUS[distance] if radius is None else radius
    values, points = surface.float(), places.to(surface.device, torch.float32)
    rows, columns = values.shape
    steps = torch.arange(-reach, reach + 1, device=values.device)
    nearest = points.detach().round().long()
    x = nearest[:, 0, None, None] + steps[None, None, :]
    y = nearest[:, 1, None, None] + steps[None, :, None]
    x, y = torch.broadcast_tensors(x, y)
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    around = values[y.clamp(0, rows - 1), x.clamp(0, columns - 1)]
    inside &= ~around.isnan()
    if not inside.flatten(1).any(1).all():
        row = int((~inside.flatten(1).any(1)).nonzero()[0])
        raise ContinuousPointError(f"point {row} at {points[row].tolist()} lies outside the map.")
    squares = (x - points[:, 0, None, None]) ** 2 + (y - points[:, 1, None, None]) ** 2
    # At distance zero the gradient of a root is infinite; a point's own place does not pull at it.
    away = squares if distance == "squared" else squares.clamp(min=1e-12).sqrt()
    logits = torch.where(inside, torch.nan_to_num(around) - away, -torch.inf)
    weights = logits.flatten(1).softmax(1)
    return torch.stack([(weights * axis.flatten(1)).sum(1) for axis in (x, y)], dim=1)
