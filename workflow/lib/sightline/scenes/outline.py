"""Outlines of masks as polygons, for whoever draws them."""

import itertools

import numpy as np
from numpy.typing import NDArray

from sightline.scenes.scene import Mask

Polygon = NDArray[np.float64]
"""Corners in order, (n, 2): x and y in pixels; the last is joined to the first."""


def outlines(mask: Mask, tolerance: float = 0.75) -> list[Polygon]:
    """Borders of the regions of a mask and of the holes in them.

    Filled by the even-odd rule they give the mask back, up to the tolerance.

    Args:
        mask: (height, width) bool.
        tolerance: largest distance of a left-out corner from its outline, in pixels; 0 keeps every corner.
    """
    found = (_simplify(corners, tolerance) for corners in _borders(mask))
    return [polygon for polygon in found if len(polygon) >= 3]


def painted_outlines(mask: Mask) -> list[list[tuple[int, int]]]:
    """Polygons that give a mask back to the pixel where they are painted with their edges, as ReasonSeg's are.

    Their corners are the pixels along the border. A region with a hole is cut in two through the hole, as no painted
    polygon has one.

    Args:
        mask: (height, width) bool.

    Returns:
        Corners of each polygon in order, x and y in whole pixels.
    """
    polygons = []
    for corners in _borders(mask):
        x, y = corners.T
        if x @ np.roll(y, -1) < y @ np.roll(x, -1):
            left = np.arange(mask.shape[1]) < int(x.mean())
            return painted_outlines(mask & left) + painted_outlines(mask & ~left)
        sides = np.roll(corners, -1, axis=0) - corners
        steps = np.sign(sides)
        # To the right of the first and of the last step of every side.
        inward = np.column_stack([-steps[:, 1], steps[:, 0]])
        ends = np.stack([corners + (steps + inward) / 2, corners + sides + (inward - steps) / 2], 1)
        pixels = np.floor(ends).astype(int).reshape(-1, 2).tolist()
        polygon = [tuple(pixel) for pixel, _ in itertools.groupby(pixels)]
        # Readers of polygons want three corners, of a lone pixel too.
        polygons.append(polygon + polygon[:1] * (3 - len(polygon)))
    return polygons


def _borders(mask: Mask) -> list[Polygon]:
    """Closed paths along the edges of pixels, the region always to the right."""
    inside = np.pad(np.asarray(mask, bool), 1)
    here = inside[1:-1, 1:-1]
    sides = (
        (here & ~inside[:-2, 1:-1], (0, 0), (1, 0)),
        (here & ~inside[1:-1, 2:], (1, 0), (0, 1)),
        (here & ~inside[2:, 1:-1], (1, 1), (-1, 0)),
        (here & ~inside[1:-1, :-2], (0, 1), (0, -1)),
    )
    leaving: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for edge, (right, down), step in sides:
        for y, x in np.argwhere(edge).tolist():
            leaving.setdefault((x + right, y + down), []).append(step)
    paths = []
    while leaving:
        place, step = next(iter(leaving)), None
        corners = []
        while place in leaving:
            steps = leaving[place]
            # Where two pixels touch by a corner, turning right stays with the same one.
            turn = step and (-step[1], step[0])
            taken = steps.pop(steps.index(turn) if turn in steps else 0)
            if not steps:
                del leaving[place]
            if taken != step:
                corners.append(place)
            step, place = taken, (place[0] + taken[0], place[1] + taken[1])
        paths.append(np.array(corners, float))
    return paths


def _simplify(corners: Polygon, tolerance: float) -> Polygon:
    """Leave out corners that lie close to the line between those kept (Douglas and Peucker)."""
    if len(corners) < 4 or tolerance <= 0:
        return corners
    # A closed path has no ends: take two corners far from each other.
    far = int(np.hypot(*(corners - corners[0]).T).argmax())
    closed = np.concatenate([corners, corners[:1]])
    kept = np.zeros(len(closed), bool)
    kept[[0, far, -1]] = True
    waiting = [(0, far), (far, len(closed) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        chord = closed[last] - closed[first]
        offsets = closed[first + 1 : last] - closed[first]
        length = np.hypot(*chord)
        if length:
            distances = np.abs(chord[0] * offsets[:, 1] - chord[1] * offsets[:, 0]) / length
        else:
            distances = np.hypot(*offsets.T)
        middle = int(distances.argmax())
        if distances[middle] > tolerance:
            place = first + 1 + middle
            kept[place] = True
            waiting += [(first, place), (place, last)]
    return closed[:-1][kept[:-1]]
