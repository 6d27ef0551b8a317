"""Maps of nouns of the bundled contrastive encoder, against transformers, and beside those of [SEG]."""

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

from qian2025_world import demo_protocol, draw_queries
from sightline.models.encoders.loading import load_encoder
from sightline.models.encoders.source import EncoderSource
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.studies.qian2025.nouns import measure as module
from sightline.studies.qian2025.nouns.maps import noun_maps
from sightline.studies.qian2025.nouns.names import COLUMNS, RAW, RELEASED, SURGERY
from sightline.studies.qian2025.similarity.measure import measure as read_maps

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "resources" / "demo"
FOLDER = DEMO / "encoders" / "contrastive-0.5-s0"
NUMBER = 3


@pytest.fixture(scope="module")
def protocol():
    return demo_protocol(NUMBER)


@pytest.fixture(scope="module")
def queries(tmp_path_factory, protocol):
    return draw_queries(tmp_path_factory.mktemp("reasonseg"), protocol)


@pytest.fixture(scope="module")
def encoder():
    source = EncoderSource("contrastive", str(FOLDER), "clip", dtype="float32", device="cpu")
    return load_encoder(source)


def test_maps_are_those_of_plain_transformers(encoder, queries):
    image, nouns = queries["val"][0].scene.image(), ["mug", "traffic light"]
    model = CLIPModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    pixels = CLIPImageProcessor.from_pretrained(FOLDER)(image, return_tensors="pt")["pixel_values"]
    texts = [text + tokenizer.eos_token for text in (*nouns, "")]
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        asked = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        words = model.text_projection(model.text_model(**asked).pooler_output)
        last = model.vision_model(pixel_values=pixels).last_hidden_state[0, 1:]
        normed = model.visual_projection(model.vision_model.post_layernorm(last))
        bare = model.visual_projection(last)
    words, normed, bare = (one / one.norm(dim=-1, keepdim=True) for one in (words, normed, bare))
    expected = {
        RAW: normed @ words[:2].T,
        SURGERY: normed @ (words[:2] - words[2]).T,
        RELEASED: bare @ words[:2].T,
    }
    found = noun_maps(encoder, [image], nouns)
    for name, one in expected.items():
        got = found[name][0].flatten(1).T
        torch.testing.assert_close(got, one, rtol=1e-4, atol=1e-5)


def test_every_query_is_compared_with_its_noun(encoder, queries, protocol):
    vlm = load_vlm(ModelSource("demo-llava", str(DEMO / "llava"), dtype="float32", batch_size=8))
    maps, _ = read_maps(vlm, queries, protocol)
    chosen = dict(enumerate(queries["val"]))
    nouns = module.all_names(queries["val"])
    named = module.maps_of_nouns(encoder, chosen, nouns)
    found = module.compare(vlm, maps, encoder, named, chosen, nouns, protocol)
    assert list(found.columns) == list(COLUMNS) and len(found) == NUMBER
    assert list(found["noun"]) == [query.noun for query in queries["val"]]
    assert found[f"{RAW}, correlation"].between(-1, 1).all()
    assert list(found["asked"]) == [len(query.others) for query in queries["val"]]
    assert found["asked"].any()
    some = found[found["asked"] > 0]
    assert (some["nearest other"] >= some["mean of others"]).all()
    assert some["by name"].between(-1, 1).all()
    drawn = module.pictures([1], chosen, named[RAW], nouns, encoder.transform)
    ((key, picture),) = drawn.items()
    scene = queries["val"][1].scene
    assert key == "1 noun" and picture.shape == (scene.height, scene.width)


def test_a_query_by_its_own_words_is_as_near_as_can_be(encoder, queries, protocol):
    """A query that is asked by name has the state of that question."""
    vlm = load_vlm(ModelSource("demo-llava", str(DEMO / "llava"), dtype="float32", batch_size=8))
    query = next(one for one in queries["val"] if one.others)
    by_name = type(query)(
        query.scene, query.id, (f"the {query.noun}",), query.region, False,
        noun=query.noun, others=query.others,
    )  # fmt: skip
    maps, _ = read_maps(vlm, {"val": [by_name, by_name]}, protocol)
    found = module.compare_states(vlm, maps, {0: by_name}, protocol)[0]
    assert found["by name"] == pytest.approx(1, abs=1e-4) and found["asked"] == len(query.others)
