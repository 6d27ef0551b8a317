"""Similarity as points: clicks for a SAM from a map over image tokens, for any model that asks for masks by a token.

    points = similarity_as_points(scores, (height, width), rule)
    prompts = point_prompts(segmenter, points, (height, width), segmenter.projection(state))
    logits = segmenter.decode(embedding, prompts)

The released form takes for granted that the tower saw the image's central square. Where it saw something else, pass
its transform: each cell then goes where its token came from.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from sightline.instruments.discrete_to_continuous import discrete_to_continuous
from sightline.instruments.point_rules import PointRule
from sightline.instruments.similarity import (
    NEUTRAL,
    MapError,
    label_by_deviation,
    label_by_range,
    order_points,
)
from sightline.models.segmenter import Segmenter
from sightline.scenes.geometry import ImageTransform, Pad

Size = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True, eq=False)
class ImagePoints:
    """Clicks on an image.

    Attributes:
        places: (points, 2) float32: x, y in pixels of the image; differentiable in the map where the rule
            makes them continuous.
        labels: (points,) int64: `POSITIVE`, `NEGATIVE` or `NEUTRAL`. A SAM takes a neutral point for padding: it
            carries no place.
        picked: (points, 2) float32: the same places before they were made continuous.
    """

    places: torch.Tensor
    labels: torch.Tensor
    picked: torch.Tensor


def similarity_as_points(
    scores: torch.Tensor,
    size: Size,
    rule: PointRule,
    transform: ImageTransform | None = None,
    patch: int = 14,
) -> ImagePoints:
    """Pick points from a map: where it is high, positive, and where it is low, negative.

    Args:
        scores: (rows, columns) similarity of [SEG] with the image tokens; a square for the released geometry.
        size: of the image.
        rule: labels, order, number and what makes the points continuous.
        transform: from image to tower frame; None for the released geometry, a central square.
        patch: side of a token in the tower frame, in px; used where points move on pixels.

    Raises:
        MapError: the map is no square in the released geometry, or has a cell that is not a number.

    Source: qian2025 section 3.2. Equal scores are taken cell by cell, which the released code leaves open. On a map
    without any contrast, which the released code divides by zero, all points are neutral.
    """
    if scores.isnan().any():
        raise MapError("points: some scores of the map are NaN.")
    cells = unit_range(reduce_map(scores, rule.pool))
    if rule.form == "released":
        labels = label_by_range(cells.detach(), rule.positive, rule.negative)
    else:
        labels = label_by_deviation(cells.detach(), rule.deviations)
    if transform is None:
        cells, labels = _on_whole_image(cells, labels, size)
        centres = _cell_centres(cells.shape, size).to(cells.device)
    else:
        centres = _token_centres(cells.shape, size, transform).to(cells.device)
        outside = _outside(centres, size).reshape(cells.shape)
        cells = cells.masked_fill(outside, torch.nan)
    chosen = order_points(cells.detach(), labels, rule.number)
    picked = centres[chosen.cells].trunc()
    if rule.continuous == "none":
        places = picked
    elif rule.continuous == "pixels":
        surface = (
            released_image_map(scores, size, patch)
            if transform is None
            else image_map(unit_range(scores), size, transform)
        )
        places = discrete_to_continuous(picked, surface, rule.distance)
    else:
        places = _continuous_cells(chosen.cells, cells, centres, rule)
    return ImagePoints(places, chosen.labels, picked)


def reduce_map(scores: torch.Tensor, factor: int) -> torch.Tensor:
    """A smaller map by bilinear interpolation, each side divided by ``factor`` and rounded down; float32.

    Where two divides the sides, a factor of two takes the mean of every four cells.
    """
    if factor == 1:
        return scores.float()
    smaller = [max(1, side // factor) for side in scores.shape]
    return F.interpolate(scores.float()[None, None], smaller, mode="bilinear")[0, 0]


def unit_range(scores: torch.Tensor) -> torch.Tensor:
    """The map stretched to 0 and 1, float32; zero where it has no contrast."""
    values = scores.float()
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else values * 0


def released_image_map(scores: torch.Tensor, size: Size, patch: int = 14) -> torch.Tensor:
    """The map stretched to 0 and 1 on the pixels of an image, (height, width), 0 outside the central square.

    Source: qian2025 section 3.1, rendering; steps as released, which shift the square by up to a pixel.
    """
    rows, columns = scores.shape
    side = rows * patch
    enlarged = F.interpolate(
        unit_range(scores)[None, None], (side, columns * patch), mode="bilinear"
    )
    high, wide = _around(side, size)
    return F.interpolate(F.pad(enlarged, (wide, wide, high, high)), size, mode="bilinear")[0, 0]


def image_map(
    scores: torch.Tensor, size: Size, transform: ImageTransform, outside: float = 0.0
) -> torch.Tensor:
    """A map over the cells of a frame, on the pixels of the image, (height, width) float32.

    Args:
        scores: (rows, columns) over the whole frame: image tokens, or the image embedding of a SAM.
        size: of the image.
        transform: from the image to the frame; of one tile.
        outside: value of pixels that the frame does not hold.

    Raises:
        MapError: the frame has several tiles.
    """
    height, width = size
    views = transform.views(width, height)
    if len(views) != 1:
        raise MapError(f"image map: a frame of {len(views)} tiles; give a transform with one.")
    (view,) = views
    ys = torch.arange(height, device=scores.device) + 0.5
    xs = torch.arange(width, device=scores.device) + 0.5
    u = (xs + view.at[1]) * view.resized[1] / view.canvas[1] - view.corner[1]
    v = (ys + view.at[0]) * view.resized[0] / view.canvas[0] - view.corner[0]
    grid = torch.stack(
        torch.meshgrid(2 * u / view.window[1] - 1, 2 * v / view.window[0] - 1, indexing="xy"), -1
    )
    found = F.grid_sample(
        scores.float()[None, None],
        grid[None],
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )[0, 0]
    return torch.where((grid.abs() <= 1).all(-1), found, outside)


def to_frame(places: torch.Tensor, size: Size, side: int) -> torch.Tensor:
    """Places in pixels of the image, as pixels of a SAM's frame: longest side to ``side``, padded right or below."""
    height, width = size
    rows, columns = Pad(side, centered=False).views(width, height)[0].resized
    return places * places.new_tensor([columns / width, rows / height])


def point_prompts(
    segmenter: Segmenter, points: ImagePoints, size: Size, state_prompt: torch.Tensor | None = None
) -> torch.Tensor:
    """Sparse prompt tokens (1, 1, tokens, prompt width): the points, a padding point, and [SEG] last.

    Args:
        segmenter: any with a SAM's prompt encoder.
        points: on the image.
        size: of the image.
        state_prompt: (prompt width,) or (1, prompt width), the projected state of [SEG]; None for points alone.
    """
    weights = segmenter.sam.prompt_encoder.point_embed[0].weight
    places = to_frame(points.places, size, segmenter.side).to(weights.device, weights.dtype)
    labels = points.labels.to(weights.device)
    tokens = segmenter.encode_points(places[None, None], labels[None, None])
    if state_prompt is None:
        return tokens
    own = state_prompt.reshape(1, 1, 1, -1).to(tokens.dtype)
    return torch.cat([tokens, own], dim=2)


def _on_whole_image(
    cells: torch.Tensor, labels: torch.Tensor, size: Size
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cells and labels of the central square inside a grid over the whole image; NaN outside the square."""
    side = cells.shape[0]
    if cells.shape[1] != side:
        raise MapError(
            f"points: a map of {side} x {cells.shape[1]} cells in the released geometry, which takes the central "
            "square of an image; pass the transform of the tower."
        )
    high, wide = _around(side, size)
    around = (wide, wide, high, high)
    return F.pad(cells, around, value=torch.nan), F.pad(labels, around, value=NEUTRAL)


def _around(side: int, size: Size) -> tuple[int, int]:
    """Whole cells above and beside a central square of ``side`` cells.

    In integers: a quotient of floats can fall short of the shortest side by one cell, and crop the square.
    """
    height, width = ((length * side // min(size) - side) // 2 for length in size)
    return height, width


def _cell_centres(shape: torch.Size, size: Size) -> torch.Tensor:
    """Centres (cells, 2) of a grid stretched over the image, x and y in px, inside the image."""
    (rows, columns), (height, width) = shape, size
    x = ((torch.arange(columns) + 0.5) * (width / columns)).clamp(max=width - 1)
    y = ((torch.arange(rows) + 0.5) * (height / rows)).clamp(max=height - 1)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).flatten(0, 1)


def _token_centres(shape: torch.Size, size: Size, transform: ImageTransform) -> torch.Tensor:
    """Centres (cells, 2) of equal parts of the tower frame, x and y in px of the image."""
    (rows, columns), (height, width) = shape, size
    views = transform.views(width, height)
    if len(views) != 1:
        raise MapError(f"points: a frame of {len(views)} tiles; give a transform with one.")
    (view,) = views
    high, wide = view.window[0] / rows, view.window[1] / columns
    centres = [
        view.backward((column + 0.5) * wide, (row + 0.5) * high)
        for row in range(rows)
        for column in range(columns)
    ]
    return torch.tensor(centres, dtype=torch.float32)


def _outside(centres: torch.Tensor, size: Size) -> torch.Tensor:
    height, width = size
    x, y = centres.unbind(-1)
    return (x < 0) | (y < 0) | (x >= width) | (y >= height)


def _continuous_cells(
    chosen: torch.Tensor, cells: torch.Tensor, centres: torch.Tensor, rule: PointRule
) -> torch.Tensor:
    """Centres of the chosen cells, moved on the grid of cells and not rounded."""
    columns = cells.shape[1]
    before = torch.stack([chosen % columns, chosen // columns], -1).float()
    moved = discrete_to_continuous(before, cells, rule.distance) - before
    width = (centres[-1, 0] - centres[0, 0]) / max(1, columns - 1)
    height = (centres[-1, 1] - centres[0, 1]) / max(1, cells.shape[0] - 1)
    return centres[chosen] + moved * torch.stack([width, height])
