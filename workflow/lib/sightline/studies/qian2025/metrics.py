"""How masks are scored: gIoU and cIoU, See and Segment (qian2025 section 3.7)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sightline.errors import SightlineError
from sightline.scenes.scene import Mask

_SMOOTHING = 1e-5
"""Added to every union, as in the released code; it takes 1e-7 off the score of a mask of a hundred pixels."""


class MetricError(SightlineError):
    """Masks or counts do not belong together."""


class Overlap(NamedTuple):
    """Pixels of one query, ignored ones left out: shared by prediction and target, and in either of them."""

    intersection: int
    union: int


def overlap(predicted: Mask | None, target: Mask | None, ignore: Mask | None = None) -> Overlap:
    """Shared and united pixels of two masks.

    Args:
        predicted: (height, width) bool; None where the model denied.
        target: (height, width) bool; None where there is nothing to find.
        ignore: (height, width) bool, pixels that count neither way.

    Raises:
        MetricError: the masks differ in size.
    """
    masks = [mask for mask in (predicted, target, ignore) if mask is not None]
    if len({mask.shape for mask in masks}) > 1:
        sizes = ", ".join(str(mask.shape) for mask in masks)
        raise MetricError(f"overlap: masks of sizes {sizes}; enlarge them to the image first.")
    counted = True if ignore is None else ~ignore
    united, shared = 0, 0
    if predicted is not None and target is not None:
        united = int(((predicted | target) & counted).sum())
        shared = int((predicted & target & counted).sum())
    elif predicted is not None or target is not None:
        one = target if predicted is None else predicted
        united = int((one & counted).sum())
    return Overlap(shared, united)


def query_iou(intersections: ArrayLike, unions: ArrayLike) -> NDArray[np.float64]:
    """IoU of each query; 1 where neither prediction nor target has a pixel.

    Args:
        intersections: (queries,) pixels.
        unions: (queries,) pixels.

    Raises:
        MetricError: lengths differ, or an intersection exceeds its union.
    """
    shared, united = _pair(intersections, unions)
    return np.where(united == 0, 1.0, shared / (united + _SMOOTHING))


def giou(intersections: ArrayLike, unions: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Mean of the queries' IoU, every query alike.

    Args:
        intersections: (queries, ...) pixels.
        unions: (queries, ...) pixels.
        weights: (samples, queries), how often each query counts; ones for what was measured.

    Returns:
        (samples, ...).
    """
    weights = np.asarray(weights, float)
    return weights / weights.sum(1, keepdims=True) @ query_iou(intersections, unions)


def ciou(intersections: ArrayLike, unions: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Ratio of summed intersections to summed unions: large objects weigh more; 0 where nothing was united.

    With true and false premises together this is Segment: the target of a false premise and the mask of a denial are
    empty, so that a mask drawn for what is absent, and an object denied, both count into the union. Arguments and
    result as for `giou`.
    """
    shared, united = _pair(intersections, unions)
    above, below = np.asarray(weights, float) @ shared, np.asarray(weights, float) @ united
    return np.divide(above, below, out=np.zeros_like(below), where=below > 0)


def is_seen(has_token: ArrayLike, predicted_pixels: ArrayLike) -> NDArray[np.bool_]:
    """Whether a model says that the thing is there: its answer holds the token, and the mask is not empty.

    See is the share of queries, with true and false premises alike, where it is right about that.
    """
    return np.asarray(has_token, bool) & (np.asarray(predicted_pixels) > 0)


def _pair(
    intersections: ArrayLike, unions: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    shared, united = np.asarray(intersections, float), np.asarray(unions, float)
    if shared.shape != united.shape:
        raise MetricError(f"IoU: {shared.shape} intersections but {united.shape} unions.")
    if (shared > united).any():
        row = np.argwhere(shared > united)[0][0]
        raise MetricError(f"IoU: query {row} has an intersection larger than its union.")
    return shared, united
