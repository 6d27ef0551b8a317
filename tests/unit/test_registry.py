"""Entries of models, and the messages when they cannot be loaded."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sightline.models.encoders.loading import load_encoder
from sightline.models.encoders.source import EncoderSource
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelError, ModelSource
from tiny import TINY

ROOT = Path(__file__).parents[2]


def test_reading_an_entry(tmp_path):
    """Keys left out take their defaults."""
    file = tmp_path / "model.json"
    file.write_text(json.dumps({"key": "demo", "path": "some/model", "revision": None}))
    source = ModelSource.read(file)
    assert (source.prompt, source.dtype, source.batch_size) == ("llava-1.5", "auto", 16)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"key": "a"}, "'path' is missing"),
        ({"key": "a", "path": "b", "batchsize": 4}, "'batchsize' is unknown; known are key"),
        ({"key": "a", "path": "b", "dtype": "fp16"}, r"models\.a\.dtype: 'fp16' is unknown; give"),
        (
            {"key": "a", "path": "b", "family": "flamingo"},
            r"models\.a\.family: 'flamingo' is unknown; give one of llava, internvl, qwen2_5_vl",
        ),
        ({"key": "a", "path": "b", "tiles": 6}, r"models\.a\.tiles: only internvl has it"),
        ({"key": "a", "path": "b", "image_size": 448}, r"models\.a\.image_size: only qwen2_5_vl"),
        ({"key": "a", "path": "b", "family": "internvl", "tiles": 0}, r"models\.a\.tiles: 0 is no"),
        ({"key": "a", "path": "b", "batch_size": 0}, r"models\.a\.batch_size"),
    ],
)
def test_wrong_entries_name_file_and_key(tmp_path, entry, message):
    """And a valid value."""
    file = tmp_path / "model.json"
    file.write_text(json.dumps(entry))
    with pytest.raises(ModelError, match=message) as caught:
        ModelSource.read(file)
    assert str(file) in str(caught.value)


def test_a_missing_folder_is_not_looked_up_on_the_hub():
    """A path with several parts cannot be a hub name."""
    with pytest.raises(ModelError, match="no folder with a config"):
        load_vlm(ModelSource("demo", "resources/demo/absent"))


def test_identity_follows_the_weights(tiny_llava_folder, tmp_path):
    """Same bytes, same identity, wherever they lie; batch size and device play no part."""
    copy = shutil.copytree(tiny_llava_folder, tmp_path / "copy")
    first = ModelSource("tiny", str(tiny_llava_folder)).identity
    assert ModelSource("tiny", str(copy), batch_size=3, device="cpu").identity == first
    (copy / "config.json").write_text("{}")
    assert ModelSource("tiny", str(copy)).identity != first


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("tokenizer.json", True),
        ("tokenizer_config.json", True),
        ("processor_config.json", True),
        ("generation_config.json", True),
        ("SHA256SUMS", False),
        ("README.md", False),
    ],
)
def test_identity_follows_what_makes_the_inputs(tiny_llava_folder, tmp_path, name, counts):
    """Another tokenizer asks another question, another processor shows another image."""
    copy = shutil.copytree(tiny_llava_folder, tmp_path / "copy")
    first = ModelSource("tiny", str(copy)).identity
    file = copy / name
    file.write_text((file.read_text() if file.exists() else "") + " ")
    assert (ModelSource("tiny", str(copy)).identity != first) == counts


def test_pickled_weights_count_where_they_are_the_ones_that_load(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"1")
    source = ModelSource("a", str(tmp_path))
    encoder = EncoderSource("a", str(tmp_path), "vit")
    for one in (source, encoder):
        assert set(one.identity["sha256"]) == {"config.json", "pytorch_model.bin"}
    (tmp_path / "model.safetensors").write_bytes(b"2")
    for one in (source, encoder):
        assert set(one.identity["sha256"]) == {"config.json", "model.safetensors"}


def test_a_model_from_the_hub_says_which_commit_it_is(tiny_llava, monkeypatch):
    """A branch moves; where the entry names the commit, nothing is to be added."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setattr(tiny_llava.model.config, "_commit_hash", commit, raising=False)
    assert "commit" not in tiny_llava.spec
    for revision, expected in ((None, commit), ("main", commit), (commit, None)):
        source = ModelSource("tiny", "owner/name", revision=revision)
        monkeypatch.setattr(tiny_llava, "source", source)
        assert tiny_llava.spec.get("commit") == expected


def without(folder, part, name, tmp_path, changed):
    """A copy of a model whose file of weights lacks one, or holds it in another size."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "SHA256SUMS").unlink(missing_ok=True)
    weights = load_file(copy / "model.safetensors")
    (key,) = [one for one in weights if part in one and one.endswith(name)]
    shape = weights.pop(key).shape
    if changed:
        weights[key] = torch.zeros(*shape[:-1], shape[-1] + 1)
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    return copy


@pytest.mark.parametrize(("changed", "fault"), [(False, "are missing"), (True, "do not fit")])
def test_weights_that_would_be_drawn_at_random_are_named(
    tiny_llava_folder, tmp_path, changed, fault
):
    name = "layers.1.self_attn.q_proj.weight"
    copy = without(tiny_llava_folder, "language_model", name, tmp_path, changed)
    with pytest.raises(ModelError, match=rf"models\.copy: weights of .* {fault}.*: .*{name}"):
        load_vlm(copy)


ENCODERS = ROOT / "resources" / "demo" / "encoders"


@pytest.mark.parametrize(("changed", "fault"), [(False, "are missing"), (True, "do not fit")])
def test_so_are_those_of_encoders(tmp_path, changed, fault):
    name = "layers.1.self_attn.q_proj.weight"
    copy = without(ENCODERS / "classification-s0", "", name, tmp_path, changed)
    with pytest.raises(ModelError, match=rf"encoders\.a: weights of .* {fault}.*: .*{name}"):
        load_encoder(EncoderSource("a", str(copy), "clip", device="cpu"))


def test_encoders_are_held_against_their_checksums(tmp_path):
    copy = shutil.copytree(ENCODERS / "classification-s0", tmp_path / "copy")
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(ModelError, match=r"not the weights that .*SHA256SUMS lists"):
        load_encoder(EncoderSource("a", str(copy), "clip", device="cpu"))


def test_half_precision_weights_load_as_float32_on_a_cpu(tiny_llava):
    """Frozen, in evaluation mode, with sdpa attention and the Pillow processor."""
    assert tiny_llava.dtype == torch.float32
    assert not tiny_llava.model.training
    assert not any(weight.requires_grad for weight in tiny_llava.model.parameters())
    assert tiny_llava.spec["attention"] == "sdpa"
    assert tiny_llava.spec["processor"] == "CLIPImageProcessorPil"
    assert (tiny_llava.grid.rows, tiny_llava.grid.columns, tiny_llava.grid.patch) == (4, 4, 8)


def test_a_dtype_can_be_asked_for(tiny_llava_folder, images):
    """Image tokens come in the model's type, logits in float32."""
    vlm = load_vlm(tiny_llava_folder, device="cpu", dtype="bfloat16")
    tokens = vlm.encode_images(images[:1])
    assert tokens.dtype == torch.bfloat16
    assert vlm.logits(vlm.prompt("Is there a cat?"), tokens).dtype == torch.float32


def test_damaged_generation_settings_are_not_taken_for_none(tiny_llava_folder, tmp_path):
    folder = shutil.copytree(tiny_llava_folder, tmp_path / "copy")
    (folder / "generation_config.json").write_text('{"eos_token_id": 2')
    with pytest.raises(
        ModelError, match=r"generation_config\.json is damaged .* Get the file again"
    ):
        load_vlm(folder, device="cpu")


def test_incomplete_folders_say_what_is_missing(tiny_llava_folder, tmp_path):
    """Without weights."""
    folder = shutil.copytree(tiny_llava_folder, tmp_path / "copy")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_vlm(folder)


def test_old_processor_files_are_completed(tiny_llava, tiny_llava_folder, tmp_path, images):
    """Checkpoints of 2024 do not say how many tokens an image becomes; the model's config does."""
    folder = shutil.copytree(tiny_llava_folder, tmp_path / "copy")
    file = folder / "processor_config.json"
    settings = json.loads(file.read_text())
    for key in ("patch_size", "vision_feature_select_strategy", "num_additional_image_tokens"):
        settings.pop(key)
    file.write_text(json.dumps(settings))
    old = load_vlm(folder, device="cpu")
    question = "Is there a cat?"
    assert (
        old.prompt(question).roles.image.tolist()
        == tiny_llava.prompt(question).roles.image.tolist()
    )


@pytest.mark.parametrize("name", ["internvl-qwen2", "qwen2_5_vl"])
def test_files_of_the_other_families_as_they_are_on_the_hub(name, tmp_path, images):
    """Written by transformers 4: older names of settings, and Qwen's text settings at the top."""
    source = TINY[name].write(tmp_path / name)
    prompt = "Is there a cat?"
    new = load_vlm(source)
    expected = new.logits(new.prompt(prompt), new.encode_images(images))
    file = tmp_path / name / "preprocessor_config.json"
    settings = json.loads(file.read_text())
    if name == "qwen2_5_vl":
        settings |= {"min_pixels": 3136, "max_pixels": 12845056}
        settings.pop("size")
        config = json.loads((tmp_path / name / "config.json").read_text())
        text = config.pop("text_config")
        rope = text.pop("rope_parameters")
        old = {"rope_theta": rope["rope_theta"], "rope_scaling": rope | {"type": "mrope"}}
        config = text | config | old | {"model_type": "qwen2_5_vl"}
        (tmp_path / name / "config.json").write_text(json.dumps(config))
    else:
        settings["image_processor_type"] += "Fast"
    file.write_text(json.dumps(settings))
    old = load_vlm(source)
    assert old.spec["processor"].endswith("ImageProcessorPil")
    assert torch.equal(old.logits(old.prompt(prompt), old.encode_images(images)), expected)


def test_a_processor_of_another_size_is_refused(tiny_llava_folder, tmp_path):
    """Its image tokens would not fit the model's."""
    folder = shutil.copytree(tiny_llava_folder, tmp_path / "copy")
    file = folder / "processor_config.json"
    file.write_text(file.read_text().replace('"patch_size": 8', '"patch_size": 16'))
    with pytest.raises(ModelError, match="4 tokens of an image, the model's tower 4 x 4"):
        load_vlm(folder, device="cpu")


def test_another_familys_model_is_refused(tiny_llava_folder, tmp_path):
    """The message names the family to give, or those there are."""
    source = ModelSource("a", str(tiny_llava_folder), family="internvl", prompt="internvl")
    with pytest.raises(
        ModelError, match=r"models\.a\.family: internvl, .* llava: give family llava"
    ):
        load_vlm(source)
    folder = shutil.copytree(tiny_llava_folder, tmp_path / "copy")
    (folder / "config.json").write_text('{"model_type": "blip-2"}')
    with pytest.raises(ModelError, match=r"blip-2: supported are llava, .*docs/models\.md"):
        load_vlm(folder)


def test_another_familys_template_is_refused(tiny_llava_folder):
    """Its placeholder would be ordinary text to the tokenizer."""
    source = ModelSource("a", str(tiny_llava_folder), prompt="internvl")
    with pytest.raises(
        ModelError, match=r"models\.a\.prompt: internvl puts <IMG_CONTEXT>.*<image>"
    ):
        load_vlm(source)


def test_an_image_size_is_a_whole_number_of_tokens(tmp_path):
    """Otherwise the last row would be cut."""
    source = replace(TINY["qwen2_5_vl"].write(tmp_path / "tiny-qwen"), image_size=45)
    with pytest.raises(ModelError, match=r"tiny-qwen\.image_size: 45 px .* 8 px; .* 40"):
        load_vlm(source)


def test_answers_end_where_the_template_says(tiny_llava_folder):
    """The Phi-3 checkpoint goes on after <|end|> unless that ends an answer too."""
    source = ModelSource("phi", str(tiny_llava_folder), prompt="llava-phi-3", device="cpu")
    vlm = load_vlm(source)
    end = vlm.tokenizer.convert_tokens_to_ids("<|end|>")
    assert vlm.model.generation_config.eos_token_id == [vlm.tokenizer.eos_token_id, end]
