"""A checkpoint of InternVL2, rewritten, says what the authors' wiring of it says."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import original_internvl
from sightline.demo.tiny import internvl2 as layout
from sightline.errors import SightlineError
from sightline.models.conversion.internvl2 import compare, convert
from sightline.models.conversion.internvl2_keys import Heads, Step, plan
from sightline.models.conversion.stored import StoredWeights
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource

PAIRS = [("llama", "6B"), ("qwen2", "300M"), ("internlm2", "300M")]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def converted(request, tmp_path_factory):
    """Folder of a checkpoint, and that of what became of it."""
    text, tower = request.param
    folder = tmp_path_factory.mktemp("internvl2")
    checkpoint = layout.write(folder / "checkpoint", text, tower)
    # Small shards: weights of one layer lie in several files.
    return checkpoint, folder / "out", convert(checkpoint, folder / "out", shard=20_000)


def weights_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    stored = StoredWeights(checkpoint)
    return {name: stored[name].float() for name in stored.names}


def source(out: Path) -> ModelSource:
    return ModelSource(
        "own", str(out / "internvl"), "internvl", "internvl", dtype="float32", device="cpu"
    )


@torch.no_grad()
def test_image_tokens_and_logits_are_those_of_the_original(converted):
    checkpoint, out, _ = converted
    about = json.loads((checkpoint / "config.json").read_text())
    weights = weights_of(checkpoint)
    vlm = load_vlm(source(out))
    image = Image.effect_noise((40, 56), 80).convert("RGB")
    pixels = vlm.processor.image_processor(images=[image], return_tensors="pt")["pixel_values"]
    expected = original_internvl.image_tokens(weights, about, pixels)
    tokens = vlm.encode_images([image])[0]
    torch.testing.assert_close(tokens, expected[0], rtol=1e-4, atol=1e-4)
    prompt = vlm.prompt("what is in this image ?")
    embeddings = vlm.model.get_input_embeddings().weight[prompt.input_ids].clone()
    embeddings[torch.from_numpy(prompt.roles.image)] = expected[0]
    logits = original_internvl.language_logits(weights, about, embeddings)
    found = vlm.model(
        input_ids=prompt.input_ids[None], pixel_values=pixels, attention_mask=None
    ).logits[0]
    torch.testing.assert_close(found, logits, rtol=2e-3, atol=2e-3)


def test_every_weight_is_read_back_equal(converted):
    checkpoint, out, report = converted
    names = StoredWeights(checkpoint).names
    assert report["compared"] == report["equal"] == len(names) == len(report["keys"])
    assert len(report["files"]) > 3
    assert json.loads((out / "conversion.json").read_text()) == report


def test_a_changed_bit_is_noticed(converted):
    checkpoint, out, _ = converted
    stored, folder = StoredWeights(checkpoint), out / "internvl"
    file = sorted(folder.glob("*.safetensors"))[0]
    before = file.read_bytes()
    weights = load_file(file)
    name = next(iter(weights))
    weights[name].view(-1)[0] += 1
    save_file(weights, file, metadata={"format": "pt"})
    heads = Heads(4, 2)
    equal = compare(stored, StoredWeights(folder), plan(stored.names), heads)
    file.write_bytes(before)
    assert sum(not same for same in equal.values()) == 1


def test_groups_of_internlm2_come_apart_and_together():
    """Three queries, then their key, then their value, for each of two groups."""
    rows = [f"{kind}{g}" for g in range(2) for kind in ("q0-", "q1-", "q2-", "k", "v")]
    weight = torch.arange(len(rows) * 4.0).reshape(-1, 1)
    step = Step(("q", "k", "v"), "groups")
    q, k, v = step.apply(weight, Heads(6, 2))
    first = [rows[int(value) // 4] for value in q[::4, 0]]
    assert first == ["q0-0", "q1-0", "q2-0", "q0-1", "q1-1", "q2-1"]
    assert [rows[int(value) // 4] for value in k[::4, 0]] == ["k0", "k1"]
    assert [rows[int(value) // 4] for value in v[::4, 0]] == ["v0", "v1"]
    assert torch.equal(step.undo((q, k, v), Heads(6, 2)), weight)


def test_unknown_weight_is_named():
    with pytest.raises(SightlineError, match=r"qllama\.query_tokens: InternVL2 has no such weight"):
        plan(["qllama.query_tokens"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ps_version": "v1"}, "ps_version is 'v1'"),
        ({"select_layer": -4}, "select_layer is -4"),
        ({"llm_config": {"model_type": "phi3"}}, r"llm_config\.model_type is phi3"),
        ({"vision_config": None}, "no vision_config"),
    ],
)
def test_other_layouts_are_refused(tmp_path, change, told):
    checkpoint = layout.write(tmp_path / "checkpoint")
    about = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps(about | change))
    with pytest.raises(SightlineError, match=told):
        convert(checkpoint, tmp_path / "out")
    assert not (tmp_path / "out" / "conversion.json").exists()


def test_missing_weight_is_named(tmp_path):
    checkpoint = layout.write(tmp_path / "checkpoint", shards=1)
    weights = load_file(checkpoint / "model-00001-of-00001.safetensors")
    del weights["mlp1.1.weight"]
    (checkpoint / "model.safetensors.index.json").unlink()
    (checkpoint / "model-00001-of-00001.safetensors").unlink()
    save_file(weights, checkpoint / "model.safetensors")
    with pytest.raises(SightlineError, match=r"no weight for .*linear_1\.weight"):
        convert(checkpoint, tmp_path / "out")


def test_tokenizer_may_come_from_elsewhere(tmp_path):
    """The models with InternLM2 have a tokenizer that is code."""
    checkpoint = layout.write(tmp_path / "checkpoint", "internlm2", "300M")
    words = tmp_path / "words"
    words.mkdir()
    for file in checkpoint.glob("*token*"):
        shutil.move(file, words / file.name)
    with pytest.raises(SightlineError, match="--tokenizer"):
        convert(checkpoint, tmp_path / "out")
    assert convert(checkpoint, tmp_path / "out", words)["equal"] > 0
