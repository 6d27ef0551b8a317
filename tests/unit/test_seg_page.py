"""The page of [SEG] similarity holds what was measured, in few bytes and without torch."""

import argparse
import json
from dataclasses import replace

import numpy as np
import pytest

from carried import asks_for_nothing, carried
from qian2025_page_fakes import ENTRIES, EVIL, QUERIES, SCORES, WITHIN, measured, write_measurements
from sightline.report import seg_page as module
from sightline.report.pages.packing import Blob, unpack
from sightline.report.pages.tables import PageError
from sightline.report.seg_page import Measured, seg_page
from sightline.sources import foreign_imports, imported_modules
from sightline.studies.qian2025.masks.names import OWN_WITH_POINTS
from sightline.studies.qian2025.protocol import METRICS, POSITIONS


@pytest.fixture
def found(tmp_path) -> Measured:
    return measured(tmp_path / "toy")


def filled(polygons: list[list[float]], size: tuple[int, int]) -> np.ndarray:
    """Pixels whose centre lies in an odd number of polygons."""
    inside = np.zeros(size, bool)
    y, x = np.indices(size) + 0.5
    for flat in polygons:
        corners = np.reshape(flat, (-1, 2))
        for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if ay != by:
                crosses = (ay > y) != (by > y)
                inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside


def test_page_holds_what_was_measured(found):
    data, blobs = carried(seg_page(found))
    assert (data["normed"], data["position"]) == (ENTRIES - 1, "at")
    assert [one["id"] for one in data["images"]] == list(QUERIES)
    for query, shown, page in zip(
        found.explorer["queries"], found.shown, data["images"], strict=True
    ):
        arrays = unpack(Blob(blobs[f"image-{query['query']}"], page["layout"]))
        scores = found.layers.query(f"query == '{query['query']}' and split == 'val'")
        for one in query["maps"]:
            place = POSITIONS.index(one["position"]), METRICS.index(one["metric"]), one["entry"]
            np.testing.assert_array_equal(arrays["maps"][place], one["rows"])
            np.testing.assert_allclose(arrays["ranges"][place], [one["low"], one["high"]])
            row = scores.query(
                "position == @one['position'] and metric == @one['metric'] and entry == @one['entry']"
            )
            np.testing.assert_array_equal(arrays["scores"][place], row[list(SCORES)].iloc[0])
        assert (page["within"], page["frame"]) == (WITHIN, [48, 32])
        for name in ("target", "own", "clicked"):
            drawn = filled(page["masks"][name], (32, 48))
            np.testing.assert_array_equal(drawn, shown.arrays[name].astype(bool))
        target, own = (shown.arrays[name].astype(bool) for name in ("target", "own"))
        counts = [int((own & target).sum()), int((own | target).sum()), int(own.sum())]
        assert page["pixels"]["own"] == counts
        assert [point[2] for point in page["points"]] == [1, 0, -1]


def test_masks_of_models_taught_with_points_are_those_with_points(found):
    """Their row of the table of masks has another name."""
    explorer = dict(found.explorer) | {"own": OWN_WITH_POINTS}
    data, _ = carried(seg_page(replace(found, explorer=explorer)))
    page = data["images"][0]
    assert page["pixels"]["own"] == page["pixels"]["clicked"]


def test_text_of_others_stays_text(found):
    text = seg_page(found)
    assert EVIL not in text and asks_for_nothing(text) and "default-src 'none'" in text


def test_equal_measurements_give_equal_pages(found):
    assert seg_page(found) == seg_page(found)


def test_measurements_that_do_not_belong_together_are_named(tmp_path):
    folder = write_measurements(tmp_path / "toy")
    explorer = json.loads((folder / "explorer.json").read_text())
    (folder / "explorer.json").write_text(
        json.dumps(explorer | {"queries": explorer["queries"][:1]})
    )
    with pytest.raises(PageError, match=r"explorer\.json: its maps do not belong .*explore_simil"):
        Measured.read(folder)
    one = measured(folder)
    with pytest.raises(PageError, match=r"query scene1: layers\.parquet lacks scores"):
        seg_page(replace(one, layers=one.layers[one.layers["entry"] > 0]))
    with pytest.raises(PageError, match=r"raise studies\.qian2025\.gallery"):
        seg_page(replace(one, shown=[]))
    (folder / "masks.parquet").unlink()
    with pytest.raises(PageError, match=r"toy: cannot be read .*masks\.parquet"):
        Measured.read(folder)


def test_commands_write_pages_and_their_list(tmp_path):
    folder, one = write_measurements(tmp_path / "toy"), tmp_path / "explorer" / "toy.html"
    module.main(argparse.Namespace(tables=folder, pages=None, out=one))
    assert one.read_text() == seg_page(Measured.read(folder))
    module.main(argparse.Namespace(tables=None, pages=[one], out=tmp_path / "explorer.html"))
    assert 'href="explorer/toy.html"' in (tmp_path / "explorer.html").read_text()


def test_page_needs_no_torch():
    reached = imported_modules("sightline.report.seg_page")
    assert not {"torch", "transformers"} & set().union(*map(foreign_imports, reached))
