"""Arrays survive a page, and text of others stays text in it."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from sightline.report.pages.packing import (
    PackingError,
    dequantise,
    pack,
    pack_json,
    quantise,
    unpack,
    unpack_json,
)
from sightline.report.pages.page import page
from sightline.report.pages.templates import INDEX, LENS

SHAPES = array_shapes(min_side=0, max_dims=3, max_side=5)


@given(
    arrays("u1", SHAPES),
    arrays("u2", SHAPES),
    arrays("f4", SHAPES, elements=st.floats(width=32, allow_nan=False)),
)
def test_arrays_come_back(small, wide, real):
    given_ = {"small": small, "wide": wide, "real": real}
    found = unpack(pack(given_))
    assert list(found) == list(given_)
    for name, array in given_.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype and found[name].shape == array.shape


def test_equal_arrays_give_equal_text():
    arrays_ = {"a": np.arange(1000, dtype=np.uint16)}
    assert pack(arrays_) == pack(arrays_)
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", pack(arrays_).text)


def test_other_types_are_refused():
    with pytest.raises(
        PackingError, match="long: a page cannot hold int64; give one of u1, u2, f4"
    ):
        pack({"long": np.arange(3)})


@given(arrays("f8", 50, elements=st.floats(0, 1)))
def test_shares_are_at_most_half_a_point_off(shares):
    assert np.abs(dequantise(quantise(shares)) - shares).max() <= 0.005


def test_small_shares_keep_their_first_digit():
    shares = np.array([0.0, 1.0, 0.01, 0.001])
    np.testing.assert_allclose(dequantise(quantise(shares)), shares, rtol=0.05)


def test_plain_data_comes_back():
    value = ["…", "</script>", "日", {"a": [1, 2.5, None]}]
    assert unpack_json(pack_json(value)) == value


def test_text_cannot_become_markup():
    evil = '</script><img src=x onerror="alert(1)">'
    text = page(INDEX, evil, {"title": evil, "lead": evil}, {"links": ""}, {"word": evil})
    assert "<img" not in text
    stored = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1]
    assert json.loads(stored) == {"word": evil}


def test_a_place_without_text_is_noticed():
    with pytest.raises(KeyError, match="thumbnails"):
        page(LENS, "", {"model": "", "last": 1, "top": 1, "question": ""})
