"""The scorecard's three files."""

import dataclasses
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest

from sightline.report.scorecard import gather_claims, scorecard_markdown, write_scorecard
from sightline.report.scorecard_page import gallery_links, scorecard_page
from sightline.studies.claims import COLUMNS, VERDICTS, Claim, ClaimError, write_claims

VOID = {"meta", "link", "br", "input"}


def claim(study: str, number: str, verdict: str = "replicated", **changes) -> Claim:
    run = verdict != "not run"
    row = Claim(
        study=study,
        claim=number,
        statement=f"Statement of {number} with <b>tags</b> & a | bar",
        item="tab1",
        metric="decrease, percent",
        published=71.79 if run else None,
        published_source="quoted elsewhere" if run else "not found",
        reproduced=68.2512 if run else None,
        ci_low=60.1 if run else None,
        ci_high=75.5 if run else None,
        n=120 if run else None,
        model="demo-llava",
        dataset="world",
        variant="corrected",
        criterion="decrease of at least 50 points",
        verdict=verdict,
    )
    return dataclasses.replace(row, **changes)


CLAIMS = [
    claim("neo2025", "C1"),
    claim("neo2025", "C1", metric="control, <i>F1</i>", item="fig3"),
    claim("neo2025", "C2", "not replicated"),
    claim("neo2025", "C10", "not run"),
    claim("qian2025", "C1", "inconclusive", published="over 70"),
]


def page_of(claims: list[Claim]) -> str:
    return scorecard_page(claims, gallery_links(claims, "site/index.html"), "site/index.html")


class Page(HTMLParser):
    """Collects tags, checks nesting, and keeps the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text.append(data)


def test_three_files_from_the_command_line_in_any_order_of_inputs(tmp_path):
    write_claims(CLAIMS[4:], tmp_path / "a.csv")
    write_claims([CLAIMS[3], CLAIMS[0], CLAIMS[1], CLAIMS[2]], tmp_path / "b.csv")
    for stem, files in (("first", ["a.csv", "b.csv"]), ("second", ["b.csv", "a.csv"])):
        command = [sys.executable, "-m", "sightline.report.scorecard", "--out", tmp_path / stem]
        subprocess.run([*command, "--claims", *(tmp_path / file for file in files)], check=True)
    for suffix in ("csv", "md", "html"):
        first = (tmp_path / f"first.{suffix}").read_bytes()
        assert first == (tmp_path / f"second.{suffix}").read_bytes()
    frame = pd.read_csv(tmp_path / "first.csv", keep_default_na=False)
    assert tuple(frame.columns) == COLUMNS
    assert list(frame["study"] + " " + frame["claim"]) == [
        "neo2025 C1",
        "neo2025 C1",
        "neo2025 C2",
        "neo2025 C10",
        "qian2025 C1",
    ]


def test_a_malformed_file_ends_the_command_with_one_line(tmp_path):
    (tmp_path / "a.csv").write_text("study\n")
    command = [sys.executable, "-m", "sightline.report.scorecard", "--out", tmp_path / "s"]
    ended = subprocess.run(
        [*command, "--claims", tmp_path / "a.csv"], capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {tmp_path / 'a.csv'}: columns are study, expected")
    assert "Traceback" not in ended.stderr


def test_the_same_claim_in_two_files_is_refused(tmp_path):
    for name in ("a.csv", "b.csv"):
        write_claims(CLAIMS[:1], tmp_path / name)
    with pytest.raises(ClaimError, match="2 rows for one claim"):
        gather_claims([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_markdown_counts_claims_and_is_safe():
    text = scorecard_markdown(CLAIMS)
    assert "4 claims: 1 replicated · 1 not replicated · 1 inconclusive · 1 not run" in text
    assert text.index("## neo2025") < text.index("## qian2025")
    row = next(line for line in text.splitlines() if line.startswith("| C1 "))
    assert "a \\| bar" in row
    assert (
        "| 71.79 | 68.25 [60.1, 75.5] | 120 | decrease, percent | demo-llava | corrected |" in row
    )
    assert row.endswith("| **replicated** |")
    waiting = next(line for line in text.splitlines() if line.startswith("| C10 "))
    assert "| unknown | – |  | decrease, percent | demo-llava |" in waiting  # noqa: RUF001
    (control,) = [line for line in text.splitlines() if "control, <i>F1</i>" in line]
    assert control.endswith("| control holds |")


def test_page_needs_nothing_from_elsewhere():
    text = page_of(CLAIMS)
    page = Page(text)
    for tag, attributes in page.tags:
        assert attributes.get("src") is None
        assert (attributes.get("href") or "data:,").startswith(("data:,", "#", "site/index.html"))
        assert tag not in {"img", "iframe"}
    assert "http:" not in text and "https:" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert "light-dark(" in text


def test_page_shows_one_verdict_per_claim_and_can_be_filtered_by_it():
    page = Page(page_of(CLAIMS))
    buttons = [
        attributes["data-verdict"] for tag, attributes in page.tags if "data-verdict" in attributes
    ]
    claims = [attributes for tag, attributes in page.tags if attributes.get("class") == "claim"]
    assert buttons[0] == ""
    assert len(set(buttons)) == len(VERDICTS) + 1
    assert [one["id"] for one in claims] == [
        "neo2025-C1",
        "neo2025-C2",
        "neo2025-C10",
        "qian2025-C1",
    ]
    assert {one["data-mark"] for one in claims} == set(buttons[1:])
    words = " ".join(page.text)
    for verdict in VERDICTS:
        assert words.count(verdict) >= 2
    assert "60.1 to 75.5" in words
    assert "unknown" in words
    assert "with <b>tags</b> & a | bar" in words
    assert "control holds" in words
    assert "2 rows, 1 of them control" in words


def test_links_lead_to_items_that_a_study_lists_and_nowhere_else():
    rows = [*CLAIMS, claim("neo2025", "C4", item="none"), claim("nobody2030", "C1")]
    link = gallery_links(rows, "site/index.html")
    assert link(CLAIMS[0]) == "site/index.html#neo2025-tab1"
    assert link(rows[-2]) == link(rows[-1]) == ""
    found = [attributes["href"] for tag, attributes in Page(page_of(rows)).tags if tag == "a"]
    assert found.count("site/index.html#neo2025-tab1") == 3


def test_page_groups_by_study_and_says_when_there_is_nothing():
    page = Page(page_of(CLAIMS))
    studies = [attributes["data-study"] for tag, attributes in page.tags if tag == "section"]
    assert studies == ["neo2025", "qian2025"]
    assert "No claim was judged in this run." in page_of([])


def test_written_twice_the_bytes_are_equal(tmp_path):
    for name in ("first", "second"):
        write_scorecard(CLAIMS, tmp_path / name)
    for suffix in ("csv", "md", "html"):
        first, second = (tmp_path / f"{name}.{suffix}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
