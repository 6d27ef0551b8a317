"""Masks become token numbers: through the encoder's geometry, as published, and with defects."""

import numpy as np
import pytest

from sightline.scenes.geometry import Grid, ShortestSideCrop, Squash
from sightline.studies.khajuria2025.placing import (
    Placing,
    PlacingError,
    covered_cells,
    token_groups,
)

GRID = Grid(4, 4, 7)


def box(height: int, width: int, rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[rows, columns] = True
    return mask


def test_a_cell_is_covered_when_its_centre_is():
    """28 px image, patches of 7 px: centres lie at 3, 10, 17 and 24."""
    mask = box(28, 28, slice(4, 18), slice(0, 4))
    assert np.flatnonzero(covered_cells(mask, Squash(28), GRID)).tolist() == [4, 8]
    narrow = box(28, 28, slice(0, 28), slice(4, 10))
    assert not covered_cells(narrow, Squash(28), GRID).any()


def test_published_masks_are_squashed_whatever_is_cropped():
    """A wide image: what lies left of the crop has tokens as published, and none in truth."""
    placing = Placing(ShortestSideCrop(28, 28), (GRID,))
    left = box(30, 60, slice(0, 30), slice(0, 15))
    assert placing.tokens(left, "corrected")[0].tolist() == []
    assert placing.tokens(left, "published")[0].tolist() == [0, 4, 8, 12]
    middle = box(30, 60, slice(0, 30), slice(15, 45))
    assert len(placing.tokens(middle, "corrected")[0]) == 16
    assert placing.tokens(middle, "published")[0].tolist() == [1, 2, 5, 6, 9, 10, 13, 14]


def test_variants_agree_on_squashed_images():
    placing = Placing(Squash(28), (GRID,))
    mask = box(40, 60, slice(5, 30), slice(20, 50))
    corrected, published = (placing.tokens(mask, name)[0] for name in ("corrected", "published"))
    assert corrected.tolist() == published.tolist() != []


def test_numbers_of_another_grid_point_elsewhere():
    placing = Placing(Squash(28), (GRID,), published_side=2, wrong_side=3)
    lower_right = box(28, 28, slice(14, 28), slice(14, 28))
    assert placing.tokens(lower_right, "corrected")[0].tolist() == [10, 11, 14, 15]
    assert placing.tokens(lower_right, "published")[0].tolist() == [3]
    assert placing.tokens(lower_right, "wrong_grid")[0].tolist() == [4, 5, 7, 8]


def test_a_coarser_grid_sees_less_of_a_mask():
    """Cells of 14 px, centres at 7 and 21: an object too narrow for one has no token, a wide one has whole cells."""
    placing = Placing(Squash(28), (GRID,), equal_side=2)
    narrow = box(28, 28, slice(0, 28), slice(2, 5))
    assert placing.tokens(narrow, "corrected")[0].tolist() == [0, 4, 8, 12]
    assert placing.tokens(narrow, "equal_grid")[0].tolist() == []
    wide = box(28, 28, slice(0, 10), slice(5, 28))
    assert placing.tokens(wide, "equal_grid")[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_equal_cells_are_those_of_the_encoder_with_that_grid():
    """On 24 x 24 tokens with cells of 14 x 14: each token goes with the cell that its middle lies in."""
    fine, coarse = Grid(24, 24, 16), Grid(14, 14, 16)
    mask = box(300, 400, slice(40, 190), slice(90, 260))
    cells = covered_cells(mask, Squash(224), coarse).reshape(14, 14)
    (tokens,) = Placing(Squash(384), (fine,), equal_side=14).tokens(mask, "equal_grid")
    expected = [
        24 * row + column for row in range(24) for column in range(24)
        if cells[int((row + 0.5) * 14 / 24), int((column + 0.5) * 14 / 24)]
    ]  # fmt: skip
    assert tokens.tolist() == expected != []


def test_shifts_go_outwards_and_over_the_edge():
    placing = Placing(Squash(28), (GRID,))
    inner = box(28, 28, slice(0, 7), slice(7, 21))
    assert placing.tokens(inner, "corrected")[0].tolist() == [1, 2]
    assert placing.tokens(inner, "shift_1")[0].tolist() == [0, 3]
    assert placing.tokens(inner, "shift_2")[0].tolist() == []


def test_layers_of_unequal_grid_have_their_own_numbers():
    grids = (Grid(4, 4, 7), Grid(2, 2, 14), Grid(2, 2, 14))
    placing = Placing(Squash(28), grids)
    assert placing.grid_of_layer == (0, 1, 1)
    sets = placing.tokens(box(28, 28, slice(0, 14), slice(0, 28)), "corrected")
    assert [one.tolist() for one in sets] == [[0, 1, 2, 3, 4, 5, 6, 7], [0, 1]]


def test_padding_belongs_to_no_object():
    """An image smaller than the crop is padded; its whole mask covers the middle alone."""
    whole = np.ones((14, 14), bool)
    cells = covered_cells(whole, ShortestSideCrop(14, 28), GRID)
    assert np.flatnonzero(cells).tolist() == [5, 6, 9, 10]


def test_a_grid_without_so_many_tokens_is_refused():
    with pytest.raises(PlacingError, match="wrong_grid: 5 x 5 cells on 4 x 4 tokens"):
        Placing(Squash(28), (GRID,), wrong_side=5)


def test_tokens_group_by_the_objects_they_belong_to():
    first, second = np.array([0, 1, 2]), np.array([2, 3])
    groups = token_groups([first, second], 6, "object")
    assert len(groups) == 7
    assert len(set(groups.tolist())) == 5
    assert groups[1] == groups[2] and groups[5] == groups[6]
    assert groups[0] not in groups[1:]
    assert len({groups[1], groups[3], groups[4], groups[5]}) == 4
    assert token_groups([first], 6, "token").tolist() == list(range(7))


@pytest.mark.parametrize(
    ("transform", "side", "share"),
    [
        (ShortestSideCrop(224, 224), 14, 0.29),
        (ShortestSideCrop(256, 224), 16, 0.09),
        (ShortestSideCrop(288, 288), 9, 0.44),
    ],
    ids=["CLIP", "DINOv2", "RN50x4, stage 4"],
)
def test_published_tokens_lie_elsewhere_as_often_as_the_dossier_says(transform, side, share):
    """Share of cells of a 640 x 480 image that hold the token of their number (defect 2)."""
    (frame,) = {view.window[0] for view in transform.views(640, 480)}
    grid, hits = Grid(side, side, frame // side), 0
    placing = Placing(transform, (grid,))
    for cell in range(side * side):
        row, column = divmod(cell, side)
        rows = slice(row * 480 // side, (row + 1) * 480 // side)
        columns = slice(column * 640 // side, (column + 1) * 640 // side)
        mask = box(480, 640, rows, columns)
        hits += cell in placing.tokens(mask, "corrected")[0]
    assert hits / side**2 == pytest.approx(share, abs=0.006)


def test_the_drawing_shows_what_placing_gives():
    """An image of 6 x 8 cells, cropped to the middle 6 x 6; the object is in columns 5 and 6."""
    placing = Placing(ShortestSideCrop(60, 60), (Grid(6, 6, 10),))
    mask = box(60, 80, slice(20, 50), slice(50, 70))
    corrected, published = (placing.tokens(mask, name)[0] for name in ("corrected", "published"))
    assert [divmod(token, 6) for token in corrected] == [(r, c) for r in (2, 3, 4) for c in (4, 5)]
    assert [divmod(token, 6) for token in published] == [(r, 4) for r in (2, 3, 4)]
