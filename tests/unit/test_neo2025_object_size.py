"""Ablation against object size: groups of equal numbers, slopes, a table of the second model."""

import argparse

import numpy as np
import pandas as pd
import pytest

from neo2025_fakes import measurements
from sightline.errors import SightlineError
from sightline.intervals import wilson
from sightline.studies.drawing import save_figure
from sightline.studies.neo2025 import extra2
from sightline.studies.neo2025.effects import summarise as summarise_ablation
from sightline.studies.neo2025.measurements import MeasurementError
from sightline.studies.neo2025.object_size import (
    read_object_size,
    size_groups,
    slope_of,
    summarise,
)
from sightline.studies.neo2025.object_size_figure import LABELS, draw, main


def test_groups_are_of_equal_numbers():
    """40 different sizes in four groups of ten, smallest first."""
    groups = size_groups(np.arange(40)[::-1])
    assert np.bincount(groups).tolist() == [10] * 4
    assert groups[0] == 3 and groups[-1] == 0


def test_equal_sizes_are_never_parted():
    """Three sizes give three groups however many are wanted, one size gives one."""
    sizes = np.repeat([4, 6, 9], [30, 30, 20])
    groups = size_groups(sizes)
    assert all(len(set(groups[sizes == size])) == 1 for size in (4, 6, 9))
    assert set(size_groups(np.full(50, 7))) == {0}


def test_few_images_make_few_groups():
    assert set(size_groups(np.arange(25))) == {0, 1}
    assert set(size_groups(np.arange(3))) == {0}


def test_slope_by_hand():
    """Lost above 5 tokens, kept below: 100 points over the step of a regression worked out by hand."""
    value, (low, high) = slope_of([4, 4, 6, 6], [0, 0, 1, 1], seed=0, draws=100)
    assert value == pytest.approx(50)
    assert low <= 50 <= high
    assert np.isnan(slope_of([5, 5], [0, 1], seed=0, draws=10)[0])


@pytest.fixture(scope="module")
def sized() -> pd.DataFrame:
    """A model that loses the first images, whose objects are the smallest."""
    table = measurements()
    own = table["condition"].eq("object")
    table.loc[own, "n_tokens"] = 4 + table.loc[own, "image_id"] // 20
    return table


def test_small_objects_are_lost_first(sized: pd.DataFrame):
    """Object + 1 loses the first 80 of 100 images: the three smallest groups wholly, the largest in part."""
    found = summarise(sized, draws=100)
    here = found[(found["setting"] == "vqa") & (found["condition"] == "object_plus_1")]
    assert list(here["decrease_percent"]) == sorted(here["decrease_percent"], reverse=True)
    assert here["n"].sum() == 100
    assert (here["slope"] < 0).all() and here["slope"].nunique() == 1
    first = here.iloc[0]
    assert (first["decrease_percent"], first["fewest_tokens"]) == (100, 4)
    bounds = [100 * bound for bound in wilson(first["n"], first["n"])]
    assert list(first[["ci_low", "ci_high"]]) == pytest.approx(bounds)


def test_groups_are_the_same_for_all_conditions(sized: pd.DataFrame):
    found = summarise(sized, draws=20)
    sizes = found.groupby(["setting", "group"])[["n", "object_tokens"]].nunique()
    assert (sizes == 1).all(axis=None)


def test_figure_repeats_byte_for_byte(sized: pd.DataFrame, tmp_path):
    table = pd.concat([sized, sized.assign(model="two")], ignore_index=True)
    summarise(table, draws=20).to_csv(tmp_path / "sizes.csv", index=False)
    data = read_object_size(tmp_path / "sizes.csv")
    assert set(data["condition"]) >= set(LABELS)
    first = save_figure(draw(data), tmp_path / "a" / "sizes", data)
    second = save_figure(draw(data), tmp_path / "b" / "sizes", data)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_without_a_right_answer_the_figure_says_so(sized: pd.DataFrame, tmp_path):
    summarise(sized, draws=20).head(0).to_csv(tmp_path / "sizes.csv", index=False)
    main(argparse.Namespace(sizes=tmp_path / "sizes.csv", out=tmp_path / "sizes_figure"))
    assert (tmp_path / "sizes_figure.png").stat().st_size
    assert pd.read_csv(tmp_path / "sizes_figure.csv").empty


def test_another_file_is_refused(tmp_path):
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(MeasurementError, match="--forcerun summarise_object_size"):
        read_object_size(tmp_path / "a.csv")


def options(folder, *models: str) -> argparse.Namespace:
    """Command line of the second model's table."""
    both = pd.concat([measurements("one"), measurements("two")], ignore_index=True)
    effects = summarise_ablation(both, draws=20)
    effects.to_csv(folder / "effects.csv", index=False)
    return argparse.Namespace(
        effects=folder / "effects.csv", models=list(models), out=folder / "extra2"
    )


def test_second_model_has_a_table_of_its_own(tmp_path):
    extra2.main(options(tmp_path, "one", "two"))
    table = pd.read_csv(tmp_path / "extra2.csv")
    assert set(table["model"]) == {"two"}
    lost = table.set_index("subset").loc["+ 1 Buffer", "generative"]
    # As published the first image, which is lost, was not selected: 69 of 99.
    assert lost.tolist() == [80, pytest.approx(100 * 69 / 99, abs=1e-4)]
    assert "two (LLaVA-Phi)" in (tmp_path / "extra2.md").read_text()
    assert (tmp_path / "extra2.tex").stat().st_size > 0


def test_one_model_makes_no_second_table(tmp_path):
    with pytest.raises(SightlineError, match="name one that stands for LLaVA-Phi"):
        extra2.main(options(tmp_path, "one"))
