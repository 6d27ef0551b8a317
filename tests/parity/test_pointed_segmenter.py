"""The small trainable model of the READ kind against the model it is built from."""

import copy

import pytest
import torch
from transformers import SamImageProcessorPil

from sightline.instruments import pointed_segmenter
from sightline.instruments.point_rules import PointRule
from sightline.instruments.pointed_segmenter import (
    VARIANTS,
    PointedSegmenter,
    VariantError,
    gather_features,
    read_settings,
)
from sightline.instruments.reading import Reading
from sightline.instruments.states import capture
from sightline.models.registry import ModelError
from sightline.studies.qian2025.similarity.states import with_final
from tiny import build_tiny_sam

RULE = PointRule(number=3, pool=1)


@pytest.fixture(scope="module")
def asked(tiny_llava, images):
    questions = ["Describe this image.", "Is there a boat in this image?"]
    prompts = [tiny_llava.prompt(question, prefix="it is a") for question in questions]
    some = [image.resize((64, 64)) for image in images[:2]]
    sam = build_tiny_sam()
    processor = SamImageProcessorPil(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64},
        mask_size={"longest_edge": 16}, mask_pad_size={"height": 16, "width": 16},
    )  # fmt: skip
    return prompts, some, sam, gather_features(tiny_llava, sam, processor, prompts, some)


def build(vlm, sam, name="points-dtoc", seed=0):
    return PointedSegmenter(vlm, sam, VARIANTS[name], RULE, seed=seed)


@torch.no_grad()
def test_untrained_states_are_those_of_the_model(tiny_llava, asked):
    """LoRA begins at nothing, and padding behind [SEG] changes no state before it."""
    prompts, images, sam, features = asked
    seg, image = build(tiny_llava, sam).states(features)
    for place, prompt in enumerate(prompts):
        tokens = tiny_llava.encode_images([images[place]])
        reading = Reading(rows=["image", "last"], layers=[-1])
        states = with_final(tiny_llava, capture(tiny_llava, [prompt], tokens, reading).states)[-1]
        # Features are kept in half precision.
        torch.testing.assert_close(seg[place], states[-1], atol=2e-2, rtol=2e-2)
        torch.testing.assert_close(image[place], states[:-1], atol=2e-2, rtol=2e-2)


def test_some_queries_are_the_same_alone(tiny_llava, asked):
    *_, sam, features = asked
    module = build(tiny_llava, sam)
    with torch.no_grad():
        both, one = module.logits(features), module.logits(features.of([1]))
    torch.testing.assert_close(both[1], one[0], atol=1e-4, rtol=1e-4)


def test_points_of_another_image_do_not_depend_on_the_batch(tiny_llava, asked):
    *_, sam, features = asked
    module = build(tiny_llava, sam, "points-another")
    with torch.no_grad():
        both = module.logits(features, others=features.of([1, 0]))
        alone = [module.logits(features.of([n]), others=features.of([1 - n]))[0] for n in (0, 1)]
        own = module.logits(features, others=features)
    torch.testing.assert_close(both, torch.stack(alone), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(both, module.logits(features).detach(), atol=1e-4, rtol=1e-4)
    assert (both - own).abs().max() > 1e-3


@pytest.mark.parametrize(("name", "reached"), [("points-dtoc", True), ("points", False)])
def test_only_continuous_points_carry_a_gradient_to_the_image_tokens(
    tiny_llava, asked, name, reached
):
    *_, sam, features = asked
    module = build(tiny_llava, sam, name)
    seg, image = module.states(features)
    seg, image = seg.detach(), image.detach().requires_grad_()
    maps = module.maps(seg, image)
    places = torch.cat([one.places for one in module.points(maps, features.sizes)])
    assert places.requires_grad == reached
    if reached:
        places.sum().backward()
        assert image.grad.abs().sum() > 0


def test_saved_weights_come_back(tiny_llava, asked, tmp_path):
    *_, sam, features = asked
    module = build(tiny_llava, sam, seed=1)
    module.save(tmp_path, {"name": "points-dtoc", "steps": 0})
    again = build(tiny_llava, sam, seed=2)
    again.restore(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(
            again.logits(features), module.logits(features), atol=0.3, rtol=0.05
        )
    assert read_settings(tmp_path)["steps"] == 0
    with pytest.raises(VariantError, match="another variant"):
        build(tiny_llava, sam, "decoder-large").restore(tmp_path)


def test_damaged_weights_are_not_taken_over(tiny_llava, asked, tmp_path):
    *_, sam, _ = asked
    module = build(tiny_llava, sam)
    module.save(tmp_path, {})
    module.restore(tmp_path)
    weights = tmp_path / pointed_segmenter.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x55")
    with pytest.raises(ModelError, match="not the weights that"):
        module.restore(tmp_path)


def test_the_frozen_parts_are_neither_trained_nor_saved(tiny_llava, asked):
    *_, sam, _ = asked
    module = build(tiny_llava, sam)
    trained = {name.split(".")[0] for name, one in module.named_parameters() if one.requires_grad}
    assert trained == {"lora", "segmenter"}
    assert not any("vision_encoder" in n for n, p in module.named_parameters() if p.requires_grad)


def test_trained_parts_and_features_follow_the_frozen_block(tiny_llava, asked):
    """On a device without values, that like a GPU computes with nothing that is not there."""
    *_, sam, features = asked
    away = copy.copy(tiny_llava)
    away.model = copy.deepcopy(tiny_llava.model).to("meta")
    module = build(away, sam, "seg")
    assert {one.device.type for one in module.parameters()} == {"meta"}
    seg, image = module.states(features)
    assert seg.device.type == image.device.type == "meta"
    assert module.logits(features).device.type == "meta"
    truth = torch.zeros(2, module.grid.rows, module.grid.columns)
    seen = []
    away_truth = build(away, sam, "points-truth")
    with pytest.MonkeyPatch.context() as patch:
        # Points depend on values, which this device has not.
        patch.setattr(pointed_segmenter, "similarity_as_points", lambda one, *_: seen.append(one))
        away_truth.points(away_truth.shown(seg, image, truth), features.sizes)
    assert [one.device.type for one in seen] == ["meta", "meta"]


def test_a_missing_variant_says_how_to_get_it(tmp_path):
    with pytest.raises(VariantError, match="train_qian2025_variants"):
        read_settings(tmp_path)
