"""Layer windows and pairs of the knockout: those of the paper, and their like at other depths."""

import pytest

from sightline.errors import SightlineError
from sightline.studies.neo2025.knockout import pairs
from sightline.studies.published import load_published


def spans(layers: int) -> dict[str, tuple[int, int]]:
    """Window -> first and last layer."""
    return {window.name: (window.first, window.last) for window in pairs.named_windows(layers)}


def test_windows_of_32_layers_are_the_published_ones():
    """0-based and inclusive as in the authors' code, the late one a layer wider."""
    assert spans(32) == {
        "early": (0, 9), "early_mid": (5, 14), "mid": (11, 20),
        "mid_late": (15, 24), "late": (21, 31), "all": (0, 31),
    }  # fmt: skip


def test_windows_of_8_layers_keep_relative_place_and_width():
    assert spans(8) == {
        "early": (0, 2), "early_mid": (1, 3), "mid": (3, 5),
        "mid_late": (4, 6), "late": (5, 7), "all": (0, 7),
    }  # fmt: skip


@pytest.mark.parametrize("layers", range(1, 81))
def test_windows_of_any_depth_fit(layers: int):
    """None is empty, runs out of the model, or begins before the one it follows; late ends with the model."""
    windows = pairs.named_windows(layers)
    starts = [window.first for window in windows[:-1]]
    assert starts == sorted(starts)
    for window in (*windows, *pairs.sliding_windows(layers)):
        assert 0 <= window.first <= window.last < layers
        assert len(window.layers) >= pairs.width(layers)
    assert windows[-2].last == windows[-1].last == layers - 1
    assert windows[-1].layers == tuple(range(layers))


def test_sliding_windows_begin_everywhere_and_are_equally_wide():
    found = pairs.sliding_windows(32)
    assert [window.first for window in found] == list(range(23))
    assert {len(window.layers) for window in found} == {10}
    assert all(pairs.is_sliding(window.name) for window in found)
    assert not any(map(pairs.is_sliding, pairs.NAMES))


def test_a_model_without_layers_is_refused():
    with pytest.raises(SightlineError, match="0 layers"):
        pairs.named_windows(0)


def test_pairs_of_the_paper_are_the_rows_that_are_published():
    """Names are how published values are found: a slip would make known cells unknown."""
    listed = load_published("neo2025").query("item == 'tab2'")
    assert list(dict.fromkeys(listed["row"])) == [p.name for p in pairs.PAIRS if p.in_paper]
    assert set(listed["column"]) == set(pairs.NAMES)


def test_no_cut_is_listed_twice():
    found = [(pair.name, variant, window.name) for pair, variant, window in pairs.cuts(8)]
    assert len(set(found)) == len(found)
    assert all(variant in pair.variants for pair, variant, _ in pairs.cuts(8))
