"""The demo's encoders: every objective trains the shared body, and exports it for stock classes."""

import argparse
import json
import random
from dataclasses import replace

import pytest
import torch
from transformers import CLIPImageProcessorPil, CLIPModel, CLIPVisionModel

from sightline.demo.architecture import build_caption_tokenizer
from sightline.demo.encoders import train as training
from sightline.demo.encoders.body import Batches, primary_labels
from sightline.demo.encoders.contrastive import build_clip
from sightline.demo.encoders.gates import best_guesses, measure_encoder
from sightline.demo.language import caption
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import draw_training_set
from sightline.errors import SightlineError

TRAINED = [objective for objective in training.OBJECTIVES if objective != "random"]


@pytest.fixture(scope="module")
def scenes():
    return draw_training_set(5, 12, processes=1)


@pytest.fixture
def few_scenes(monkeypatch, scenes):
    """A handful of scenes, small batches and two steps instead of thousands."""
    monkeypatch.setattr(training, "draw_training_set", lambda *_: scenes)
    monkeypatch.setattr(training, "BATCH", dict.fromkeys(training.OBJECTIVES, 4))
    monkeypatch.setattr(training, "STEPS", dict.fromkeys(TRAINED, 2))


def wanted(objective, rate=0.5, seed=0):
    return training.Wanted(objective, rate if objective in training.CAPTIONED else None, seed)


def trained(objective, folder, rate=0.5):
    """Folder of an encoder, trained and exported."""
    name = wanted(objective, rate).name
    arguments = argparse.Namespace(
        encoder=name, scenes=folder, work=folder / "work", out=folder / "out", threads=1
    )
    training.run(arguments)
    return folder / "out" / name


@pytest.mark.parametrize("objective", TRAINED)
def test_every_objective_reaches_the_whole_body(objective, few_scenes):
    training.attention.register()
    model, stage = training.build(wanted(objective), None, 1)
    loss, parts = stage.loss(0)
    loss.backward()
    assert torch.isfinite(loss) and parts
    body = model.vision_model if objective == "contrastive" else model
    silent = [n for n, p in body.named_parameters() if p.grad is None or not p.grad.any()]
    # Keys of one query differ by a constant only: their bias has no gradient but rounding.
    assert not [name for name in silent if not name.endswith("k_proj.bias")]


@pytest.mark.parametrize("objective", TRAINED)
def test_equal_seeds_give_equal_batches_and_losses(objective, few_scenes):
    training.attention.register()
    losses = [
        training.build(wanted(objective, seed=seed), None, 1)[1].loss(3)[0].item()
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("objective", training.OBJECTIVES)
def test_exported_encoder_loads_in_its_stock_class(objective, few_scenes, tmp_path):
    folder = trained(objective, tmp_path)
    kind = CLIPModel if objective == "contrastive" else CLIPVisionModel
    loaded = kind.from_pretrained(folder, dtype=torch.float32)
    body = loaded.vision_model if objective == "contrastive" else loaded
    assert body(torch.zeros(1, 3, 112, 112)).last_hidden_state.shape == (1, 65, 96)
    processor = CLIPImageProcessorPil.from_pretrained(folder)
    assert processor.crop_size["height"] == 112
    assert (folder / "curve.jsonl").exists() == (objective != "random")


@pytest.mark.parametrize("objective", training.OBJECTIVES)
def test_gates_are_measured_from_what_was_exported(objective, few_scenes, scenes, tmp_path):
    """Head and body on disk answer as the stage did, up to half precision."""
    folder = trained(objective, tmp_path, rate=1.0)
    rows = {row["gate"]: row for row in measure_encoder(folder, scenes, scenes)}
    assert {"k-NN primary", "effective rank of CLS"} < rows.keys() or objective in (
        "distillation",
        "random",
    )
    gated = [gate for gate, row in rows.items() if row["wanted"] is not None]
    assert len(gated) == (objective != "random")
    if objective != "random":
        curve = (folder / "curve.jsonl").read_text().splitlines()[-1]
        validated = next(iter(json.loads(curve)["validation"].values()))
        assert abs(rows[gated[0]]["measured"] - validated) <= 2 / 12


def test_best_guess_is_certain_but_for_details_of_one_colour(scenes):
    """Three details in one colour: the last one named is certain, the first one is not."""
    present = tuple(
        replace(thing, color="red", category=CATEGORIES[number], dominant=number == 0)
        for number, thing in enumerate((scenes.objects[0][0],) * 4)
    )
    kinds = [thing.category for thing in present]
    text = f"a room with a big red {kinds[0]} and a red {' and a red '.join(kinds[1:])} ."
    few = replace(scenes.first(1), objects=[present])
    best, where = best_guesses([text], few)
    assert best.tolist() == pytest.approx([1, 1 / 3, 1 / 2, 1])
    assert set(where) == {0}


def test_an_encoder_without_its_head_is_refused(few_scenes, scenes, tmp_path):
    folder = trained("classification", tmp_path)
    (folder / training.HEAD).unlink()
    with pytest.raises(SightlineError, match=r"head\.safetensors: missing"):
        list(measure_encoder(folder, scenes, scenes))


def test_captions_name_details_at_their_rate(scenes):
    present = scenes.objects[0]
    details = [thing for thing in present if not thing.dominant]
    gist = caption("desk", present, random.Random(0), 0.0)
    full = caption("desk", present, random.Random(0), 1.0)
    assert gist.count(" a ") == 1 and " and " not in gist
    assert full.count(" and ") == len(details)


def test_texts_are_read_to_their_end():
    """The text tower pools at the end token, so the last word counts."""
    tokenizer = build_caption_tokenizer()
    torch.manual_seed(0)
    clip = build_clip(tokenizer).eval()
    pair = ["a cat and a chair", "a cat and a book"]
    with torch.no_grad():
        first, second = clip.text_model(
            **tokenizer(pair, padding=True, return_tensors="pt", return_token_type_ids=False)
        ).pooler_output
        alone = clip.text_model(
            **tokenizer(pair[:1], return_tensors="pt", return_token_type_ids=False)
        )
    assert not torch.allclose(first, second, atol=1e-3)
    torch.testing.assert_close(alone.pooler_output[0], alone.last_hidden_state[0, -1])


def test_labels_are_the_dominant_objects(scenes):
    for label, present in zip(primary_labels(scenes), scenes.objects, strict=True):
        assert CATEGORIES[label] == present[0].category and present[0].dominant


def test_augmented_images_stay_in_their_frame(scenes):
    batches = Batches(scenes, 6, 0)
    chosen, _, generator = batches.draw(1)
    images = batches.pixels(chosen, generator)
    assert images.shape == (6, 3, 112, 112)
    assert torch.isfinite(images).all()


@pytest.mark.parametrize(
    "name", ["classification-s0", "contrastive-0.25-s3", "captioning-1-s12", "random-s1"]
)
def test_an_encoder_is_named_by_what_it_is_trained_for(name):
    assert training.Wanted.parse(name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "", "dino-s0", "classification-0.5-s0", "contrastive-s0", "contrastive-0.5", "contrastive-1.5-s0",
        "contrastive-0.5.1-s0", "contrastive-0.50-s0", "classification-s00",
    ],
)  # fmt: skip
def test_other_names_are_refused(name):
    with pytest.raises(SightlineError, match="no encoder can be trained for that"):
        training.Wanted.parse(name)
