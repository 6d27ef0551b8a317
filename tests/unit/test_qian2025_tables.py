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


def reasonseg(model, values):
    """Scores of a model's masks by subset."""
    rows = [
        (*masks(model, "own with points", "as published", metric, subset=subset), *[value] * 3, 100)
        for subset, pair in values.items()
        for metric, value in zip(("gIoU", "cIoU"), pair, strict=True)
    ]
    return Effects(pd.DataFrame(rows, columns=list(COLUMNS)))


FAR_SHORT = {"all": (58.51, 58.6), "short": (52.6, 40.0), "long": (60.4, 61.0)}


def test_short_and_long_queries_decide_only_where_they_are_known():
    """Nine points off for short queries, all else as printed; the hub's copy does not mark them."""
    given = reasonseg("read-7b-test", FAR_SHORT)
    known, *cells = judge_checkpoint(given, "read-7b-test", "ReasonSeg")
    assert known.verdict == "not replicated" and known.metric.endswith("of 6")
    assert {cell.published for cell in cells} >= {58.51, 52.6}
    guessed, *cells = judge_checkpoint(given, "read-7b-test", "copy", lengths_assumed=True)
    assert guessed.verdict == "replicated" and guessed.metric.endswith("of 2")
    assert "do not say which" in guessed.criterion
    assert sum(cell.metric.startswith("told beside") for cell in cells) == 4


def test_of_the_large_model_all_queries_together_decide():
    values = {"all": (62.23, 62.75), "short": (55.4, 40.0), "long": (64.4, 65.1)}
    head, *_ = judge_checkpoint(reasonseg("read-13b", values), "read-13b", "ReasonSeg")
    assert head.claim == "C6" and head.verdict == "replicated"


def false_premises(**models):
    """Segment of FP-RefCOCO by model."""
    rows = [
        ("refer", model, "fprefcoco val", "all", "own", "", "Segment", value, value, value, 100)
        for model, value in models.items()
    ]
    return Effects(
        pd.DataFrame(rows, columns=list(COLUMNS)).replace(
            {"model": {"read": "read-7b-refer", "sesame": "sesame-7b"}}
        )
    )


@pytest.mark.parametrize(
    ("models", "verdict"),
    [
        ({"read": 61.5, "sesame": 59.8}, "replicated"),
        ({"read": 61.5, "sesame": 62.0}, "not replicated"),
        ({"read": 61.5}, "inconclusive"),
    ],
)
def test_false_premises_are_also_held_against_sesame_in_the_same_run(models, verdict):
    head, *cells = judge_checkpoint(false_premises(**models), "read-7b-refer", "RefCOCO")
    assert head.claim == "C8" and head.verdict == verdict and "above sesame-7b" in head.criterion
    assert ("not evaluated" in head.criterion) == ("sesame" not in models)
    assert sum("minus sesame-7b" in cell.metric for cell in cells) == len(models) - 1
