"""Conditions on one prompt: rows by role, changes of scores, and what a prompt does not allow."""

import math

import numpy as np
import pytest
import torch

from sightline.instruments.edges import resolve, rows_of
from sightline.instruments.interventions import (
    Condition,
    InterventionError,
    KeepKeys,
    Knockout,
    ReplaceTokens,
    Rescale,
)
from sightline.instruments.reading import find_positions
from sightline.models.roles import TokenRoles
from sightline.scenes.geometry import Tiling
from sightline.scenes.tokens import Grid
from sightline.studies.neo2025.knockout.measure import last_row

LAYERS, HEADS = 4, 2
# Two tokens of system, a 2 x 3 image, three tokens of query.
ROLES = TokenRoles(np.arange(2), np.arange(2, 8), np.arange(8, 11), grid=Grid(2, 3, 8))
TEXT_ONLY = TokenRoles(np.arange(0), np.arange(0), np.arange(5))
EVERYWHERE = np.arange(13)


def edges(*interventions, roles=ROLES, vectors=None):
    return resolve(Condition("tried", interventions), roles, LAYERS, HEADS, vectors)


@pytest.mark.parametrize(
    ("rows", "positions", "new"),
    [
        ("system", [0, 1], False),
        ("image", [2, 3, 4, 5, 6, 7], False),
        ("last_image_row", [5, 6, 7], False),
        ("query", [8, 9, 10], False),
        ("last", [10], False),
        ("generated", [], True),
        ("text", [0, 1, 8, 9, 10], True),
        ("all", list(range(11)), True),
        (("last", "generated", 3), [3, 10], True),
        ((4, 2), [2, 4], False),
    ],
)
def test_rows_by_role(rows, positions, new):
    marked, found = rows_of(rows, ROLES, "here")
    assert np.flatnonzero(marked).tolist() == positions
    assert found == new


def test_of_several_tiles_the_last_one_ends_the_image():
    """A mosaic of 1 x 2 tiles of 4 x 4 tokens with a thumbnail: the last row is one tile wide."""
    grid = Tiling(32, smallest=2).grid(8, 64, 32)
    assert (grid.mosaic, grid.rows, grid.columns) == ((1, 2), 12, 4)
    roles = TokenRoles(np.arange(1), np.arange(1, 49), np.arange(49, 51), grid=grid)
    assert np.flatnonzero(rows_of("last_image_row", roles, "here")[0]).tolist() == [45, 46, 47, 48]
    assert find_positions(roles, "last_image_row").tolist() == [45, 46, 47, 48]
    assert last_row(roles).tolist() == [44, 45, 46, 47]


def test_changes_add_up():
    """Factors multiply, and an edge that is cut stays cut."""
    found = edges(
        Rescale("query", "image", (1,), 2.0),
        Rescale("last", (3, 4), (1,), 3.0, heads=(1,)),
        Knockout((9,), (3,), (1, 2)),
    )
    assert found.bias(0, EVERYWHERE, EVERYWHERE) is None
    bias = found.bias(1, EVERYWHERE, EVERYWHERE)
    assert bias.shape == (HEADS, 13, 13)
    assert np.allclose(bias[:, 10, 3], np.log([2, 6]))
    assert np.allclose(bias[:, 8, 3], math.log(2))
    assert np.isneginf(bias[:, 9, 3]).all()
    assert found.bias(2, np.array([9]), np.array([3])).shape == (1, 1, 1)
    cut = found.cut(1, np.array([9, 10]), np.array([3, 4]))
    assert cut.tolist() == [[True, False], [False, False]]


@pytest.mark.parametrize(
    ("phase", "rows"),
    [("prompt", [8, 9, 10]), ("decoding", [11, 12]), ("both", [8, 9, 10, 11, 12])],
)
def test_phases_choose_rows(phase, rows):
    """New tokens follow the prompt; rows before the image do not see it anyway."""
    found = edges(Knockout("text", "image", "all", phase=phase))
    cut = found.cut(0, EVERYWHERE, np.array([2]))[:, 0]
    assert [row for row in np.flatnonzero(cut) if row >= 2] == rows


def test_kept_keys_are_counted_among_the_image_tokens():
    found = edges(KeepKeys.per_layer("last", {1: (0, 5), 2: ()}))
    kept = [~found.cut(layer, np.array([10]), np.arange(11))[0] for layer in (0, 1, 2)]
    assert kept[0].all()
    assert np.flatnonzero(kept[1]).tolist() == [0, 1, 2, 7, 8, 9, 10]
    assert np.flatnonzero(kept[2]).tolist() == [0, 1, 8, 9, 10]


def test_equal_work_has_equal_signatures():
    """Also when it is said in another order, or by position."""
    first = edges(Knockout("last", "image", (1, 2)), Rescale("last", "system", (1,), 2))
    second = edges(Rescale((10,), (0, 1), (1,), 2), Knockout("last", tuple(range(2, 8)), (1,)))
    assert first.signature(1) == second.signature(1) != first.signature(2)
    assert first.signature(0) == second.signature(2) == ()


@pytest.mark.parametrize(
    ("intervention", "message"),
    [
        (Knockout("last", "image", (4,)), "layer 4 is out of range; there are 4"),
        (Knockout("last", "image", (1,), heads=(2,)), "head 2 is out of range; there are 2"),
        (Knockout("last", (11,), (1,)), "position 11 is out of range; there are 11"),
        (Knockout("image", "query", "all"), "no query of 'image' comes after a key"),
        (Knockout("last", "generated", "all"), "no query of 'last' comes after a key"),
        (Knockout("generated", "image", "all", phase="prompt"), "no rows of the phase 'prompt'"),
        (Knockout("last", "image", "all", phase="decoding"), "no rows of the phase 'decoding'"),
        (Knockout("last", "all", (2,)), "row 10 has no key left in layer 2"),
        (Knockout("all", "system", "all"), "row 0 has no key left in layer 0"),
        (Knockout("generated", "all", (1,)), "a new token's row has no key left in layer 1"),
        (Knockout("all", "all", (1,), heads=(1,)), "row 0 has no key left in layer 1"),
        (KeepKeys("last", (6,), "all"), "kept key 6 is out of range; there are 6"),
        (KeepKeys("last", ((1,), (2,)), "all"), "keep has 2 sets, the model 4 layers"),
        (KeepKeys("last", (1,), "all", among="generated"), "no rows of the prompt"),
        (ReplaceTokens((6,), "mean"), "token 6 is out of range; there are 6"),
        (ReplaceTokens((1,), (6,)), "token 6 is out of range"),
        (ReplaceTokens((1,), "vecter"), "did you mean 'vector'"),
    ],
)
def test_what_cannot_be_is_refused(intervention, message):
    """The message names the condition and the intervention."""
    with pytest.raises(InterventionError, match=message) as caught:
        edges(ReplaceTokens((5,), "zeros"), intervention, vectors={"vector": torch.zeros(3)})
    assert "condition 'tried', intervention 2" in str(caught.value)


def test_a_prompt_without_an_image_has_no_image_rows():
    for one in (Knockout("last", "image", "all"), Knockout("last", "last_image_row", "all")):
        with pytest.raises(InterventionError, match=r"no (image|last_image_row) rows"):
            edges(one, roles=TEXT_ONLY)
    with pytest.raises(InterventionError, match="no system rows"):
        edges(Knockout("last", "system", "all"), roles=TEXT_ONLY)
    with pytest.raises(InterventionError, match="has no image"):
        edges(ReplaceTokens((0,), "zeros"), roles=TEXT_ONLY)


def test_a_token_is_replaced_once():
    with pytest.raises(InterventionError, match=r"intervention 2 .*replaced by intervention 1"):
        edges(ReplaceTokens((1, 2), "zeros"), ReplaceTokens((2,), "mean"))


def test_a_row_may_lose_itself_but_not_everything():
    """The edge to itself goes where both sides name it; the first position is left to see."""
    found = edges(Knockout("image", "image", "all"))
    assert found.cut(0, np.array([4]), np.arange(5)).tolist() == [[False, False, True, True, True]]
