"""Checkpoints in LISA's layout, converted, against their own forward pass written out."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import lisa_layout
from sightline.errors import SightlineError
from sightline.instruments.point_rules import PointRule
from sightline.instruments.points import point_prompts, similarity_as_points
from sightline.instruments.similarity import similarity_maps
from sightline.models.conversion.lisa import convert
from sightline.models.conversion.stored import StoredWeights, StoredWeightsError
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.models.segmenter import load_segmenter

FORMS = ("safetensors", "bin", "safetensors shards", "bin shards")
QUESTION, ANSWER = "what is the red car in this image", "it is [SEG]"


@pytest.fixture(scope="module")
def drawn():
    return lisa_layout.draw()


def converted(folder, weights, tower, form="safetensors"):
    """Report, VLM and segmenter of a checkpoint."""
    checkpoint, eyes = lisa_layout.write(folder, weights, tower, form)
    report = convert(checkpoint, eyes, folder / "out")
    source = ModelSource("tiny", str(folder / "out" / "llava"), prompt="llava-lisa", device="cpu")
    return report, load_vlm(source), load_segmenter(folder / "out" / "segmenter")


@pytest.fixture(scope="module")
def ready(tmp_path_factory, drawn):
    return converted(tmp_path_factory.mktemp("lisa"), *drawn)


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (8, 12, 3), np.uint8)).resize((48, 32))


@torch.no_grad()
def states(vlm, picture):
    """Last states behind the final norm, and the prompt they are of."""
    prompt = vlm.prompt(QUESTION, prefix=ANSWER)
    inputs = vlm.embed(prompt, vlm.encode_images([picture]))
    found = vlm.model.model.language_model(inputs_embeds=inputs, use_cache=False)
    return found.last_hidden_state[0], prompt


@torch.no_grad()
def original_states(drawn, vlm, picture, prompt):
    ids = vlm.tokenizer(prompt.text, return_tensors="pt")["input_ids"][0]
    pixels = vlm.processor.image_processor(images=picture, return_tensors="pt")["pixel_values"]
    start = int((ids == vlm.image_token_id).nonzero()[0])
    assert vlm.tokenizer.convert_ids_to_tokens(int(ids[start - 1])) == "<im_start>"
    return lisa_layout.language_states(*drawn, ids, pixels, start)


def test_states_of_the_language_model_are_equal(drawn, ready, picture):
    _, vlm, _ = ready
    found, prompt = states(vlm, picture)
    expected = original_states(drawn, vlm, picture, prompt)
    assert prompt.input_ids[prompt.roles.last] == vlm.tokenizer.convert_tokens_to_ids("[SEG]")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("before", [1, 0], ids=["before the token", "at the token"])
@torch.no_grad()
def test_masks_are_equal(drawn, ready, picture, before):
    """As in LISA and SESAME: the projected state is the only prompt. Both places of the state."""
    _, vlm, segmenter = ready
    found, prompt = states(vlm, picture)
    place = prompt.roles.last - before
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    mine = segmenter.mask_logits(pixels, segmenter.projection(found[place])[None, None, None])[0, 0]
    expected = original_states(drawn, vlm, picture, prompt)[place]
    other = lisa_layout.segment(drawn[0], expected, pixels)
    torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)
    assert other.std() > 1e-3


@torch.no_grad()
def test_masks_with_points_are_equal(drawn, ready, picture):
    """As in READ: clicks from the map of the state before the token, a padding point, the token."""
    _, vlm, segmenter = ready
    found, prompt = states(vlm, picture)
    state = found[prompt.roles.last - 1]
    scores = similarity_maps(state, found[torch.from_numpy(prompt.roles.image)], vlm.grid, "dot")
    size = (32, 48)
    points = similarity_as_points(scores, size, PointRule(number=7), patch=vlm.grid.patch)
    prompts = point_prompts(segmenter, points, size, segmenter.projection(state))
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    mine = segmenter.mask_logits(pixels, prompts)[0, 0]
    frame = points.places * (64 / 48)
    # Height is rounded to whole pixels of the frame: 32 becomes 43.
    frame[:, 1] = points.places[:, 1] * (43 / 32)
    expected = original_states(drawn, vlm, picture, prompt)[prompt.roles.last - 1]
    other = lisa_layout.segment(drawn[0], expected, pixels, frame, points.labels)
    torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)
    alone = lisa_layout.segment(drawn[0], expected, pixels)
    assert (other - alone).abs().max() > 1e-3


@pytest.mark.parametrize("form", FORMS[1:])
def test_every_form_of_storage_gives_the_same(tmp_path, drawn, ready, form):
    report, vlm, segmenter = converted(tmp_path, *drawn, form)
    for mine, other in ((vlm.model, ready[1].model), (segmenter, ready[2])):
        for (name, one), two in zip(
            mine.state_dict().items(), other.state_dict().values(), strict=True
        ):
            assert torch.equal(one, two), name
    assert report["keys"] == ready[0]["keys"]


def test_the_report_tells_of_every_key(tmp_path, drawn):
    weights = drawn[0] | {"model.queries.weight": torch.ones(2)}
    report, _, _ = converted(tmp_path, weights, drawn[1])
    assert set(report["keys"]) == set(weights)
    assert report["left_over"] == ["model.queries.weight"]
    entry = report["keys"]["model.visual_model.mask_decoder.output_upscaling.3.bias"]
    assert (entry["part"], entry["name"]) == ("sam", "mask_decoder.upscale_conv2.bias")
    dropped = report["keys"]["model.layers.0.self_attn.rotary_emb.inv_freq"]
    assert dropped["part"] == "dropped" and dropped["because"]
    assert len(report["tower"]["keys"]) == len(drawn[1])
    assert "lm_head.weight" in report["added"]
    assert json.loads((tmp_path / "out" / "conversion.json").read_text()) == report


def test_a_tower_inside_the_checkpoint_is_taken(tmp_path, drawn, ready, picture):
    inside = {
        lisa_layout.CLIP + name.removeprefix("vision_model."): value + 0.1
        for name, value in drawn[1].items()
        if value.is_floating_point()
    }
    report, vlm, _ = converted(tmp_path, drawn[0] | inside, drawn[1])
    assert "tower" not in report
    assert not torch.allclose(vlm.encode_images([picture]), ready[1].encode_images([picture]))


def test_a_projector_of_one_layer_is_kept_exactly(tmp_path, picture):
    """LISA on LLaVA-1: the second layer of transformers' projector does nothing."""
    drawn = lisa_layout.draw(seed=3, layers=1)
    report, vlm, _ = converted(tmp_path, *drawn)
    found, prompt = states(vlm, picture)
    expected = original_states(drawn, vlm, picture, prompt)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert "model.multi_modal_projector.linear_2" in report["added"]


def test_the_row_of_the_image_is_never_the_likeliest(ready, picture):
    _, vlm, _ = ready
    with torch.no_grad():
        scores = vlm.model.lm_head(states(vlm, picture)[0])
    others = torch.cat([scores[:, : vlm.image_token_id], scores[:, vlm.image_token_id + 1 :]], 1)
    assert (scores[:, vlm.image_token_id] < others.max(1).values).all()


def test_the_sam_has_its_original_frame(ready, tmp_path_factory):
    from transformers import SamImageProcessorPil

    assert ready[2].side == 64
    config = ready[2].sam.config
    assert config.vision_config.global_attn_indexes == [2]
    assert config.vision_config.window_size == 3
    assert config.mask_decoder_config.layer_norm_eps == 1e-5
    folder = ready[1].source.folder.with_name("segmenter")
    processor = SamImageProcessorPil.from_pretrained(folder)
    pixels = processor(images=Image.new("RGB", (48, 32)), return_tensors="pt")
    assert pixels["pixel_values"].shape == (1, 3, 64, 64)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model.layers.0.self_attn.q_proj.lora_A.weight": torch.ones(2)}, "LoRA is not merged"),
        ({"model.norm.weight": None}, "no weight for model.language_model.norm.weight"),
        (
            {"model.text_hidden_fcs.0.2.bias": None},
            "text_hidden_fcs.0 has 0.bias, 0.weight, 2.weight",
        ),
        ({"model.visual_model.image_encoder.pos_embed": None}, "has no image_encoder.pos_embed"),
        ({"model.mm_projector.0.bias": torch.ones(3)}, r"is of shape \(3,\), expected \(32,\)"),
        ({"lm_head.weight": torch.ones(3, 32)}, "has 3 rows, the tokenizer knows"),
    ],
)
def test_what_a_checkpoint_lacks_is_named(tmp_path, drawn, changed, message):
    weights = {k: v for k, v in (drawn[0] | changed).items() if v is not None}
    checkpoint, eyes = lisa_layout.write(tmp_path, weights, drawn[1])
    with pytest.raises(SightlineError, match=message):
        convert(checkpoint, eyes, tmp_path / "out")


class Intruder:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple:
        """What the pickle tells its reader to call."""
        import os

        return os.mkdir, ("intruded",)


def test_a_pickle_that_would_run_something_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Intruder()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(StoredWeightsError, match=r"pytorch_model\.bin: not read"):
        StoredWeights(tmp_path)
    assert not (tmp_path / "intruded").exists()


def test_storage_that_is_incomplete_is_named(tmp_path):
    with pytest.raises(StoredWeightsError, match=r"none of model\.safetensors"):
        StoredWeights(tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "one.safetensors"}}')
    with pytest.raises(StoredWeightsError, match=r"one\.safetensors: missing"):
        StoredWeights(tmp_path)
    save_file({"b": torch.ones(1)}, tmp_path / "one.safetensors")
    with pytest.raises(StoredWeightsError, match="a"):
        StoredWeights(tmp_path)["a"]
    index.write_text("[]")
    with pytest.raises(StoredWeightsError, match="no index"):
        StoredWeights(tmp_path)
    torch.save({"weight": 3}, tmp_path / "pytorch_model.bin")
    with pytest.raises(StoredWeightsError, match="weight is no array"):
        StoredWeights(tmp_path)
