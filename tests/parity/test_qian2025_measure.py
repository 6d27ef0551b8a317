"""What the study reads of the bundled model, against the model run by hand."""

from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from qian2025_world import demo_protocol, draw_queries
from sightline.instruments.points import point_prompts
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.studies.qian2025.masks.conditions import choose
from sightline.studies.qian2025.masks.frames import clicked_masks, load_segmenters
from sightline.studies.qian2025.masks.gallery import drawn_for_gallery
from sightline.studies.qian2025.masks.geometry import load_geometry
from sightline.studies.qian2025.masks.gradients import count_weights, probe_gradients
from sightline.studies.qian2025.masks.measure import measure as measure_masks
from sightline.studies.qian2025.masks.measuring import Measuring
from sightline.studies.qian2025.masks.names import (
    MAP,
    OWN,
    POINTS,
    PUBLISHED,
    SAM,
    SAM_BEFORE,
    cut_at,
)
from sightline.studies.qian2025.metrics import overlap
from sightline.studies.qian2025.similarity.measure import measure
from sightline.studies.qian2025.similarity.states import TokenError, forced_prompt
from sightline.studies.qian2025.similarity.store import load_maps

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "resources" / "demo"
NUMBER = 3


@pytest.fixture(scope="module")
def protocol():
    return demo_protocol(NUMBER)


@pytest.fixture(scope="module")
def vlm():
    return load_vlm(ModelSource("demo-llava", str(DEMO / "llava"), dtype="float32", batch_size=2))


@pytest.fixture(scope="module")
def queries(tmp_path_factory, protocol):
    return draw_queries(tmp_path_factory.mktemp("reasonseg"), protocol)


@pytest.fixture(scope="module")
def found(vlm, queries, protocol):
    return measure(vlm, queries, protocol)


@pytest.fixture(scope="module")
def measuring(vlm, found, protocol):
    maps, layers = found
    segmenters = load_segmenters(DEMO / "segmenter", DEMO / "sam", "cpu", torch.float32)
    transform, patch = load_geometry(vlm.source)
    best = choose(layers, "val")
    return Measuring(maps, best, segmenters, transform, patch, vlm.key, protocol)


def by_hand(vlm, query, protocol):
    """States behind the final norm of one query, from the model's own forward pass."""
    question = protocol.wording.ask(query.texts[0], query.is_sentence)
    prompt = vlm.prompt(question, prefix="sure , [SEG]")
    inputs = vlm.embed(prompt, vlm.encode_images([query.scene.image()]))
    with torch.no_grad():
        states = vlm.model.model.language_model(inputs_embeds=inputs, use_cache=False)
    return prompt, states.last_hidden_state[0]


def test_the_published_map_is_the_dot_product_of_normed_states(vlm, queries, found, protocol):
    maps, _ = found
    for number, query in enumerate(queries["val"]):
        prompt, states = by_hand(vlm, query, protocol)
        image = states[torch.from_numpy(prompt.roles.image)]
        for position, place in (("at", prompt.roles.last), ("before", prompt.roles.last - 1)):
            expected = (image @ states[place]).view(vlm.grid.rows, vlm.grid.columns)
            got = maps.of(position)[number]
            torch.testing.assert_close(got, expected, atol=1e-2, rtol=1e-3)
            torch.testing.assert_close(
                maps.seg(position)[number], states[place], atol=1e-3, rtol=1e-3
            )


def test_maps_come_back_from_disk(found, tmp_path):
    maps, _ = found
    maps.save(tmp_path)
    again = load_maps(tmp_path)
    assert torch.equal(again.maps, maps.maps) and again.queries.equals(maps.queries)
    assert set(again.controls) == {"norm", "random", "another query", "input", "untrained"}


def test_the_own_mask_is_that_of_the_demo_segmenter(vlm, queries, measuring, protocol):
    """As `sightline.demo.quality` predicts it, whose masks the bundled segmenter was trained for."""
    numbers = list(range(NUMBER))
    rows, *_ = measuring.batch(numbers, queries["val"])
    own = [row for row in rows if (row["method"], row["variant"]) == (OWN, PUBLISHED)]
    for row, query in zip(own, queries["val"], strict=True):
        prompt, states = by_hand(vlm, query, protocol)
        pixels = vlm.processor.image_processor(images=query.scene.image(), return_tensors="pt")
        mask = measuring.segmenters.own.segment(
            pixels["pixel_values"], states[prompt.roles.last][None]
        )
        expected = overlap(mask[0].detach().numpy(), query.target, query.ignore)
        assert (row["intersection"], row["union"]) == pytest.approx(tuple(expected), abs=3)


def test_the_decoder_is_read_with_the_points_of_a_model_taught_with_them(
    vlm, queries, found, protocol, measuring
):
    """The map inside the decoder is of the forward pass that made the masks: points, padding, [SEG]."""
    taught = Measuring(
        found[0], choose(found[1], "val"), measuring.segmenters, measuring.transform, measuring.patch,
        vlm.key, replace(protocol, taught_points=(vlm.key,)),
    )  # fmt: skip
    query, own = queries["val"][0], measuring.segmenters.own
    size = (query.scene.height, query.scene.width)
    embedding, _ = measuring.segmenters.embed([query.scene.image()])
    state = found[0].seg(protocol.position)[:1]
    points = taught._pick(taught.named[PUBLISHED][0], size)
    with torch.no_grad():
        prompts = point_prompts(own, points, size, own.projection(state)[0])
        tokens, image = own.attended(embedding, prompts)
    assert prompts.shape[2] == len(points.labels) + 2
    got = taught._decoded([0], embedding, state, [size])
    for name, place in ((SAM, -1), (SAM_BEFORE, -2)):
        expected = (image[0, 0] @ tokens[0, 0, place]).view(embedding.shape[-2:])
        torch.testing.assert_close(got[name][0], expected, atol=1e-3, rtol=1e-4)
    alone = measuring._decoded([0], embedding, state, [size])
    assert not torch.allclose(got[SAM], alone[SAM], atol=1e-2)


def test_every_method_is_measured_on_every_query(queries, measuring):
    measuring = copy(measuring)
    measuring.protocol = replace(measuring.protocol, shares=(0.5, 0.8, 0.333))
    masks, agreement, gallery = measure_masks(measuring, queries["val"], [0, 2], 2)
    assert set(masks["method"]) == {OWN, "own with points", POINTS, MAP}
    assert masks.groupby(["method", "variant"]).size().eq(NUMBER).all()
    # The cuts of the settings are measured whether or not they are among those the best is chosen from.
    assert {cut_at(PUBLISHED, share) for share in (0.5, 0.8, 0.333)} <= set(masks["variant"])
    assert len(agreement) == NUMBER
    assert {name.split()[0] for name in gallery} == {"0", "2"}
    assert (masks["intersection"] <= masks["union"]).all()


def test_one_batch_or_two_make_no_difference(queries, measuring):
    one, *_ = measure_masks(measuring, queries["val"], [], NUMBER)
    two, *_ = measure_masks(measuring, queries["val"], [], 1)
    key = ["number", "method", "variant"]
    both = one.sort_values(key), two.sort_values(key)
    apart = np.abs(both[0]["union"].to_numpy() - both[1]["union"].to_numpy())
    assert apart.max() <= 3


def test_the_gradient_needs_continuous_points(queries, measuring):
    found = probe_gradients(measuring, queries["val"][:1]).set_index("continuous")
    assert found.loc["none", "map"] == 0
    assert 0 < found.loc["pixels", "map"] < found.loc["cells", "map"]
    assert (found["added"] == 0).all()


def test_a_layer_behind_a_result_is_counted():
    one, two = torch.nn.Linear(3, 2), torch.nn.Linear(2, 2)
    result = two(one(torch.ones(3)))
    assert count_weights(result, set(one.parameters())) == 6
    assert count_weights(result, {*one.parameters(), *two.parameters()}) == 0


def test_clicks_of_several_queries_are_those_of_one(queries, measuring):
    points = measuring._points([0, 1], queries["val"][:2], [(112, 112)] * 2, _no_maps())[PUBLISHED]
    _, embedded = measuring.segmenters.embed([one.scene.image() for one in queries["val"][:2]])
    sam, sizes = measuring.segmenters.original, [(112, 112)] * 2
    both = clicked_masks(sam, embedded, points, sizes)
    one = clicked_masks(sam, embedded[1:], points[1:], sizes[1:])
    assert (both[1] ^ one[0]).sum() <= 3


def _no_maps():
    return {"sam": torch.rand(2, 14, 14), "sam -2": torch.rand(2, 14, 14)}


def test_an_answer_without_the_token_is_refused(vlm):
    with pytest.raises(TokenError, match="does not end"):
        forced_prompt(vlm, "Describe this image.", "sure ,", "[SEG]")


def test_the_gallery_is_drawn_from_the_first_split_alone(found, protocol):
    table = found[0].queries
    more = table.assign(split=["val", "val", "test"])
    assert drawn_for_gallery(more, replace(protocol, gallery=10)) == [0, 1]
    assert len(drawn_for_gallery(table, protocol)) == protocol.gallery
