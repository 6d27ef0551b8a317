"""Encoders against plain transformers: pixels, block outputs, geometry, attention within groups."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor

from sightline.models.encoders import stages
from sightline.models.encoders.loading import load_encoder
from sightline.models.encoders.source import EncoderSource
from sightline.models.registry import ModelError
from sightline.scenes.geometry import object_tokens
from tiny_encoders import BUILD, LAYERS, PATCH, SIDE, TOKENS, WIDTH, save_encoder

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoders")
    return {name: save_encoder(name, folder) for name in BUILD}


@pytest.fixture(scope="module", params=list(BUILD))
def encoder(request, sources):
    return load_encoder(sources[request.param])


def picture(seed: int = 0, size: tuple[int, int] = (45, 33)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(noise)


def blocks(encoder) -> list[torch.nn.Module]:
    """Blocks by the names of their classes, in order."""
    return [
        module
        for module in encoder._tower.modules()
        if type(module).__name__.endswith(("EncoderLayer", "ImageLayer", "ViTLayer", "Dinov2Layer"))
        or type(module).__name__ == "FlavaLayer"
    ]


def test_pixels_are_those_of_the_processor(encoder):
    images = [picture(0), picture(1, (30, 52)), picture(2, (28, 28))]
    processor = AutoImageProcessor.from_pretrained(encoder.source.path, backend="pil")
    wanted = torch.cat([processor(one, return_tensors="pt")["pixel_values"] for one in images])
    torch.testing.assert_close(encoder.pixels(images), wanted, rtol=1e-5, atol=1e-5)


def test_states_are_block_outputs_without_a_final_norm(encoder):
    caught = []
    found = blocks(encoder)
    assert len(found) == LAYERS
    handles = [
        block.register_forward_hook(
            lambda module, inputs, out: caught.append(out[0] if isinstance(out, tuple) else out)
        )
        for block in found
    ]
    states = encoder.states(encoder.pixels([picture(), picture(1)]))
    for handle in handles:
        handle.remove()
    assert encoder.widths == (WIDTH,) * LAYERS and len(states) == LAYERS
    for state, hooked in zip(states, caught, strict=True):
        assert state.shape == (2, 1 + TOKENS, WIDTH)
        torch.testing.assert_close(state, hooked)


def test_grid_is_that_of_the_tokens(encoder):
    assert [(grid.rows, grid.columns) for grid in encoder.grids] == [(4, 4)] * LAYERS
    assert encoder.has_cls


@pytest.mark.parametrize("name", ["clip-vision", "vit", "dinov2"])
def test_painting_an_object_changes_its_tokens_alone(name, sources):
    """With every token on its own, only tokens that the mask covers can notice."""
    encoder = load_encoder(replace(sources[name], attention="token"))
    image = picture(3, (60, 44))
    mask = np.zeros((44, 60), bool)
    mask[20:34, 22:31] = True
    painted = np.asarray(image).copy()
    painted[mask] = 255 - painted[mask]
    pixels = encoder.pixels([image, Image.fromarray(painted)])
    groups = torch.arange(1 + TOKENS).expand(2, -1)
    states = encoder.states(pixels, groups)
    tokens = object_tokens(encoder.transform.apply_mask(mask), encoder.grids[0])
    for state in states:
        changed = (state[0] - state[1]).abs().amax(-1)[1:] > 1e-6
        # Bicubic resizing reaches one pixel beyond the mask, so neighbours may change a little.
        assert changed[torch.from_numpy(tokens)].all()
        assert not changed[_far_from(tokens)].any()
        assert torch.equal(state[0, 0], state[1, 0])


def _far_from(tokens) -> torch.Tensor:
    covered = np.zeros((4, 4), bool)
    covered.flat[tokens] = True
    padded = np.pad(covered, 1)
    near = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).any((2, 3))
    return torch.from_numpy(~near.ravel())


@pytest.mark.parametrize("name", ["clip", "vit", "dinov2"])
def test_one_group_of_all_is_plain_attention(name, sources):
    pixels = load_encoder(sources[name]).pixels([picture(), picture(1)])
    plain = load_encoder(sources[name]).states(pixels)
    grouped = load_encoder(replace(sources[name], attention="object"))
    for one, other in zip(plain, grouped.states(pixels, torch.zeros(2, 1 + TOKENS)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_groups_keep_objects_apart(sources):
    encoder = load_encoder(replace(sources["clip-vision"], attention="object"))
    pixels = encoder.pixels([picture()])
    changed = pixels.clone()
    changed[..., : 2 * PATCH, :] += 1
    groups = torch.zeros(1, 1 + TOKENS, dtype=torch.int64)
    groups[:, 1 : 1 + TOKENS // 2] = 1
    before, after = (encoder.states(one, groups)[-1][0, 1:] for one in (pixels, changed))
    upper, lower = slice(0, TOKENS // 2), slice(TOKENS // 2, None)
    assert not torch.allclose(before[upper], after[upper])
    assert torch.equal(before[lower], after[lower])


def test_groups_are_asked_for_where_attention_needs_them(sources):
    encoder = load_encoder(sources["vit"])
    pixels = encoder.pixels([picture()])
    with pytest.raises(ModelError, match=r"encoders\.vit: attention is all"):
        encoder.states(pixels, torch.zeros(1, 1 + TOKENS))
    with pytest.raises(ModelError, match="attention is token"):
        load_encoder(replace(sources["vit"], attention="token")).states(pixels)


def test_random_weights_depend_on_their_seed_alone(sources):
    pixels = load_encoder(sources["vit"]).pixels([picture()])
    last = [
        load_encoder(replace(sources["vit"], weights="random", seed=seed)).states(pixels)[-1]
        for seed in (0, 0, 1)
    ]
    assert torch.equal(last[0], last[1]) and not torch.allclose(last[0], last[2])
    trained = load_encoder(sources["vit"]).states(pixels)[-1]
    assert not torch.allclose(last[0], trained)


def test_images_and_texts_meet_as_in_the_model(sources):
    encoder = load_encoder(sources["clip"])
    pixels = encoder.pixels([picture(), picture(1)])
    texts = ["a cat", "a big dog on the left"]
    image = encoder.embed_images(encoder.states(pixels)[-1][:, 0]).clone()
    words = encoder.embed_texts(texts)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder.source.path)
    inputs = tokenizer([text + "</s>" for text in texts], padding=True, return_tensors="pt")
    with torch.inference_mode():
        out = encoder.model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            pixel_values=pixels,
        )
    scale = encoder.model.logit_scale.detach().exp()
    torch.testing.assert_close(scale * image @ words.T, out.logits_per_image, rtol=1e-4, atol=1e-4)


def test_captions_are_those_of_the_model(sources):
    encoder = load_encoder(sources["blip"])
    pixels = encoder.pixels([picture(), picture(1)])
    wanted = encoder.model.generate(pixel_values=pixels)
    found = encoder.caption(pixels)
    assert len(found) == 2 and all("</s>" not in text for text in found)
    words = [len(set(text.split())) for text in found]
    assert max(words) <= wanted.shape[1]
    with pytest.raises(ModelError, match=r"encoders\.vit: vit has no decoder"):
        load_encoder(sources["vit"]).caption(pixels)


def test_encoders_without_texts_say_so(sources):
    for name in ("clip-vision", "blip"):
        with pytest.raises(ModelError, match=f"encoders.{name}: .* has no texts"):
            load_encoder(sources[name]).embed_texts(["a cat"])


@pytest.mark.parametrize("name", ["clip", "flava", "vit"])
def test_patches_are_as_large_as_those_of_the_encoder(sources, name):
    """Each family says it in another place of its configuration."""
    floor = load_encoder(replace(sources[name], key="pixels", family="patches"))
    assert floor.grids[0] == load_encoder(sources[name]).grids[0]


def test_patches_are_the_pixels(sources):
    source = replace(sources["clip"], key="pixels", family="patches")
    encoder = load_encoder(source)
    pixels = encoder.pixels([picture()])
    (state,) = encoder.states(pixels)
    assert encoder.widths == (3 * PATCH * PATCH,) and not encoder.has_cls
    wanted = pixels[0, :, PATCH : 2 * PATCH, 2 * PATCH : 3 * PATCH].reshape(-1)
    torch.testing.assert_close(state[0, 1 + 4 + 2], wanted)
    torch.testing.assert_close(state[:, 0], state[:, 1:].mean(1))


class _Network(torch.nn.Module):
    """Maps as a ResNet with four stages gives them."""

    def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        pooled = [torch.nn.functional.avg_pool2d(pixels, 2**n) for n in range(4)]
        return [one.repeat(1, n + 1, 1, 1) for n, one in enumerate(pooled)]


@pytest.fixture
def resnet(tmp_path, monkeypatch):
    config = {"input_size": [3, 16, 16], "mean": [0.5] * 3, "std": [0.5] * 3}
    about = {"architecture": "small", "pretrained_cfg": config}
    (tmp_path / "config.json").write_text(json.dumps(about))
    calls = []

    def create_model(name, **options):
        calls.append((name, options))
        return _Network()

    monkeypatch.setattr(
        stages, "import_module", lambda _: SimpleNamespace(create_model=create_model)
    )
    return EncoderSource("rn", str(tmp_path), "resnet", device="cpu"), calls


def test_stages_have_their_own_grids_and_widths(resnet):
    source, calls = resnet
    encoder = load_encoder(source)
    assert calls[0][0] == "small" and calls[0][1]["features_only"]
    assert encoder.widths == (3, 6, 9, 12) and not encoder.has_cls
    assert [grid.rows for grid in encoder.grids] == [16, 8, 4, 2]
    assert [grid.patch for grid in encoder.grids] == [1, 2, 4, 8]
    pixels = encoder.pixels([picture(0, (30, 16))])
    states = encoder.states(pixels)
    torch.testing.assert_close(states[0][0, 1 + 16 * 3 + 5], pixels[0, :, 3, 5])
    torch.testing.assert_close(states[3][:, 0], states[3][:, 1:].mean(1))


def test_a_resnet_without_timm_says_what_to_install(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(
        ModelError, match=r"encoders\.rn: family resnet needs timm .*pip install timm"
    ):
        load_encoder(EncoderSource("rn", str(tmp_path), "resnet", device="cpu"))


def test_another_family_is_named(sources):
    with pytest.raises(ModelError, match=r"encoders\.vit\.family: clip, but .* says vit"):
        load_encoder(replace(sources["vit"], family="clip"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "vgg"}, "encoders.vit.family: 'vgg' is unknown; give one of clip, vit"),
        ({"family": "blip", "attention": "token"}, "encoders.vit.attention: token needs one of"),
        (
            {"family": "patches", "weights": "random"},
            "encoders.vit.weights: random weights are for",
        ),
        ({"batch_size": 0}, "encoders.vit.batch_size: 0 is no count"),
    ],
)
def test_entries_that_make_no_sense_are_refused(sources, change, message):
    with pytest.raises(ModelError, match=message):
        replace(sources["vit"], **change)


def test_geometry_serves_masks_as_it_serves_images(encoder):
    """A white rectangle lights up the tokens of its mask."""
    image = Image.new("RGB", (45, 33))
    mask = np.zeros((33, 45), bool)
    mask[10:24, 12:33] = True
    lit = np.asarray(image).copy()
    lit[mask] = 255
    frame = encoder.pixels([Image.fromarray(lit)])[0].amax(0).numpy()
    dark = encoder.pixels([image])[0].amax(0).numpy()
    cells = (frame - dark > 0.5).reshape(4, PATCH, 4, PATCH).any(axis=(1, 3))
    tokens = object_tokens(encoder.transform.apply_mask(mask), encoder.grids[0])
    assert frame.shape == (SIDE, SIDE)
    assert set(tokens) <= set(np.flatnonzero(cells))
