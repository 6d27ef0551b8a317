"""Referring expressions and false premises with the bundled model."""

from pathlib import Path

import pytest
import torch
import yaml

from sightline.demo.write_world import scene_seeds, write_refer
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.studies.qian2025.masks.frames import load_segmenters
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.qian2025.refer import measure as refer
from sightline.studies.qian2025.refer.nouns import noun_of

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "resources" / "demo"


@pytest.fixture(scope="module")
def evaluation():
    settings = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())["studies"]["qian2025"]
    sets = {
        "refcoco": {"by": "unc", "splits": ["val"]},
        "fprefcoco": {"by": "unc", "splits": ["val"]},
    }
    protocol = Protocol.parse(settings | {"seed": 0, "refer": sets, "expressions": 6})
    vlm = load_vlm(ModelSource("demo-llava", str(DEMO / "llava"), dtype="float32", batch_size=4))
    segmenters = load_segmenters(DEMO / "segmenter", DEMO / "sam", "cpu", torch.float32)
    return refer.Evaluation(vlm, segmenters, protocol)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refer")
    write_refer(folder, scene_seeds("refer", 0, 16), 1)
    return str(folder)


@pytest.fixture(scope="module")
def measured(evaluation, root):
    return refer.measure(evaluation, root)


def test_every_expression_has_its_row(measured):
    expressions, nouns = measured
    assert expressions.groupby("dataset").size().to_dict() == {"fprefcoco": 6, "refcoco": 6}
    forced = expressions[expressions["dataset"] == "refcoco"]
    assert forced["present"].all() and forced["has_token"].all() and (forced["predicted"] > 0).all()
    assert len(nouns) == 6 and nouns["correlation"].between(-1, 1).all()


def test_a_denied_query_has_an_empty_mask(evaluation, root, monkeypatch):
    """And its target counts in full where the thing was there after all."""
    monkeypatch.setattr(
        evaluation, "_answers", lambda queries: ["there is no mug ."] * len(queries)
    )
    entry = evaluation.protocol.refer[1]
    queries = refer.load_expressions(root, entry, "val", evaluation.protocol)
    for query, one in zip(queries, evaluation.generated(queries), strict=True):
        row = refer._row(query, one, "[SEG]")
        assert one.mask is None and not row["has_token"] and row["intersection"] == 0
        assert (row["union"] == 0) == query.false_premise


def test_few_at_a_time_are_the_same_answers(evaluation, root, monkeypatch):
    entry = evaluation.protocol.refer[1]
    queries = refer.load_expressions(root, entry, "val", evaluation.protocol)
    together = [one.answer for one in evaluation.generated(queries)]
    monkeypatch.setattr(refer, "_TOGETHER", 2)
    assert [one.answer for one in evaluation.generated(queries)] == together


def test_a_false_premise_has_no_noun(evaluation, root):
    entry = evaluation.protocol.refer[1]
    queries = refer.load_expressions(root, entry, "val", evaluation.protocol)
    assert all((noun_of(query) is None) == query.false_premise for query in queries)


def test_a_session_asks_three_things_of_each_image(evaluation, root):
    turns, masks = refer.hold_session(evaluation, root)
    assert turns and len(turns) % 3 == 0
    assert turns[0]["question"] == refer.PLAIN_QUESTION and turns[0]["mask"] == ""
    assert {turn["mask"] for turn in turns} - {""} == set(masks)
