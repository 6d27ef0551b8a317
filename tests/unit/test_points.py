"""Similarity as points, and points made continuous, against plain loops over the published steps."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sightline.instruments.discrete_to_continuous import (
    ContinuousPointError,
    discrete_to_continuous,
)
from sightline.instruments.point_rules import PointRule, PointRuleError
from sightline.instruments.points import (
    image_map,
    point_prompts,
    reduce_map,
    released_image_map,
    similarity_as_points,
    to_frame,
    unit_range,
)
from sightline.instruments.similarity import NEGATIVE, NEUTRAL, POSITIVE, MapError, pool
from sightline.scenes.geometry import Pad, ShortestSideCrop, Squash
from tiny import build_tiny_segmenter

# With the last three, side * (cells / side) in floats falls short of the number of cells.
SIZES = [(480, 640), (640, 480), (300, 300), (375, 500), (642, 960), (307, 307), (309, 500)]
DISCRETE = PointRule(continuous="none")


def drawn(seed: int, side: int = 24) -> torch.Tensor:
    """A map of random cells."""
    return torch.rand(side, side, generator=torch.Generator().manual_seed(seed))


def points_by_loops(
    scores: torch.Tensor, size: tuple[int, int], number: int, high: float, low: float, factor: int
) -> list[tuple[int, int, int]]:
    """Steps 1 to 6 of the dossier's description, cell by cell: (x, y, label)."""
    height, width = size
    d = scores.shape[0] // factor
    values = F.interpolate(scores[None, None], (d, d), mode="bilinear")[0, 0].numpy()
    values = (values - values.min()) / (values.max() - values.min())
    s = Fraction(d, min(height, width))
    above, beside = (math.floor(height * s) - d) // 2, (math.floor(width * s) - d) // 2
    rows, columns = d + 2 * above, d + 2 * beside
    found: dict[int, list] = {1: [], 0: [], -1: []}
    for r in range(rows):
        for c in range(columns):
            if not (0 <= r - above < d and 0 <= c - beside < d):
                continue
            value = values[r - above, c - beside]
            x = int(min((c + 0.5) * width / columns, width - 1))
            y = int(min((r + 0.5) * height / rows, height - 1))
            label = 1 if value >= high else 0 if value <= low else -1
            found[label].append((value, x, y))
    found[1].sort(key=lambda one: -one[0])
    found[0].sort(key=lambda one: one[0])
    return [(x, y, label) for label in (1, 0, -1) for _, x, y in found[label]][:number]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("number", "high", "factor"), [(30, 0.8, 2), (60, 0.6, 1), (400, 0.8, 1)])
def test_points_of_the_released_form(size, number, high, factor):
    scores = drawn(number)
    rule = PointRule(number=number, positive=high, pool=factor, continuous="none")
    points = similarity_as_points(scores, size, rule)
    expected = points_by_loops(scores, size, number, high, 0.2, factor)
    assert [(*map(int, p), int(n)) for p, n in zip(points.places, points.labels, strict=True)] == (
        expected
    )


def test_the_square_keeps_its_border_cells_whatever_the_size():
    """The released rule is floor(H * d / min(H, W)), whose shortest side is d, also where floats give less."""
    corner = torch.zeros(24, 24)
    corner[0, 0] = 1
    rule = PointRule(number=1, pool=1, continuous="none")
    for height in range(100, 700):
        points = similarity_as_points(corner, (height, height + 318), rule)
        assert points.labels.tolist() == [POSITIVE], height
        assert points.places[0, 1] <= height / 24


@pytest.mark.parametrize("size", [(642, 960), (316, 316), (617, 700)])
def test_the_map_on_the_image_reaches_its_border(size):
    """Where floats fall short, the enlarged map of 336 px lost its first and last row."""
    edge = torch.zeros(24, 24)
    edge[0] = 1
    # Of a square's side, the enlarged map holds the first half cell unmixed.
    columns = slice((size[1] - size[0]) // 2 + 2, (size[1] + size[0]) // 2 - 2)
    on_image = released_image_map(edge, size)
    expected = F.interpolate(edge[None, None], (336, 336), mode="bilinear")
    expected = F.interpolate(expected, (size[0], size[0]), mode="bilinear")[0, 0, :, 0]
    torch.testing.assert_close(on_image[:, columns].mean(1), expected)


def test_neutral_points_come_only_when_the_others_run_out():
    plenty = PointRule(pool=1, continuous="none")
    labels = similarity_as_points(drawn(0), (480, 640), plenty).labels.tolist()
    assert NEUTRAL not in labels and labels == sorted(labels, reverse=True)
    rule = PointRule(number=144, continuous="none")
    assert similarity_as_points(drawn(0), (480, 640), rule).labels.tolist().count(NEUTRAL) > 0


def test_only_the_central_square_receives_points():
    places = similarity_as_points(
        drawn(1), (480, 640), PointRule(number=500, continuous="none")
    ).places
    assert places[:, 0].min() > 80 and places[:, 0].max() < 560


def test_the_form_of_the_paper_counts_in_standard_deviations():
    scores = drawn(2)
    rule = PointRule(form="paper", number=576, pool=1, continuous="none")
    labels = similarity_as_points(scores, (336, 336), rule).labels
    spread = scores.std(correction=0)
    assert (labels == POSITIVE).sum() == (scores >= scores.mean() + 0.5 * spread).sum()
    assert (labels == NEGATIVE).sum() == (scores <= scores.mean() - 0.5 * spread).sum()


def test_a_map_without_contrast_gives_neutral_points():
    for form in ("released", "paper"):
        rule = PointRule(form=form)
        points = similarity_as_points(torch.ones(24, 24), (480, 640), rule)
        assert len(points.labels) == 30 and points.places.isfinite().all()
        assert (points.labels == NEUTRAL).all()


def test_pooling_by_two_is_a_mean_of_four():
    torch.testing.assert_close(reduce_map(drawn(3), 2), pool(drawn(3), 2))


def test_the_transform_of_a_central_crop_agrees_with_the_released_geometry():
    """Up to rounding: the released grid has whole cells beside the square."""
    scores, size = drawn(4), (480, 640)
    rule = PointRule(pool=1, continuous="none")
    released = similarity_as_points(scores, size, rule)
    general = similarity_as_points(scores, size, rule, ShortestSideCrop(336, 336))
    assert torch.equal(released.labels, general.labels)
    assert (released.places - general.places).abs().max() <= 1


def test_cells_in_the_padding_are_never_clicked():
    """A padded square sees everything, and something more."""
    scores = torch.zeros(8, 8)
    scores[:2] = 1
    rule = PointRule(number=64, pool=1, continuous="none")
    points = similarity_as_points(scores, (50, 100), rule, Pad(112))
    assert points.places[:, 1].min() >= 0 and points.places[:, 1].max() < 50
    assert len(points.labels) == 8 * 4


@pytest.mark.parametrize(
    ("size", "mean", "largest"), [((480, 640), 0.02, 0.3), ((768, 1024), 0.01, 0.3)]
)
def test_points_hardly_move_on_pixels(size, mean, largest):
    """Section 3.3: 0.007 px on average, 0.29 px at most (at borders), in the released form."""
    shifts = []
    for seed in range(6):
        points = similarity_as_points(drawn(seed), size, PointRule())
        shifts.append((points.places - points.picked).norm(dim=-1))
    shift = torch.cat(shifts)
    assert 0 < shift.mean() < mean and shift.max() < largest


def test_points_move_by_a_twentieth_of_a_cell_on_cells():
    """Section 3.3: about 0.05 of a cell, 0.19 at most inside the map."""
    rule = PointRule(number=60, pool=1, continuous="cells")
    still = PointRule(number=60, pool=1, continuous="none")
    cell, shifts = 336 / 24, []
    for seed in range(6):
        moved = similarity_as_points(drawn(seed), (336, 336), rule).places
        before = similarity_as_points(drawn(seed), (336, 336), still).places
        # Picked places are whole pixels: centres of cells, rounded down.
        exact = before + cell / 2 % 1
        inner = ((before > cell) & (before < 336 - cell)).all(-1)
        shifts.append(((moved - exact).norm(dim=-1) / cell)[inner])
    shift = torch.cat(shifts)
    assert 0.02 < shift.mean() < 0.08 and shift.max() < 0.22


@pytest.mark.parametrize("distance", ["squared", "plain"])
def test_the_window_leaves_nothing_out(distance):
    """Against the sum over all places, with the softmax that cancels."""
    surface = drawn(5, 60)
    places = torch.tensor([[0.0, 0.0], [30.0, 17.0], [59.0, 40.0], [12.25, 50.5]])
    found = discrete_to_continuous(places, surface, distance)
    chance = surface.double().flatten().softmax(0).view(60, 60).numpy()
    columns, rows = np.meshgrid(np.arange(60), np.arange(60))
    for (x, y), one in zip(places.tolist(), found, strict=True):
        square = (columns - x) ** 2 + (rows - y) ** 2
        weight = np.exp(-square if distance == "squared" else -np.sqrt(square)) * chance
        weight /= weight.sum()
        assert one.tolist() == pytest.approx(
            [(columns * weight).sum(), (rows * weight).sum()], abs=1e-4
        )


def test_points_at_a_border_move_inwards():
    """Half of their surroundings is missing: 0.29 px, the largest shift there is."""
    flat = torch.zeros(50, 50)
    (moved,) = discrete_to_continuous(torch.tensor([[0.0, 25.0]]), flat)
    inside = torch.exp(-(torch.arange(9.0) ** 2))
    expected = (inside * torch.arange(9)).sum() / inside.sum()
    assert moved.tolist() == pytest.approx([float(expected), 25.0], abs=1e-5)
    assert 0.28 < expected < 0.3


def test_the_gradient_is_open_and_weak():
    """At most 0.15 px per unit of the map at one pixel."""
    surface = drawn(6, 40).requires_grad_()
    moved = discrete_to_continuous(torch.tensor([[20.0, 20.0]]), surface)
    moved[0, 0].backward()
    assert 0.05 < surface.grad.abs().max() < 0.15
    # A brighter pixel to the right draws the point there, one to the left the other way.
    assert surface.grad[20, 21] > 0 > surface.grad[20, 19]
    assert surface.grad[20, 30:].abs().max() == 0


@pytest.mark.parametrize("continuous", ["pixels", "cells"])
def test_a_loss_on_the_points_reaches_the_map(continuous):
    scores = drawn(7).requires_grad_()
    rule = PointRule(continuous=continuous)
    similarity_as_points(scores, (480, 640), rule).places.sum().backward()
    assert scores.grad.abs().max() > 0


def test_discrete_points_let_no_gradient_through():
    assert not similarity_as_points(
        drawn(7).requires_grad_(), (480, 640), DISCRETE
    ).places.requires_grad


def test_the_gradient_of_a_cell_on_pixels_is_a_hundredth_of_that_on_cells():
    """About 0.5 / (cell width) px against about a tenth of a cell."""
    sizes = {}
    for continuous in ("pixels", "cells"):
        scores = drawn(8).requires_grad_()
        rule = PointRule(number=1, pool=1, continuous=continuous)
        similarity_as_points(scores, (648, 648), rule).places.sum().backward()
        sizes[continuous] = float(scores.grad.abs().max())
    assert sizes["pixels"] < 0.05 and sizes["cells"] > 20 * sizes["pixels"]


def test_places_outside_the_map_are_refused():
    surface = torch.full((30, 30), torch.nan)
    surface[:5] = 1.0
    with pytest.raises(ContinuousPointError, match=r"point 1 .* outside"):
        discrete_to_continuous(torch.tensor([[3.0, 3.0], [20.0, 25.0]]), surface)
    with pytest.raises(ContinuousPointError, match="squared or plain"):
        discrete_to_continuous(torch.zeros(1, 2), surface, "cubed")


def test_the_map_on_the_image_covers_the_central_square():
    on_image = released_image_map(torch.ones(24, 24) + drawn(9), (480, 640))
    assert on_image.shape == (480, 640)
    assert (on_image[:, :78] == 0).all() and (on_image[:, 562:] == 0).all()
    general = image_map(unit_range(drawn(9)), (480, 640), ShortestSideCrop(336, 336))
    assert (on_image - general)[:, 85:555].abs().mean() < 0.01


def test_the_map_of_a_squashed_image_is_enlarged():
    scores = drawn(10, 6)
    expected = F.interpolate(scores[None, None], (60, 90), mode="bilinear")[0, 0]
    torch.testing.assert_close(image_map(scores, (60, 90), Squash(36)), expected)


def test_the_frame_of_a_sam():
    places = torch.tensor([[640.0, 480.0], [0.0, 0.0]])
    assert to_frame(places, (480, 640), 1024).tolist() == [[1024.0, 768.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("scores", "transform", "message"),
    [
        (torch.zeros(4, 5), None, "4 x 5 cells"),
        (torch.full((4, 4), torch.nan), None, "NaN"),
    ],
)
def test_maps_without_points_are_refused(scores, transform, message):
    with pytest.raises(MapError, match=message):
        similarity_as_points(scores, (50, 50), PointRule(pool=1), transform)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"form": "printed"}, "form: 'printed'"),
        ({"number": 0}, "number: 0"),
        ({"positive": 0.1}, "negative 0.2 and positive 0.1"),
    ],
)
def test_rules_without_meaning_are_refused(setting, message):
    with pytest.raises(PointRuleError, match=message):
        PointRule(**setting)


def test_prompts_are_points_padding_and_the_token_last():
    """A neutral point has the tokens of the padding: it says nothing of a place."""
    segmenter = build_tiny_segmenter()
    points = similarity_as_points(drawn(11), (48, 64), PointRule(number=150))
    state = torch.randn(1, segmenter.sam.config.prompt_encoder_config.hidden_size)
    prompts = point_prompts(segmenter, points, (48, 64), state)
    count = len(points.labels)
    assert prompts.shape[:3] == (1, 1, count + 2)
    torch.testing.assert_close(prompts[0, 0, -1], state[0])
    padding = prompts[0, 0, -2]
    neutral = prompts[0, 0, :count][points.labels == NEUTRAL]
    assert len(neutral) and (neutral == padding).all()
    positive = prompts[0, 0, :count][points.labels == POSITIVE]
    assert not (positive == padding).all(-1).any()
    assert point_prompts(segmenter, points, (48, 64)).shape[2] == count + 1


def test_a_mask_loss_reaches_the_map_through_the_decoder_only_with_continuous_points():
    """C12: the gradient of the mask in the map, with and without."""
    segmenter = build_tiny_segmenter()
    embedding = torch.randn(1, segmenter.sam.config.vision_config.output_channels, 4, 4)
    found = {}
    for continuous in ("pixels", "none"):
        scores = drawn(12).requires_grad_()
        points = similarity_as_points(scores, (64, 64), PointRule(continuous=continuous))
        segmenter.decode(embedding, point_prompts(segmenter, points, (64, 64))).sum().backward()
        found[continuous] = scores.grad
    assert found["none"] is None and found["pixels"].abs().sum() > 0
