"""Which part of an image the cells of a map divide."""

import pytest

from sightline.scenes.geometry import Pad, ShortestSideCrop, Squash
from sightline.studies.qian2025.items.explorer import _within


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (Squash(28), [0, 0, 80, 40]),
        (Pad(28), [0, -20, 80, 60]),
    ],
)
def test_cells_divide_what_the_tower_sees(transform, expected):
    assert _within(transform, 80, 40) == pytest.approx(expected, abs=1e-3)


def test_a_crop_sees_the_middle():
    left, top, right, bottom = _within(ShortestSideCrop(20, 20), 80, 40)
    assert (top, bottom, right - left) == pytest.approx((0, 40, 40)) and left == pytest.approx(20)
