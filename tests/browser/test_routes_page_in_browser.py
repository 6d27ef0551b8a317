"""Attention routes in a browser: what is shown is what the tables hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kaduri2025_page_fakes import EVIL, GRIDS, LAYERS, TOKENS, routes_tables
from page_reading import HEIGHTS, percents, wait_for_address
from sightline.report.routes_page import routes_page
from sightline.studies.kaduri2025.attention.page_columns import GENERATED

pytestmark = pytest.mark.browser

IMAGE, OTHER = GRIDS
ROWS, COLUMNS = GRIDS[IMAGE]
ORDER = ["image", "query", "generated", "system", "first"]
SAID = [number for number, (role, _) in enumerate(TOKENS[IMAGE]) if role == GENERATED]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return routes_tables()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, tables: dict[str, pd.DataFrame]) -> Path:
    path = tmp_path_factory.mktemp("page") / "toy.html"
    path.write_text(routes_page(tables), encoding="utf-8")
    return path


def stored_shares(
    tables: dict[str, pd.DataFrame], tokens: list[int], layers: range, image: int = IMAGE
) -> list[float]:
    """Percent by role, in the order of the page."""
    own = tables["shares"].query("image_id == @image and token in @tokens and layer in @layers")
    return [100 * float(own.loc[own["role"] == role, "share"].mean()) for role in ORDER]


def stored_map(
    tables: dict[str, pd.DataFrame], tokens: list[int], layers: range, image: int = IMAGE
) -> np.ndarray:
    """Percent by patch."""
    own = tables["maps"].query("image_id == @image and token in @tokens and layer in @layers")
    return 100 * np.mean(np.stack(own["values"].to_list()), axis=0)


def shown_shares(page: Any) -> list[float]:
    rows = page.locator("#shares td:last-child").all_inner_texts()
    return [percents(text)[0] for text in rows]


def pick(page: Any, token: int) -> None:
    """Click a token of the first image."""
    page.locator("#tokens button:not(.mean)").nth(token).click()


def test_shares_and_map_of_a_token_are_those_of_the_tables(window, file, tables):
    page = window.open(file)
    for token in (0, SAID[1]):
        pick(page, token)
        for layer in (0, LAYERS - 1):
            page.locator("#strip .layer").nth(layer).click()
            expected = stored_shares(tables, [token], range(layer, layer + 1))
            assert shown_shares(page) == pytest.approx(expected, abs=0.51)
            values = stored_map(tables, [token], range(layer, layer + 1))
            total, most = percents(page.inner_text("#map-note"))
            assert total == pytest.approx(expected[0], abs=0.51)
            assert most == pytest.approx(values.max(), abs=0.6)
            page.focus("#map")
            page.keyboard.press("ArrowUp")
            marked = percents(page.inner_text("#map-note"))[2]
            middle = ROWS // 2 * COLUMNS + COLUMNS // 2
            assert marked == pytest.approx(values[middle], abs=0.6)
            page.keyboard.press("Escape")


def test_window_of_layers_and_mean_of_all_tokens(window, file, tables):
    """The page opens with the study's middle layers and all that the model says."""
    page = window.open(file)
    assert (
        page.inner_text("#shares-title")
        == "What all that the model says attends to in layers 2 to 3"
    )
    assert shown_shares(page) == pytest.approx(stored_shares(tables, SAID, range(2, 4)), abs=0.51)
    page.click("button[data-group=late]")
    assert shown_shares(page) == pytest.approx(stored_shares(tables, SAID, range(4, 6)), abs=0.51)
    assert page.get_attribute("button[data-group=late]", "aria-pressed") == "true"
    box = page.locator("#strip").bounding_box()
    step, y = box["width"] / LAYERS, box["y"] + 20
    page.mouse.move(box["x"] + 1.5 * step, y)
    page.mouse.down()
    page.mouse.move(box["x"] + 3.5 * step, y)
    page.mouse.up()
    assert shown_shares(page) == pytest.approx(stored_shares(tables, SAID, range(1, 4)), abs=0.51)
    assert page.get_attribute("#strip", "aria-valuetext").startswith("layers 1 to 3: ")
    values = stored_map(tables, SAID, range(1, 4))
    held, patches = (percents(text)[0] for text in page.locator("#objects td").all_inner_texts())
    assert held == pytest.approx(100 * values[0] / values.sum(), abs=0.6)
    assert patches == pytest.approx(100 / (ROWS * COLUMNS), abs=0.06)


def test_bars_of_layers_are_stacks_of_shares(window, file, tables):
    page = window.open(file)
    pick(page, 3)
    heights = page.locator("#strip i").evaluate_all(HEIGHTS)
    # The top of a stack comes first in the page.
    found = np.reshape(heights, (LAYERS, len(ORDER)))[:, ::-1]
    expected = [stored_shares(tables, [3], range(layer, layer + 1)) for layer in range(LAYERS)]
    np.testing.assert_allclose(100 * found, expected, atol=1e-4)


def test_first_position_can_be_left_out(window, file, tables):
    """Shares are then of what is left of every row, as in the study's figures."""
    page = window.open(file)
    page.check("#sink")
    own = tables["shares"].query("image_id == @IMAGE and token in @SAID and layer in (2, 3)")
    wide = own.pivot(index=["token", "layer"], columns="role", values="share")
    rest = wide[ORDER[:-1]].div(1 - wide["first"], axis=0).mean() * 100
    assert shown_shares(page) == pytest.approx(rest.tolist(), abs=0.51)


def test_tokens_tell_how_much_they_look(window, file, tables):
    """At the picture, or at a marked patch."""
    page = window.open(file)
    page.locator("#strip .layer").nth(1).click()
    titles = [percents(one)[0] for one in titles_of(page)]
    expected = [stored_shares(tables, [token], range(1, 2))[0] for token in range(5)]
    assert titles[:5] == pytest.approx(expected, abs=0.51)
    assert titles[5] == pytest.approx(stored_shares(tables, SAID, range(1, 2))[0], abs=0.51)
    page.focus("#map")
    page.keyboard.press("ArrowUp")
    middle = ROWS // 2 * COLUMNS + COLUMNS // 2
    found = [percents(one)[0] if "<" not in one else 0 for one in titles_of(page)]
    expected = [stored_map(tables, [token], range(1, 2))[middle] for token in range(5)]
    assert found[:5] == pytest.approx(expected, abs=0.7)


def titles_of(page: Any) -> list[str]:
    return page.locator("#tokens button").evaluate_all("all => all.map(one => one.title)")


def test_keys_reach_everything(window, file, tables):
    page = window.open(file)
    page.focus("#tokens button[aria-checked=true]")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#map-title") == f"Where “{EVIL}” looks"
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#map-title") == "Where “cat” looks"
    page.focus("#strip")
    page.keyboard.press("Home")
    assert "in layer 0" in page.inner_text("#shares-title")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "in layers 1 to 2" in page.inner_text("#shares-title")
    page.keyboard.press("PageUp")
    assert "in layers 2 to 3" in page.inner_text("#shares-title")
    page.keyboard.press("Shift+End")
    assert shown_shares(page) == pytest.approx(stored_shares(tables, [3], range(2, 6)), abs=0.51)
    page.focus("#map")
    page.keyboard.press("ArrowUp")
    assert page.inner_text("#spoken").startswith(f"Row {ROWS // 2 + 1}, column {COLUMNS // 2 + 1}")
    page.focus("#film button[aria-checked=true]")
    page.keyboard.press("ArrowRight")
    wait_for_address(page, f"image={OTHER}")
    assert page.locator("#tokens button").all_inner_texts() == ["what", "?", "dog", "mean of all"]


def test_address_brings_back_what_was_seen(window, file, tables):
    page = window.open(file, f"#image={OTHER}&layers=1-4&token=1&patch=6")
    expected = stored_shares(tables, [1], range(1, 5), OTHER)
    assert shown_shares(page) == pytest.approx(expected, abs=0.51)
    marked = percents(page.inner_text("#map-note"))[2]
    assert marked == pytest.approx(stored_map(tables, [1], range(1, 5), OTHER)[6], abs=0.6)
    window.page.goto("about:blank")
    page = window.open(file, "#image=9&layers=7-99&token=-1&patch=x")
    assert shown_shares(page) == pytest.approx(stored_shares(tables, SAID, range(2, 4)), abs=0.51)


def test_markup_in_tokens_is_shown_and_does_nothing(window, file):
    page = window.open(file)
    pick(page, 4)
    assert page.inner_text("#map-title") == f"Where “{EVIL}” looks"
    assert page.locator("img").count() == len(GRIDS)


def test_outlines_and_names_can_be_shown(window, file):
    page = window.open(file)
    page.check("#lines")
    page.check("#names")
    assert page.locator(".outline").count() == 2
    assert page.locator(".names span").all_inner_texts() == ["cat & <b>"]
