"""Sets of layers are functions of depth, and at the paper's depths those of the paper."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.studies.kaduri2025 import windows
from sightline.studies.kaduri2025.windows import Window, WindowError


def test_paper_depths_give_the_paper_layers():
    assert windows.middle(80, 0.25, 0.5) == Window(20, 40)
    assert windows.points(80, 8) == (-1, 10, 20, 30, 40, 50, 60, 70)
    assert windows.points(32, 8) == (-1, 4, 8, 12, 16, 20, 24, 28)
    assert windows.narrow(Window(20, 40), 80) == 21


def test_published_middle_must_fit_the_model():
    assert windows.named_middle(32, 4, 20).width == 17
    with pytest.raises(WindowError, match="layers 20 to 40 of a model with 32 layers"):
        windows.named_middle(32, 20, 40)


def test_hidden_layers():
    assert windows.after(-1, 4) == windows.everything(4) == (0, 1, 2, 3)
    assert windows.after(2, 4) == (3,)
    assert windows.up_to(1) == (0, 1)
    assert windows.outside(Window(1, 2), 4) == (0, 3)


def test_shallow_model_gets_a_point_for_every_layer():
    assert windows.points(8, 16) == (-1, 0, 1, 2, 3, 4, 5, 6)


def test_step_leaves_the_end_in():
    found = windows.sliding(80, 21, 10)
    assert [one.first for one in found] == [0, 10, 20, 30, 40, 50, 59]
    assert {one.width for one in found} == {21}


def test_one_step_serves_models_of_any_depth():
    """The paper's models: windows 21 and 9 wide, about as many in both, and every layer in some of them."""
    for depth, middle, starts in (
        (80, Window(20, 40), [0, 10, 20, 30, 40, 50, 59]),
        (32, Window(4, 20), [0, 4, 8, 12, 16, 20, 23]),
    ):
        width = windows.narrow(middle, depth)
        found = windows.sliding(depth, width, windows.fitting_step(width, 10))
        assert [one.first for one in found] == starts
        assert {layer for one in found for layer in one.layers} == set(range(depth))
    assert windows.fitting_step(1, 10) == 1


def test_step_that_leaves_layers_out_is_refused():
    with pytest.raises(WindowError, match="window_step: 10 layers between windows that are 9 wide"):
        windows.sliding(32, 9, 10)


def test_thirds_hold_whole_windows():
    found = [windows.third(one, 12) for one in windows.sliding(12, 3)]
    assert found == ["first"] * 2 + ["middle"] * 6 + ["last"] * 2


@given(depth=st.integers(2, 120), wanted=st.integers(8, 40))
def test_points_rise_and_leave_something_to_hide(depth, wanted):
    found = windows.points(depth, wanted)
    assert found[0] == -1 and sorted(set(found)) == list(found)
    assert all(windows.after(layer, depth) for layer in found)
    assert len(found) <= max(wanted, 2)


@given(depth=st.integers(4, 120), step=st.integers(1, 12))
def test_windows_fit_in_first_and_last_third(depth, step):
    middle = windows.middle(depth, 0.25, 0.5)
    assert middle.first < depth and middle.last < depth
    width = windows.narrow(middle, depth)
    assert 1 <= width <= 0.3 * depth or width == 1
    found = windows.sliding(depth, width, windows.fitting_step(width, step))
    assert {"first", "last"} <= {windows.third(one, depth) for one in found}
    assert {layer for one in found for layer in one.layers} == set(range(depth))


@pytest.mark.parametrize("share", [(0.5, 0.25), (0.25, 1.0), (-0.1, 0.5)])
def test_fractions_that_are_no_interval_are_refused(share):
    with pytest.raises(WindowError, match=r"0\.25 and 0\.5"):
        windows.middle(8, *share)
