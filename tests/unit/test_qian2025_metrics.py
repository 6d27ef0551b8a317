"""gIoU, cIoU, See and Segment on cases worked by hand."""

import numpy as np
import pytest

from sightline.studies.qian2025.metrics import (
    MetricError,
    ciou,
    giou,
    is_seen,
    overlap,
    query_iou,
)


def rectangle(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    """A mask of 10 x 10 px, the ends left out."""
    mask = np.zeros((10, 10), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_two_overlapping_squares():
    """4 x 4 and 4 x 4 share 2 x 2: 4 of 28."""
    assert overlap(rectangle(0, 0, 4, 4), rectangle(2, 2, 6, 6)) == (4, 28)


def test_ignored_pixels_count_neither_way():
    """The ignored column takes two pixels off the intersection and six off the union."""
    predicted, target = rectangle(0, 0, 4, 4), rectangle(2, 2, 6, 6)
    ignore = rectangle(0, 3, 10, 4)
    # Column 3: predicted rows 0-3, target rows 2-5: rows 2 and 3 are shared, rows 0-5 united.
    assert overlap(predicted, target, ignore) == (4 - 2, 28 - 6)


def test_a_target_wholly_ignored_leaves_the_prediction_to_pay():
    predicted, target = rectangle(0, 0, 2, 2), rectangle(5, 5, 8, 8)
    assert overlap(predicted, target, target) == (0, 4)
    assert overlap(target, target, target) == (0, 0)


def test_a_denial_and_a_false_premise_are_empty_masks():
    mask = rectangle(0, 0, 2, 5)
    assert overlap(None, mask) == overlap(mask, None) == (0, 10)
    assert overlap(None, None) == (0, 0)
    assert overlap(None, mask, rectangle(0, 0, 1, 10)) == (0, 5)


def test_masks_of_different_size_are_refused():
    with pytest.raises(MetricError, match=r"\(10, 10\), \(5, 5\)"):
        overlap(rectangle(0, 0, 1, 1), np.ones((5, 5), bool))


def test_an_empty_union_scores_one():
    """An empty target is met by an empty mask, and by nothing else."""
    assert query_iou([0, 0], [0, 7]).tolist() == [1, 0]


def once(queries: int) -> np.ndarray:
    """Every query counts once."""
    return np.ones((1, queries))


def test_giou_weighs_queries_and_ciou_weighs_pixels():
    """One small miss and one large hit: 0.5 against 900 of 910."""
    shared, united = [0, 900], [10, 900]
    assert giou(shared, united, once(2)) == pytest.approx(0.5, abs=1e-7)
    assert ciou(shared, united, once(2)) == pytest.approx(900 / 910)


def test_the_smoothing_of_the_released_code():
    assert giou([1], [1], once(1)) == pytest.approx(1 / (1 + 1e-5), abs=1e-12)
    assert ciou([1], [1], once(1)) == 1


def test_empty_unions_change_giou_and_not_ciou():
    shared, united = [5, 0], [10, 0]
    assert giou(shared, united, once(2)) == pytest.approx(0.75, abs=1e-6)
    assert ciou(shared, united, once(2)) == 0.5
    assert ciou([0], [0], once(1)) == 0


def test_a_query_may_count_more_than_once_and_masks_are_scored_side_by_side():
    """Two masks of three queries, in what was measured and in a sample without the first."""
    shared, united = np.array([[5, 0], [0, 0], [40, 50]]), np.array([[10, 10], [20, 20], [50, 50]])
    weights = [[1, 1, 1], [0, 1, 2]]
    expected = [[1.3 / 3, 1 / 3], [1.6 / 3, 2 / 3]]
    np.testing.assert_allclose(giou(shared, united, weights), expected, atol=1e-6)
    np.testing.assert_allclose(
        ciou(shared, united, weights), [[45 / 80, 50 / 80], [80 / 120, 100 / 120]]
    )


def test_segment_punishes_masks_of_absent_things_and_denied_objects():
    """A hit of 80 of 100, a mask of 50 px of nothing, an object of 50 px denied: 80 of 200."""
    assert ciou([80, 0, 0, 0], [100, 50, 50, 0], once(4)) == pytest.approx(0.4)


def test_seeing_needs_the_token_and_a_pixel():
    assert is_seen([True, True, False, False], [1, 0, 0, 1]).tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("measure", "first", "second", "message"),
    [(giou, [1, 2], [1], "intersections"), (ciou, [3], [2], "query 0 has")],
)
def test_counts_that_do_not_belong_together_are_refused(measure, first, second, message):
    with pytest.raises(MetricError, match=message):
        measure(first, second, once(1))
