"""Gallery and scorecard in a browser: what they show is what the files hold, and everything can be reached."""

import csv
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest

from gallery_fakes import CLAIMS, EVIL, STUDIES, build
from page_reading import wait_until
from sightline.report.scorecard import gather_claims, write_scorecard
from sightline.report.scorecard_tally import results_by_claim, tally
from sightline.studies.published import load_items

pytestmark = pytest.mark.browser

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
DARK = {"color_scheme": "dark"}
EVERY = [{}, DARK, PHONE, PHONE | DARK]
PRODUCED = 7


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = build(tmp_path_factory.mktemp("site"))
    run = page.parents[1]
    claims = gather_claims(run / study / "claims.csv" for study in STUDIES)
    write_scorecard(claims, run / "scorecard")
    return page


def visible(page: Any, selector: str) -> list[str]:
    """Texts of the elements that can be seen."""
    return [one.inner_text() for one in page.locator(selector).all() if one.is_visible()]


def test_the_overview_shows_every_item_and_its_picture(window, site):
    page = window.open(site)
    total = sum(len(load_items(study)) for study in STUDIES)
    assert len(visible(page, ".item")) == PRODUCED
    assert len(visible(page, "ul.absent li")) == total - PRODUCED
    assert page.inner_text("#found") == f"{total} of {total}"
    assert visible(page, "article") == []
    page.locator(".item img").last.scroll_into_view_if_needed()
    wait_until(
        page,
        "[...document.querySelectorAll('.item img')].every(one => one.complete && one.naturalWidth)",
    )


def test_the_tally_counts_claims(window, site):
    page = window.open(site)
    counts = tally(results_by_claim(row for rows in CLAIMS.values() for row in rows))
    shown = visible(page, "#scorecard .all .verdict")
    signs = dict(zip(counts, "✓✕≈±·", strict=True))
    assert shown == [f"{signs[name]} {count} {name}" for name, count in counts.items() if count]
    assert sum(counts.values()) == 4


@pytest.mark.parametrize("window", [{}, PHONE], indirect=True)
def test_bars_of_a_row_of_studies_stand_level(window, site):
    """Under questions of unequal length; on a phone every card is a row of its own."""
    page = window.open(site)
    tops = (
        "all => all.map(one => [one.parentElement, one].map(it => it.getBoundingClientRect().top))"
    )
    bars: dict[int, set[int]] = {}
    for card, bar in page.locator(".study-card .bar").evaluate_all(tops):
        bars.setdefault(round(card), set()).add(round(bar))
    assert bars
    assert all(len(levels) == 1 for levels in bars.values()), bars


def test_figure_one_of_a_paper_is_one_click_away(window, site):
    page = window.open(site)
    page.locator(".study-card", has_text="Qian et al. 2025").get_by_role(
        "link", name="Figure 1", exact=True
    ).click()
    assert visible(page, "article h2")[0].startswith("Figure 1")
    assert page.evaluate("document.activeElement.textContent").startswith("Figure 1")
    picture = page.locator("#qian2025-fig1 .sheet img")
    picture.evaluate("one => one.decode()")
    assert picture.evaluate("one => [one.naturalWidth, one.naturalHeight]") == [400, 320]
    page.go_back()
    assert len(visible(page, ".item")) == PRODUCED


def test_or_two_clicks_by_the_filter_of_its_study(window, site):
    page = window.open(site)
    page.get_by_role("group", name="Study").get_by_role("button", name="Neo et al. 2025").click()
    page.locator(".item:visible").first.click()
    assert page.url.endswith("#neo2025-fig1")


def test_lines_of_a_table_are_those_of_its_csv(window, site):
    page = window.open(site, "#neo2025-fig3")
    page.locator("#neo2025-fig3 .csv summary").click()
    rows = page.locator("#neo2025-fig3 .csv tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(one => one.textContent))"
    )
    address = page.locator("#neo2025-fig3 .data a", has_text="fig3.csv").get_attribute("href")
    with (site.parent / address).open(newline="") as file:
        assert rows == list(csv.reader(file))
    assert EVIL in rows[2]


def test_claims_of_an_item_are_those_of_the_scorecard(window, site):
    page = window.open(site, "#neo2025-tab1")
    row = page.locator("#neo2025-tab1 .claims li").inner_text()
    claims = pd.read_csv(site.parents[1] / "scorecard.csv")
    own = claims[(claims["study"] == "neo2025") & (claims["claim"] == "C1")].iloc[0]
    for text in (
        own["statement"],
        f"{float(own['published']):.4g}",
        f"{own['reproduced']:.4g}",
        own["verdict"],
    ):
        assert text in row
    page.locator("#neo2025-tab1 .claims a").click()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#neo2025-C1").is_visible() and page.url.endswith(
        "scorecard.html#neo2025-C1"
    )


def test_published_numbers_are_those_of_the_study(window, site):
    page = window.open(site, "#neo2025-tab1")
    page.locator("#neo2025-tab1 .published summary").click()
    shown = page.locator("#neo2025-tab1 .published td.number").evaluate_all(
        "cells => cells.map(one => one.firstChild.textContent)"
    )
    frame = pd.read_csv(site.parent / "files" / "neo2025" / "published" / "tab1.csv", dtype=str)
    assert sorted(shown) == sorted(
        "unknown" if value == "unknown" else f"{float(value):.6g}" for value in frame["value"]
    )


def test_search_and_filters_go_together(window, site):
    page = window.open(site)
    page.fill("#search", "table 1")
    assert [text.split()[:2] for text in visible(page, ".item .line")] == [["Table", "1"]] * 2
    page.get_by_role("group", name="Study").get_by_role("button", name="Qian").click()
    assert len(visible(page, ".item")) == 1
    assert len(visible(page, "section.study")) == 1
    page.get_by_role("group", name="Kind").get_by_role("button", name="figures").click()
    assert visible(page, ".item") == [] and "Nothing fits" in page.inner_text("#none")
    page.focus("#search")
    page.keyboard.press("Escape")
    assert page.input_value("#search") == ""
    assert len(visible(page, ".item")) == 2


def test_items_that_were_not_run_say_why(window, site):
    page = window.open(site, "#neo2025-extra2")
    line = page.locator("#neo2025-extra2")
    assert line.is_visible() and "needs measurements of a second model" in line.inner_text()
    assert page.evaluate("document.activeElement.id") == "neo2025-extra2"


def test_an_explorer_is_opened_from_the_top(window, site):
    page = window.open(site)
    page.locator(".explorers a").click()
    page.wait_for_url("**/files/neo2025/extra4.html")
    page.get_by_role("link", name="toy", exact=True).click()
    page.wait_for_url("**/extra4/toy.html")
    assert page.url.endswith("/extra4/toy.html")


def test_pages_are_turned_by_keys_and_links(window, site):
    page = window.open(site, "#neo2025-fig1")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**#neo2025-tab1")
    page.locator("#neo2025-tab1 .before").click()
    page.wait_for_url("**#neo2025-fig1")
    page.keyboard.press("Escape")
    assert len(visible(page, ".item")) == PRODUCED


def test_everything_is_reached_by_tab(window, site):
    page = window.open(site)
    wanted = page.locator(
        "#overview a:visible, #overview button:visible, #overview input:visible"
    ).count()
    reached = set()
    for _ in range(wanted + 3):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "[...document.querySelectorAll('a, button, input')].indexOf(document.activeElement)"
            )
        )
    assert len(reached - {-1}) >= wanted


def test_the_search_is_reached_by_a_link_and_by_no_single_key(window, site):
    """A character alone does nothing: speech input would set it off (WCAG 2.1.4)."""
    for file in (site, site.parents[1] / "scorecard.html"):
        page = window.open(file)
        link = page.get_by_role("link", name="Skip to the search")
        assert link.bounding_box()["width"] <= 1
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement === document.body")
        while not link.evaluate("one => one === document.activeElement"):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.matches('#theme, a.hidden')")
        assert link.bounding_box()["width"] > 100
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "search"
        page.keyboard.type("fig/")
        assert page.input_value("#search") == "fig/"


@pytest.mark.parametrize(
    "window", [{"permissions": ["clipboard-read", "clipboard-write"]}], indirect=True
)
def test_a_command_is_copied(window, site):
    page = window.open(site, "#neo2025-tab1")
    page.locator("#neo2025-tab1 .copy").click()
    wait_until(page, "document.querySelector('#neo2025-tab1 .copy').textContent === 'Copied'")
    assert (
        page.evaluate("navigator.clipboard.readText()")
        == "snakemake --cores 1 neo2025_tab1 --configfile my.yaml"
    )


@pytest.mark.parametrize("window", EVERY, indirect=True)
@pytest.mark.parametrize("address", ["", "#neo2025-tab1", "#neo2025-fig3", "#qian2025-fig1"])
def test_the_gallery_can_be_read_by_all(window, site, address):
    page = window.open(site, address)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate(CONTRAST) == []
    assert window.violations() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("window", EVERY, indirect=True)
def test_the_scorecard_can_be_read_by_all(window, site):
    page = window.open(site.parents[1] / "scorecard.html")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate(CONTRAST) == []
    assert window.violations() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_theme_can_be_changed(window, site):
    page = window.open(site)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    assert page.evaluate(CONTRAST) == []


def test_the_scorecard_shows_what_its_csv_holds(window, site):
    page = window.open(site.parents[1] / "scorecard.html")
    claims = pd.read_csv(site.parents[1] / "scorecard.csv", keep_default_na=False)
    assert page.inner_text("#found") == "4 of 4 claims"
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    rows = page.locator(".numbers tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(one => one.firstChild.textContent))"
    )
    assert [row[0] for row in rows] == claims["metric"].tolist()
    for row, (_, line) in zip(rows, claims.iterrows(), strict=True):
        assert row[2] == f"{line['reproduced']:.4g}"
        assert row[3] == str(line["n"])
    said = visible(page, "td[data-label=Verdict] .verdict")
    assert said[:2] == ["✓ replicated", "± replicated on 1 of 2 models"]
    assert visible(page, ".numbers em") == ["control holds"]


def test_the_scorecard_is_filtered_by_study_verdict_and_words(window, site):
    page = window.open(site.parents[1] / "scorecard.html")
    page.get_by_role("button", name="1 mixed").click()
    assert visible(page, ".claim .key") == ["C2"]
    page.get_by_role("button", name="1 not replicated").click()
    assert visible(page, ".claim .key") == ["C4"]
    page.get_by_role("button", name="Qian et al. 2025").click()
    assert visible(page, ".claim .key") == ["C4"]
    assert visible(page, "[data-verdict]")[0] == "2 all"
    assert "0 mixed" in visible(page, "[data-verdict]")
    page.get_by_role("button", name="2 all").click()
    assert visible(page, ".claim .key") == ["C1", "C4"]
    page.fill("#search", "statement c1")
    assert visible(page, ".claim .key") == ["C1"]
    page.fill("#search", "nothing like it")
    assert visible(page, ".claim .key") == [] and page.locator("#none").is_visible()


def test_a_link_to_a_claim_shows_it_whatever_is_filtered(window, site):
    page = window.open(site.parents[1] / "scorecard.html")
    page.get_by_role("button", name="Qian et al. 2025").click()
    page.evaluate("location.hash = 'neo2025-C1'")
    page.wait_for_selector("#neo2025-C1:not([hidden])")
    assert page.inner_text("#found") == "4 of 4 claims"
    assert page.get_by_role("button", name="all studies").get_attribute("aria-pressed") == "true"


def test_a_link_to_a_study_shows_it_whatever_is_filtered(window, site):
    page = window.open(site)
    page.fill("#search", "nothing like it")
    assert visible(page, "section.study") == []
    page.evaluate("location.hash = 'study-neo2025'")
    page.wait_for_selector("#study-neo2025 h2")
    assert page.locator("#search").input_value() == "" and visible(page, "section.study")


@pytest.mark.parametrize("address", ["#%", "#nowhere"])
def test_an_address_that_names_nothing_shows_the_overview(window, site, address):
    page = window.open(site, address)
    assert page.locator("#overview").is_visible() and visible(page, "article") == []


def test_keys_with_modifiers_are_the_browsers(window, site):
    page = window.open(site, "#neo2025-tab1")
    for keys in ("Alt+ArrowRight", "Shift+ArrowRight", "Control+ArrowRight"):
        page.keyboard.press(keys)
        assert page.evaluate("location.hash") == "#neo2025-tab1"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("location.hash") != "#neo2025-tab1"


def test_links_of_the_scorecard_lead_to_figures(window, site):
    page = window.open(site.parents[1] / "scorecard.html")
    page.locator("#qian2025-C4 a.figure").click()
    page.wait_for_url("**/site/index.html#qian2025-tab1")
    page.wait_for_selector("html[data-ready]")
    assert visible(page, "article h2")[0].startswith("Table 1")


def test_every_link_of_the_page_leads_to_a_file(window, site):
    page = window.open(site)
    addresses = page.locator("a").evaluate_all("links => links.map(one => one.href)")
    assert len(addresses) > 60
    for address in addresses:
        parts = urlsplit(address)
        assert parts.scheme == "file" and Path(unquote(parts.path)).is_file(), address
