"""Table 1: the paper's layout, published values beside, what is missing said so."""

import pandas as pd
import pytest

from neo2025_fakes import measurements
from sightline.errors import SightlineError
from sightline.studies.neo2025.effects import summarise
from sightline.studies.neo2025.tab1 import build, display
from sightline.studies.published import load_items, load_published


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """The table of the made-up model, with no second one."""
    return build(summarise(measurements(), draws=50), ["toy"], load_published("neo2025"))


def test_rows_follow_the_paper(table: pd.DataFrame):
    """Object, buffers, register, gradients by size, random by size."""
    block = table[(table["model"] == "toy") & (table["protocol"] == "as published")]
    assert list(block["subset"]) == [
        "Object", "+ 1 Buffer", "+ 2 Buffer", "Register tokens",
        "Int. Gradients (5)", "Int. Gradients (40)", "Random (5)", "Random (40)",
    ]  # fmt: skip


def test_published_stands_beside_measured(table: pd.DataFrame):
    """The known cell of the paper and ours are in one line."""
    line = table[(table["model"] == "toy") & (table["subset"] == "+ 1 Buffer")].iloc[0]
    assert line["generative"] == pytest.approx(80)
    assert line["generative_published"] == 71.79
    assert line["generative_low"] < 80 < line["generative_high"]
    assert (
        line["generative_spread_low"]
        < line["generative_published"]
        < line["generative_spread_high"]
    )


def test_second_model_waits_as_not_run(table: pd.DataFrame):
    """Its rows are there, without a number of ours."""
    waiting = table[table["paper_model"] == "LLaVA-Phi"]
    assert len(waiting) == len(table) / 2
    assert set(waiting["status"]) == {"not run"}
    shown = display(waiting)
    assert set(shown["Generative"]) == {"not run"}
    assert shown["Model"].iloc[0] == "not run (LLaVA-Phi)"


def test_unknown_published_cells_say_unknown(table: pd.DataFrame):
    """A cell nobody could read is no empty cell, and our own rows have no published cell."""
    shown = display(table[table["model"] == "toy"])
    by = shown.drop_duplicates("Subset").set_index("Subset")["Generative, published"]
    assert by["+ 2 Buffer"] == "unknown"
    assert by["Random (40)"] == "2.40"
    assert pd.isna(by["All tokens"])
    assert by["Register tokens"] == "unknown"
    assert pd.isna(by["Register tokens by norms in the tower"])


def test_third_model_is_refused():
    """The paper's table has two."""
    with pytest.raises(SightlineError, match="3 models"):
        build(
            summarise(measurements(images=2), draws=5), ["a", "b", "c"], load_published("neo2025")
        )


def test_published_values_are_those_known():
    """The known cells, and nothing invented where none is known."""
    published = load_published("neo2025").query("item == 'tab1' and column != 'avg_tokens'")
    known = published.dropna(subset="value")
    assert sorted(known["value"]) == [0, 0, 2.4, 15.38, 33.33, 33.33, 51.28, 71.79, 86.67]
    assert set(known["model"]) == {"LLaVA-1.5"}
    assert set(known["trust"]) == {"second-hand"}


def test_items_are_all_twelve():
    """Every figure, table, number and page of the study has a line; those added here come after."""
    assert list(load_items("neo2025")["item"])[:12] == [
        "fig1", "fig2", "tab1", "fig3", "num1", "num2", "tab2",
        "extra1", "extra2", "extra3", "extra4", "extra5",
    ]  # fmt: skip
