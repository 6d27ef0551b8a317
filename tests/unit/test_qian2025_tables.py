"""Tables of qian2025: measured beside printed, and what was not run says so."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sightline.studies.qian2025.effects import COLUMNS
from sightline.studies.qian2025.items.cells import Effects, Printed, measured_rows
from sightline.studies.qian2025.items.tables import ITEMS, build
from sightline.studies.qian2025.masks.names import PUBLISHED, cut_at
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.qian2025.reproduction import judge_checkpoint

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def protocol():
    settings = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())["studies"]["qian2025"]
    return Protocol.parse(settings | {"seed": 0})


def effects(*rows):
    return Effects(
        pd.DataFrame([(*row, 50.0, 40.0, 60.0, 100) for row in rows], columns=list(COLUMNS))
    )


def masks(model, method, variant, metric, split="test", subset="all"):
    return ("masks", model, split, subset, method, variant, metric)


@pytest.mark.parametrize("item", sorted(set(ITEMS) - {"tab_ablations"}))
def test_without_measurements_printed_rows_remain(item, protocol):
    found = build(item, effects(masks("demo", "map", "norm", "gIoU")), protocol)
    assert found["source"].str.contains("not run").any()
    assert not found["source"].str.startswith("measured, n = 0").any()


def test_the_map_is_shown_at_every_cut_of_the_settings(protocol):
    """Mean plus deviations first, then the shares of the settings, then the best one on val."""
    cuts = [("as published", 40.0), *((cut_at(PUBLISHED, s), 100 * s) for s in (0.5, 0.65, 0.8))]
    given = pd.DataFrame(
        [
            ("masks", "m", split, "all", "map", name, "cIoU", value, value, value, 100)
            for split in ("val", "test")
            for name, value in cuts
        ],
        columns=list(COLUMNS),
    )
    found = build("tab1", Effects(given), replace(protocol, shares=(0.5, 0.65)))
    here = found[(found["split"] == "test") & found["source"].str.startswith("measured")]
    assert dict(zip(here["map"], here["map cIoU"], strict=True)) == {
        "as published": 40,
        "as published, cut at 0.50 of its range": 50,
        "as published, cut at 0.65 of its range": 65,
        "as published, cut at 0.80 of its range (best on val)": 80,
    }


def test_a_cut_is_named_as_it_is():
    assert cut_at("sam", 0.5) == "sam, share 0.50" and cut_at("sam", 0.333) == "sam, share 0.333"


def test_a_model_taught_with_points_is_shown_with_them(protocol):
    given = effects(
        masks("read-7b-test", "own", "as published", "gIoU"),
        masks("read-7b-test", "own with points", "as published", "cIoU"),
    )
    found = build("tab2", given, protocol)
    row = found[found["model"] == "read-7b-test"].iloc[0]
    assert row["test cIoU"] == 50 and pd.isna(row["test gIoU"])
    printed = found[found["model"] == "READ-7B-LLaVA1.5 (ft)"].iloc[0]
    assert printed["source"] == "published" and printed["test gIoU"] == 58.5


def test_large_models_have_a_table_of_their_own(protocol):
    given = effects(masks("read-13b", "own with points", "as published", "gIoU"))
    assert "read-13b" in set(build("tab3", given, protocol)["model"])
    assert "read-13b" not in set(build("tab2", given, protocol)["model"])


def test_second_hand_numbers_are_called_so():
    assert Printed("tab6").trust("READ-7B") == " (second-hand)"
    assert Printed("tab4").trust("READ") == ""


def test_nothing_measured_is_no_row():
    assert measured_rows("m", {"a": None}) == []


def test_a_checkpoint_is_held_against_its_printed_cells(protocol):
    given = effects(masks("read-7b-val", "own with points", "as published", "gIoU", "val"))
    head, row = judge_checkpoint(given, "read-7b-val", "ReasonSeg")
    assert head.claim == "C5" and head.verdict == "not replicated" and row.published == 59.8
    assert not list(judge_checkpoint(given, "demo-llava", "world"))
