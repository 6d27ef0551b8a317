"""How well maps find an object, on grids worked by hand."""

import numpy as np
import pytest
import torch

from sightline.scenes.geometry import ShortestSideCrop
from sightline.scenes.tokens import Grid
from sightline.studies.qian2025.similarity.cells import coverage, score_cells

GRID = Grid(4, 4, 8)
FRAME = ShortestSideCrop(32, 32)


def one_object(rows, columns):
    covered = torch.zeros(4, 4)
    covered[rows, columns] = 1
    return covered


def test_a_map_that_is_the_object_scores_full_marks():
    covered = one_object(slice(1, 3), slice(1, 3))
    found = score_cells(covered[None], covered, 0.5)
    assert found.area.item() == pytest.approx(1)
    assert found.overlap.item() == found.hit.item() == 1
    assert found.share.item() == 0.25
    # Half of a cell's own precision is lost where order within it is open: 0.5/0.5, 1.5/1.5 and so on.
    assert found.precision.item() == pytest.approx(1)


def test_an_inverted_map_scores_nothing():
    covered = one_object(0, slice(0, 2))
    found = score_cells(-covered[None], covered, 0.5)
    assert found.area.item() == pytest.approx(0) and found.hit.item() == 0
    assert found.precision.item() < 2 / 16


def test_maps_are_scored_apart():
    covered = one_object(2, 2)
    both = torch.stack([covered, -covered])
    assert score_cells(both, covered, 0.5).area.tolist() == pytest.approx([1, 0])


def test_without_an_object_there_is_no_score():
    found = score_cells(torch.rand(3, 4, 4), torch.zeros(4, 4), 0.5)
    assert all(one.isnan().all() for one in found)


def test_cells_count_as_far_as_they_are_covered():
    mask = np.zeros((32, 32), bool)
    mask[8:12, 8:16] = True
    covered = coverage(mask, GRID, FRAME)
    assert covered[1, 1] == 0.5 and covered.sum() == 0.5


def test_what_the_tower_crops_away_is_no_cell():
    mask = np.zeros((32, 64), bool)
    mask[:, :16] = True
    assert coverage(mask, GRID, FRAME).sum() == 0
