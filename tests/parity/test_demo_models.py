"""Demo models on disk: exported, loaded by the common loader, measured, described by a card."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from transformers import PreTrainedTokenizerFast, SamModel, SamProcessor

from sightline.demo.architecture import (
    IMAGE_TOKEN,
    SIDE,
    build_segmenter,
    build_tokenizer,
    build_vlm,
)  # fmt: skip
from sightline.demo.card import write_card
from sightline.demo.export import drop_unread_blocks, export
from sightline.demo.folders import SAM, SEGMENTER, VLM
from sightline.demo.quality import CEILINGS, GATES, Said, draw_held_out, measure, predict_masks
from sightline.demo.training_set import normalise
from sightline.demo.world import SIZE, draw_scene
from sightline.errors import SightlineError
from sightline.files import sha256
from sightline.models.loading import load_vlm
from sightline.models.segmenter import Segmenter, load_segmenter

BUNDLED = Path(__file__).parents[2] / "resources" / "demo"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Random weights, exported; with the tensors as they were before."""
    work, out = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("models")
    line = {"step": 50, "seconds": 1, "mask": 1.0, "validation": {"IoU": 0.5}}
    (work / "segmenter.jsonl").write_text(json.dumps(line) + "\n")
    torch.manual_seed(0)
    tokenizer, vlm = build_tokenizer(), build_vlm(build_tokenizer(), layers=2)
    segmenter = Segmenter(build_segmenter(), vlm.config.text_config.hidden_size)
    before = {name: tensor.clone() for name, tensor in segmenter.state_dict().items()}
    export(vlm, tokenizer, segmenter, segmenter.sam, {"seed": 0, "layers": 2}, work, out)
    return out, before


def test_loaded_segmenter_is_the_exported_one(exported):
    out, before = exported
    loaded = load_segmenter(out / SEGMENTER)
    for name, tensor in loaded.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=1e-3, atol=1e-3)


def test_segmenter_is_kept_apart_only_from_the_sam_it_shares(exported, tmp_path):
    """What is not written with it must be what lies in the other folder, to the bit."""
    out, _ = exported
    segmenter = load_segmenter(out / SEGMENTER, torch.float16)
    assert not (out / SEGMENTER / "model.safetensors").exists()
    segmenter.save(tmp_path / "whole")
    whole = load_segmenter(tmp_path / "whole", torch.float16).state_dict()
    assert all(torch.equal(whole[name], weight) for name, weight in segmenter.state_dict().items())
    next(segmenter.sam.vision_encoder.parameters()).data += 0.5
    with pytest.raises(
        SightlineError, match=r"sam: vision_encoder\.\S+ is not that of the segmenter"
    ):
        segmenter.save(tmp_path / "apart", out / SAM)


def test_exported_sam_answers_clicks_through_its_own_processor(exported):
    """Clicks in pixels give the masks that training saw: places are not shifted or scaled on the way."""
    out, _ = exported
    sam, processor = (
        SamModel.from_pretrained(out / SAM, dtype=torch.float32),
        SamProcessor.from_pretrained(out / SAM, backend="pil"),
    )
    scene = draw_scene(3)
    image = Image.fromarray(scene.pixels)
    inputs = processor(
        images=image, input_points=[[[40.0, 70.0]]], input_labels=[[1]], return_tensors="pt"
    )
    raw = torch.from_numpy(scene.pixels).permute(2, 0, 1)[None]
    with torch.no_grad():
        stock = sam(**inputs, multimask_output=False).pred_masks[:, :, 0]
        segmenter = Segmenter(sam, 8)
        places, labels = torch.tensor([[[[40.0, 70.0]]]]), torch.ones(1, 1, 1, dtype=torch.long)
        mine = segmenter.mask_logits(normalise(raw), segmenter.encode_points(places, labels))
    torch.testing.assert_close(mine, stock, rtol=1e-3, atol=1e-3)


def test_segmenter_folder_without_projection_is_refused(tmp_path):
    with pytest.raises(SightlineError, match=r"projection.safetensors: missing"):
        load_segmenter(tmp_path)


@pytest.mark.parametrize("read, kept", [(-2, 4), (-1, 5), (3, 3)])
def test_blocks_that_are_not_read_are_cut_off_and_answers_stay(read, kept):
    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    vlm = build_vlm(tokenizer, layers=1).eval()
    vlm.config.vision_feature_layer = read
    image = torch.full((1, SIDE * SIDE), tokenizer.convert_tokens_to_ids(IMAGE_TOKEN))
    asked = {"input_ids": image, "pixel_values": torch.randn(1, 3, SIZE, SIZE)}
    with torch.no_grad():
        before = vlm(**asked).logits
        for _ in range(2):
            drop_unread_blocks(vlm)
            assert len(vlm.model.vision_tower.encoder.layers) == kept
            assert torch.equal(vlm(**asked).logits, before)
    assert vlm.config.vision_config.num_hidden_layers == kept


def test_an_exported_tower_has_no_block_that_is_not_read(exported):
    config = load_vlm(exported[0] / VLM).model.config
    assert (config.vision_config.num_hidden_layers, config.vision_feature_layer) == (4, -1)


def test_processor_leaves_scenes_as_they_are(exported):
    """The bundled processor must give the model the pixels it was trained on."""
    vlm = load_vlm(exported[0] / VLM)
    scene = draw_scene(3)
    image = Image.fromarray(scene.pixels)
    pixels = vlm.processor.image_processor(images=image, return_tensors="pt")["pixel_values"]
    raw = torch.from_numpy(scene.pixels).permute(2, 0, 1)[None]
    torch.testing.assert_close(pixels, normalise(raw), rtol=1e-4, atol=1e-4)


def test_quality_of_random_weights_meets_no_gate(exported):
    out, _ = exported
    quality = measure(load_vlm(out / VLM), load_segmenter(out / SEGMENTER), scenes=4)
    gates = quality.dropna(subset="wanted").set_index("gate")
    assert set(gates.index) == {*GATES, *CEILINGS}
    assert (gates.loc[list(GATES), "met"] == "no").all()
    assert quality["measured"].between(0, 1).all()
    assert (quality["ci_low"] <= quality["measured"]).all()
    assert (quality["ci_high"] >= quality["measured"]).all()


def test_masks_are_read_from_the_states_at_seg(exported):
    """As one full forward pass and one segmentation each would give them."""
    out, _ = exported
    vlm, segmenter = load_vlm(out / VLM), load_segmenter(out / SEGMENTER)
    held_out = draw_held_out(vlm, 2)
    questions = ("Segment the red mug.", "Segment the thing you drink from.", "Segment the car.")
    said = [Said(scene, question, "sure , [SEG] .") for scene in (1, 0) for question in questions]
    masks = predict_masks(vlm, segmenter, held_out, said)
    for one, mask in zip(said, masks, strict=True):
        prompt = vlm.prompt(one.question, prefix=" sure , [SEG]")
        inputs = vlm.embed(prompt, held_out.image_tokens[one.scene : one.scene + 1])
        with torch.no_grad():
            state = vlm.model.model.language_model(inputs_embeds=inputs).last_hidden_state[:, -1]
            picture = Image.fromarray(held_out.scenes[one.scene].pixels)
            pixels = vlm.processor.image_processor(picture, return_tensors="pt")["pixel_values"]
            alone = segmenter.segment(pixels, state.float())[0].numpy()
        assert mask.shape == (SIZE, SIZE) and mask.dtype == np.bool_
        # A logit of nearly zero may fall on either side.
        assert (mask != alone).mean() < 0.001


def test_card_lists_recipe_quality_and_checksums(exported):
    out, _ = exported
    row = {"model": "some-llava", "gate": "color", "wanted": 0.95, "measured": 0.5, "ci_low": 0.4,
           "ci_high": 0.6, "n": 9, "met": "no"}  # fmt: skip
    reported = row | {"gate": "count", "wanted": None, "met": None}
    write_card(out, pd.DataFrame([row, reported]))
    card = (out / "README.md").read_text()
    assert "| color | 0.95 | 0.500 | 0.400 to 0.600 | 9 | no |" in card
    assert "| count |  | 0.500 |" in card
    assert "segmenter, step 50: IoU 0.500" in card
    for path in out.rglob("*.safetensors"):
        assert sha256(path) in card


def test_exported_weights_are_listed_beside_them_with_their_checksums(exported):
    """Copied over the bundled ones they must not be taken for damaged."""
    weights = sorted(exported[0].rglob("*.safetensors"))
    assert {path.parent.name for path in weights} == {VLM, SAM, SEGMENTER}
    for path in weights:
        assert f"{sha256(path)}  {path.name}" in path.with_name("SHA256SUMS").read_text()


def test_words_of_the_bundled_model_keep_their_numbers():
    """A new wording may move the numbers of words: weights trained before would then mean other words."""
    numbers = build_tokenizer().get_vocab()
    bundled = PreTrainedTokenizerFast.from_pretrained(BUNDLED / VLM).get_vocab()
    assert {word: numbers[word] for word in bundled} == bundled
