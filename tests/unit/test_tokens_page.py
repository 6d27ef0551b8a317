"""The page of object tokens holds what its tables hold, in few bytes and without torch."""

import argparse

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carried import asks_for_nothing, carried
from khajuria2025_page_fakes import GRIDS, IMAGES, object_tables
from sightline.report import tokens_page as module
from sightline.report.pages.packing import (
    Blob,
    dequantise_cosines,
    quantise_cosines,
    unpack,
)
from sightline.report.pages.tables import PageError
from sightline.report.tokens_page import tokens_page
from sightline.sources import foreign_imports, imported_modules
from sightline.studies.khajuria2025.page_columns import pack_cosines, unpack_cosines


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_cosines_come_back(tokens, seed):
    values = np.random.default_rng(seed).uniform(-1, 1, (tokens, tokens))
    symmetric = np.triu(values, 1) + np.triu(values, 1).T + np.eye(tokens)
    found = unpack_cosines(pack_cosines(symmetric), tokens)
    np.testing.assert_allclose(found, symmetric, atol=5e-4)
    np.testing.assert_allclose(
        dequantise_cosines(quantise_cosines(found)), found, atol=0.5 / 127 + 1e-6
    )


def test_page_holds_its_tables():
    tables = object_tables()
    data, blobs = carried(tokens_page(tables, ["toy"]))
    assert [(one["rows"], one["columns"]) for one in data["layers"]] == list(GRIDS)
    assert [one["id"] for one in data["images"]] == list(IMAGES)
    for image in data["images"]:
        found = unpack(Blob(blobs[f"image-{image['id']}"], image["layout"]))
        for layer, (rows, columns) in enumerate(GRIDS):
            own = tables["cosines"].query(f"image_id == {image['id']} and layer == {layer}")
            whole = unpack_cosines(own["values"].iloc[0], rows * columns)
            above = np.triu_indices(rows * columns, 1)
            stored = dequantise_cosines(found[f"layer-{layer}"])
            np.testing.assert_allclose(stored, whole[above], atol=0.004)
        cat, hat = image["objects"]
        assert (cat["name"], cat["role"], cat["box"]) == ("cat & <b>", "primary", [0, 0, 24, 24])
        assert hat["members"] == [[35, [35]], [35, [35]], [8, [8]]]
        assert cat["members"][0] == [7, [0, 1, 2, 6, 7, 8, 12, 13, 14]]


def test_an_object_without_tokens_is_shown_without_them():
    tables = object_tables()
    members = tables["members"]
    gone = tables | {
        "members": members[~((members["role"] == "secondary") & (members["layer"] == 2))]
    }
    data, _ = carried(tokens_page(gone, ["toy"]))
    assert data["images"][0]["objects"][1]["members"][2] == [None, []]


def test_encoders_beside_it_are_linked():
    text = tokens_page(object_tables(), ["toy", "vit-b16.v2"])
    assert '<a href="toy.html" aria-current=page>toy</a><a href="vit-b16.v2.html">' in text
    with pytest.raises(PageError, match="letters, digits, dots and hyphens"):
        tokens_page(object_tables(), ["<b>"])


def test_text_of_others_stays_text():
    text = tokens_page(object_tables(), [])
    assert "<b>" not in text and asks_for_nothing(text) and "default-src 'none'" in text


def test_equal_tables_give_equal_pages():
    assert tokens_page(object_tables(), ["toy"]) == tokens_page(object_tables(), ["toy"])


def test_layers_go_before_images():
    """A page that would be too large keeps first and last layer, then gives up images."""
    tables = object_tables(images=(1, 2, 3), grids=((9, 9),) * 12)
    whole = tokens_page(tables, [])
    assert len(carried(whole)[0]["layers"]) == 12
    data, blobs = carried(tokens_page(tables, [], limit=len(whole) * 4 // 5))
    layers = [one["layer"] for one in data["layers"]]
    assert layers[0] == 0 and layers[-1] == 11 and 6 <= len(layers) < 12
    assert len(data["images"]) == 3
    assert len(data["images"][0]["objects"][0]["members"]) == len(layers)
    found = unpack(Blob(blobs["image-2"], data["images"][1]["layout"]))
    assert list(found) == [f"layer-{layer}" for layer in layers]
    data, _ = carried(tokens_page(tables, [], limit=1))
    assert (len(data["layers"]), len(data["images"])) == (6, 1)


def test_tables_that_do_not_belong_together_are_named():
    tables = object_tables()
    with pytest.raises(PageError, match="image 7: layer 0 has no cosines of 36 tokens"):
        tokens_page(tables | {"cosines": tables["cosines"][1:]}, [])
    other = tables["layers"].assign(rows=5)
    with pytest.raises(PageError, match=r"630 cosines .*collect_object_tokens"):
        tokens_page(tables | {"layers": other}, [])
    with pytest.raises(PageError, match=r"raise studies\.khajuria2025\.page\.images"):
        tokens_page(tables | {"images": tables["images"][:0]}, [])


def test_commands_write_pages_and_their_list(tmp_path):
    for name, table in object_tables().items():
        (tmp_path / "tables").mkdir(exist_ok=True)
        table.to_parquet(tmp_path / "tables" / f"{name}.parquet")
    one = tmp_path / "explorer" / "toy.html"
    module.main(
        argparse.Namespace(tables=tmp_path / "tables", pages=None, encoders=["toy"], out=one)
    )
    assert one.read_text() == tokens_page(object_tables(), ["toy"])
    module.main(argparse.Namespace(tables=None, pages=[one], out=tmp_path / "explorer.html"))
    assert 'href="explorer/toy.html"' in (tmp_path / "explorer.html").read_text()


def test_page_needs_no_torch():
    reached = imported_modules("sightline.report.tokens_page")
    assert not {"torch", "transformers"} & set().union(*map(foreign_imports, reached))
