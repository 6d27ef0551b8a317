"""All explorers at both sizes, light and dark: nothing sideways, enough contrast, nothing that axe-core minds."""

from pathlib import Path

import pytest

from kaduri2025_page_fakes import routes_tables
from khajuria2025_page_fakes import object_tables
from neo2025_page_fakes import page_tables
from qian2025_page_fakes import measured
from sightline.report.lens_page import lens_page
from sightline.report.routes_page import routes_page
from sightline.report.seg_page import seg_page
from sightline.report.tokens_page import tokens_page

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
WINDOWS = {
    f"{scheme}{name}": {"color_scheme": scheme} | size
    for scheme in ("light", "dark")
    for name, size in (("", {}), (" phone", PHONE))
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    texts = {
        "lens": lens_page(page_tables()),
        "routes": routes_page(routes_tables()),
        "tokens": tokens_page(object_tables(), [f"encoder-{number}" for number in range(12)]),
        "seg": seg_page(measured(folder / "toy")),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


@pytest.mark.parametrize(
    ("name", "address"),
    [("lens", "#patch=3&word=cat"), ("routes", ""), ("tokens", ""), ("seg", "")],
    ids=["lens", "routes", "tokens", "seg"],
)
@pytest.mark.parametrize("window", WINDOWS.values(), indirect=True, ids=WINDOWS)
def test_page_is_readable(window, files, name, address):
    page = window.open(files[name], address)
    assert window.violations() == []
    for tick in page.locator("input[type=checkbox]").all():
        tick.check()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate((Path(__file__).parent / "contrast.js").read_text()) == []
    nameless = page.locator(
        "button, a, input, [role=slider], [role=application], [role=radiogroup]"
    ).evaluate_all(
        """all => all.filter(one => !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length
           || one.getAttribute('aria-labelledby') || one.querySelector('img')?.alt)).map(one => one.outerHTML)"""
    )
    assert nameless == []
    assert window.violations() == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("window", [PHONE], indirect=True, ids=["phone"])
@pytest.mark.parametrize(
    ("name", "host", "note", "told"),
    [
        ("routes", "#map", "#map-note", "the marked patch gets"),
        ("tokens", "#pick", "#pick-note", "Row 3, column 3"),
        ("seg", "#map", "#map-note", "The marked cell"),
    ],
)
def test_a_finger_does_what_a_mouse_does(window, files, name, host, note, told):
    page = window.open(files[name])
    page.locator(host).scroll_into_view_if_needed()
    box = page.locator(f"{host} canvas").bounding_box()
    page.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + 0.8 * box["height"])
    page.locator(note, has_text=told).wait_for()
    assert told in page.locator(note).inner_text()


@pytest.mark.parametrize("name", ["routes", "tokens", "seg"])
def test_only_what_is_seen_is_decoded(window, files, name):
    window.page.add_init_script(
        """const original = self.atob; self.decoded = 0;
           self.atob = text => { self.decoded++; return original(text); };"""
    )
    page = window.open(files[name])
    assert page.evaluate("self.decoded") == 1
    page.locator("#film button").nth(1).click()
    page.wait_for_selector("#film button:nth-child(2)[aria-checked=true]")
    assert page.evaluate("self.decoded") == 2


@pytest.mark.parametrize("name", ["routes", "tokens", "seg"])
def test_theme_can_be_changed(window, files, name):
    page = window.open(files[name])
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
