"""Token subsets: right sizes, right places, independent of each other."""

import numpy as np
import pytest

from sightline.errors import SightlineError
from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.subsets import Evidence, build_subsets

TOKENS = 64
OBJECTS = {0: np.array([9, 10]), 1: np.arange(20), 2: np.arange(40)}
SCORES = {subsets.IG_YES: np.arange(TOKENS, dtype=float)}


def build(sizes=(5, 40, 100), objects=OBJECTS, scores=SCORES, draws=1, seed=(0, 1, 2)):
    """Subsets by (condition, variant, draw)."""
    registers = {subsets.PROJECTOR: np.array([3]), subsets.TOWER: np.array([5, 6])}
    evidence = Evidence(objects, {0: np.array([10])}, registers, scores)
    found = build_subsets(evidence, TOKENS, sizes, draws, seed)
    return {(one.condition, one.variant, one.draw): one for one in found}


def test_matched_subsets_have_the_size_of_the_object():
    """Random and gradient subsets exist at n = |O|, |O + 1| and |O + 2|."""
    found = build()
    for buffer, tokens in OBJECTS.items():
        gradients = found[subsets.matched_condition("int_gradients", buffer), "ig_yes", 0]
        random = found[subsets.matched_condition("random", buffer), "anywhere", 0]
        assert len(gradients.tokens) == len(random.tokens) == len(tokens)
        assert random.like == subsets.object_condition(buffer)


def test_register_tokens_of_both_norms_are_subsets():
    """Those of image tokens and those of the tower's patches."""
    found = build()
    assert found["register", "projector", 0].tokens.tolist() == [3]
    assert found["register", "tower", 0].tokens.tolist() == [5, 6]


def test_random_outside_never_touches_object_or_rings():
    """Where the rest of the image is too small for that, the subset is left out."""
    found = build(draws=20)
    outside = [one for (_, variant, _), one in found.items() if variant == "outside"]
    assert len(outside) == 40
    assert not any(np.isin(one.tokens, OBJECTS[2]).any() for one in outside)
    assert ("random_like_object_plus_2", "outside", 0) not in found


def test_sizes_beyond_the_image_are_left_out():
    """100 of 64 tokens is no subset."""
    found = build()
    assert ("random_40", "anywhere", 0) in found
    assert ("random_100", "anywhere", 0) not in found
    assert ("int_gradients_100", "ig_yes", 0) not in found


def test_gradients_take_the_highest_scores():
    """The top five of an ascending score are the last five tokens."""
    assert build()["int_gradients_5", "ig_yes", 0].tokens.tolist() == [59, 60, 61, 62, 63]


def test_a_random_subset_depends_on_image_and_draw_only():
    """Leaving sizes out changes no other subset; another image or draw does."""
    one, other = build(draws=2), build(sizes=(40,), draws=2)
    key = ("random_40", "anywhere", 1)
    np.testing.assert_array_equal(one[key].tokens, other[key].tokens)
    assert not np.array_equal(one[key].tokens, one["random_40", "anywhere", 0].tokens)
    assert not np.array_equal(one[key].tokens, build(draws=2, seed=(0, 5, 2))[key].tokens)


def test_first_replaces_nothing_and_last_everything():
    """The two controls frame the list, and no two subsets share a name."""
    evidence = Evidence(OBJECTS, {}, {subsets.PROJECTOR: np.empty(0, np.int64)}, SCORES)
    found = build_subsets(evidence, TOKENS, (5,), 1, (0,))
    assert (found[0].condition, len(found[0].tokens)) == ("none", 0)
    assert (found[-1].condition, len(found[-1].tokens)) == ("all_tokens", TOKENS)
    names = [(one.condition, one.variant, one.draw) for one in found]
    assert len(names) == len(set(names))
    assert all((np.diff(one.tokens) > 0).all() for one in found)


def test_scores_of_another_length_are_refused():
    """Scores over all positions instead of image tokens would rank text."""
    with pytest.raises(SightlineError, match="65 ig_yes scores for 64 tokens"):
        build(scores={subsets.IG_YES: np.zeros(65)})
