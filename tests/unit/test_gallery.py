"""The gallery: every item with its files, numbers, command and origin; nothing from a text becomes HTML."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
from PIL import Image

from gallery_fakes import EVIL, RECORD, STUDIES, build, write_results
from sightline.report.gallery.articles import command, published_html
from sightline.report.gallery.copies import page_links
from sightline.report.gallery.entries import GalleryError, read_entries
from sightline.report.gallery.published import published_of, published_tables
from sightline.report.gallery.site import write_gallery
from sightline.report.papers import item_label
from sightline.studies.published import load_items


class Page(HTMLParser):
    """Elements with their attributes, and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)

    def ids(self):
        return [found["id"] for _, found in self.tags if "id" in found]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="module")
def page(site) -> Page:
    return Page(site.read_text())


def test_every_item_of_every_study_is_there(page):
    ids = page.ids()
    assert len(ids) == len(set(ids))
    for study in STUDIES:
        for item in load_items(study).itertuples():
            assert ids.count(f"{study}-{item.item}") == 1
    articles = [found["id"] for tag, found in page.tags if tag == "article"]
    assert articles == [
        "neo2025-fig1", "neo2025-tab1", "neo2025-fig3", "neo2025-extra4", "qian2025-fig1", "qian2025-fig3",
        "qian2025-tab1",
    ]  # fmt: skip
    words = " ".join(page.texts)
    assert "Not run: needs measurements of a second model" in words


def links_that_resolve_inside(folder: Path) -> int:
    """How many links and pictures the pages of a folder have; each has to lead to a file in it."""
    seen = 0
    for file in sorted(folder.rglob("*.html")):
        if "files" in file.relative_to(folder).parts:
            continue
        for _, found in Page(file.read_text()).tags:
            for address in (found.get("href"), found.get("src")):
                if address is None or address == "data:,":
                    continue
                parts = urlsplit(address)
                assert not parts.scheme and not parts.netloc, address
                target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
                assert target.is_file() and target.is_relative_to(folder.resolve()), address
                if parts.fragment:
                    assert parts.fragment in Page(target.read_text()).ids(), address
                seen += 1
    return seen


def test_every_link_and_picture_resolves_inside_the_folder(site):
    assert links_that_resolve_inside(site.parent) > 60


def test_the_folder_stands_alone_when_it_is_moved(site, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(site.parent, moved)
    assert links_that_resolve_inside(moved) > 60


def test_explorers_bring_their_pages_and_nothing_from_outside(site):
    files = site.parent / "files"
    assert (files / "neo2025" / "extra4" / "toy.html").is_file()
    assert not list(site.parent.rglob("outside.html"))
    assert page_links('<a href="x%20y.html#z">a</a><a href="https://b.c/d">b</a>') == ["x y.html"]


@pytest.mark.parametrize("name", ["index.html", "scorecard.html"])
def test_texts_stay_texts(site, name):
    text = (site.parent / name).read_text()
    assert "<img src=x" not in text
    assert EVIL in " ".join(Page(text).texts)
    assert not [one for one in Page(text).tags if "onerror" in one[1]]


def test_the_browser_is_told_to_load_nothing_but_pictures_beside(site):
    text = site.read_text()
    (policy,) = re.findall(r'Security-Policy" content="([^"]+)"', text)
    assert "default-src 'none'" in policy and "http" not in policy
    assert "http:" not in text and "https:" not in text and "url(" not in text


def test_equal_results_give_equal_bytes(site, tmp_path):
    again = build(tmp_path)
    first = {
        file.relative_to(site.parent): file.read_bytes()
        for file in site.parent.rglob("*")
        if file.is_file()
    }
    second = {
        file.relative_to(again.parent): file.read_bytes()
        for file in again.parent.rglob("*")
        if file.is_file()
    }
    assert first == second


def test_a_new_gallery_leaves_no_old_file(tmp_path):
    site = build(tmp_path)
    stale = site.parent / "files" / "old.png"
    stale.touch()
    write_gallery(site.parents[1], STUDIES, RECORD, site)
    assert not stale.exists()


def test_pictures_are_small_in_the_overview_and_whole_in_the_item(site):
    files = site.parent / "files" / "qian2025"
    with (
        Image.open(files / "small" / "fig1.webp") as small,
        Image.open(files / "fig1.png") as whole,
    ):
        assert max(small.size) <= 560
        assert whole.size == (400, 320)


def test_numbers_commands_and_origin_stand_beside(page):
    words = " ".join(page.texts)
    assert "snakemake --cores 1 neo2025_tab1 --configfile my.yaml" in words
    assert RECORD["config_sha256"] in words
    assert "commit abc123 (clean)" in words
    assert f"model.safetensors sha256 {'ab' * 32}" in words
    assert f"sha256 {'cd' * 32} over 3 files" in words
    assert "hub/sam, revision 87ae" in words
    assert "second-hand: reported by others, not checked against the paper" in words
    assert "68.25" in words and "60.1 to 75.5" in words
    assert "replicated on 1 of 2 models" in words


def test_the_command_of_the_demo_names_no_file(tmp_path):
    write_results(tmp_path / "toy")
    entry = read_entries("neo2025", tmp_path / "toy" / "neo2025", [])[0]
    assert command(entry, RECORD | {"options": ""}) == "snakemake --cores 1 neo2025_fig1"


def test_published_numbers_are_copied_with_their_sources(site):
    frame = pd.read_csv(site.parent / "files" / "neo2025" / "published" / "tab1.csv", dtype=str)
    assert len(frame) == 144
    assert frame.loc[0, ["value", "trust"]].tolist() == ["unknown", "unknown"]
    assert frame.loc[1, "value"] == "33.33"


def test_published_tables_keep_order_sources_and_unknowns():
    lines = pd.DataFrame(
        [
            ("t", "m", "r", "b", 1.5, "percent", "text", "paper"),
            ("t", "m", "r", "a", None, "percent", "not found", "unknown"),
            ("t", "n", "r", "a", 2.0, "percent", "text", "paper"),
            ("t_logs", "n", "<r>", "a", 3.0, "F1", "logs", "authors"),
        ],
        columns=["item", "model", "row", "column", "value", "unit", "source", "trust"],
    )
    first, logs = published_tables(lines)
    assert first.columns == ("b", "a")
    assert first.rows == (("m", "r", (("1.5", 1), ("unknown", 2))), ("n", "r", (None, ("2", 1))))
    assert [note.split(";")[1] for note in first.notes] == [" text", " not found"]
    assert "<sup>2</sup>" in published_html(first)
    assert "<sup>" not in published_html(logs) and "&lt;r&gt;" in published_html(logs)
    assert list(published_of("t", ["t"], lines)["item"]) == ["t", "t", "t", "t_logs"]
    assert list(published_of("t", ["t", "t_logs"], lines)["item"]) == ["t", "t", "t"]


def test_an_item_that_is_called_produced_must_be_there(tmp_path):
    write_results(tmp_path / "toy")
    folder = tmp_path / "toy" / "neo2025"
    (folder / "fig3.csv").unlink()
    with pytest.raises(
        GalleryError, match=r"says that fig3 was produced, but .*fig3\.csv is absent"
    ):
        read_entries("neo2025", folder, [])


def test_a_list_of_other_items_is_refused(tmp_path):
    write_results(tmp_path / "toy")
    folder = tmp_path / "toy" / "neo2025"
    listed = pd.read_csv(folder / "items.csv", keep_default_na=False)
    listed[1:].to_csv(folder / "items.csv", index=False)
    with pytest.raises(GalleryError, match="forcerun list_neo2025_items"):
        read_entries("neo2025", folder, [])


def test_a_run_without_studies_has_a_gallery_too(tmp_path):
    write_gallery(tmp_path, [], RECORD, tmp_path / "site" / "index.html")
    assert "0 of their 0 figures" in (tmp_path / "site" / "index.html").read_text()


def test_an_unreadable_record_ends_the_command_with_one_line(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "sightline.report.gallery.site", "--run", tmp_path, "--record", tmp_path / "no.json",
         "--out", tmp_path / "site" / "index.html"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {tmp_path / 'no.json'}: cannot be read")
    assert "forcerun record_run" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("item", "label"),
    [
        ("fig1", "Figure 1"),
        ("figS1e", "Figure S1e"),
        ("figB", "Figure B"),
        ("tab_ablations", "Table (ablations)"),
        ("v2_fig3", "Figure 3 of v2"),
        ("v2_tables", "Tables of v2"),
        ("fig6_draft", "Figure 6 (draft)"),
        ("textS2", "Text S2"),
        ("page1", "Project page 1"),
        ("knockout_curve", "Knockout curve"),
        ("windows", "Windows"),
    ],
)
def test_items_are_called_as_they_are_printed(item, label):
    assert item_label(item) == label
