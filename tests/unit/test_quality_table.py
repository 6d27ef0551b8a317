"""The table of all quality gates."""

import pandas as pd
import pytest

from sightline.errors import SightlineError
from sightline.report.quality_table import COLUMNS, gather_quality


def table(tmp_path, model, **changes):
    row = dict.fromkeys(COLUMNS, 0.5) | {"model": model, "gate": "color", "met": "no"} | changes
    path = tmp_path / f"{model}.csv"
    pd.DataFrame([row]).to_csv(path, index=False)
    return path


def test_tables_stand_below_each_other_in_their_order(tmp_path):
    files = [table(tmp_path, "second", wanted=None, met=None), table(tmp_path, "first")]
    found = gather_quality(files)
    assert list(found.columns) == COLUMNS
    assert list(found["model"]) == ["second", "first"]
    assert pd.isna(found["wanted"][0]) and found["wanted"][1] == 0.5


def test_a_gate_that_is_told_twice_is_refused(tmp_path):
    file = table(tmp_path, "first")
    with pytest.raises(SightlineError, match="first: 'color' is measured in two"):
        gather_quality([file, file])


def test_other_tables_are_refused(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SightlineError, match=r"other\.csv: columns a, b; expected model"):
        gather_quality([tmp_path / "other.csv"])
