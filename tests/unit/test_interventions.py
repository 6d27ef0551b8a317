"""Interventions are plain data: they survive JSON, and nonsense is refused by name."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sightline.cache.spec import Spec
from sightline.instruments.interventions import (
    PHASES,
    ROLES,
    Condition,
    Intervention,
    InterventionError,
    KeepKeys,
    Knockout,
    ReplaceTokens,
    Rescale,
)

SOME = st.lists(st.integers(0, 40), min_size=1, max_size=5, unique=True)
ROWS = st.one_of(
    st.sampled_from(ROLES),
    st.lists(st.one_of(st.sampled_from(ROLES), st.integers(0, 40)), min_size=1, unique=True),
)
PLACE = {
    "queries": ROWS,
    "layers": st.one_of(st.just("all"), SOME),
    "heads": st.one_of(st.none(), SOME),
    "phase": st.sampled_from(PHASES),
}
ANY = st.one_of(
    st.builds(Knockout, keys=ROWS, **PLACE),
    st.builds(Rescale, keys=ROWS, factor=st.floats(0.01, 100), **PLACE),
    st.builds(KeepKeys, keep=st.one_of(st.just(()), SOME), **PLACE),
    st.builds(ReplaceTokens, tokens=SOME, by=st.sampled_from(["zeros", "mean", "a vector"])),
    SOME.map(lambda tokens: ReplaceTokens(tokens, tuple(reversed(tokens)))),
)


@given(st.lists(ANY, max_size=4), st.text(min_size=1))
def test_conditions_survive_json(interventions, name):
    condition = Condition(name, interventions)
    assert Condition.from_json(json.loads(json.dumps(condition.to_json()))) == condition


def test_json_is_what_a_reader_expects():
    knockout = Knockout("last", ("image", 3), range(2), heads=np.arange(1, 3))
    assert knockout.to_json() == {
        "kind": "knockout",
        "queries": "last",
        "keys": ["image", 3],
        "layers": [0, 1],
        "heads": [1, 2],
        "phase": "both",
    }
    assert Intervention.from_json({"kind": "replace_tokens", "tokens": [1], "by": [2]}) == (
        ReplaceTokens((1,), (2,))
    )


POSITIONS = np.array([2, 5])


@pytest.mark.parametrize(
    ("with_arrays", "plain"),
    [
        (Knockout(POSITIONS, POSITIONS, POSITIONS), Knockout((2, 5), (2, 5), (2, 5))),
        (
            Knockout((POSITIONS[0], "last"), list(POSITIONS), "all", POSITIONS),
            Knockout((2, "last"), (2, 5), "all", (2, 5)),
        ),
        (
            Rescale("last", POSITIONS, (1,), np.float32(0.5)),
            Rescale("last", (2, 5), (1,), 0.5),
        ),
        (Rescale("last", "image", (1,), np.int64(2)), Rescale("last", "image", (1,), 2.0)),
        (KeepKeys("last", POSITIONS, "all", POSITIONS), KeepKeys("last", (2, 5), "all", (2, 5))),
        (
            KeepKeys("last", np.array([[2, 5], [5, 1]]), (0, 1)),
            KeepKeys("last", ((2, 5), (5, 1)), (0, 1)),
        ),
        (KeepKeys("last", [POSITIONS, ()], (0, 1)), KeepKeys("last", ((2, 5), ()), (0, 1))),
        (ReplaceTokens(POSITIONS, POSITIONS[::-1]), ReplaceTokens((2, 5), (5, 2))),
    ],
)
def test_arrays_are_as_good_as_tuples(with_arrays, plain):
    """Positions come from the roles of a prompt, which are arrays; JSON and specs know none of numpy's numbers."""
    assert with_arrays == plain and hash(with_arrays) == hash(plain)
    condition = Condition("arrays", with_arrays)
    assert Condition.from_json(json.loads(json.dumps(condition.to_json()))) == condition
    Spec(condition.to_json())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Knockout(np.zeros((2, 2), int), "image", "all"), r"queries=(.|\n)* one or more"),
        (lambda: Knockout(POSITIONS[:0], "image", "all"), r"queries=(.|\n)* one or more"),
        (lambda: Knockout(POSITIONS / 2, "image", "all"), "neither a role nor a position"),
        (lambda: Knockout(POSITIONS > 2, "image", "all"), "neither a role nor a position"),
        (lambda: Knockout(np.array([2, 2]), "image", "all"), "twice"),
        (lambda: Knockout("last", "image", np.zeros((1, 1), int)), "give a list"),
        (lambda: KeepKeys("last", np.zeros((1, 1, 1), int), "all"), "indices for each layer"),
        (lambda: ReplaceTokens(POSITIONS, POSITIONS / 2), "indices of other tokens"),
        (lambda: Rescale("last", "image", (1,), np.bool_(True)), "number above 0"),
    ],
)
def test_arrays_that_are_no_positions_are_refused(make, message):
    with pytest.raises(InterventionError, match=message):
        make()


def test_kept_keys_may_differ_from_layer_to_layer():
    by_mapping = KeepKeys.per_layer("generated", {5: [1, 2], 3: []})
    assert by_mapping == KeepKeys("generated", ((), (1, 2)), (3, 5))
    assert [by_mapping.kept(place) for place in (0, 1)] == [(), (1, 2)]
    assert KeepKeys("generated", (1, 2), (3, 5)).kept(1) == (1, 2)
    assert KeepKeys("generated", (), "all").kept(7) == ()


def test_one_intervention_needs_no_tuple():
    one = Knockout("last", "image", "all")
    assert Condition("cut", one) == Condition("cut", (one,))


KNOCKOUT = Knockout("last", "image", (1,)).to_json()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "knokout"}, "did you mean 'knockout'"),
        ({"layers": [1]}, "key kind"),
        (KNOCKOUT | {"layer": 1}, "did you mean 'layers'"),
        (KNOCKOUT | {"queries": "imgae"}, "did you mean 'image'"),
        (KNOCKOUT | {"phase": "decode"}, "did you mean 'decoding'"),
        ({"kind": "knockout", "queries": "last", "keys": "image"}, "'layers' is missing"),
        (KNOCKOUT | {"layers": []}, "layers is empty"),
        (KNOCKOUT | {"layers": [1, 1]}, "duplicate"),
        (KNOCKOUT | {"layers": [-1]}, "count from 0"),
        (KNOCKOUT | {"layers": 3}, "give a list"),
        (KNOCKOUT | {"heads": []}, "heads is empty"),
        (KNOCKOUT | {"keys": []}, "one or more"),
        (KNOCKOUT | {"keys": [True]}, "neither a role nor a position"),
        (KNOCKOUT | {"keys": [2, 2]}, "twice"),
        (KNOCKOUT | {"kind": "rescale", "factor": 0}, "use a knockout"),
        (KNOCKOUT | {"kind": "rescale", "factor": "2"}, "above 0"),
        ({"kind": "replace_tokens", "tokens": [], "by": "mean"}, "tokens is empty"),
        ({"kind": "replace_tokens", "tokens": [1, 2], "by": [3]}, "give one each"),
        ({"kind": "replace_tokens", "tokens": [1], "by": ""}, "name of a vector"),
        (
            {"kind": "keep_keys", "queries": "last", "keep": [[1], [2]], "layers": [0]},
            "2 sets for 1 layers",
        ),
    ],
)
def test_nonsense_is_refused(values, message):
    with pytest.raises(InterventionError, match=message):
        Intervention.from_json(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "a"}, "'interventions' is missing"),
        ({"name": "a", "interventions": [], "layer": 1}, "'layer' is none"),
        ({"name": "", "interventions": []}, "give a name"),
        ([], "expected a mapping"),
    ],
)
def test_conditions_that_are_none_are_refused(values, message):
    with pytest.raises(InterventionError, match=message):
        Condition.from_json(values)


@pytest.mark.parametrize("mask", [np.array([False, True]), torch.tensor([False, True])])
def test_a_mask_is_no_list_of_tokens(mask):
    with pytest.raises(InterventionError, match="is not an index"):
        ReplaceTokens(mask, "zeros")


def test_tensors_hold_indices():
    assert ReplaceTokens(torch.tensor([3, 1]), "zeros").tokens == (3, 1)
    with pytest.raises(InterventionError, match="holds a duplicate"):
        ReplaceTokens(torch.tensor([3, 3]), "zeros")
