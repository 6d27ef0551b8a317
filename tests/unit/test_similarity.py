"""Maps, the tokens that come first in them, and the points to click."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sightline.instruments.similarity import (
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    MapError,
    attention_scores,
    kept_tokens,
    label_by_deviation,
    label_by_range,
    order_points,
    pool,
    similarity_maps,
    top_tokens,
)
from sightline.scenes.tokens import Grid

GRID = Grid(2, 3, 14)
few_values = st.lists(st.integers(-3, 3), min_size=1, max_size=30)


def test_cosine_and_dot_follow_their_definitions():
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(4, 8, generator=generator)
    image = torch.randn(4, 6, 8, generator=generator)
    cosine, dot = (similarity_maps(state, image, GRID, metric) for metric in ("cosine", "dot"))
    for layer in range(4):
        for token in range(6):
            one, other = state[layer].numpy(), image[layer, token].numpy()
            expected = one @ other
            assert dot[layer][GRID.place(token)] == pytest.approx(expected, rel=1e-5)
            expected /= np.linalg.norm(one) * np.linalg.norm(other)
            assert cosine[layer][GRID.place(token)] == pytest.approx(expected, rel=1e-4)


def test_a_token_is_most_like_itself_and_a_zero_vector_like_nothing():
    image = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
    image[2] = 0
    found = similarity_maps(image[4], image, GRID)
    assert found.argmax() == 4 and found[1, 1] == pytest.approx(1)
    assert found[0, 2] == 0 and found.shape == (2, 3)


def test_half_precision_states_do_not_overflow():
    """A dot product over thousands of widths leaves the range of half precision."""
    image = torch.full((6, 4096), 8.0, dtype=torch.float16)
    assert (similarity_maps(image[0], image, GRID, "dot") == 4096 * 64).all()


@pytest.mark.parametrize(
    ("state", "image", "metric", "message"),
    [
        (torch.zeros(8), torch.zeros(5, 8), "dot", "expected 6"),
        (torch.zeros(2, 8), torch.zeros(6, 8), "dot", "must agree"),
        (torch.zeros(8), torch.zeros(6, 8), "euclid", "metric 'euclid'"),
    ],
)
def test_what_does_not_fit_is_refused(state, image, metric, message):
    with pytest.raises(MapError, match=message):
        similarity_maps(state, image, GRID, metric)


@given(few_values, st.data())
def test_top_tokens_are_a_stable_sort(values, data):
    """Best first; of equal scores the lower number, whatever else is asked."""
    count = data.draw(st.integers(0, len(values)))
    expected = sorted(range(len(values)), key=lambda token: (-values[token], token))
    assert top_tokens(torch.tensor(values), count).tolist() == expected[:count]


@given(st.integers(1, 5), st.integers(1, 12), st.data())
def test_layers_are_ranked_each_on_its_own(layers, tokens, data):
    scores = torch.tensor(
        data.draw(
            st.lists(
                st.lists(st.integers(0, 3), min_size=tokens, max_size=tokens),
                min_size=layers,
                max_size=layers,
            )
        )
    )
    count = data.draw(st.integers(0, tokens))
    together = top_tokens(scores, count)
    assert torch.equal(together, torch.stack([top_tokens(one, count) for one in scores]))


def test_scores_that_cannot_be_ranked_are_refused():
    with pytest.raises(MapError, match="3 of 2"):
        top_tokens(torch.zeros(2), 3)
    with pytest.raises(MapError, match="NaN"):
        top_tokens(torch.tensor([0.0, torch.nan]), 1)


@given(st.integers(0, 100), st.integers(0, 600))
def test_a_share_in_percent_is_rounded_down_exactly(percent, tokens):
    assert kept_tokens(percent / 100, tokens) == percent * tokens // 100


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_no_share_beyond_the_whole(share):
    with pytest.raises(MapError, match="from 0 to 1"):
        kept_tokens(share, 10)


def test_attention_is_averaged_over_steps_and_heads():
    attention = torch.arange(2 * 3 * 4 * 5, dtype=torch.float16).view(2, 3, 4, 5)
    expected = attention.float().mean(dim=(1, 2))
    assert torch.equal(attention_scores(attention), expected)
    with pytest.raises(MapError, match="no queries"):
        attention_scores(attention[:, :, :0])


def test_pooling_by_two_is_bilinear_reduction():
    """As the released code reduces a map, by interpolation without antialiasing."""
    scores = torch.randn(24, 24, generator=torch.Generator().manual_seed(2))
    expected = torch.nn.functional.interpolate(
        scores[None, None], size=(12, 12), mode="bilinear", align_corners=False
    )[0, 0]
    torch.testing.assert_close(pool(scores, 2), expected)
    with pytest.raises(MapError, match="do not divide"):
        pool(scores, 5)


def test_labels_by_deviation():
    """Mean 2, standard deviation 2 of the population."""
    scores = torch.tensor([[0.0, 4.0], [0.0, 4.0]])
    assert label_by_deviation(scores, 1.0).tolist() == [[NEGATIVE, POSITIVE]] * 2
    assert label_by_deviation(scores, 1.1).tolist() == [[NEUTRAL, NEUTRAL]] * 2


def test_labels_by_range_leave_out_what_is_outside():
    scores = torch.tensor([[0.0, 2.0, 5.0], [8.0, 10.0, torch.nan]])
    expected = [[NEGATIVE, NEGATIVE, NEUTRAL], [POSITIVE, POSITIVE, NEUTRAL]]
    assert label_by_range(scores).tolist() == expected
    assert (label_by_range(torch.ones(2, 2)) == NEUTRAL).all()
    with pytest.raises(MapError, match="without a single score"):
        label_by_range(torch.full((2, 2), torch.nan))


@given(few_values, st.integers(0, 40))
def test_points_come_in_the_published_order(values, count):
    scores = torch.tensor(values, dtype=torch.float32)[None]
    labels = label_by_range(scores)
    points = order_points(scores, labels, count)
    kinds = labels[0].tolist()
    expected = sorted(
        range(len(values)),
        key=lambda cell: (
            [POSITIVE, NEGATIVE, NEUTRAL].index(kinds[cell]),
            -kinds[cell] * values[cell] if kinds[cell] == POSITIVE else 0,
            values[cell] if kinds[cell] == NEGATIVE else 0,
            cell,
        ),
    )
    assert points.cells.tolist() == expected[:count]
    assert points.labels.tolist() == [kinds[cell] for cell in expected[:count]]


def test_points_outside_the_map_are_never_chosen():
    scores = torch.tensor([[torch.nan, 1.0, 0.0]])
    assert 0 not in order_points(scores, label_by_range(scores), 3).cells
