"""What a run fixes in advance, what the paper printed, and the rows of the scorecard."""

import argparse
import copy
import json
from pathlib import Path

import pytest
import yaml

from sightline.config import ConfigError, check_config, load_schema
from sightline.instruments.point_rules import PointRuleError
from sightline.studies.claims import Claim, ClaimError, read_claims, write_claims
from sightline.studies.protocols import ProtocolError
from sightline.studies.published import find_published, load_items, load_published
from sightline.studies.qian2025.claims import STATEMENTS, gather, main, not_run
from sightline.studies.qian2025.protocol import Protocol

ROOT = Path(__file__).parents[2]
CONFIGS = {
    name: yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())
    for name in ("demo", "paper")
}
ITEMS = [
    "fig1",
    "fig2",
    "fig3",
    "figB",
    "demo",
    *(f"tab{n}" for n in range(1, 8)),
    "tab_ablations",
    "layers",
    "explorer",
]
READ = "READ-7B-LLaVA1.5 (ft)"


def settings(name="demo", **changed):
    return copy.deepcopy(CONFIGS[name]["studies"]["qian2025"]) | {"seed": 0} | changed


@pytest.mark.parametrize("name", CONFIGS)
def test_shipped_settings_are_read(name, tmp_path):
    path = tmp_path / "protocol.json"
    path.write_text(json.dumps(settings(name)))
    protocol = Protocol.read(path)
    assert protocol.queries["val"] == (100 if name == "demo" else 200)
    assert protocol.answer_to_token().endswith("[SEG]")


def test_models_may_have_points_of_their_own():
    protocol = Protocol.parse(settings("paper"))
    one, other = protocol.rule("read-7b-val"), protocol.rule("read-13b")
    assert (one.number, one.positive, one.negative, one.pool) == (30, 0.8, 0.2, 2)
    assert (other.number, other.positive, other.negative, other.pool) == (60, 0.6, 0.2, 1)


def test_questions_are_worded_as_published():
    """Phrases in lower case, sentences as they are."""
    wording = Protocol.parse(settings("paper")).wording
    assert wording.ask("The Lamp", False) == (
        "What is the lamp in this image? Please output segmentation mask."
    )
    assert wording.ask("Where is The Lamp?", True) == (
        "Where is The Lamp? Please output segmentation mask."
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"state": "after"}, "state: 'after' is none of before, at"),
        ({"wording": {"short": "", "long": "", "refer": "", "answer": "yes"}}, "must hold"),
        ({"thresholds": {"shares": []}}, "thresholds.deviations is missing"),
    ],
)
def test_settings_without_meaning_are_refused(changed, message):
    with pytest.raises(ProtocolError, match=message):
        Protocol.parse(settings(**changed))


def test_a_rule_without_meaning_is_refused():
    with pytest.raises(PointRuleError, match="number"):
        Protocol.parse(settings(points={"form": "released", "number": 0}))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("datasets", "reasonseg"), None, "datasets.reasonseg is missing"),
        (("datasets", "reasonseg", "images"), None, "datasets.reasonseg.images is missing"),
        (("datasets", "refer"), None, "datasets.refer is missing"),
        (("studies", "qian2025", "queries"), {"train": 5}, "train is not among the splits"),
        (
            ("studies", "qian2025", "sam"),
            "sam",
            "sam is not described under parts; known: demo-sam",
        ),
        (("conversions",), {"x": {"layout": "lisa", "tower": "y"}}, "no model of that name"),
        (("conversions",), {"x": {"layout": "lisa", "tower": "y"}}, "tower: y is not described"),
    ],
)
def test_a_configuration_that_lacks_something_is_refused(path, value, message):
    config = copy.deepcopy(CONFIGS["demo"])
    *outer, last = path
    part = config
    for key in outer:
        part = part[key]
    part.pop(last, None)
    if value is not None:
        part[last] = value
    schema = load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")
    with pytest.raises(ConfigError, match=message):
        check_config(config, schema, ["my.yaml"])


def test_every_item_is_listed():
    assert load_items("qian2025")["item"].tolist() == ITEMS


@pytest.mark.parametrize(
    ("item", "model", "row", "column", "value"),
    [
        ("tab1", "SESAME", "test", "points cIoU", 27.0),
        ("tab1", "LISA-7B", "test", "map IoU", None),
        ("tab2", READ, "test long", "cIoU", 61.0),
        ("tab3", "READ-13B-LLaVA1.5 (ft)", "test", "gIoU", 62.2),
        ("tab4", "READ", "refcoco+ testB", "cIoU", 60.4),
        ("tab4", "SEEM", "refcoco val", "cIoU", None),
        ("tab5", "SESAME", "fprefcocog val", "See", 81.78),
        ("tab6", "READ-7B", "SEG + points", "gIoU", 56.4),
        ("tab7", "READ-7B", "ViT-L", "cIoU", 65.2),
    ],
)
def test_published_cells(item, model, row, column, value):
    assert find_published(load_published("qian2025"), item, model, row, column).value == value


def test_tables_are_whole():
    """Rows times columns of every table that could be read."""
    counts = load_published("qian2025").groupby("item").size()
    expected = {"tab1": 15, "tab2": 80, "tab3": 12, "tab4": 80, "tab5": 24, "tab6": 6, "tab7": 6}
    assert counts[list(expected)].to_dict() == expected


def judged(claim: str) -> Claim:
    return Claim(
        "qian2025", claim, "s", "tab1", "m", None, "", 1.0, 0.5, 1.5, 40, "demo-llava", "world",
        "as published", "c", "replicated",
    )  # fmt: skip


def test_claims_of_no_part_are_listed_as_not_run(tmp_path):
    write_claims([judged("C3")], tmp_path / "maps.csv")
    arguments = argparse.Namespace(
        parts=[tmp_path / "maps.csv"],
        model="demo-llava",
        dataset_name="world",
        out=tmp_path / "c.csv",
    )
    main(arguments)
    rows = read_claims(tmp_path / "c.csv")
    assert [row.claim for row in rows] == [f"C{n}" for n in range(1, 13)] == list(STATEMENTS)
    assert {row.claim for row in rows if row.verdict != "not run"} == {"C3"}
    assert all(row.criterion.startswith("needs ") for row in rows if row.verdict == "not run")


def test_a_claim_of_another_study_is_refused():
    with pytest.raises(ClaimError, match="C99"):
        gather([[judged("C99")]], "demo-llava", "world")
    assert (
        not_run("C6", "demo-llava", "world", "a second model").criterion == "needs a second model"
    )


def test_splits_stand_in_the_order_of_their_use():
    """A settings file sorts its keys, which would choose on test and judge on val."""
    found = Protocol.parse(settings(queries={"test": 2, "val": 1}))
    assert list(found.queries) == ["val", "test"]
    with pytest.raises(ProtocolError, match=r"queries\.dev"):
        Protocol.parse(settings(queries={"dev": 2}))
