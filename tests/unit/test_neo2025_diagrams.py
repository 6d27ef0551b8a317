"""Figures 1 and 2: what they show is what the run measured, chosen by rule."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from neo2025_fakes import measurements
from neo2025_knockout_fakes import knockout_measurements
from neo2025_page_fakes import picture
from sightline.errors import SightlineError
from sightline.studies.drawing import save_figure
from sightline.studies.neo2025.diagrams import (
    ablation_figure,
    example_columns,
    overview_figure,
    overview_numbers,
)
from sightline.studies.neo2025.diagrams.example import choose_image
from sightline.studies.neo2025.diagrams.overview_case import ELSEWHERE, OTHER, OWN, Case, read_case
from sightline.studies.neo2025.effects import summarise
from sightline.studies.neo2025.knockout.effects import summarise as summarise_knockout
from sightline.studies.neo2025.lens.effects import CURVE_COLUMNS
from sightline.studies.neo2025.measurements import MeasurementError

ROWS, COLUMNS, STATES = 3, 4, 5
SAID = {(5, 2): "cat", (6, 2): "cat", (5, 3): "cat", (7, 3): "dog", (0, 1): "dog"}
"""Words by token and state; all others say "the". The cat covers tokens 5 and 6, the dog 0, 1 and 7."""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Tables of a lens page with one image, and the words beside them."""
    words = [
        (7, token, state, rank, SAID.get((token, state), "the") if rank == 0 else "cat", 0.5)
        for token in range(ROWS * COLUMNS)
        for state in range(STATES)
        for rank in range(2)
    ]
    answer = [(7, state, 0, f"word{state}", 0.5) for state in range(STATES)]
    objects = [
        (7, 1, "dog", False, [0, 1, 7]),
        (7, 2, "cat", False, [5, 6]),
        (7, 3, "cat", True, [8]),
    ]
    image = [(7, "Describe this image.", ROWS, COLUMNS, picture(ROWS, COLUMNS))]
    tables = {
        "words": (words, "image_id token state rank text probability"),
        "answer": (answer, "image_id state rank text probability"),
        "objects": (objects, "image_id object_id category crowd tokens"),
        "images": (image, "image_id question rows columns picture"),
    }
    for name, (rows, columns) in tables.items():
        pd.DataFrame(rows, columns=columns.split()).to_parquet(tmp_path / f"{name}.parquet")
    spellings = {"cat": {"strict": [1]}, "dog": {"strict": [2]}}
    stored = {"texts": ["the", "cat", "dog"], "spellings": spellings}
    (tmp_path / "words.json").write_text(json.dumps(stored))
    return tmp_path


def case_of(page: Path, widest: int = 14) -> Case:
    return read_case(page, page / "words.json", widest)


def numbers() -> pd.DataFrame:
    """The findings of a made-up model; its lens rises in the object alone."""
    curves = [
        ("toy", "main", series, "strict", "share", 5, state, state / 4, 9, value, value, value)
        for series, slope in (("object", 4.0), ("outside", 0.5))
        for state, value in enumerate(slope * np.arange(5))
    ]
    lens = pd.DataFrame(curves, columns=list(CURVE_COLUMNS))
    knockout = summarise_knockout(knockout_measurements(sliding=False))
    return overview_numbers.collect("toy", summarise(measurements(), draws=20), lens, knockout)


def example() -> pd.DataFrame:
    """Subsets of image 3 of the made-up measurements."""
    tokens = {example_columns.OBJECT: [5, 6], example_columns.PLUS_1: [1, 2, 4, 5, 6, 7]}
    rows = [
        ("toy", 3, 1, "car", ROWS, COLUMNS, picture(ROWS, COLUMNS), *key, found)
        for key, found in tokens.items()
    ]
    return pd.DataFrame(rows, columns=list(example_columns.EXAMPLE_COLUMNS))


def words_in(figure: Figure) -> set[str]:
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def test_case_is_the_object_that_decodes_best_among_those_large_enough(page):
    """Two tokens are too few as long as another object has three."""
    case = case_of(page)
    assert (case.image_id, case.category, case.tokens) == (7, "dog", [0, 1, 7])
    assert (case.token, case.strip) == (0, [0, 1, 2, 3])
    assert case.texts == ["the", "dog", "the", "the", "the"]
    assert case.answers == [f"word{state}" for state in range(STATES)]


def test_kinds_tell_the_objects_class_from_others_in_the_image(page):
    objects = pd.read_parquet(page / "objects.parquet")
    objects[objects["object_id"] == 2].to_parquet(page / "objects.parquet")
    case = case_of(page)
    assert (case.category, case.token, case.strip) == ("cat", 5, [4, 5, 6, 7])
    assert case.kinds[:, 1].tolist() == [OTHER, OTHER, OWN, OWN, OTHER]
    assert case.kinds[3, 3] == OTHER, "no dog is annotated any more"
    assert ELSEWHERE not in case.kinds
    assert case_of(page, 2).strip == [4, 5]


def test_no_object_in_sight_is_an_error_that_names_the_setting(page):
    pd.read_parquet(page / "objects.parquet")[:0].to_parquet(page / "objects.parquet")
    with pytest.raises(SightlineError, match="chosen"):
        case_of(page)


def test_overview_carries_the_measured_numbers():
    found = numbers()
    lost = found[found["finding"] == overview_numbers.ABLATION].set_index("label")["value"]
    assert lost.to_dict() == {
        "object": 40, "object + 1": 80, "random outside (as object + 1)": 0, "register": 2,
    }  # fmt: skip
    none_lost = found[found["label"] == "random outside (as object + 1)"].squeeze()
    assert none_lost["ci_high"] > 3, "no answer of 100 lost is not certain to be none"
    cut = overview_numbers.strongest_cut(found)
    assert cut["value"] == pytest.approx(20)
    assert (cut["first"], cut["last"]) == (15, 24)
    lens = found[found["finding"] == overview_numbers.LENS]
    assert lens.groupby("label")["value"].max().to_dict() == {
        "object's tokens": 16, "tokens outside": 2,
    }  # fmt: skip


def test_overview_stands_without_any_knockout(page):
    """A model that answers nothing right has no window that costs most."""
    found = numbers()
    found = found[found["finding"] != overview_numbers.KNOCKOUT]
    assert overview_numbers.strongest_cut(found) is None
    assert overview_figure.draw(case_of(page), found).axes


def test_image_shown_is_one_that_the_object_alone_loses():
    """Of a hundred images the object and one ring lose the first eighty, random tokens the first two."""
    measured = measurements()
    outside = measured["condition"].eq(example_columns.RANDOM[0]) & measured["image_id"].eq(0)
    assert choose_image(measured.assign(correct=measured["correct"] & ~outside)) == 1
    with pytest.raises(MeasurementError, match="ablation_set"):
        choose_image(measured[:0])


def test_ablation_figure_shows_answers_and_counts():
    measured = measurements()
    assert ablation_figure.counted(measured).groupby("setting")["lost"].sum().to_dict() == {
        "generative": 80, "polling": 80, "vqa": 80,
    }  # fmt: skip
    shown = words_in(ablation_figure.draw(example(), measured))
    assert {"image 3: 3 by 4 tokens, 2 on the car", "VQA: 80 of 100 wrong"} <= shown


@pytest.mark.parametrize("name", ["fig1", "fig2"])
def test_same_bytes_twice(name: str, page: Path, tmp_path: Path):
    found = numbers()
    # The made-up cuts are those of a deep model, the states those of a shallow one.
    shallow = found.assign(first=found["first"] // 10, last=found["last"] // 10)
    drawn: dict[str, Callable[[], Figure]] = {
        "fig1": lambda: overview_figure.draw(case_of(page, 3), shallow),
        "fig2": lambda: ablation_figure.draw(example(), measurements()),
    }
    first, second = (save_figure(drawn[name](), tmp_path / side / name) for side in "ab")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_drawing_needs_no_torch():
    code = (
        "import sys; from sightline.studies.neo2025.diagrams import ablation_figure, "
        "overview_figure; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
