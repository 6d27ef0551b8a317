"""Outlines go round regions and holes, and give the mask back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sightline.scenes.outline import outlines, painted_outlines
from sightline.scenes.reasonseg import PaintedShapes


def crossings(polygons, height: int, width: int) -> np.ndarray:
    """Pixels whose centre lies inside, by the even-odd rule, (height, width) bool."""
    inside = np.zeros((height, width), bool)
    y, x = np.mgrid[:height, :width] + 0.5
    for polygon in polygons:
        for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            if y0 != y1:
                across = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
                inside ^= (np.minimum(y0, y1) <= y) & (y < np.maximum(y0, y1)) & (x < across)
    return inside


def test_square_has_four_corners():
    mask = np.zeros((5, 6), bool)
    mask[1:3, 2:5] = True
    (square,) = outlines(mask)
    assert square.tolist() == [[2, 1], [5, 1], [5, 3], [2, 3]]


def test_hole_is_an_outline_of_its_own():
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    outer, inner = outlines(mask, 0)
    assert (len(outer), len(inner)) == (4, 4)
    assert np.ptp(outer, axis=0).tolist() == [5, 5] and np.ptp(inner, axis=0).tolist() == [1, 1]


@given(arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_without_tolerance_the_mask_comes_back(mask):
    np.testing.assert_array_equal(crossings(outlines(mask, 0), *mask.shape), mask)


@pytest.mark.parametrize("radius", [5, 12.3, 40])
def test_tolerance_makes_few_corners_of_a_disc(radius):
    y, x = np.mgrid[:100, :100]
    mask = np.hypot(x - 50, y - 50) < radius
    (exact,), (rough,) = outlines(mask, 0), outlines(mask)
    assert len(rough) < 0.75 * len(exact)
    filled = crossings([rough], *mask.shape)
    assert (filled & mask).sum() / (filled | mask).sum() > 0.9


def test_nothing_has_no_outline():
    assert outlines(np.zeros((4, 4), bool)) == []


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_painted_with_their_edges_outlines_give_the_mask_back(mask):
    """Lone pixels, holes, holes in islands within holes."""
    polygons = painted_outlines(mask)
    painted = PaintedShapes(tuple((1, tuple(polygon)) for polygon in polygons))
    assert np.array_equal(painted.target(*mask.shape), mask)
