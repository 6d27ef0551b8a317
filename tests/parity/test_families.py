"""What differs between families: where image tokens lie, how positions count, how images are cut."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from plain import plain_processor
from sightline.models.loading import load_vlm
from sightline.models.prompts import TEMPLATES
from sightline.models.registry import ModelError
from sightline.scenes.geometry import object_tokens
from tiny import PATCH, SIDE, TINY

CLOSE = {"rtol": 1e-4, "atol": 1e-4}
QUESTION = "What is on the car?"
# The last linear map of a tower's attention, by the last part of its name.
ATTENTION_OUTPUT = ("out_proj", "projection_layer", "attn.proj")
TILES = 6


@pytest.fixture(scope="module")
def tiled(tmp_path_factory):
    """An InternVL that cuts images into tiles."""
    source = TINY["internvl-qwen2"].write(tmp_path_factory.mktemp("models") / "tiled")
    return load_vlm(replace(source, tiles=TILES))


def without_tower_attention(vlm):
    """The same model, but that a patch of the tower sees nothing except itself."""
    blind = load_vlm(vlm.source)
    closed = 0
    for name, module in blind.model.named_modules():
        if "language_model" not in name and name.endswith(ATTENTION_OUTPUT):
            torch.nn.init.zeros_(module.weight)
            torch.nn.init.zeros_(module.bias)
            closed += 1
    assert closed == 3
    return blind


def painted(image, mask):
    """The image with an object painted on it."""
    pixels = np.array(image)
    pixels[mask] = 255 - pixels[mask]
    return Image.fromarray(pixels)


def changed_tokens(vlm, image, mask):
    """Image tokens that an object painted on the image changes."""
    before, after = vlm.encode_images([image, painted(image, mask)])
    return (before - after).abs().amax(-1).gt(1e-4).nonzero()[:, 0].numpy()


@pytest.mark.parametrize("corner", [(0, 0), (9, 3), (17, 25), (24, 8)])
def test_image_tokens_lie_where_the_grid_says(vlm, corner):
    """Row-major over the image, whatever shuffles and windows a tower has."""
    blind = without_tower_attention(vlm)
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
    mask = np.zeros((SIDE, SIDE), bool)
    mask[corner[0] : corner[0] + 7, corner[1] : corner[1] + 7] = True
    assert changed_tokens(blind, image, mask).tolist() == object_tokens(mask, vlm.grid).tolist()


def test_norms_of_the_tower_lie_where_the_grid_says(vlm):
    """Each beside its own token, whatever order the tower works in."""
    blind = without_tower_attention(vlm)
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
    mask = np.zeros((SIDE, SIDE), bool)
    mask[17:24, 25:32] = True
    tokens = object_tokens(mask, vlm.grid).tolist()
    before, after = blind.tower_norms([image, painted(image, mask)])
    assert before.shape == (vlm.grid.tokens,)
    changed = (before - after).abs().gt(1e-5).nonzero()[:, 0].tolist()
    assert changed and set(changed) <= set(tokens)
    torch.testing.assert_close(blind.tower_norms([image], 1)[0], before, **CLOSE)


def test_norms_of_the_tower_are_those_of_its_hidden_states(tiny_llava, images):
    """The layer that LLaVA's projector reads, without CLS."""
    pixels = tiny_llava.processor.image_processor(images, return_tensors="pt")["pixel_values"]
    model, config = tiny_llava.model.model, tiny_llava.model.config
    with torch.no_grad():
        states = model.vision_tower(pixels, output_hidden_states=True).hidden_states
    expected = states[config.vision_feature_layer][:, 1:].norm(dim=-1)
    torch.testing.assert_close(tiny_llava.tower_norms(images), expected)


def test_a_token_of_several_patches_has_the_largest_of_their_norms(tiled, images):
    """InternVL shuffles 2 x 2 patches into a token."""
    small = [image.resize((SIDE, SIDE)) for image in images[:2]]
    pixels = tiled.processor.image_processor(small, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        seen = tiled.model.model.vision_tower(pixels).last_hidden_state[:, 1:]
    side = int(seen.shape[1] ** 0.5)
    patches = seen.norm(dim=-1).reshape(len(small), side // 2, 2, side // 2, 2)
    expected = patches.amax((2, 4)).flatten(1)
    torch.testing.assert_close(tiled.tower_norms(small), expected)


def test_tiles_lie_where_the_grid_says(tiled):
    """Tile by tile, and once more in the thumbnail; there, resizing smears the object a little."""
    blind = without_tower_attention(tiled)
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (2 * SIDE, 3 * SIDE, 3), dtype=np.uint8))
    grid = tiled.grid_of(image)
    assert (grid.mosaic, grid.tiles, grid.columns) == ((2, 3), 7, SIDE // PATCH)
    mask = np.zeros((2 * SIDE, 3 * SIDE), bool)
    # Across the seam between the second and the third tile of the first row.
    mask[9:20, 2 * SIDE - 5 : 2 * SIDE + 5] = True
    expected = object_tokens(tiled.transform.apply_mask(mask), grid)
    found = changed_tokens(blind, image, mask)
    thumbnail = 6 * tiled.grid.tokens
    assert found[found < thumbnail].tolist() == expected[expected < thumbnail].tolist()
    assert set(expected) <= set(found)
    assert {token // tiled.grid.tokens for token in expected.tolist()} == {1, 2, 6}


@pytest.mark.parametrize("size", [(32, 32), (64, 32), (33, 96), (70, 60)])
def test_tiled_images_equal_plain_transformers(tiled, size):
    """Logits and greedy answers of images of any mosaic, asked with their own grid."""
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    text = TEMPLATES["internvl"].text.replace("{question}", QUESTION)
    inputs = plain_processor(tiled.source)(images=image, text=text, return_tensors="pt")
    prompt = tiled.prompt(QUESTION, grid=tiled.grid_of(image))
    assert torch.equal(prompt.input_ids, inputs["input_ids"][0])
    tokens = tiled.encode_images([image])
    with torch.no_grad():
        plain = tiled.model(**inputs).logits[:, -1]
        answer = tiled.model.generate(**inputs, max_new_tokens=6, do_sample=False)
    torch.testing.assert_close(tiled.logits(prompt, tokens), plain, **CLOSE)
    new = answer[0, inputs["input_ids"].shape[1] :]
    assert tiled.generate(prompt, tokens, 6) == [tiled.decode(new)]


def test_internvl2_answers_behind_its_system_message(tmp_path, images):
    """Chinese, which a tiny tokenizer does not know; what counts is where it stands."""
    source = TINY["internvl-llama"].write(tmp_path / "model")
    bare, asked = load_vlm(source), load_vlm(replace(source, prompt="internvl2"))
    short, long = bare.prompt(QUESTION), asked.prompt(QUESTION)
    assert len(long.roles.system) > len(short.roles.system)
    assert len(long.roles.image) == len(short.roles.image)
    assert (
        long.text.startswith("<|im_start|>system\n") and "<|im_end|><|im_start|>user" in long.text
    )
    assert asked.generate(long, asked.encode_images(images[:1]), max_new_tokens=4)


def test_images_of_different_mosaics_do_not_mix(tiled):
    """Not even where the number of tiles is the same."""
    wide, tall = Image.new("RGB", (64, 32)), Image.new("RGB", (32, 64))
    assert tiled.grid_of(wide).tokens == tiled.grid_of(tall).tokens
    with pytest.raises(ModelError, match=r"tiled\.tiles: these images have \(1, 2\), \(2, 1\)"):
        tiled.encode_images([wide, tall])


def test_image_tokens_must_be_of_the_prompts_grid(tiled):
    """A prompt about one tile does not take the tokens of three."""
    tokens = tiled.encode_images([Image.new("RGB", (64, 32))])
    with pytest.raises(ValueError, match=r"expected \(batch, 16, 32\)"):
        tiled.logits(tiled.prompt(QUESTION), tokens)


def test_positions_count_rows_and_columns_where_the_family_does(vlm):
    """Generated tokens go on after the last position, which is the largest on every axis."""
    prompt = vlm.prompt(QUESTION)
    places = vlm.adapter.position_ids(vlm.model, prompt)
    axes = 3 if vlm.family == "qwen2_5_vl" else 1
    assert places.shape == (axes, len(prompt)) and places.dtype == torch.int64
    assert (places[:, -1] == places.max()).all()
    if axes == 1:
        assert vlm.position_ids(prompt, 2).shape == (2, len(prompt))
        assert torch.equal(places[0], torch.arange(len(prompt)))
        return
    assert vlm.position_ids(prompt, 2).shape == (3, 2, len(prompt))
    start = len(prompt.roles.system)
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")
    expected = torch.stack([torch.zeros(16), rows.flatten(), columns.flatten()]).long() + start
    assert torch.equal(places[:, prompt.roles.image], expected)
    assert places[:, prompt.roles.query[0]].tolist() == [start + 4] * 3


def test_where_the_blocks_are(vlm):
    """The text model holds blocks, norm and rotary embedding, and is as wide as image tokens."""
    adapter, text = vlm.adapter, vlm.adapter.text_model(vlm.model)
    assert list(text.layers) == list(adapter.layers(vlm.model)) and len(text.layers) == 4
    assert text.norm is adapter.final_norm(vlm.model)
    assert adapter.text_width(vlm.model.config) == vlm.width == text.config.hidden_size
    assert adapter.patch(vlm.model.config) == vlm.grid.patch == PATCH
    places = vlm.position_ids(vlm.prompt(QUESTION))
    assert len(text.rotary_emb(torch.zeros(1), places)) == 2


def test_answers_are_greedy_whatever_the_checkpoint_asks(vlm, images, tmp_path):
    """Qwen's generation settings sample and punish repetition; here the likeliest word is taken."""
    tokens, prompt = vlm.encode_images(images[:1]), vlm.prompt(QUESTION)
    plain = vlm.generate(prompt, tokens, 8)
    folder = shutil.copytree(vlm.source.path, tmp_path / "model")
    file = folder / "generation_config.json"
    asked = {
        "do_sample": True, "temperature": 3.0, "top_k": 2, "top_p": 0.1, "repetition_penalty": 5.0,
        "no_repeat_ngram_size": 1, "suppress_tokens": vlm.tokenizer.encode(plain[0]), "num_beams": 3,
    }  # fmt: skip
    file.write_text(json.dumps((json.loads(file.read_text()) if file.exists() else {}) | asked))
    other = load_vlm(replace(vlm.source, path=str(folder)))
    assert other.generate(prompt, tokens, 8) == plain


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision(vlm, images, dtype):
    """Image tokens in the model's type, logits in float32, near those of full precision."""
    half = load_vlm(vlm.source, dtype=dtype)
    tokens = half.encode_images(images)
    assert tokens.dtype == half.dtype == getattr(torch, dtype)
    ours = half.logits(half.prompt(QUESTION), tokens)
    full = vlm.logits(vlm.prompt(QUESTION), vlm.encode_images(images))
    assert ours.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(ours, full).min() > 0.9
