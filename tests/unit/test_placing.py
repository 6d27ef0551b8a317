"""Models in fewer bits or on several GPUs: refused with advice, and kept apart from others in what is cached."""

import sys

import pytest
import torch

from sightline.models import loading
from sightline.models.loading import choose_placing, load_vlm
from sightline.models.registry import ModelError, ModelSource

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


def source(path="owner/name", **changes) -> ModelSource:
    return ModelSource("small", str(path), **changes)


def test_usual_models_are_placed_as_before():
    assert choose_placing(source(), CPU) == {}
    assert not {"quantization", "device_map"} & source().identity.keys()


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_fewer_bits_need_a_package(bits, monkeypatch):
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=rf"quantization: {bits} needs the package bitsandbytes"):
        choose_placing(source(quantization=bits), CUDA)


@pytest.fixture
def with_package(monkeypatch):
    """As if bitsandbytes were installed: its kernels are not called here."""
    monkeypatch.setattr(loading, "find_spec", lambda name: sys.modules[__name__].__spec__)


def test_fewer_bits_need_a_gpu(with_package):
    with pytest.raises(ModelError, match="needs a GPU; on cpu leave the key out"):
        choose_placing(source(quantization="8bit"), CPU)


@pytest.mark.parametrize(("bits", "loads"), [("8bit", (True, False)), ("4bit", (False, True))])
def test_only_the_language_model_is_stored_in_fewer_bits(with_package, bits, loads):
    placing = choose_placing(source(quantization=bits, dtype="bfloat16"), CUDA)
    settings = placing["quantization_config"]
    assert (settings.load_in_8bit, settings.load_in_4bit) == loads
    assert {"lm_head", "vision_tower"} <= set(settings.llm_int8_skip_modules)
    assert settings.bnb_4bit_compute_dtype == torch.bfloat16
    assert placing["device_map"] == {"": "cuda"}


def test_both_are_part_of_the_identity():
    plain = source().identity
    assert source(quantization="8bit").identity == plain | {"quantization": "8bit"}
    assert source(device_map="auto").identity == plain | {"device_map": "auto"}


@pytest.mark.parametrize(
    ("changes", "taken"),
    [({"gpus": 4}, 1), ({"device_map": "auto"}, None), ({"device_map": "auto", "gpus": 4}, 4)],
)
def test_as_many_gpus_are_taken_as_layers_are_spread_over(
    tiny_llava_folder, monkeypatch, changes, taken
):
    asked = []

    def choose(name, gpus):
        asked.append(gpus)
        return CPU

    monkeypatch.setattr(loading, "choose_device", choose)
    load_vlm(source(tiny_llava_folder, **changes))
    assert asked == [taken]


@pytest.mark.parametrize(("name", "value"), [("quantization", "2bit"), ("device_map", "cpu")])
def test_unknown_values_are_named(name, value):
    with pytest.raises(ModelError, match=rf"models\.small\.{name}: '{value}' is unknown"):
        source(**{name: value})


def test_spread_model_gives_the_states_of_the_whole_one(tiny_llava_folder, tiny_llava, images):
    """On one CPU there is nothing to spread; the way through accelerate is the same."""
    spread = load_vlm(source(tiny_llava_folder, device_map="auto", device="cpu"))
    assert spread.spec["device_map"] == "auto"
    assert torch.equal(spread.encode_images(images[:1])[0], tiny_llava.encode_images(images[:1])[0])
