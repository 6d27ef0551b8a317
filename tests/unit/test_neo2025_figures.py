"""Figures: drawn from the table alone, numbers beside, no torch."""

import argparse
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from neo2025_fakes import measurements
from sightline.files import write_csv
from sightline.studies.drawing import save_figure
from sightline.studies.neo2025.effects import summarise
from sightline.studies.neo2025.figures import FIGURES, SMALL_SAMPLES, main
from sightline.studies.published import load_published


@pytest.fixture(scope="module")
def effects() -> pd.DataFrame:
    """Effects of two made-up models."""
    both = pd.concat([measurements("one"), measurements("two")], ignore_index=True)
    return summarise(both, draws=50)


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_writes_the_same_bytes_twice(name: str, effects: pd.DataFrame, tmp_path):
    """Picture and numbers of a figure repeat byte for byte."""
    collect, draw = FIGURES[name]
    data = collect(effects, load_published("neo2025"))
    first = save_figure(draw(data), tmp_path / "a" / name, data)
    second = save_figure(draw(data), tmp_path / "b" / name, data)
    assert [path.suffix for path in first] == [".pdf", ".png", ".csv"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_without_a_right_answer_the_figure_says_so(name: str, effects: pd.DataFrame, tmp_path):
    """A model that knows nothing is no reason to go without all other figures."""
    write_csv(effects.head(0), tmp_path / "effects.csv")
    options = argparse.Namespace(effects=tmp_path / "effects.csv", figure=name, out=tmp_path / name)
    main(options)
    assert (tmp_path / f"{name}.png").stat().st_size and (tmp_path / f"{name}.pdf").exists()
    assert pd.read_csv(tmp_path / f"{name}.csv").empty


def test_bars_show_published_values_of_the_first_model_only(effects: pd.DataFrame):
    """No cell of the second model is known."""
    collect, _ = FIGURES["tab1_bars"]
    data = collect(effects, load_published("neo2025"))
    line = data.query("model == 'one' and setting == 'vqa' and label == 'object + 1'").squeeze()
    assert (line["decrease_percent"], line["published"]) == (80, 86.67)
    assert data.loc[data["model"] == "two", "published"].isna().all()


def test_curves_hold_fixed_sizes_only(effects: pd.DataFrame):
    """Matched subsets have no place on an axis of fixed sizes."""
    collect, _ = FIGURES["extra1"]
    data = collect(effects, load_published("neo2025"))
    random = data.query("model == 'one' and setting == 'vqa' and curve == 'random'")
    assert random["avg_tokens"].tolist() == [5, 40]
    points = data.query("model == 'one' and setting == 'vqa' and curve == ''")
    assert set(points["label"]) == {"object", "object + 1", "object + 2", "register"}


def test_no_answer_or_every_answer_lost_is_not_drawn_as_certain(effects: pd.DataFrame):
    """Of 100 images that all lost their answer a bootstrap is 100 to 100; Wilson's interval ends at 96."""
    collect, draw = FIGURES["tab1_bars"]
    data = collect(effects, load_published("neo2025"))
    for panel in draw(data).axes[:3]:
        (whiskers,) = [one for one in panel.collections if one.get_label() != SMALL_SAMPLES]
        spans = [segment[:, 0] for segment in whiskers.get_segments()]
        assert all(np.ptp(span) > 2 for span in spans)
        assert min(span[0] for span in spans if span[1] == 100) == pytest.approx(96.3, abs=0.1)


def test_models_keep_the_order_in_which_they_are_given():
    """The first stands for the paper's first, whatever their names."""
    both = pd.concat([measurements("two"), measurements("one")], ignore_index=True)
    collect, draw = FIGURES["extra1"]
    data = collect(summarise(both, draws=50), load_published("neo2025"))
    assert list(dict.fromkeys(data["model"])) == ["two", "one"]
    (legend,) = draw(data).legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:4] == ["object", "object + 1", "object + 2", "register"]


def test_drawing_needs_no_torch():
    """A figure is redrawn in seconds: importing torch alone would double that."""
    code = "import sys, sightline.studies.neo2025.figures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
