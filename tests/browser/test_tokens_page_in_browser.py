"""Object tokens in a browser: what is shown is what the tables hold, and what the study measures."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from khajuria2025_page_fakes import GRIDS, IMAGES, object_tables
from page_reading import CELLS, HEIGHTS, TIMES, number, shades, wait_for_address
from sightline.report.tokens_page import tokens_page
from sightline.scenes.tokens import Grid
from sightline.studies.khajuria2025.page_columns import unpack_cosines
from sightline.studies.khajuria2025.probes.similarity import numbers

pytestmark = pytest.mark.browser

IMAGE, OTHER = IMAGES
ROWS, COLUMNS = GRIDS[0]
CAT = [0, 1, 2, 6, 7, 8, 12, 13, 14]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return object_tables()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, tables: dict[str, pd.DataFrame]) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for encoder, seed in (("toy", 0), ("other", 1)):
        own = tables if seed == 0 else object_tables(encoder=encoder, seed=seed)
        text = tokens_page(own, ["toy", "other"])
        (folder / f"{encoder}.html").write_text(text, encoding="utf-8")
    return folder / "toy.html"


def stored(tables: dict[str, pd.DataFrame], layer: int, image: int = IMAGE) -> np.ndarray:
    own = tables["cosines"].query("image_id == @image and layer == @layer")["values"].iloc[0]
    rows, columns = GRIDS[layer]
    return unpack_cosines(own, rows * columns)


def shown_means(page: Any) -> dict[str, tuple[int, float]]:
    """Rows of the table: name -> how many tokens, mean cosine."""
    rows = page.locator("#means tr").evaluate_all(CELLS)
    return {name: (int(count), number(mean)) for name, count, mean in rows}


def centre(page: Any, token: int, host: str) -> tuple[float, float]:
    """Where the middle of a token of the first layer is in the window."""
    page.locator(host).scroll_into_view_if_needed()
    box = page.locator(f"{host} canvas").bounding_box()
    row, column = divmod(token, COLUMNS)
    return (
        box["x"] + (column + 0.5) * box["width"] / COLUMNS,
        box["y"] + (row + 0.5) * box["height"] / ROWS,
    )


def test_means_are_what_the_study_measures(window, file, tables):
    """Within and outside the object, adjacent tokens: the same numbers as in the study's own table."""
    page = window.open(file, "#layer=0")
    for layer in range(2):
        page.locator("#strip .layer").nth(layer).click()
        for token in (7, 0, 14):
            page.mouse.click(*centre(page, token, "#pick"))
            cosines = stored(tables, layer)[token]
            expected = numbers(cosines, token, np.array(CAT), Grid(ROWS, COLUMNS, 1))
            found = shown_means(page)
            inside = found["its object, cat & <b> (primary)"]
            assert inside == (8, pytest.approx(expected["within"], abs=0.0095))
            outside = found["all outside its object"]
            assert outside == (27, pytest.approx(expected["outside"], abs=0.0095))
            adjacent = found["adjacent, negative as 0"][1]
            assert adjacent == pytest.approx(expected["adjacent"], abs=0.0095)
            assert found["hat (secondary)"] == (1, pytest.approx(cosines[35], abs=0.0095))
            low, high = np.delete(cosines, token).min(), np.delete(cosines, token).max()
            said = page.inner_text("#map-note").split("\n")[0].split()
            assert (number(said[2]), number(said[4])) == (
                pytest.approx(low, abs=0.0095), pytest.approx(high, abs=0.0095),
            )  # fmt: skip


def test_pointing_at_a_second_token_tells_its_cosine(window, file, tables):
    page = window.open(file, "#layer=1&at=0.250-0.250")
    assert page.inner_text("#pick-note") == f"Row 2, column 2 of 6 {TIMES} 6: cat & <b> (primary)."
    cosines = stored(tables, 1)[7]
    for token in (2, 20, 35):
        page.mouse.move(*centre(page, token, "#map"))
        # Told at once: nothing waits for the next frame here.
        said = page.inner_text("#map-note").split("pointed at: ")[1].split("\n")[0]
        assert number(said) == pytest.approx(cosines[token], abs=0.0095)


def test_token_outside_objects_is_compared_with_all_others(window, file, tables):
    page = window.open(file, "#layer=0")
    page.mouse.click(*centre(page, 21, "#map"))
    assert page.inner_text("#pick-note").endswith("none of the objects.")
    cosines = stored(tables, 0)[21]
    found = shown_means(page)
    assert found["all others"] == (35, pytest.approx(np.delete(cosines, 21).mean(), abs=0.0095))
    cat = found["cat & <b> (primary)"]
    assert cat == (9, pytest.approx(cosines[CAT].mean(), abs=0.0095))


def test_layers_of_another_grid_keep_the_place(window, file, tables):
    page = window.open(file, "#layer=0&at=0.917-0.917")
    page.locator("#strip .layer").nth(2).click()
    assert page.inner_text("#pick-note") == f"Row 3, column 3 of 3 {TIMES} 3: hat (secondary)."
    heights = page.locator("#strip .lane.look i").evaluate_all(HEIGHTS)
    expected = []
    for layer, (rows, columns) in enumerate(GRIDS):
        last = rows * columns - 1
        expected.append(max(0, np.delete(stored(tables, layer)[last], last).mean()))
    np.testing.assert_allclose(heights, expected, atol=0.005)


def test_the_middle_of_an_object_is_a_click_away(window, file):
    page = window.open(file, "#layer=0&at=0.900-0.100")
    page.get_by_role("button", name="Middle of cat & <b> (primary)").click()
    assert page.inner_text("#pick-note").startswith(f"Row 2, column 2 of 6 {TIMES} 6")
    pressed = page.locator("#middles button[aria-pressed=true]")
    assert pressed.all_inner_texts() == ["Middle of cat & <b> (primary)"]


def test_colours_tell_sign_and_size(window, file, tables):
    """Orange where alike, blue where opposed; with full contrast the lowest cosine is bare."""
    page = window.open(file, "#layer=0&at=0.250-0.250")
    cosines = stored(tables, 0)[7]
    places = [((one % COLUMNS + 0.5) / COLUMNS, (one // COLUMNS + 0.5) / ROWS) for one in range(36)]
    found = np.array(shades(page, "#map canvas", places))
    clear = np.abs(cosines) > 0.05
    np.testing.assert_array_equal(found[clear] > 0, cosines[clear] > 0)
    assert np.corrcoef(found, cosines)[0, 1] > 0.95
    page.check("#stretch")
    found = np.array(shades(page, "#map canvas", places))
    assert (found >= -2).all() and found.argmin() in np.flatnonzero(
        found == found[cosines.argmin()]
    )


def test_keys_reach_everything(window, file):
    page = window.open(file, "#layer=0&at=0.250-0.250")
    page.focus("#pick")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.inner_text("#spoken").startswith(f"Row 3, column 3 of 6 {TIMES} 6")
    page.focus("#map")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#pick-note").startswith(f"Row 3, column 2 of 6 {TIMES} 6")
    page.keyboard.press("PageUp")
    assert page.inner_text("#map-title") == "Alike in layer 1"
    page.focus("#strip")
    page.keyboard.press("End")
    assert page.inner_text("#map-title") == "Alike in layer 2"
    page.focus("#film button[aria-checked=true]")
    page.keyboard.press("ArrowRight")
    wait_for_address(page, f"image={OTHER}")


def test_another_encoder_opens_at_the_same_place(window, file):
    page = window.open(file, f"#image={OTHER}&layer=1&at=0.750-0.417")
    page.get_by_role("link", name="other").click()
    page.wait_for_selector("html[data-ready]")
    assert page.url.split("/")[-1].startswith(f"other.html#image={OTHER}&layer=1")
    assert page.inner_text("h1 small") == "other"
    assert page.inner_text("#pick-note").startswith(f"Row 3, column 5 of 6 {TIMES} 6")


def test_boxes_outlines_and_names(window, file):
    page = window.open(file)
    assert page.locator("#pick .outline.over").count() == 2
    assert page.locator("#pick .names span").all_inner_texts() == ["cat & <b>", "hat"]
    paths = page.locator("#pick .outline.over").evaluate_all(
        "all => all.map(one => one.getAttribute('d'))"
    )
    assert paths[0] == "M0 0 24 0 24 24 0 24Z"
    for tick in ("boxes", "names"):
        page.uncheck(f"#{tick}")
    assert page.locator(".outline").count() == page.locator(".names span").count() == 0
