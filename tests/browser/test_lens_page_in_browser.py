"""The interactive lens in a browser: what it shows is what its tables hold."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from neo2025_page_fakes import EVIL, GRIDS, STATES, TOP, page_tables
from page_reading import wait_until
from sightline.report.lens_page import Tables, lens_page

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}}
IMAGE, OTHER = GRIDS
ROWS, COLUMNS = GRIDS[IMAGE]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return page_tables()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, tables: Tables) -> Path:
    path = tmp_path_factory.mktemp("page") / "toy.html"
    path.write_text(lens_page(tables), encoding="utf-8")
    return path


def centre(page: Any, token: int, host: str = "#lens") -> tuple[float, float]:
    """Where the middle of a patch of the first image is in the window."""
    page.locator(host).scroll_into_view_if_needed()
    box = page.locator(f"{host} canvas").bounding_box()
    row, column = divmod(token, COLUMNS)
    return (
        box["x"] + (column + 0.5) * box["width"] / COLUMNS,
        box["y"] + (row + 0.5) * box["height"] / ROWS,
    )


def shown_words(page: Any) -> list[list[str]]:
    """Texts of the table, states down and ranks across."""
    page.wait_for_timeout(50)
    texts = page.locator("#words tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('b')].map(one => one.textContent))"
    )
    return [[text.replace("␣", "") for text in row] for row in texts]


def stored_words(tables: Tables, token: int, image: int = IMAGE) -> list[list[str]]:
    own = tables.words[(tables.words["image_id"] == image) & (tables.words["token"] == token)]
    return own.pivot(index="state", columns="rank", values="text").to_numpy().tolist()


def answer_words(tables: Tables, image: int = IMAGE) -> list[list[str]]:
    own = tables.answer[tables.answer["image_id"] == image]
    return own.pivot(index="state", columns="rank", values="text").to_numpy().tolist()


def spoken(tables: Tables, word: str, image: int = IMAGE) -> np.ndarray:
    """Share of a word in every state and patch, (states, tokens)."""
    own = tables.words[tables.words["image_id"] == image]
    rows, columns = GRIDS[image]
    found = np.zeros((STATES, rows * columns))
    hits = own[own["text"].str.lower() == word]
    np.add.at(found, (hits["state"], hits["token"]), hits["probability"])
    return found


def percents(text: str) -> list[float]:
    """Numbers before a percent sign."""
    return [float(one) for one in re.findall(r"([\d.]+) %", text)]


def test_pointing_at_a_patch_shows_its_words_by_layer(window, file, tables):
    page = window.open(file)
    assert shown_words(page) == answer_words(tables)
    for token in (0, 9, ROWS * COLUMNS - 1):
        page.mouse.move(*centre(page, token))
        assert shown_words(page) == stored_words(tables, token)
        row, column = divmod(token, COLUMNS)
        assert page.inner_text("#words-title") == f"Patch in row {row + 1}, column {column + 1}"
    shares = page.locator("#words tr").first.locator("small").all_inner_texts()
    own = tables.words.query(f"image_id == {IMAGE} and token == {token} and state == 0")
    for text, share in zip(shares, own.sort_values("rank")["probability"], strict=True):
        assert percents(text)[0] == pytest.approx(100 * share, abs=0.9)
    page.mouse.move(2, 2)
    assert shown_words(page) == answer_words(tables)


def test_objects_are_named_for_their_patches(window, file):
    page = window.open(file)
    page.mouse.move(*centre(page, 0))
    assert page.inner_text("#words-note") == "Shows cat & <b>."
    page.mouse.move(*centre(page, 1))
    assert page.inner_text("#words-note") == "Shows no annotated object."


def test_a_patch_is_held_by_click_and_let_go_by_escape(window, file, tables):
    page = window.open(file)
    page.mouse.click(*centre(page, 8))
    page.mouse.move(*centre(page, 3))
    assert shown_words(page) == stored_words(tables, 8)
    page.keyboard.press("Escape")
    page.mouse.move(*centre(page, 4))
    assert shown_words(page) == stored_words(tables, 4)


def test_search_lights_up_patches_and_layers(window, file, tables):
    page = window.open(file)
    page.fill("#search", "CAT")
    shares = spoken(tables, "cat")
    for layer in range(STATES):
        page.locator("#strip .layer").nth(layer).click()
        said = page.inner_text("#found")
        count = int((shares[layer] > 0).sum())
        assert f"in {count} patch" in said and f"of layer {layer}," in said
        assert percents(said)[0] == pytest.approx(100 * shares[layer].max(), abs=0.9)
        assert f"strongest in layer {shares.max(axis=1).argmax()}" in said
        lit = page.evaluate(
            """([rows, columns]) => {
              const canvas = document.querySelector('#lens canvas'), copy = document.createElement('canvas');
              Object.assign(copy, { width: canvas.width, height: canvas.height });
              const context = copy.getContext('2d', { willReadFrequently: true });
              context.drawImage(canvas, 0, 0);
              return Array.from({ length: rows * columns }, (_, token) => {
                const x = (token % columns + 0.5) * canvas.width / columns;
                const y = (Math.floor(token / columns) + 0.5) * canvas.height / rows;
                const [red, , blue] = context.getImageData(x, y, 1, 1).data;
                return red - blue;
              });
            }""",
            [ROWS, COLUMNS],
        )
        # The rest of the picture is gray: orange is where the word is, the more the likelier.
        np.testing.assert_array_equal(np.array(lit) > 5, shares[layer] > 0)
        assert np.argmax(lit) in np.flatnonzero(shares[layer] > 0.9 * shares[layer].max())
    heights = page.locator("#strip .lane.word i").evaluate_all(
        "bars => bars.map(bar => parseFloat(bar.style.getPropertyValue('--share')))"
    )
    most = shares.max(axis=1)
    np.testing.assert_allclose(heights, most / most.max(), atol=0.02)


def test_search_says_what_it_did_not_find(window, file):
    page = window.open(file)
    page.fill("#search", "zebra")
    assert "is not among the 3 best words" in page.inner_text("#found")
    page.fill("#search", "traf")
    assert "words that begin with it" in page.inner_text("#found")
    offered = page.locator("#suggestions option").evaluate_all("all => all.map(one => one.value)")
    assert offered == ["traffic"]


def test_a_word_of_the_table_is_searched_by_a_click(window, file, tables):
    page = window.open(file)
    page.mouse.click(*centre(page, 5))
    page.locator("#words tr").nth(2).locator("td button").nth(1).click()
    assert page.input_value("#search") == stored_words(tables, 5)[2][0]


def test_markup_in_words_is_shown_and_does_nothing(window, file, tables):
    page = window.open(file)
    page.fill("#search", EVIL)
    assert EVIL in page.inner_text("#lens-title")
    assert page.locator("img").count() == len(GRIDS)
    assert page.locator("body b b").count() == 0


def test_keys_reach_everything(window, file, tables):
    """Patches, layers, search and images without a mouse."""
    page = window.open(file)
    page.focus("#lens")
    page.keyboard.press("ArrowLeft")
    middle = ROWS // 2 * COLUMNS + COLUMNS // 2
    assert shown_words(page) == stored_words(tables, middle)
    for key, token in (
        ("ArrowUp", middle - COLUMNS), ("ArrowRight", middle - COLUMNS + 1), ("ArrowDown", middle + 1),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert shown_words(page) == stored_words(tables, token)
    for _ in range(COLUMNS):
        page.keyboard.press("ArrowLeft")
    edge = middle - middle % COLUMNS
    assert shown_words(page) == stored_words(tables, edge)
    layer = int(page.get_attribute("#strip", "aria-valuenow"))
    said = page.inner_text("#said")
    assert said.startswith(f"Row {edge // COLUMNS + 1}, column 1: ")
    page.keyboard.press("PageUp")
    assert page.get_attribute("#strip", "aria-valuenow") == str(layer + 1)
    page.focus("#strip")
    page.keyboard.press("Home")
    assert page.get_attribute("#strip", "aria-valuenow") == "0"
    assert page.inner_text("#look-note") == "Nothing has looked at anything before layer 1."
    page.keyboard.press("End")
    assert page.get_attribute("#strip", "aria-valuenow") == str(STATES - 1)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "strip"
    page.focus("#search")
    page.keyboard.type("dog")
    assert "“dog”" in page.inner_text("#found")
    page.keyboard.press("Escape")
    assert page.input_value("#search") == ""
    page.focus("#film button[aria-checked=true]")
    page.keyboard.press("ArrowRight")
    wait_until(page, f"location.hash.includes('image={OTHER}')")
    assert page.locator("#film button").nth(1).get_attribute("aria-checked") == "true"


def test_attention_of_the_answer_is_that_of_the_table(window, file, tables):
    page = window.open(file)
    looked = tables.attention[tables.attention["image_id"] == IMAGE]
    weights = looked.pivot(index="block", columns="token", values="attention").to_numpy()
    for layer in range(1, STATES):
        page.locator("#strip .layer").nth(layer).click()
        page.mouse.move(*centre(page, 7, "#look"))
        page.wait_for_timeout(50)
        total, most, marked = percents(page.inner_text("#look-note"))
        assert total == pytest.approx(100 * weights[layer - 1].sum(), abs=0.6)
        assert most == pytest.approx(100 * weights[layer - 1].max(), abs=0.6)
        assert marked == pytest.approx(100 * weights[layer - 1][7], abs=0.6)
        chips = page.locator("#answer bdi").all_inner_texts()
        assert [text.replace("␣", "") for text in chips] == answer_words(tables)[layer]


def test_outlines_and_names_can_be_shown(window, file):
    page = window.open(file)
    assert page.locator(".outline").count() == 0 and page.locator(".names span").count() == 0
    page.check("#lines")
    page.check("#names")
    # Two strokes, dark under light, in each of two pictures.
    assert page.locator(".outline").count() == 4
    assert set(page.locator(".names span").all_inner_texts()) == {"cat & <b>"}
    page.uncheck("#lines")
    assert page.locator(".outline").count() == 0


def test_views_color_the_picture(window, file, tables):
    """The legend of the word map counts best words; the most frequent of them have colours."""
    page = window.open(file)
    layer = int(page.get_attribute("#strip", "aria-valuenow"))
    best = tables.words.query(f"image_id == {IMAGE} and state == {layer} and rank == 0")["text"]
    counts = best.value_counts()
    legend = page.locator("#legend button").evaluate_all(
        "all => all.map(one => [one.querySelector('bdi').textContent, one.querySelector('.number').textContent])"
    )
    expected = {(text or "␣", str(count)) for text, count in counts[counts > 1].items()}
    assert {tuple(one) for one in legend} == expected
    before = page.locator("#lens canvas").screenshot()
    page.click("button[data-view=plain]")
    assert page.locator("#lens canvas").screenshot() != before
    assert page.get_attribute("button[data-view=plain]", "aria-pressed") == "true"


def test_address_brings_back_what_was_seen(window, file, tables):
    page = window.open(file, f"#image={OTHER}&layer=2&patch=6&word=dog")
    assert shown_words(page) == stored_words(tables, 6, OTHER)
    assert page.input_value("#search") == "dog"
    count = int((spoken(tables, "dog", OTHER)[2] > 0).sum())
    assert f"in {count} patch" in page.inner_text("#found")
    # The page loads anew: the change must not take the answer of this call with it.
    with page.expect_event("load"):
        page.evaluate(f"void setTimeout(() => location.hash = 'image={OTHER}&layer=1&patch=5')")
    page.wait_for_selector("html[data-ready]")
    assert page.input_value("#search") == ""
    assert shown_words(page) == stored_words(tables, 5, OTHER)
    window.page.goto("about:blank")
    page = window.open(file, "#image=999&layer=99&patch=-3")
    assert shown_words(page) == answer_words(tables)


@pytest.mark.parametrize("window", [PHONE | {"has_touch": True}], indirect=True)
def test_a_finger_does_what_a_mouse_does(window, file, tables):
    page = window.open(file)
    page.touchscreen.tap(*centre(page, 10))
    assert shown_words(page) == stored_words(tables, 10)


def test_theme_can_be_changed(window, file):
    page = window.open(file)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    assert page.inner_text("#theme") == "Light"


def test_only_what_is_seen_is_decoded(window, file):
    """Pages of many images open at once."""
    window.page.add_init_script(
        """const original = self.atob; self.decoded = 0;
           self.atob = text => { self.decoded++; return original(text); };"""
    )
    page = window.open(file)
    assert page.evaluate("self.decoded") == 2
    page.locator("#film button").nth(1).click()
    wait_until(page, "self.decoded === 3")


def test_tables_have_something_to_find(tables):
    """The word searched above is in every layer, and not everywhere."""
    shares = spoken(tables, "cat")
    assert ((shares > 0).any(axis=1) & (shares == 0).any(axis=1)).all()
    assert isinstance(tables.words, pd.DataFrame) and TOP == 3
