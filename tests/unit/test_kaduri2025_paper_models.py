"""Published numbers belong to the paper's models by name; stand-ins get them by place."""

import pandas as pd
import pytest

from sightline.studies.kaduri2025.knockout.bars_figure import bar_data
from sightline.studies.kaduri2025.knockout.conditions import ALL, QUERY
from sightline.studies.kaduri2025.knockout.effects import EFFECT_COLUMNS
from sightline.studies.kaduri2025.paper_models import (
    MAIN_MODEL,
    SECOND_MODEL,
    named_model,
    paper_models,
)
from sightline.studies.published import load_published


@pytest.mark.parametrize(
    ("key", "model"),
    [
        ("internvl2-76b", MAIN_MODEL),
        ("llava-1.5-7b", SECOND_MODEL),
        ("llava-1.5-7b-v1", SECOND_MODEL),
        ("llava-phi-3-mini", ""),
        ("demo-llava", ""),
        ("mini-internvl2", ""),
    ],
)
def test_keys_name_the_papers_models(key, model):
    assert named_model(key) == model


def test_llava_alone_is_not_internvl2():
    assert paper_models(["llava-1.5-7b"]) == {"llava-1.5-7b": SECOND_MODEL}
    models = ["llava-1.5-7b-v1", "internvl2-76b", "llava-1.5-7b", "another"]
    assert list(paper_models(models).values()) == [SECOND_MODEL, MAIN_MODEL, SECOND_MODEL, ""]


def test_stand_ins_count_by_place():
    models = ["demo-llava-12", "demo-llava", "third"]
    assert list(paper_models(models).values()) == [MAIN_MODEL, SECOND_MODEL, ""]
    assert paper_models(["one"]) == {"one": MAIN_MODEL}
    assert paper_models([]) == {}


def test_figure_of_llava_shows_what_was_printed_of_llava():
    cell = dict.fromkeys(EFFECT_COLUMNS, 0) | {
        "model": "llava-1.5-7b", "wording": "main", "variant": "as published", "condition": QUERY,
        "layers": ALL, "family": ALL,
    }  # fmt: skip
    bars = bar_data(
        pd.DataFrame([cell]), load_published("kaduri2025"), ["llava-1.5-7b"], "llava-1.5-7b"
    )
    assert bars["published"].tolist() == [0.115]
    assert bars["paper_model"].tolist() == [SECOND_MODEL]
