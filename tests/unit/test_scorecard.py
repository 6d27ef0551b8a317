"""The scorecard's three files."""

import dataclasses
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest

from sightline.report.scorecard import gather_claims, scorecard_markdown, write_scorecard
from sightline.report.scorecard_page import scorecard_page
from sightline.studies.claims import COLUMNS, VERDICTS, Claim, ClaimError, write_claims

VOID = {"meta", "link", "br"}


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
    claim("neo2025", "C2", "not replicated"),
    claim("neo2025", "C10", "not run"),
    claim("qian2025", "C1", "inconclusive", published="over 70"),
]


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
    write_claims(CLAIMS[3:], tmp_path / "a.csv")
    write_claims([CLAIMS[2], CLAIMS[0], CLAIMS[1]], tmp_path / "b.csv")
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


def test_markdown_is_compact_and_safe():
    text = scorecard_markdown(CLAIMS)
    assert "1 replicated · 1 not replicated · 1 inconclusive · 1 not run" in text
    assert text.index("## neo2025") < text.index("## qian2025")
    row = next(line for line in text.splitlines() if line.startswith("| C1 "))
    assert "a \\| bar" in row
    assert "| 71.79 | 68.25 [60.1, 75.5] | 120 | demo-llava | **replicated** |" in row
    waiting = next(line for line in text.splitlines() if line.startswith("| C10 "))
    assert "| unknown | – |  | demo-llava | **not run** |" in waiting  # noqa: RUF001


def test_page_needs_nothing_from_elsewhere():
    text = scorecard_page(CLAIMS)
    page = Page(text)
    for tag, attributes in page.tags:
        assert attributes.get("src") is None
        assert attributes.get("href") in (None, "data:,")
        assert tag not in {"img", "iframe"}
    assert "http" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text


def test_page_words_every_verdict_and_can_be_filtered_by_it():
    page = Page(scorecard_page(CLAIMS))
    buttons = [attributes["data-verdict"] for tag, attributes in page.tags if tag == "button"]
    rows = [
        attributes["data-verdict"]
        for tag, attributes in page.tags
        if tag == "tr" and "data-verdict" in attributes
    ]
    assert buttons[0] == ""
    assert len(set(buttons)) == len(VERDICTS) + 1
    assert set(rows) == set(buttons[1:])
    words = " ".join(page.text)
    for verdict in VERDICTS:
        assert words.count(verdict) >= 2
    assert "60.1 to 75.5" in words
    assert "unknown" in words
    assert "with <b>tags</b> & a | bar" in words


def test_page_groups_by_study_and_says_when_there_is_nothing():
    page = Page(scorecard_page(CLAIMS))
    assert sum(tag == "section" for tag, _ in page.tags) == 2
    assert "No claim was judged in this run." in scorecard_page([])


def test_written_twice_the_bytes_are_equal(tmp_path):
    for name in ("first", "second"):
        write_scorecard(CLAIMS, tmp_path / name)
    for suffix in ("csv", "md", "html"):
        first, second = (tmp_path / f"{name}.{suffix}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
