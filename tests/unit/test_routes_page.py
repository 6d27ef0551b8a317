"""The page of attention routes holds what its tables hold, in few bytes and without torch."""

import argparse

import numpy as np
import pytest

from carried import asks_for_nothing, carried
from kaduri2025_page_fakes import EVIL, GRIDS, LAYERS, TOKENS, routes_tables
from sightline.report import routes_page as module
from sightline.report.pages.packing import Blob, dequantise, unpack
from sightline.report.pages.tables import PageError
from sightline.report.routes_page import routes_page
from sightline.sources import foreign_imports, imported_modules
from sightline.studies.kaduri2025.attention.measurements import ROLES
from sightline.studies.kaduri2025.attention.page_columns import GENERATED, TABLES


def test_page_holds_its_tables():
    tables = routes_tables()
    data, blobs = carried(routes_page(tables))
    assert (data["layers"], data["roles"], data["middle"]) == (LAYERS, list(ROLES), [2, 3])
    for image in data["images"]:
        assert [tuple(one) for one in image["tokens"]] == TOKENS[image["id"]]
        found = unpack(Blob(blobs[f"image-{image['id']}"], image["layout"]))
        shares = tables["shares"][tables["shares"]["image_id"] == image["id"]]
        role = shares["role"].map(ROLES.index)
        np.testing.assert_array_equal(
            found["shares"][shares["token"], shares["layer"], role], shares["share"]
        )
        maps = dequantise(found["maps"]) * found["peaks"][..., None]
        for row in tables["maps"][tables["maps"]["image_id"] == image["id"]].itertuples():
            stored = maps[row.token, row.layer]
            np.testing.assert_allclose(stored, row.values, atol=0.004 * row.values.max())
        assert image["objects"][0]["tokens"] == [0]


def test_order_of_rows_does_not_matter():
    tables = routes_tables()
    shuffled = {name: one.sample(frac=1, random_state=1) for name, one in tables.items()}
    kept = shuffled | {"images": tables["images"]}
    assert routes_page(kept) == routes_page(tables)


def test_text_of_others_stays_text():
    text = routes_page(routes_tables())
    assert EVIL not in text and "<b>" not in text and "What &lt;is&gt; it?" in text
    assert "default-src 'none'" in text and asks_for_nothing(text)


def test_equal_tables_give_equal_pages():
    assert routes_page(routes_tables()) == routes_page(routes_tables())


def test_images_at_the_end_go_first():
    """A page that would be too large keeps as many images as fit, one at least."""
    tokens = dict.fromkeys(range(5), [(GENERATED, "a")] * 30)
    tables = routes_tables(dict.fromkeys(range(5), (10, 10)), tokens=tokens)
    whole = routes_page(tables)
    assert len(carried(whole)[0]["images"]) == 5
    smaller = routes_page(tables, limit=len(whole) * 3 // 5)
    ids = [one["id"] for one in carried(smaller)[0]["images"]]
    assert ids == list(range(len(ids))) and 1 < len(ids) < 5
    assert [one["id"] for one in carried(routes_page(tables, limit=1))[0]["images"]] == [0]


def test_tables_that_do_not_belong_together_are_named():
    tables = routes_tables()
    for name in ("shares", "maps", "tokens"):
        with pytest.raises(PageError, match=r"image 7: .* do not fill .*collect_attention_routes"):
            routes_page(tables | {name: tables[name][1:]})
    with pytest.raises(PageError, match=r"raise studies\.kaduri2025\.page\.images"):
        routes_page(tables | {"images": tables["images"][:0]})


def test_commands_write_pages_and_their_list(tmp_path):
    for name, table in routes_tables().items():
        (tmp_path / "tables").mkdir(exist_ok=True)
        table.to_parquet(tmp_path / "tables" / f"{name}.parquet")
    one = tmp_path / "explorer" / "toy.html"
    module.main(argparse.Namespace(tables=tmp_path / "tables", pages=None, out=one))
    assert one.read_text() == routes_page(routes_tables())
    module.main(argparse.Namespace(tables=None, pages=[one], out=tmp_path / "explorer.html"))
    assert 'href="explorer/toy.html"' in (tmp_path / "explorer.html").read_text()
    (tmp_path / "tables" / "maps.parquet").unlink()
    with pytest.raises(PageError, match=r"maps\.parquet: cannot be read .*attention_routes"):
        module.main(argparse.Namespace(tables=tmp_path / "tables", pages=None, out=one))


def test_page_needs_no_torch():
    reached = imported_modules("sightline.report.routes_page")
    assert not {"torch", "transformers"} & set().union(*map(foreign_imports, reached))


def test_fakes_are_like_real_tables():
    """Shares add up to one and maps to the share of the image, as a softmax gives them."""
    tables = routes_tables()
    key = ["image_id", "token", "layer"]
    np.testing.assert_allclose(tables["shares"].groupby(key)["share"].sum(), 1, rtol=1e-6)
    to_image = tables["shares"].query("role == 'image'").set_index(key)["share"]
    sums = tables["maps"].set_index(key)["values"].map(np.sum)
    np.testing.assert_allclose(sums, to_image[sums.index], rtol=1e-5)
    assert set(tables) == set(TABLES) and len(GRIDS) == 2
