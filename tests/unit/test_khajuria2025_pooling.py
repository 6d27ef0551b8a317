"""Pooling: means and drawn tokens, the same whatever the batch."""

import numpy as np
import pandas as pd
import pytest
import torch

from khajuria2025_fakes import pair_samples
from sightline.studies.khajuria2025.pooling import Draws, Placed, pool

LAYERS, TOKENS, WIDTH = 5, 9, 3


@pytest.fixture
def placed():
    rows = pair_samples(tasks=1, per_pair=3)
    rng = np.random.default_rng(0)
    sets = [
        [np.sort(rng.choice(TOKENS, rng.integers(1, 5), replace=False))] for _ in range(len(rows))
    ]
    return Placed(rows.assign(tokens=[len(one[0]) for one in sets]), sets)


@pytest.fixture
def images(placed):
    return placed.rows[["split", "image_id"]].drop_duplicates().reset_index(drop=True)


def states(count: int) -> list[torch.Tensor]:
    """State of token k of image n in layer l: (l, n, k); CLS has k = -1."""
    layer, image, token = torch.meshgrid(
        torch.arange(LAYERS), torch.arange(count), torch.arange(-1, TOKENS), indexing="ij"
    )
    return list(torch.stack([layer, image, token], -1).float())


def pooled(placed, images, variant):
    here, lines = placed.of_images(images)
    draws = Draws(0, variant, LAYERS)
    return here, lines, pool(states(len(images)), here, lines, [0] * LAYERS, draws)


def test_means_are_over_the_tokens_of_the_own_image(placed, images):
    here, lines, found = pooled(placed, images, "corrected")
    for layer in range(LAYERS):
        wanted = [[layer, line, one[0].mean()] for line, one in zip(lines, here.sets, strict=True)]
        torch.testing.assert_close(
            found["avg_obj"][layer], torch.tensor(wanted, dtype=torch.float32)
        )


def test_drawn_tokens_are_the_objects_own_or_any_of_the_image(placed, images):
    here, lines, found = pooled(placed, images, "published")
    for layer in range(LAYERS):
        own, any_token = found["random_obj"][layer], found["random"][layer]
        assert all(int(row[2]) in one[0] for row, one in zip(own, here.sets, strict=True))
        assert (own[:, 1].numpy() == lines).all() and (any_token[:, 1].numpy() == lines).all()
        assert ((any_token[:, 2] >= 0) & (any_token[:, 2] < TOKENS)).all()
    chosen = torch.stack([one[:, 2] for one in found["random"]])
    assert len(chosen.unique()) == TOKENS


def test_a_corrected_draw_holds_for_all_layers_and_a_published_one_for_one(placed, images):
    for variant, same in (("corrected", True), ("published", False)):
        _, _, found = pooled(placed, images, variant)
        for name in ("random_obj", "random"):
            tokens = torch.stack([layer[:, 2] for layer in found[name]])
            assert bool((tokens == tokens[0]).all()) == same


def test_draws_do_not_depend_on_the_batch(placed, images):
    _, _, whole = pooled(placed, images, "published")
    backwards = images.iloc[::-1].reset_index(drop=True)
    parts, rows = [], []
    for first in range(0, len(images), 5):
        here, _, found = pooled(
            placed, backwards.iloc[first : first + 5].reset_index(drop=True), "published"
        )
        rows += here.rows["sample"].tolist()
        parts.append(torch.stack(found["random"])[..., 2])
    together = torch.cat(parts, dim=1)[:, np.argsort(rows)]
    here, _, _ = pooled(placed, images, "published")
    order = np.argsort(here.rows["sample"].to_numpy())
    torch.testing.assert_close(torch.stack(whole["random"])[:, order, 2], together)


def test_two_objects_of_an_image_have_draws_of_their_own(placed, images):
    here, _, found = pooled(placed, images, "corrected")
    tokens = pd.Series(found["random"][0][:, 2].numpy()).groupby(here.rows["image_id"]).nunique()
    assert (tokens == 2).mean() > 0.5


def test_without_draws_there_is_the_mean_alone(placed, images):
    here, lines = placed.of_images(images)
    assert list(pool(states(len(images)), here, lines, [0] * LAYERS, None)) == ["avg_obj"]


def test_images_without_samples_give_nothing(placed):
    here, lines = placed.of_images(pd.DataFrame({"split": ["x"], "image_id": [1]}))
    assert len(here.rows) == len(lines) == 0
