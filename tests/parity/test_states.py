"""Capture equals what plain transformers returns when asked for everything under eager attention."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch

from sightline.cache.spec import Spec
from sightline.cache.store import TraceReader, TraceWriter
from sightline.instruments.reading import Reading, find_positions
from sightline.instruments.state_traces import Item, add_captured, stream_captures, trace_spec
from sightline.instruments.states import capture, capture_answers
from sightline.instruments.watching import WATCHED, CaptureError, Plan, watching

CLOSE = {"rtol": 1e-4, "atol": 1e-4}
QUESTION = "Is there a cat in this image?"
QUESTIONS = [QUESTION, "Describe this image.", "What is on the car?", QUESTION]
NOWHERE = np.empty(0, np.int64)


@pytest.fixture(scope="module")
def image_tokens(vlm, images):
    return vlm.encode_images(images)


@contextmanager
def eager(vlm):
    """The text model with eager attention, which alone returns its weights."""
    vlm.model.set_attn_implementation({"text_config": "eager"})
    try:
        yield
    finally:
        vlm.model.set_attn_implementation({"text_config": "sdpa"})


def plain(vlm, prompt, tokens):
    """Residual streams (layers + 1, positions, width) and attention (layers, heads, T, T)."""
    places = vlm.adapter.position_ids(vlm.model, prompt)[:, None]
    with eager(vlm), torch.no_grad():
        out = vlm.model(
            inputs_embeds=vlm.embed(prompt, tokens[None]),
            position_ids=places[0] if len(places) == 1 else places,
            output_hidden_states=True,
            output_attentions=True,
        )
    return torch.cat(out.hidden_states), torch.cat(out.attentions)


def assert_equal_states(vlm, found, expected):
    """Bare residual streams; transformers has the last entry behind the final norm.

    An entry near zero is what is left of others that cancel: float32 rounds by the largest of a layer.
    """
    for mine, theirs in zip(found[:-1], expected[:-1], strict=True):
        largest = theirs.abs().max().item()
        torch.testing.assert_close(mine, theirs, rtol=0, atol=5e-6 * largest)
    normed = vlm.adapter.final_norm(vlm.model)(found[-1])
    torch.testing.assert_close(normed, expected[-1], **CLOSE)


def test_states_and_attention_equal_plain_transformers(vlm, image_tokens):
    """Several prompts of several lengths, each with its own objects; every row, every head."""
    prompts = [vlm.prompt(question) for question in QUESTIONS]
    objects = [np.array([2]), np.array([0, 5, 7]), NOWHERE, np.array([1, 15])]
    reading = Reading(rows=["object", "last"], queries=["query", "last_image_row"], heads="each")
    found = capture(vlm, prompts, image_tokens, reading, objects)
    for number, prompt in enumerate(prompts):
        states, attention = plain(vlm, prompt, image_tokens[number])
        rows = [*prompt.roles.image[objects[number]], prompt.roles.last]
        mine = found.of(number)
        assert mine.row_positions.tolist() == rows
        assert_equal_states(vlm, mine.states, states[:, rows])
        queries = [*prompt.roles.image[-prompt.roles.grid.columns :], *prompt.roles.query]
        assert mine.query_positions.tolist() == queries
        expected = attention[:, :, queries][..., prompt.roles.image]
        torch.testing.assert_close(mine.attention, expected, **CLOSE)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_batch_size_does_not_matter(vlm, image_tokens, batch_size):
    prompts = [vlm.prompt(question) for question in QUESTIONS]
    reading = Reading(rows=["image", "last"], queries="last", keys=["system", "image"])
    together = capture(vlm, prompts, image_tokens, reading, batch_size=4)
    parts = capture(vlm, prompts, image_tokens, reading, batch_size=batch_size)
    torch.testing.assert_close(parts.states, together.states, **CLOSE)
    torch.testing.assert_close(parts.attention, together.attention, **CLOSE)
    assert np.array_equal(parts.row_positions, together.row_positions)


def test_chosen_layers_and_mean_over_heads(vlm, image_tokens):
    prompt = vlm.prompt(QUESTION)
    chosen = Reading(rows="last", layers=[0, -2], queries="last", blocks=[-1, 1])
    found = capture(vlm, [prompt], image_tokens[:1], chosen)
    count = len(vlm.adapter.layers(vlm.model))
    assert found.layers == (0, count - 1) and found.blocks == (count - 1, 1)
    states, attention = plain(vlm, prompt, image_tokens[0])
    torch.testing.assert_close(found.states[:, 0], states[[0, count - 1], -1], **CLOSE)
    expected = attention[[count - 1, 1], :, -1][..., prompt.roles.image].mean(1)
    torch.testing.assert_close(found.attention[:, 0, 0], expected, **CLOSE)


def test_many_query_rows_are_worked_out_in_pieces(vlm, image_tokens, monkeypatch):
    """The budget bounds how many rows exist at a time, not what comes out."""
    reading = Reading(rows=(), queries=["image", "query"], keys=["system", "image", "query"])
    prompts = [vlm.prompt(QUESTIONS[0]), vlm.prompt(QUESTIONS[3])]
    whole = capture(vlm, prompts, image_tokens[:2], reading)
    monkeypatch.setattr("sightline.instruments.watching._SCORE_BYTES", 1)
    pieces = capture(vlm, prompts, image_tokens[:2], reading)
    torch.testing.assert_close(pieces.attention, whole.attention, **CLOSE)
    everything = whole.attention.sum(-1)
    torch.testing.assert_close(everything, torch.ones_like(everything), **CLOSE)


def test_padding_is_respected(vlm):
    """A left-padded sequence shows what it shows alone; without a mask function it does not."""
    ids = [vlm.prompt(question, image=False).input_ids for question in QUESTIONS[:2]]
    length = max(map(len, ids))
    padding = [length - len(one) for one in ids]
    assert max(padding) > 0
    padded = torch.stack([torch.nn.functional.pad(one, (length - len(one), 0)) for one in ids])
    mask = torch.stack([torch.arange(length) >= number for number in padding]).long()
    count = len(vlm.adapter.layers(vlm.model))
    asked = [np.arange(number, length) for number in padding]
    keys = [np.arange(number, number + min(map(len, ids))) for number in padding]
    plan = Plan(asked, range(count + 1), asked, keys, range(count), heads="each")
    with watching(vlm, plan) as watch, torch.no_grad():
        # Rotary attention depends on distances alone, so positions may count the padding.
        vlm.model(input_ids=padded, attention_mask=mask)
    start = 0
    for one, key in zip(ids, keys, strict=True):
        with eager(vlm), torch.no_grad():
            out = vlm.model(input_ids=one[None], output_hidden_states=True, output_attentions=True)
        rows = slice(start, start + len(one))
        start += len(one)
        assert_equal_states(vlm, watch.states[:, rows], torch.cat(out.hidden_states))
        expected = torch.cat(out.attentions)[..., : len(key)]
        torch.testing.assert_close(watch.attention[:, :, rows], expected, **CLOSE)


@pytest.mark.parametrize("additive", [False, True])
def test_a_mask_given_by_hand_is_respected(vlm, additive):
    """Bool and additive 4D masks: a forbidden key gets no weight, whatever the mask's type."""
    ids = vlm.prompt(QUESTION, image=False).input_ids[None]
    length = ids.shape[1]
    allowed = torch.ones(length, length).tril().bool()
    allowed[-1, 2] = False
    mask = allowed[None, None]
    if additive:
        mask = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)
    columns = [np.arange(length)]
    with watching(vlm, Plan([NOWHERE], [], columns, columns, [0, 1])) as watch, torch.no_grad():
        vlm.model(input_ids=ids, attention_mask=mask)
    assert (watch.attention[..., ~allowed] == 0).all()
    assert (watch.attention[..., allowed] > 0).all()


def test_capture_raises_where_attention_was_not_switched(vlm):
    """Nothing is returned in silence when another implementation runs instead."""
    ids = vlm.prompt(QUESTION, image=False).input_ids[None]
    plan = Plan([NOWHERE], [0], [np.array([0])], [np.array([0])], [0, 2])
    with pytest.raises(CaptureError, match=r"blocks \[0, 2\].*'sdpa'"), watching(vlm, plan):
        vlm.model.set_attn_implementation({"text_config": "sdpa"})
        vlm.model(input_ids=ids)
    with pytest.raises(CaptureError, match=r"entries \[0\]"), watching(vlm, plan):
        pass
    with pytest.raises(CaptureError, match="came by twice"), watching(vlm, plan):
        vlm.model(input_ids=ids)
        vlm.model(input_ids=ids)
    assert vlm.adapter.text_model(vlm.model).config._attn_implementation == "sdpa"


def test_model_is_left_as_it_was(vlm, image_tokens):
    """Inside the watch only the text model's attention is another one, and logits do not change."""
    prompt, text = vlm.prompt(QUESTION), vlm.adapter.text_model(vlm.model)
    before = vlm.logits(prompt, image_tokens[:1])
    blocks = vlm.adapter.layers(vlm.model)
    hooks = len(blocks[0]._forward_hooks)
    with watching(vlm, Plan([NOWHERE], [0], [NOWHERE], [NOWHERE], [])):
        assert text.config._attn_implementation == WATCHED
        assert vlm.model.config.vision_config._attn_implementation == "sdpa"
        during = vlm.logits(prompt, image_tokens[:1])
    assert torch.equal(during, before)
    assert text.config._attn_implementation == "sdpa" and len(blocks[0]._forward_hooks) == hooks


def test_answers_equal_generate_and_their_rows_a_prompt_pass(vlm, image_tokens):
    """Cached decoding shows the rows that prompt and answer show in one uncached pass."""
    prompts = [vlm.prompt(QUESTION)] * 3
    rows = ["last", "generated"]
    found = capture_answers(
        vlm, prompts, image_tokens[:3], Reading(rows=rows, queries=rows, heads="each"), 8
    )
    assert [vlm.decode(one) for one in found.tokens] == vlm.generate(
        prompts[0], image_tokens[:3], 8
    )
    for number, answer in enumerate(found.tokens):
        mine, last = found.captured.of(number), prompts[number].roles.last
        assert mine.row_positions.tolist() == [*range(last, last + len(answer))]
        states, attention = continued(vlm, prompts[number], image_tokens[number], answer[:-1])
        assert_equal_states(vlm, mine.states, states[:, last:])
        expected = attention[:, :, last:][..., prompts[number].roles.image]
        torch.testing.assert_close(mine.attention, expected, **CLOSE)


def test_rows_have_the_names_that_interventions_use(vlm, image_tokens):
    """New tokens are part of "text" and "all"; positions may be arrays."""
    prompt = vlm.prompt(QUESTION)
    everything = np.arange(len(prompt))
    for name, without in (("all", ()), ("text", prompt.roles.image)):
        reading = Reading(rows=name, layers=[-1])
        found = capture_answers(vlm, [prompt], image_tokens[:1], reading, 3).captured
        new = len(found.row_positions) - len(everything) + len(without)
        assert 0 <= new <= 2
        whole = np.arange(len(prompt) + new)
        assert found.row_positions.tolist() == np.setdiff1d(whole, without).tolist()
        assert find_positions(prompt.roles.followed_by(new), name).tolist() == (
            found.row_positions.tolist()
        )
    by_array = Reading(rows=prompt.roles.query, layers=np.array([-1]), queries=prompt.roles.query)
    spec = Spec(trace_spec(vlm, by_array, prompt))
    assert spec["reading"]["rows"] == prompt.roles.query.tolist()
    found = capture(vlm, [prompt], image_tokens[:1], by_array)
    by_name = capture(vlm, [prompt], image_tokens[:1], Reading("query", [-1], "query"))
    assert torch.equal(found.states, by_name.states)
    assert torch.equal(found.attention, by_name.attention)


def continued(vlm, prompt, tokens, answer):
    """As `plain`, for a prompt with part of its answer behind it, without a cache."""
    places = vlm.adapter.position_ids(vlm.model, prompt)[:, None]
    behind = places.max() + 1 + torch.arange(len(answer))
    places = torch.cat([places, behind.expand(len(places), 1, -1)], -1)
    embeddings = torch.cat(
        [vlm.embed(prompt, tokens[None]), vlm.model.get_input_embeddings()(answer[None])], 1
    )
    with eager(vlm), torch.no_grad():
        out = vlm.model(
            inputs_embeds=embeddings,
            position_ids=places[0] if len(places) == 1 else places,
            output_hidden_states=True,
            output_attentions=True,
        )
    return torch.cat(out.hidden_states), torch.cat(out.attentions)


def test_prompts_without_an_image(vlm):
    prompt = vlm.prompt(QUESTION, image=False)
    found = capture(vlm, [prompt], None, Reading(rows="last", queries="last", keys="query"))
    with torch.no_grad():
        out = vlm.model(input_ids=prompt.input_ids[None], output_hidden_states=True)
    assert_equal_states(vlm, found.states, torch.cat(out.hidden_states)[:, -1:])


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading(rows="middle"), "no rows named 'middle'"),
        (Reading(rows=[10_000]), "position 10000"),
        (Reading(rows="object"), "pass the image tokens"),
        (Reading(layers=[99]), "layer 99"),
        (Reading(queries="last", blocks=[4]), "block 4"),
        (Reading(queries="last", keys="generated"), r"\[0\] positions"),
        (Reading(layers=[1, 1]), "different numbers"),
    ],
)
def test_what_is_not_there_is_refused(vlm, image_tokens, reading, message):
    with pytest.raises(CaptureError, match=message):
        capture(vlm, [vlm.prompt(QUESTION)], image_tokens[:1], reading)


def test_streams_to_trace_sets(vlm, image_tokens, tmp_path):
    """Stored rows are those captured, in half precision, with their places."""
    prompts = [vlm.prompt(question) for question in QUESTIONS]
    objects = [np.array([2]), np.array([0, 5]), NOWHERE, np.array([1])]
    items = [
        Item({"image_id": 10 + number}, prompts[number], image_tokens[number], objects[number])
        for number in range(4)
    ]
    reading = Reading(rows=["object", "last"], queries="last", layers=[0, 2])
    spec = trace_spec(vlm, reading, prompts[0])
    assert spec["layers"] == [0, 2] and spec["reading"]["dtype"] == "float16"
    with (
        TraceWriter(tmp_path / "states", spec) as states,
        TraceWriter(tmp_path / "attention", spec) as attention,
    ):
        stream_captures(vlm, iter(items), reading, states, attention, batch_size=3)
    expected = capture(vlm, prompts, image_tokens, reading, objects)
    found = TraceReader(tmp_path / "states", expect=spec)
    stored = found.read("states").transpose(0, 1).float()
    torch.testing.assert_close(stored, expected.states, rtol=1e-3, atol=1e-3)
    assert found.read("states").dtype == torch.float16
    assert found.index["position"].tolist() == expected.row_positions.tolist()
    assert found.index["token"].tolist() == [2, -1, 0, 5, -1, -1, 1, -1]
    assert found.index["image_id"].tolist() == [10, 10, 11, 11, 11, 12, 13, 13]
    assert set(found.index["role"]) == {"image", "query"}
    stored = TraceReader(tmp_path / "attention").read("attention").permute(1, 2, 0, 3).float()
    torch.testing.assert_close(stored, expected.attention, rtol=1e-3, atol=1e-3)


def test_answers_may_be_stored_too(vlm, image_tokens, tmp_path):
    prompts = [vlm.prompt(QUESTION)] * 2
    reading = Reading(rows="generated", dtype="float32")
    found = capture_answers(vlm, prompts, image_tokens[:2], reading, 3).captured
    columns = [{"image_id": 1}, {"image_id": 2}]
    with TraceWriter(tmp_path, {}) as writer:
        add_captured(found, columns, prompts, writer)
    stored = TraceReader(tmp_path)
    assert torch.equal(stored.read("states").transpose(0, 1), found.states)
    assert set(stored.index["role"]) == {"generated"} and (stored.index["token"] == -1).all()
    with pytest.raises(CaptureError, match="no attention to store"):
        add_captured(found, columns, prompts, attention=writer)
