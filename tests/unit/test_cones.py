"""A cone holds every row that changes and is read, and little else: checked against brute force."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import drawn
from sightline.instruments.cones import common_starts, cone
from sightline.instruments.edges import resolve
from sightline.instruments.interventions import (
    Condition,
    InterventionError,
    Knockout,
    ReplaceTokens,
)
from sightline.models.roles import TokenRoles
from sightline.scenes.tokens import Grid

LAYERS, LENGTH = drawn.LAYERS, 23
# Three tokens of system, a 4 x 4 image, four tokens of query.
ROLES = TokenRoles(np.arange(3), np.arange(3, 19), np.arange(19, LENGTH), grid=Grid(4, 4, 8))


class _Prompt:
    roles = ROLES

    def __len__(self):
        return LENGTH


def resolved(condition):
    return resolve(condition, ROLES, LAYERS, drawn.HEADS, {"given": None, "noise": None})


def brute_force(edges, wanted, keys):
    """Rows to run, by following every edge of every layer forwards and backwards."""
    changed = [{int(p) for p in edges.replaced_positions}]
    everywhere = np.arange(LENGTH)
    seen = []
    for layer in range(LAYERS):
        cut = edges.cut(layer, everywhere, everywhere)
        bias = edges.bias(layer, everywhere, everywhere)
        seen.append([[k for k in range(q + 1) if not cut[q, k]] for q in range(LENGTH)])
        now = set(changed[-1])
        for query in range(LENGTH):
            edited = bias is not None and bool((bias[:, query, : query + 1] != 0).any())
            if edited or changed[-1] & set(seen[layer][query]):
                now.add(query)
        changed.append(now)
    read, rows = set(wanted), []
    for layer in reversed(range(LAYERS)):
        queries = changed[layer + 1] & read
        visible = {key for query in queries for key in seen[layer][query]}
        read = queries | (changed[layer] & visible if keys == "needed" else changed[layer])
        rows.append(sorted(read))
    return rows[::-1]


@given(st.data())
def test_cones_equal_brute_force(data):
    """Drawn conditions; rows whose edges are rescaled by 1 count as changed, which costs little."""
    condition = data.draw(drawn.condition(_Prompt()))
    for one in condition.interventions:
        assume(getattr(one, "factor", 0) != 1)
    try:
        edges = resolved(condition)
    except InterventionError:
        assume(False)
    wanted = np.array(sorted(data.draw(drawn.some(LENGTH))))
    keys = data.draw(st.sampled_from(["needed", "all"]))
    found = [rows.tolist() for rows in cone(edges, wanted, keys=keys)]
    assert found == brute_force(edges, wanted.tolist(), keys)


LAST = np.array([LENGTH - 1])


def sizes(*interventions):
    return [len(rows) for rows in cone(resolved(Condition("tried", interventions)), LAST)]


def test_a_knockout_of_the_last_row_costs_one_row():
    assert sizes(Knockout("last", "image", (1, 2))) == [0, 1, 1, 1]


def test_a_knockout_of_the_last_image_row_costs_what_follows_it():
    """Its own four rows at first, then the query too."""
    assert sizes(Knockout("last_image_row", "image", (1,))) == [0, 4, 8, 8]
    assert sizes(Knockout("last_image_row", "image", (3,))) == [0, 0, 0, 0]


def test_what_new_tokens_see_costs_the_prompt_nothing():
    assert sizes(Knockout("generated", "image", "all")) == [0, 0, 0, 0]


def test_a_replaced_token_costs_what_follows_it():
    assert sizes(ReplaceTokens((10,), "zeros")) == [10, 10, 10, 10]


def test_changed_rows_nobody_reads_are_left_out():
    """From the second layer on nothing after the image sees it, so its changes need not be followed."""
    blind = Knockout("query", "image", (1, 2, 3))
    assert sizes(ReplaceTokens((0,), "zeros"), blind) == [5, 4, 4, 4]


def test_cones_that_begin_almost_together_run_together():
    assert common_starts([4, None, 6, 60, 0], 100) == [0, None, 6, 60, 0]
    assert common_starts([10, 30], 100, waste=0.1) == [10, 30]


@pytest.mark.parametrize("start", [3, 8])
def test_an_earlier_start_only_adds_rows(start):
    edges = resolved(Condition("tried", ReplaceTokens((7,), "zeros")))
    rows = cone(edges, LAST, start=start)
    assert [one.tolist() for one in rows] == [list(range(start, LENGTH))] * LAYERS
