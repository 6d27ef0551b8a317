"""Choosing and replacing image tokens."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sightline.instruments.ablation import (
    noise_patches,
    outlying_tokens,
    replace_tokens,
)
from sightline.scenes.geometry import Grid

GRID = Grid(rows=3, columns=4, patch=8)
TOKENS = torch.arange(12 * 5, dtype=torch.float32).reshape(12, 5)


@given(st.lists(st.sets(st.integers(0, 11)), min_size=1, max_size=4))
def test_exactly_the_subset_is_replaced(subsets):
    """In each version, and in no other; the original stays."""
    before, mean = TOKENS.clone(), torch.full((5,), -1.0)
    versions = replace_tokens(TOKENS, [np.array(sorted(one), np.int64) for one in subsets], mean)
    assert versions.shape == (len(subsets), 12, 5)
    for version, subset in zip(versions, subsets, strict=True):
        for token in range(12):
            expected = mean if token in subset else before[token]
            assert torch.equal(version[token], expected)
    assert torch.equal(TOKENS, before)


def test_the_type_of_the_image_tokens_stays():
    """A float32 mean does not widen half-precision tokens."""
    versions = replace_tokens(TOKENS.half(), [np.array([0])], torch.zeros(5))
    assert versions.dtype == torch.float16


@pytest.mark.parametrize("token", [-1, 12])
def test_tokens_beyond_the_image_are_refused(token):
    """A negative index would silently count from the end."""
    with pytest.raises(IndexError):
        replace_tokens(TOKENS, [np.array([token])], torch.zeros(5))


def test_registers_are_tokens_of_large_norm_only():
    """Upper side only: a token of norm near zero is none."""
    norms = torch.ones(100)
    norms[7] *= 20
    norms[9] *= 0.01
    assert outlying_tokens(norms).tolist() == [7]
    assert outlying_tokens(norms, deviations=50).size == 0


def test_registers_use_the_sample_deviation():
    """Just under the bound with n - 1, just over it with n (neo2025 section 3.2)."""
    norms = torch.tensor([1.0, 1.0, 1.0, 1.0, 2.0])
    ratio = float((norms[-1] - norms.mean()) / norms.std())
    assert outlying_tokens(norms, ratio * 0.999).tolist() == [4]
    assert outlying_tokens(norms, ratio * 1.001).size == 0


def noisy(tokens, **options):
    """A black tower frame with noise in some patches, as (patch, 8, 8, 3)."""
    image = Image.new("RGB", (32, 24))
    image = noise_patches(image, np.array(tokens), GRID, np.random.default_rng(1), **options)
    patches = np.asarray(image).reshape(3, 8, 4, 8, 3)
    return patches.transpose(0, 2, 1, 3, 4).reshape(12, 8, 8, 3)


@pytest.mark.parametrize("tile", ["independent", "repeated"])
def test_noise_covers_the_patches_and_nothing_else(tile):
    """Token numbers are row-major."""
    patches = noisy([1, 6], tile=tile)
    touched = patches.any((1, 2, 3))
    assert np.flatnonzero(touched).tolist() == [1, 6]
    assert np.array_equal(patches[1], patches[6]) == (tile == "repeated")


def test_noise_of_a_patch_does_not_depend_on_the_others():
    """A wider buffer keeps the noise it already had."""
    assert np.array_equal(noisy([1])[1], noisy([0, 1, 2])[1])


def test_noise_needs_the_tower_frame():
    """An image before resizing would be covered in the wrong places."""
    with pytest.raises(ValueError, match="apply_image first"):
        noise_patches(Image.new("RGB", (64, 48)), np.array([0]), GRID, np.random.default_rng(0))
