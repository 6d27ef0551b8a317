"""Figures in house style, whose bytes repeat from process to process."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from sightline.errors import SightlineError
from sightline.studies.drawing import (
    PALETTE,
    STYLE,
    WIDTHS,
    error_bars,
    new_figure,
    panel_letter,
    published_marks,
    save_figure,
    series,
    wrapped_answer,
)

DRAW = """
    import sys
    import pandas as pd
    from sightline.studies.drawing import *
    with new_figure(columns=2, height=2, columns_of_axes=2, sharey=True) as (figure, axes):
        for number in range(3):
            axes[0].plot([1, 2, 3], [number, 1, 2], label=f"series {number} → é", **series(number))
        axes[1].bar([0, 1], [1, 2], color=PALETTE["sky"], hatch="//", label="bars")
        error_bars(axes[1], [0, 1], [1, 2], [0.5, 1.5], [1.5, 2.5])
        published_marks(axes[1], [0, 1], [1.2, float("nan")])
        axes[0].set_title("Loss of object identification")
        axes[0].legend()
        panel_letter(axes[0], "a")
    save_figure(figure, sys.argv[1], pd.DataFrame({"x": [1]}), formats=("pdf", "png", "svg"))
"""


def draw_elsewhere(stem: Path, hash_seed: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(DRAW), str(stem)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": hash_seed})


def test_bytes_repeat_in_another_process_at_another_time(tmp_path):
    draw_elsewhere(tmp_path / "first", "1")
    draw_elsewhere(tmp_path / "second", "2")
    for suffix in ("pdf", "png", "svg", "csv"):
        first, second = (tmp_path / f"{name}.{suffix}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), suffix


def test_pdf_embeds_type_42_fonts_and_carries_no_date(tmp_path):
    with new_figure() as (figure, axes):
        axes.set_title("text")
    pdf, png = save_figure(figure, tmp_path / "v2.fig1")
    assert (pdf.name, png.name) == ("v2.fig1.pdf", "v2.fig1.png")
    content = pdf.read_bytes()
    assert b"/CIDFontType2" in content
    assert b"/Type3" not in content
    assert b"CreationDate" not in content
    assert b"Matplotlib" not in content
    assert b"Software" not in png.read_bytes()


def test_size_is_the_one_asked_for(tmp_path):
    with new_figure(columns=2, height=1.5) as (figure, _):
        pass
    _, png = save_figure(figure, tmp_path / "f")
    width, height = np.frombuffer(png.read_bytes()[16:24], dtype=">u4")
    assert (width, height) == (WIDTHS[2] * 300, 450)


def test_everything_drawn_in_the_block_is_in_house_style():
    with new_figure() as (_, axes):
        axes.plot([0, 1], [0, 1], label="a")
        axes.set_title("text")
        legend = axes.legend()
    assert axes.title.get_fontsize() == STYLE["axes.titlesize"]
    assert legend.get_texts()[0].get_fontsize() == STYLE["legend.fontsize"]
    assert not legend.get_frame_on()


def test_style_does_not_leak_into_the_callers_settings(tmp_path):
    before = dict(mpl.rcParams)
    with new_figure() as (figure, _):
        pass
    save_figure(figure, tmp_path / "f", formats=("png",))
    assert dict(mpl.rcParams) == before
    assert (
        "matplotlib.pyplot"
        not in subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys, sightline.studies.drawing; print(*sys.modules)",
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
    )


def test_error_bars_are_absolute_ends_and_gaps_draw_nothing():
    with new_figure() as (_, axes):
        error_bars(axes, [0, 1, 2], [5, 5, np.nan], [4, np.nan, 1], [5.5, 6, 2])
    segments = axes.containers[0].lines[2][0].get_segments()
    assert len(segments) == 1
    np.testing.assert_allclose(segments[0], [[0, 4], [0, 5.5]])


def test_horizontal_error_bars_and_an_interval_beside_its_estimate():
    with new_figure() as (_, axes):
        error_bars(axes, [5], [0], [5.5], [6], horizontal=True)
    np.testing.assert_allclose(axes.containers[0].lines[2][0].get_segments()[0], [[5, 0], [6, 0]])


def test_series_differ_in_colour_marker_and_dash():
    looks = [series(number) for number in range(len(PALETTE))]
    for key in ("color", "marker", "linestyle"):
        assert len({str(look[key]) for look in looks}) == len(PALETTE)


def test_published_marks_and_panel_letters_are_drawn():
    with new_figure() as (_, axes):
        published_marks(axes, [0, 1], [1.0, np.nan])
        panel_letter(axes, "b")
    assert axes.lines[0].get_label() == "published"
    assert axes.texts[0].get_text() == "b"


def test_unknown_widths_and_formats_are_named(tmp_path):
    with pytest.raises(SightlineError, match="1 or 2 columns, not 3"), new_figure(columns=3):
        pass
    with new_figure() as (figure, _):
        pass
    with pytest.raises(SightlineError, match="no figure format gif"):
        save_figure(figure, tmp_path / "f", pd.DataFrame(), formats=("gif",))


@pytest.mark.parametrize(
    ("text", "letters", "lines"),
    [
        ("a red butterfly .", 15, ["a red", "butterfly\N{NO-BREAK SPACE}."]),
        ("Is it a mug? yes ✓", 16, ["Is it a mug?", "yes\N{NO-BREAK SPACE}✓"]),
        ("sure , [SEG] .", 8, ["sure\N{NO-BREAK SPACE},", "[SEG]\N{NO-BREAK SPACE}."]),
    ],
)
def test_no_mark_of_an_answer_is_left_alone_on_a_line(text, letters, lines):
    assert wrapped_answer(text, letters) == lines
