"""From answers to percentages: who counts, who is lost, and how sure that is."""

import numpy as np
import pandas as pd
import pytest

from neo2025_fakes import LOST, measurements
from sightline.files import write_csv
from sightline.studies.neo2025.effects import compare, find_effect, read_effects, summarise
from sightline.studies.neo2025.measurements import MeasurementError, read_measurements


@pytest.fixture(scope="module")
def effects() -> pd.DataFrame:
    """Effects of the made-up model."""
    return summarise(measurements(), draws=200)


def test_decrease_is_the_share_of_right_answers_lost(effects: pd.DataFrame):
    """Every condition comes back with the share it was made with, inside both intervals."""
    for (condition, variant, _), share in LOST.items():
        if condition == "none":
            continue
        row = find_effect(effects, "toy", "polling", "corrected", condition, variant)
        assert row["decrease_percent"] == pytest.approx(100 * share)
        assert row["ci_low"] <= row["decrease_percent"] <= row["ci_high"]
        assert row["wilson_low"] <= row["decrease_percent"] <= row["wilson_high"]


def test_spread_is_that_of_samples_as_small_as_the_papers(effects: pd.DataFrame):
    """39 images, 15 in VQA; 80 of 100 lost can look like 67 or 92 of a hundred then."""
    found = {
        setting: find_effect(effects, "toy", setting, "corrected", "object_plus_1", "mask")
        for setting in ("generative", "vqa")
    }
    spread = found["generative"][["spread_low", "spread_high"]].to_numpy(float)
    np.testing.assert_allclose(spread, [100 * 27 / 39, 100 * 35 / 39])
    assert found["vqa"]["spread_high"] == 100 > found["generative"]["spread_high"]
    few = summarise(measurements(images=14), draws=50)
    assert few["spread_low"].isna().all()


def test_missing_numbers_are_read_back_as_such(tmp_path):
    """A sample smaller than the paper's has no spread: its empty cells must not turn the column into text."""
    few = summarise(measurements(images=20), draws=50)
    assert few["spread_low"].isna().any() and few["spread_low"].notna().any()
    write_csv(few, tmp_path / "effects.csv")
    back = read_effects(tmp_path / "effects.csv")
    texts = ["model", "setting", "judge", "condition", "subset", "variant", "like"]
    assert back.drop(columns=texts).dtypes.map(pd.api.types.is_numeric_dtype).all()
    assert (back["like"] == "").any() and back["spread_low"].isna().equals(few["spread_low"].isna())


def test_wrong_from_the_start_does_not_count():
    """An image answered wrongly without ablation leaves numerator and denominator."""
    table = measurements(images=10)
    wrong = (table["image_id"] == 9) & (table["condition"] == "none")
    table.loc[wrong, "correct"] = False
    row = find_effect(
        summarise(table, draws=50), "toy", "vqa", "corrected", "object_plus_1", "mask"
    )
    assert row["n"] == 9
    assert row["decrease_percent"] == pytest.approx(100 * 8 / 9)


def test_filter_2_counts_in_two_settings_and_not_in_vqa(effects: pd.DataFrame):
    """The judge as published rejects image 0; VQA keeps every image with a question."""
    n = {
        setting: find_effect(effects, "toy", setting, "as published", "all_tokens", "")["n"]
        for setting in ("generative", "polling", "vqa")
    }
    assert n == {"generative": 99, "polling": 99, "vqa": 100}


def test_draws_of_one_image_are_one_observation():
    """Five random draws do not make five images."""
    table = measurements(images=20)
    drawn = table["condition"] == "random_40"
    more = [table] + [table[drawn].assign(draw=draw) for draw in range(1, 5)]
    row = find_effect(
        summarise(pd.concat(more), draws=50), "toy", "vqa", "corrected", "random_40", "anywhere"
    )
    assert row["n"] == 20


def test_comparison_at_matched_count_is_paired():
    """Object + 1 loses 80, as many gradient tokens 40, all of them among the same images."""
    table = compare(measurements(), draws=200)
    row = table[
        (table["setting"] == "vqa")
        & (table["judge"] == "corrected")
        & (table["first"] == "object_plus_1")
        & (table["second"] == "int_gradients_like_object_plus_1")
    ].squeeze()
    assert (row["only_first"], row["only_second"]) == (40, 0)
    assert row["difference"] == pytest.approx(40)
    assert row["ci_low"] > 0
    assert row["p_value"] == pytest.approx(2 * 0.5**40)


def test_result_does_not_depend_on_the_order_of_rows(effects: pd.DataFrame):
    """Shuffled measurements give the same table."""
    shuffled = measurements().sample(frac=1, random_state=1)
    by = ["setting", "judge", "condition", "variant"]
    pd.testing.assert_frame_equal(
        summarise(shuffled, draws=200).sort_values(by, ignore_index=True),
        effects.sort_values(by, ignore_index=True),
    )


def test_models_keep_the_order_given():
    """The first model stands for the paper's first, whatever its name."""
    both = pd.concat([measurements("z", 5), measurements("a", 5)], ignore_index=True)
    assert list(dict.fromkeys(summarise(both, draws=10)["model"])) == ["z", "a"]


def test_effects_survive_the_csv(effects: pd.DataFrame, tmp_path):
    """Empty variants stay text, empty sizes stay missing."""
    path = tmp_path / "effects.csv"
    effects.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_effects(path), effects, check_dtype=False)


def test_missing_unablated_answer_names_file_and_image(tmp_path):
    """Without it nobody knows whether the answer was right at first."""
    table = measurements(images=3)
    drop = (table["condition"] == "none") & (table["image_id"] == 2) & (table["setting"] == "vqa")
    table[~drop].to_parquet(tmp_path / "toy.parquet")
    with pytest.raises(MeasurementError, match=r"toy\.parquet: toy on image 2 \(vqa\)"):
        read_measurements([tmp_path / "toy.parquet"])


def test_condition_absent_on_some_images_is_compared_on_the_others():
    """The authors' geometry can find no patch where the mask finds one."""
    table = measurements(images=10)
    gone = (table["variant"] == "code_geometry") & (table["image_id"] < 4)
    rows = compare(table[~gone], draws=20)
    geometry = rows[rows["first_variant"] == "code_geometry"]
    assert set(geometry["n"]) <= {6}
    assert np.isfinite(geometry["difference"]).all()
