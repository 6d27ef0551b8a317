"""Views of one object share the object, and nothing else."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sightline.demo.encoders.distillation import evened
from sightline.demo.encoders.views import Views
from sightline.demo.training_set import VALIDATION_SEEDS, draw_training_set, normalise
from sightline.demo.world import SIZE


@pytest.fixture(scope="module")
def scenes():
    return draw_training_set(VALIDATION_SEEDS, 12, 1)


@pytest.fixture(scope="module")
def views(scenes):
    return Views(scenes)


def drawn(views, chosen, strength, seed=0):
    return views.draw(chosen, strength, torch.Generator().manual_seed(seed)).float()


def test_equal_seeds_give_equal_views_and_others_do_not(views):
    first = drawn(views, [0, 1, 2], 1.0)
    assert torch.equal(first, drawn(views, [0, 1, 2], 1.0))
    assert not torch.equal(first, drawn(views, [0, 1, 2], 1.0, seed=1))
    assert first.shape == (3, 3, SIZE, SIZE) and first.isfinite().all()


def test_grounds_do_not_show_the_dominant_object(views, scenes):
    """Where it was, neighbouring pixels are about equal; elsewhere the scene is as it was."""
    masks = views._masks(torch.arange(len(scenes)))
    grounds, images = views._grounds.float(), normalise(scenes.pixels)
    inside = masks.expand_as(images)
    rough = (grounds.diff(dim=-1).abs() * inside[..., 1:]).sum() / inside[..., 1:].sum()
    assert rough < 0.1 * images[inside].std()
    near = torch.nn.functional.max_pool2d(masks.float(), 5, 1, 2).bool().expand_as(images)
    torch.testing.assert_close(grounds[~near], images[~near], rtol=1e-3, atol=1e-3)


def test_another_ground_keeps_the_object_alone(views, scenes):
    places = torch.arange(len(scenes))
    pasted = views._on_other_grounds(places, 1.0, torch.Generator().manual_seed(0))
    masks, images = views._masks(places), normalise(scenes.pixels)
    inside = masks.expand_as(images)
    assert torch.equal(pasted[inside], images[inside])
    changed = (pasted != images).any(1, keepdim=True) & ~masks
    assert changed.sum() > 0.9 * (~masks).sum()
    kept = views._on_other_grounds(places, 0.0, torch.Generator().manual_seed(0))
    assert torch.equal(kept, images)


def test_the_object_stays_in_sight(views, scenes):
    """A scene that is white on the object and black elsewhere keeps a good part of its white."""
    places = torch.arange(len(scenes)).repeat(20)
    masks = views._masks(places).float().expand(-1, 3, -1, -1)
    seen = views._windows(masks, places, 1.0, torch.Generator().manual_seed(0))
    share = seen.mean((1, 2, 3)) / masks.mean((1, 2, 3))
    assert share.min() > 0.3 and share.max() < 4


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(2, 40))
def test_choices_add_up_and_are_spread_over_all(seed, images, prototypes):
    cosines = torch.rand(images, prototypes, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    shares = evened(cosines)
    torch.testing.assert_close(shares.sum(1), torch.ones(images))
    assert shares.isfinite().all() and (shares >= 0).all()


def test_a_prototype_that_all_prefer_is_shared_out():
    cosines = torch.full((8, 4), 0.1)
    cosines[:, 0] = 0.9
    torch.testing.assert_close(evened(cosines), torch.full((8, 4), 0.25))
