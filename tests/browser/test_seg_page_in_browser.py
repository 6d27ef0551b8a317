"""Similarity of [SEG] in a browser: what is shown is what was measured."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from page_reading import CELLS, HEIGHTS, MINUS, number, shades, wait_for_address
from qian2025_page_fakes import (
    COLUMNS,
    ENTRIES,
    EVIL,
    HEIGHT,
    QUERIES,
    ROWS,
    WIDTH,
    WITHIN,
    measured,
)
from sightline.report.seg_page import Measured, seg_page

pytestmark = pytest.mark.browser

QUERY, OTHER = QUERIES


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    return measured(tmp_path_factory.mktemp("measured") / "toy")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, found: Measured) -> Path:
    path = tmp_path_factory.mktemp("page") / "toy.html"
    path.write_text(seg_page(found), encoding="utf-8")
    return path


def stored_map(
    found: Measured, entry: int, position: str = "at", metric: str = "dot", query: int = 0
) -> dict[str, Any]:
    wanted = {"position": position, "metric": metric, "entry": entry}
    maps = found.explorer["queries"][query]["maps"]
    return next(one for one in maps if wanted.items() <= one.items())


def value(one: dict[str, Any], cell: int) -> float:
    row, column = divmod(cell, COLUMNS)
    return one["low"] + one["rows"][row][column] / 255 * (one["high"] - one["low"])


def stored_scores(
    found: Measured, entry: int, position: str = "at", metric: str = "dot"
) -> pd.Series:
    own = found.layers.query(
        "query == @QUERY and split == 'val' and position == @position and metric == @metric"
    )
    return own[own["entry"] == entry].iloc[0]


def cells_of(page: Any, table: str) -> list[list[str]]:
    return page.locator(f"{table} tr").evaluate_all(CELLS)


def centre(page: Any, cell: int, host: str = "#map") -> tuple[float, float]:
    """Where the middle of a cell is in the window; the cells divide a part of the picture."""
    page.locator(host).scroll_into_view_if_needed()
    box = page.locator(f"{host} canvas").bounding_box()
    left, top, right, bottom = WITHIN
    row, column = divmod(cell, COLUMNS)
    x, y = (
        left + (column + 0.5) * (right - left) / COLUMNS,
        top + (row + 0.5) * (bottom - top) / ROWS,
    )
    return box["x"] + x / WIDTH * box["width"], box["y"] + y / HEIGHT * box["height"]


def test_cells_have_their_values(window, file, found):
    page = window.open(file)
    for entry, position, metric in (
        (3, "at", "dot"),
        (1, "before", "dot"),
        (2, "before", "cosine"),
    ):
        page.locator("#strip .layer").nth(entry).click()
        page.click(f"button[data-position={position}]")
        page.click(f"button[data-metric={metric}]")
        one = stored_map(found, entry, position, metric)
        for cell in (0, 6, 15):
            page.mouse.move(*centre(page, cell))
            page.wait_for_timeout(50)
            low, high, marked = (
                page.inner_text("#map-note").replace("The marked cell: ", " ").split()
            )
            assert (number(low), number(high)) == pytest.approx((one["low"], one["high"]), rel=6e-3)
            assert number(marked) == pytest.approx(value(one, cell), rel=6e-3, abs=6e-3)
        page.keyboard.press("Escape")


def test_pointing_tells_the_value_until_the_mouse_leaves(window, file, found):
    page = window.open(file)
    page.mouse.move(*centre(page, 9))
    told = page.locator("#map-note", has_text="The marked cell")
    told.wait_for()
    one = stored_map(found, ENTRIES - 1)
    marked = told.inner_text().split("The marked cell: ")[1]
    assert number(marked) == pytest.approx(value(one, 9), rel=6e-3, abs=6e-3)
    page.mouse.move(2, 2)
    page.locator("#map-note", has_text="Point at a cell").wait_for()


def test_map_colours_the_cells_it_divides(window, file, found):
    """The highest cell is the brightest orange, and nothing is coloured beside the tower's frame."""
    page = window.open(file, "#layer=2")
    places = [
        ((8 + 8 * (cell % COLUMNS + 0.5)) / WIDTH, 8 * (cell // COLUMNS + 0.5) / HEIGHT)
        for cell in range(ROWS * COLUMNS)
    ]
    seen = shades(page, "#map canvas", places)
    beside = shades(page, "#map canvas", [(0.05, 0.5), (0.95, 0.5)])
    one = stored_map(found, 2)
    flat = [byte for row in one["rows"] for byte in row]
    assert seen.index(max(seen)) == flat.index(max(flat))
    assert max(map(abs, beside)) <= 2


def test_scores_are_those_of_the_tables(window, file, found):
    page = window.open(file)
    masks = found.masks.query("query == @QUERY and split == 'val'").set_index("method")
    expected = [
        [masks.loc[m, "intersection"] / masks.loc[m, "union"], masks.loc[m, "predicted"]]
        for m in ("own", "points", "map")
    ]
    shown = [[number(iou), int(pixels)] for _, iou, pixels in cells_of(page, "#ious")]
    assert shown == [[pytest.approx(iou, abs=0.0051), pixels] for iou, pixels in expected]
    for entry in range(ENTRIES):
        page.locator("#strip .layer").nth(entry).click()
        row = stored_scores(found, entry)
        names = ["precision", "area", "overlap", "hit"]
        scores = [number(cells[1]) for cells in cells_of(page, "#scores")]
        assert scores == pytest.approx([row[name] for name in names], abs=0.0051)
        chance = [number(cells[2]) for cells in cells_of(page, "#scores")]
        wanted = [row["share"], 0.5, float("nan"), row["share"]]
        assert chance == pytest.approx(wanted, abs=0.0051, nan_ok=True)
    heights = page.locator("#strip .lane.word i").evaluate_all(HEIGHTS)
    curve = [stored_scores(found, entry)["precision"] for entry in range(ENTRIES)]
    assert heights == pytest.approx([one / max(curve) for one in curve], rel=1e-5)
    best = curve.index(max(curve))
    assert f"best in layer {best} ({max(curve):.2f})" in page.inner_text("#found")


def test_points_masks_and_truth_lie_where_they_were(window, file, found):
    page = window.open(file)
    places = page.locator("#map .point").evaluate_all(
        "all => all.map(one => [parseFloat(one.style.left), parseFloat(one.style.top), one.textContent])"
    )
    query = found.explorer["queries"][0]
    expected = [
        [pytest.approx(100 * x / WIDTH, abs=0.02), pytest.approx(100 * y / HEIGHT, abs=0.04), sign]
        for (x, y), sign in zip(query["places"], f"+{MINUS}·", strict=True)
    ]
    assert places == expected
    page.check("#clicked")
    paths = page.locator("#masks .outline.over").evaluate_all(
        "all => all.map(one => [one.getAttribute('class'), one.getAttribute('d')])"
    )
    # Rectangles, each a pixel lower and wider than the one before.
    wanted = {"truth": (24, 4), "own": (25, 5), "clicked": (26, 6)}
    assert {name.split()[-1] for name, _ in paths} == set(wanted)
    for name, path in paths:
        right, top = wanted[name.split()[-1]]
        corners = [float(one) for one in path[1:-1].split()]
        assert (min(corners[::2]), max(corners[::2])) == (10, right)
        assert (min(corners[1::2]), max(corners[1::2])) == (top, 16)
    for tick in ("points", "truth", "own", "clicked"):
        page.uncheck(f"#{tick}")
    assert page.locator(".outline, .point").count() == 0
    assert page.inner_text("#masks-note") == "No mask is ticked."


def test_keys_reach_everything(window, file, found):
    page = window.open(file)
    page.focus("#map")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    one = stored_map(found, ENTRIES - 1)
    said = page.inner_text("#spoken")
    assert said.startswith("Row 3, column 4: ")
    assert number(said.split()[-1]) == pytest.approx(value(one, 11), rel=6e-3)
    page.keyboard.press("PageDown")
    assert page.inner_text("#map-title") == f"The map of layer {ENTRIES - 2}"
    page.focus("#strip")
    page.keyboard.press("Home")
    assert page.get_attribute("#strip", "aria-valuenow") == "0"
    page.keyboard.press("Escape")
    assert "Point at a cell" in page.inner_text("#map-note")
    page.focus("#film button[aria-checked=true]")
    page.keyboard.press("ArrowRight")
    wait_for_address(page, f"query={OTHER}")
    assert page.inner_text("#query").startswith(f"“{EVIL}”")
    assert page.locator("img").count() == len(QUERIES)


def test_address_brings_back_what_was_seen(window, file, found):
    page = window.open(file, f"#query={OTHER}&layer=1&state=before&by=cosine&cell=5")
    one = stored_map(found, 1, "before", "cosine", query=1)
    marked = page.inner_text("#map-note").split("The marked cell: ")[1]
    assert number(marked) == pytest.approx(value(one, 5), rel=6e-3, abs=6e-3)
    window.page.goto("about:blank")
    page = window.open(file, "#query=none&layer=99&state=after&by=luck&cell=99")
    assert page.inner_text("#map-title") == "The map of layer 3, behind the final norm"
