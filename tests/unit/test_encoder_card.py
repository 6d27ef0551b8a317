"""The card of the demo's encoders, and the encoders that come with the repository."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sightline.demo.encoders.card import CARD, CURVE, write_card
from sightline.demo.encoders.train import Wanted
from sightline.demo.folders import RECIPE
from sightline.errors import SightlineError
from sightline.files import sha256
from sightline.report.quality_table import COLUMNS

ROOT = Path(__file__).parents[2]
BUNDLED = ROOT / "resources" / "demo"
CONFIG = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())


@pytest.fixture
def folder(tmp_path):
    """One trained encoder."""
    encoder = tmp_path / "distillation-s0"
    encoder.mkdir()
    recipe = {"objective": "distillation", "steps": 1000, "seed": 0, "batch": 64}
    (encoder / RECIPE).write_text(json.dumps(recipe))
    (encoder / "model.safetensors").write_bytes(b"weights")
    lines = [
        {"step": step, "validation": {"k-NN primary": value}}
        for step, value in ((500, 0.5), (1000, 0.7))
    ]
    (encoder / CURVE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def quality(model: str, measured: float) -> pd.DataFrame:
    met = "yes" if measured >= 0.8 else "no"
    rows = [
        (model, "k-NN primary", 0.8, measured, measured - 0.02, measured + 0.02, 1024, met),
        (model, "effective rank of CLS", None, 0.3, None, None, 1024, None),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_card_says_what_was_missed_and_by_how_much(folder):
    write_card(folder, quality("distillation-s0", 0.71))
    text = (folder / CARD).read_text()
    assert "| `distillation-s0` | distillation |  | 1000 | 64 | 0 |" in text
    assert "| k-NN primary | 0.80 | 0.710 | 0.690 to 0.730 | 1024 | no |" in text
    assert "misses k-NN primary by 0.090" in text
    assert "were 0.500 at step 500 and 0.700 at step 1000; no more steps were spent" in text
    assert "k-NN primary: 0.500 at 500, 0.700 at 1000" in text
    assert sha256(folder / "distillation-s0" / "model.safetensors") in text


def test_card_of_a_met_gate_complains_of_nothing(folder):
    write_card(folder, quality("distillation-s0", 0.85))
    assert "misses" not in (folder / CARD).read_text()


def test_an_encoder_without_measured_quality_is_refused(folder):
    with pytest.raises(SightlineError, match="distillation-s0 without measured quality"):
        write_card(folder, quality("other", 0.9))


def test_bundled_encoders_are_those_of_the_configuration():
    """Each is what its name, its entry and its recipe say."""
    entries = {name: one for name, one in CONFIG["encoders"].items() if "path" in one}
    folders = {path.parent.name for path in (BUNDLED / "encoders").glob(f"*/{RECIPE}")}
    assert folders == set(entries) == set(CONFIG["quality"]["encoders"])
    for name, entry in entries.items():
        recipe = json.loads((ROOT / entry["path"] / RECIPE).read_text())
        rate = recipe.get("caption rate")
        assert name == Wanted(recipe["objective"], rate, recipe["seed"]).name
        words = [recipe["objective"], *([f"{rate:g}"] if rate is not None else [])]
        assert entry["objective"] == " ".join(words)


def test_bundled_models_stay_small():
    files = [path for path in BUNDLED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40e6


def test_bundled_card_is_that_of_the_bundled_weights():
    text = (BUNDLED / "encoders" / CARD).read_text()
    for weights in (BUNDLED / "encoders").glob("*/*.safetensors"):
        assert sha256(weights) in text, weights
