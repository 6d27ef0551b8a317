"""Tables in three formats, the same bytes each time."""

import numpy as np
import pandas as pd
import pytest

from sightline.errors import SightlineError
from sightline.studies.tables import escape_tex, write_table

FRAME = pd.DataFrame(
    {
        "subset": ["object", "object + 1", "a|b & 5%_x"],
        "n": [39, 39, 39],
        "decrease": [33.3333333333, -0.001, np.nan],
    }
)


def test_three_files_that_repeat(tmp_path):
    stem = tmp_path / "deep" / "tab1"
    paths = write_table(FRAME, stem, "Loss of identification.", headers={"n": "images"})
    assert [path.name for path in paths] == ["tab1.csv", "tab1.md", "tab1.tex"]
    first = [path.read_bytes() for path in paths]
    write_table(FRAME, stem, "Loss of identification.", headers={"n": "images"})
    assert [path.read_bytes() for path in paths] == first


def test_csv_keeps_names_and_digits(tmp_path):
    write_table(FRAME, tmp_path / "t", "c", formats=("csv",), headers={"n": "images"})
    assert (tmp_path / "t.csv").read_text().splitlines()[:2] == [
        "subset,n,decrease",
        "object,39,33.333333",
    ]


def test_markdown_is_aligned_rounded_and_escaped(tmp_path):
    write_table(FRAME, tmp_path / "t", "Caption.", formats=("md",), digits={"decrease": 1})
    assert (tmp_path / "t.md").read_text() == (
        "Caption.\n\n"
        "| subset | n | decrease |\n"
        "| :-- | --: | --: |\n"
        "| object | 39 | 33.3 |\n"
        "| object + 1 | 39 | 0.0 |\n"
        "| a\\|b & 5%_x | 39 | – |\n"  # noqa: RUF001
    )


def test_latex_is_booktabs_and_escaped(tmp_path):
    write_table(FRAME, tmp_path / "t", "50 % lost", formats=("tex",), missing="not run")
    text = (tmp_path / "t.tex").read_text()
    assert r"\caption{50 \% lost}" in text
    assert r"\begin{tabular}{lrr}" in text
    assert r"a|b \& 5\%\_x & 39 & not run \\" in text
    assert text.index(r"\toprule") < text.index(r"\midrule") < text.index(r"\bottomrule")


def test_tex_escapes_once():
    assert escape_tex(r"\{~") == r"\textbackslash{}\{\textasciitilde{}"


def test_a_stem_with_a_dot_keeps_it(tmp_path):
    assert write_table(FRAME, tmp_path / "v2.fig1", "c", formats=("md",))[0].name == "v2.fig1.md"


def test_unknown_formats_and_columns_are_named(tmp_path):
    with pytest.raises(SightlineError, match="no table format xlsx"):
        write_table(FRAME, tmp_path / "t", "c", formats=("xlsx",))
    with pytest.raises(SightlineError, match="no column m to give a heading"):
        write_table(FRAME, tmp_path / "t", "c", headers={"m": "images"})
