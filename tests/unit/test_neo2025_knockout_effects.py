"""From knockout measurements to numbers, table, figure and verdicts."""

import argparse
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from neo2025_knockout_fakes import LAYERS, LOST, knockout_measurements
from sightline.errors import SightlineError
from sightline.files import write_csv
from sightline.intervals import wilson
from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    Claim,
    read_claims,
    write_claims,
)
from sightline.studies.drawing import save_figure, series
from sightline.studies.neo2025.judging import AS_PUBLISHED, CORRECTED
from sightline.studies.neo2025.knockout import curve_figure, pairs
from sightline.studies.neo2025.knockout.claims import judge_knockout
from sightline.studies.neo2025.knockout.curve_figure import curve_data, draw
from sightline.studies.neo2025.knockout.effects import compare, find_cell, read_effects, summarise
from sightline.studies.neo2025.knockout.tab2 import build, display
from sightline.studies.neo2025.measurements import MeasurementError
from sightline.studies.published import load_published

O1 = "object_plus_1 to last position"
LVR = "image without last visual row to last visual row"


@pytest.fixture(scope="module")
def effects() -> pd.DataFrame:
    """Effects of the made-up model."""
    return summarise(knockout_measurements(), draws=50)


@pytest.fixture(scope="module")
def comparisons() -> pd.DataFrame:
    """Comparisons of the made-up model."""
    return compare(knockout_measurements(), draws=50)


def test_accuracy_counts_only_what_was_right_before(effects: pd.DataFrame):
    """80 of the 100 once right questions stay right; the 10 wrong ones do not count."""
    cell = find_cell(effects, "toy", CORRECTED, O1, "mask", "mid_late")
    assert (cell["n"], cell["asked"], cell["relative_accuracy"]) == (100, 110, 0.8)
    assert tuple(cell[["ci_low", "ci_high"]]) == pytest.approx(wilson(80, 100))
    assert (cell["first_layer"], cell["last_layer"]) == (15, 24)
    # Twenty answers fall from 0.9 to 0.1.
    assert cell["p_drop"] == pytest.approx(0.16)


def test_the_other_judge_has_its_own_questions(effects: pd.DataFrame):
    """The judge as published also accepts 5 of the 10, and loses none of these."""
    cell = find_cell(effects, "toy", AS_PUBLISHED, O1, "code_geometry", "mid_late")
    assert (cell["n"], cell["relative_accuracy"]) == (105, pytest.approx(85 / 105))


def test_several_random_draws_are_one_question():
    """Two draws, one of which loses: half a question."""
    table = knockout_measurements(answered=40)
    random = table["pair"] == "random_like_object_plus_1 to last position"
    second = table[random].assign(draw=1, correct=False)
    both = pd.concat([table, second], ignore_index=True)
    cell = find_cell(
        summarise(both, draws=20), "toy", CORRECTED,
        "random_like_object_plus_1 to last position", "outside", "early",
    )  # fmt: skip
    assert (cell["n"], cell["relative_accuracy"]) == (40, 0.5)


def test_windows_are_compared_on_the_same_questions(comparisons: pd.DataFrame):
    """Early loses the first 2, mid-late the first 20: 18 questions tell them apart."""
    row = comparisons[
        (comparisons["judge"] == CORRECTED)
        & (comparisons["first"] == O1) & (comparisons["first_variant"] == "mask")
        & (comparisons["first_window"] == "early") & (comparisons["second_window"] == "mid_late")
    ].squeeze()  # fmt: skip
    assert row["second"] == O1
    assert row["difference"] == pytest.approx(0.18)
    assert (row["only_first_lost"], row["only_second_lost"]) == (0, 18)
    assert row["p_value"] == pytest.approx(2 / 2**18)


def test_random_tokens_stand_against_the_object_in_every_window(comparisons: pd.DataFrame):
    """Equal targets and windows only."""
    rows = comparisons[
        (comparisons["judge"] == CORRECTED)
        & comparisons["second"].str.startswith("random")
        & ~comparisons["first"].str.startswith("random")
    ]
    assert (rows["first_window"] == rows["second_window"]).all()
    assert set(rows["first"].str.split(" to ").str[1]) == {pairs.LAST, pairs.QUESTION, pairs.TEXT}
    assert len(rows) == 3 * (len(pairs.NAMES) + len(pairs.sliding_windows(LAYERS)))
    row = rows[(rows["first"] == O1) & (rows["first_window"] == "from_15")].squeeze()
    assert row["difference"] == pytest.approx(-0.16)


def test_files_of_other_columns_are_refused(effects: pd.DataFrame, tmp_path):
    effects.to_csv(tmp_path / "e.csv", index=False)
    assert read_effects(tmp_path / "e.csv")["variant"].isin(["", "mask"]).any()
    effects.drop(columns="n").to_csv(tmp_path / "f.csv", index=False)
    with pytest.raises(MeasurementError, match="--forcerun summarise_knockout"):
        read_effects(tmp_path / "f.csv")


def test_table_has_the_papers_rows_with_its_cells(effects: pd.DataFrame):
    """Measured and published in one line, rows in the paper's order, added ones below."""
    table = build(effects, ["toy"], load_published("neo2025"))
    corrected = table[table["protocol"] == CORRECTED]
    assert list(corrected["pair"]) == [pair.name for pair in pairs.PAIRS]
    line = corrected[corrected["pair"] == O1].squeeze()
    assert (line["mid_late"], line["mid_late_published"]) == (0.8, 0.82)
    assert line["mid_late_layers"] == "15–24"  # noqa: RUF001
    assert (line["all_published"], line["status"]) == (0.67, "measured")
    published = corrected[[f"{name}_published" for name in pairs.NAMES]].stack().dropna()
    assert sorted(published) == [0.67, 0.82, *[1.0] * 12]


def test_table_shows_the_paper_below_its_rows(effects: pd.DataFrame):
    """Unknown cells say so; rows added here have no line of the paper's; the second model has none either."""
    both = pd.concat([effects, effects.assign(model="two")])
    shown = display(build(both, ["toy", "two", "three"], load_published("neo2025")))
    one = shown[(shown["Model"] == "toy") & (shown["From → to"] == "O+1 → LTP")]
    assert list(one["Protocol"]) == [CORRECTED, AS_PUBLISHED, "paper, LLaVA-1.5"]
    assert list(one["Mid-late"]) == ["0.80 [0.71, 0.87]", "0.81 [0.72, 0.87]", "0.82"]
    assert one["Late"].iloc[2] == "unknown"
    assert (shown["Protocol"] == "paper, LLaVA-1.5").sum() == 6
    assert set(shown.loc[shown["Model"] == "three", "All"]) == {"not run"}
    heads = shown[shown["From → to"] == "layers, from 0"]
    assert list(heads["Late"]) == ["21–31", "21–31", "not run"]  # noqa: RUF001


def test_curve_holds_sliding_windows_and_known_cells(effects: pd.DataFrame):
    both = pd.concat([effects, effects.assign(model="two")], ignore_index=True)
    data = curve_data(both, load_published("neo2025"))
    here = data[(data["target"] == pairs.LAST) & (data["source"] == pairs.PLUS_1)]
    assert list(here.loc[here["model"] == "two", "window"]) == [
        *(w for w in ["all"]), *(f"from_{n}" for n in range(23)),
    ]  # fmt: skip
    known = data.dropna(subset="published")
    assert set(known["model"]) == {"toy"}
    assert set(zip(known["window"], known["published"], strict=True)) == {
        ("mid_late", 0.82), ("all", 0.67),
    }  # fmt: skip
    assert set(data["source"]) == {pairs.PLUS_1, pairs.RANDOM, pairs.CONTEXT, pairs.IMAGE}


def test_figure_repeats_byte_for_byte(effects: pd.DataFrame, tmp_path):
    data = curve_data(effects, load_published("neo2025"))
    first = save_figure(draw(data), tmp_path / "a" / "curve", data)
    second = save_figure(draw(data), tmp_path / "b" / "curve", data)
    assert [path.suffix for path in first] == [".pdf", ".png", ".csv"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_published_values_wear_the_look_of_their_tokens(effects: pd.DataFrame):
    """Four lines share a panel: a diamond says which of them it belongs to."""
    figure = draw(curve_data(effects, load_published("neo2025")))
    marks = {
        line.get_label(): line.get_markeredgecolor()
        for panel in figure.axes
        for line in panel.get_lines()
        if line.get_label().startswith("published")
    }
    assert marks == {"published, object + 1": series(0)["color"]}


def test_without_a_right_answer_the_figure_says_so(effects: pd.DataFrame, tmp_path):
    write_csv(effects.head(0), tmp_path / "effects.csv")
    options = argparse.Namespace(effects=tmp_path / "effects.csv", out=tmp_path / "curve")
    curve_figure.main(options)
    assert (tmp_path / "curve.png").stat().st_size
    assert pd.read_csv(tmp_path / "curve.csv").empty


def test_effects_without_sliding_windows_are_refused(effects: pd.DataFrame, tmp_path):
    """They are no outcome of a run: every run has them."""
    write_csv(effects[effects["pair"] == LVR], tmp_path / "effects.csv")
    options = argparse.Namespace(effects=tmp_path / "effects.csv", out=tmp_path / "curve")
    with pytest.raises(SightlineError, match="nothing in it to draw"):
        curve_figure.main(options)


@pytest.mark.parametrize("module", ["tab2", "curve_figure", "claims"])
def test_drawing_needs_no_torch(module: str):
    code = (
        f"import sys, sightline.studies.neo2025.knockout.{module}; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def judged(**made: Any) -> list[Claim]:
    """Claims on measurements made up like this."""
    measurements = knockout_measurements(sliding=False, **made)
    effects, comparisons = summarise(measurements, draws=200), compare(measurements, draws=200)
    return list(judge_knockout(effects, comparisons, load_published("neo2025"), "toy", "made up"))


def verdicts(claims: list[Claim], judge: str = CORRECTED) -> dict[str, str]:
    """Claim -> verdict, which comes first."""
    found: dict[str, str] = {}
    for row in claims:
        if row.variant == judge:
            found.setdefault(row.claim, row.verdict)
    return found


def test_strong_model_replicates():
    claims = judged()
    expected = {"C12": REPLICATED, "C13": REPLICATED, "C14": REPLICATED}
    assert verdicts(claims) == expected | {"C15": NOT_RUN}
    assert verdicts(claims, AS_PUBLISHED) == expected
    row = next(row for row in claims if "O+1 → LTP, mid-late" in row.metric)
    assert (row.published, row.reproduced, row.n) == (0.82, pytest.approx(0.8), 100)
    assert "second-hand" in row.published_source


def test_answer_that_travels_through_other_tokens_is_no_direct_reading():
    """Nothing is lost in any window: the thresholds lie outside the intervals."""
    rest = {key: value for key, value in LOST.items() if not key[0].startswith("object")}
    claims = judged(lost=rest)
    assert verdicts(claims)["C12"] == NOT_REPLICATED


def test_equal_loss_in_every_window_leaves_no_middle():
    """Reading in mid-late layers that is no more than in early ones."""
    claims = judged(lost=LOST | {(O1, "early"): 20})
    assert verdicts(claims)["C12"] == NOT_REPLICATED


def test_context_that_no_answer_needs_cannot_be_read_early():
    """C13 stays open where cutting context off from all text loses nothing."""
    rest = {key: value for key, value in LOST.items() if not key[0].startswith("image without")}
    claims = judged(lost=rest)
    assert verdicts(claims)["C13"] == INCONCLUSIVE
    head = next(row for row in claims if row.claim == "C13")
    assert "not testable here: I−(O+1) → all text, all: relative accuracy is 1" in head.criterion  # noqa: RUF001
    needed = rest | {("image without object_plus_1 to all text", "all"): 30}
    assert verdicts(judged(lost=needed))["C13"] == NOT_REPLICATED


def test_either_early_window_is_enough_for_context():
    """C13 holds by early-mid alone, and fails only where both fail."""
    early = "image without object_plus_1 to last position"
    rest = {key: value for key, value in LOST.items() if key[0] != early}
    assert verdicts(judged(lost=rest | {(early, "early_mid"): 12}))["C13"] == REPLICATED
    assert verdicts(judged(lost=rest | {(early, "early_mid"): 4}))["C13"] == INCONCLUSIVE


def test_rows_that_collect_the_image_refute():
    """One window at 0.85 is enough."""
    claims = judged(lost=LOST | {(LVR, "mid"): 15})
    assert verdicts(claims)["C14"] == NOT_REPLICATED
    row = next(row for row in claims if row.metric.startswith("I−LVR → LVR: relative"))  # noqa: RUF001
    assert (row.reproduced, row.published) == (pytest.approx(0.85), 1.0)


@pytest.mark.parametrize("control", ["blind", "moves"])
def test_a_mask_without_teeth_decides_nothing(control: str):
    """C14 needs cuts that do something: the answer is lost without the image, and logits move."""
    lost = LOST | {("image to all text", "all"): 5} if control == "blind" else LOST
    change = 0.0 if control == "moves" else 0.5
    claims = judged(lost=lost, logit_change=change)
    assert verdicts(claims)["C14"] == INCONCLUSIVE


def test_few_questions_decide_nothing():
    claims = judged(answered=20)
    assert set(verdicts(claims).values()) == {INCONCLUSIVE, NOT_RUN}


def test_full_marks_on_forty_questions_are_not_yet_098():
    """Wilson's lower bound at 40 of 40 is 0.91: the interval of a bootstrap would have no width."""
    claims = judged(answered=40)
    assert verdicts(claims)["C14"] == INCONCLUSIVE


def test_without_measurements_claims_wait():
    claims = judged(answered=0)
    assert set(verdicts(claims).values()) == {NOT_RUN}
    assert [row.claim for row in claims if row.variant == CORRECTED] == ["C12", "C13", "C14", "C15"]


def test_rows_survive_the_scorecard_file(tmp_path):
    claims = judged()
    write_claims(claims, tmp_path / "claims.csv")
    found = read_claims(tmp_path / "claims.csv")
    assert [row.verdict for row in found] == [row.verdict for row in claims]
    assert all(row.n is None or not np.isnan(row.n) for row in found)
