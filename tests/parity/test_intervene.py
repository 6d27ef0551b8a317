"""The model's own calls under a condition, and the three traps that would make interventions silently void.

Engineering traps of transformers 5: an attention function without a mask function gets no mask at all;
``output_attentions`` under sdpa gives nothing; and a False written into an additive mask means "seen".
"""

from dataclasses import replace

import pytest
import torch
from transformers import StaticCache
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

from by_hand import ByHand, added_scores, relative_error, scores_added
from sightline.instruments.compress import look
from sightline.instruments.intervene import edit_mask, intervene
from sightline.instruments.interventions import Condition, Knockout, ReplaceTokens, Rescale
from sightline.instruments.reading import Reading
from sightline.instruments.replay import CleanRun, replay
from sightline.instruments.row_attention import EDGES, ROWS, AttentionError
from sightline.instruments.state_traces import Item, stream_captures
from sightline.instruments.states import capture, capture_answers

EXACT = 1e-4
QUESTIONS = ("Is there a cat in this image?", "Describe this image.", "What is on the car?")
CONDITIONS = [
    Condition("none"),
    Condition("strict", Knockout(("last", "generated"), "image", "all")),
    Condition("one head", Knockout("text", "image", (1, 2), heads=(2,))),
    Condition("less", Rescale(("last", "generated"), "image", "all", 0.2)),
    Condition("replaced", (ReplaceTokens((1, 6), "mean"), Knockout("last", "query", (3,)))),
]


@pytest.fixture(scope="module")
def image_tokens(vlm, images):
    return vlm.encode_images(images)


def left_padded(vlm, model, prompts, image_tokens):
    """A batch of prompts of different length with all that a plain model needs of it."""
    longest = max(map(len, prompts))
    embeds = torch.zeros(len(prompts), longest, vlm.width)
    mask = torch.zeros(len(prompts), longest, dtype=torch.int64)
    places = []
    for number, (prompt, tokens) in enumerate(zip(prompts, image_tokens, strict=True)):
        padding = longest - len(prompt)
        embeds[number, padding:] = vlm.embed(prompt, tokens[None])[0]
        mask[number, padding:] = 1
        axes = vlm.adapter.position_ids(model, prompt)
        places.append(torch.cat([torch.zeros(len(axes), padding, dtype=torch.int64), axes], -1))
    places = torch.stack(places, dim=1)
    return {
        "inputs_embeds": embeds,
        "attention_mask": mask,
        "position_ids": places[0] if len(places) == 1 else places,
    }


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda one: one.name)
def test_one_call_equals_plain_transformers_and_replay(pair, image_tokens, condition):
    """Logits of a batch of images, and a greedy answer."""
    vlm = pair.vlm
    prompt = vlm.prompt(QUESTIONS[0])
    with intervene(vlm, condition, prompt):
        found = vlm.logits(prompt, image_tokens)
        answers = vlm.generate(prompt, image_tokens[:1], 8)
    for tokens, row in zip(image_tokens, found, strict=True):
        expected = ByHand(pair.model, vlm, prompt, tokens).logits(condition, {})
        assert relative_error(row, expected) <= EXACT
        assert relative_error(row, replay(CleanRun(vlm, prompt, tokens), [condition])[0]) <= EXACT
    plain = ByHand(pair.model, vlm, prompt, image_tokens[0]).generate(condition, {}, 8)
    assert answers == [vlm.decode(plain)]


@pytest.mark.parametrize("condition", CONDITIONS[1:4], ids=lambda one: one.name)
def test_left_padding_moves_columns_not_edges(pair, image_tokens, condition):
    """A padded batch of three prompts: every row as if alone, in the prompt pass and in ``generate``."""
    vlm = pair.vlm
    prompts = [vlm.prompt(question) for question in QUESTIONS]
    inputs = left_padded(vlm, pair.model, prompts, image_tokens[:3])
    total = inputs["inputs_embeds"].shape[1] + 6
    heads = pair.model.config.text_config.num_attention_heads
    added = torch.zeros(4, 3, heads, total, total)
    for number, prompt in enumerate(prompts):
        padding = total - 6 - len(prompt)
        alone = added_scores(condition, prompt, 4, heads, total - padding)
        added[:, number, :, padding:, padding:] = alone
    options = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 0, "eos_token_id": [2]}
    with torch.no_grad(), scores_added(pair.model, vlm.adapter.layers(pair.model), added):
        expected = pair.model(**inputs).logits[:, -1]
        texts = pair.model.generate(**inputs, **options)
    with torch.no_grad(), intervene(vlm, condition, prompts):
        found = vlm.model(**inputs).logits[:, -1]
        ours = vlm.model.generate(**inputs, **options)
    assert relative_error(found, expected) <= EXACT
    assert torch.equal(ours, texts)
    for prompt, tokens, row in zip(prompts, image_tokens, found, strict=False):
        alone = replay(CleanRun(vlm, prompt, tokens), [condition])[0]
        assert relative_error(row, alone) <= EXACT


def test_trap_1_a_lost_mask_function_is_noticed(vlm, image_tokens, monkeypatch):
    """Without its mask function the model would pass no mask, and padding would be seen."""
    prompt = vlm.prompt(QUESTIONS[0])
    clean, condition = CleanRun(vlm, prompt, image_tokens[0]), CONDITIONS[1]
    monkeypatch.delitem(ALL_MASK_ATTENTION_FUNCTIONS._global_mapping, EDGES)
    monkeypatch.delitem(ALL_MASK_ATTENTION_FUNCTIONS._global_mapping, ROWS)
    with (
        pytest.raises(AttentionError, match="no mask function"),
        intervene(vlm, condition, prompt),
    ):
        pass
    with pytest.raises(AttentionError, match="no mask function"):
        replay(clean, [condition])


def test_trap_1_a_call_without_a_mask_is_refused(vlm, image_tokens, monkeypatch):
    """The same, should the registration be lost while the context is open."""
    prompt = vlm.prompt(QUESTIONS[0])
    with intervene(vlm, CONDITIONS[1], prompt):
        monkeypatch.delitem(ALL_MASK_ATTENTION_FUNCTIONS._global_mapping, EDGES)
        with pytest.raises(AttentionError, match="mask function"):
            vlm.logits(prompt, image_tokens[:1])


def test_trap_2_attentions_are_given_and_cut_edges_are_exactly_zero(vlm, image_tokens):
    """Under sdpa transformers gives an empty tuple; under a condition every layer gives its weights."""
    prompt = vlm.prompt(QUESTIONS[0])
    inputs = {"inputs_embeds": vlm.embed(prompt, image_tokens[:1]), "output_attentions": True}
    inputs["position_ids"] = vlm.position_ids(prompt)
    condition = Condition("some", Knockout("last", "image", (1, 2)))
    image = torch.from_numpy(prompt.roles.image)
    with torch.no_grad():
        assert len(vlm.model(**inputs).attentions) == 0
        with intervene(vlm, condition, prompt):
            attentions = vlm.model(**inputs).attentions
    assert len(attentions) == 4
    for layer, weights in enumerate(attentions):
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
        seen = weights[0, :, -1, image]
        assert bool((seen == 0).all()) == (layer in (1, 2))


@pytest.mark.parametrize("kind", ["bool", "additive"])
def test_trap_3_both_kinds_of_mask_are_edited(vlm, image_tokens, kind):
    """A False written into an additive mask would leave the edge as it was."""
    prompt = vlm.prompt(QUESTIONS[0])
    mask = torch.ones(1, 1, len(prompt), len(prompt), dtype=torch.bool).tril()
    if kind == "additive":
        mask = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)
    inputs = {
        "inputs_embeds": vlm.embed(prompt, image_tokens[:1]),
        "position_ids": vlm.position_ids(prompt),
        "attention_mask": mask,
    }
    condition = CONDITIONS[1]
    with torch.no_grad(), intervene(vlm, condition, prompt):
        found = vlm.model(**inputs).logits[0, -1]
    clean = CleanRun(vlm, prompt, image_tokens[0])
    assert relative_error(found, replay(clean, [condition])[0]) <= EXACT
    assert relative_error(found, clean.logits) > 1e-3


def test_trap_3_masks_keep_their_meaning():
    """Only cuts of a bool mask stay bool; everything else adds up; integers can mean either."""
    mask = torch.tensor([[[[True, False, True]]]])
    cut = torch.tensor([[[[-torch.inf, 0.0, 0.0]]]])
    assert edit_mask(mask, cut).tolist() == [[[[False, False, True]]]]
    softened = edit_mask(mask, torch.tensor([[[[-1.0, 0.0, -torch.inf]]]]))
    assert softened[0, 0, 0].softmax(-1).tolist() == [1.0, 0.0, 0.0]
    additive = torch.zeros(1, 1, 1, 3)
    assert edit_mask(additive, cut)[0, 0, 0].softmax(-1).tolist() == [0.0, 0.5, 0.5]
    with pytest.raises(AttentionError, match="two ways"):
        edit_mask(mask.long(), cut)


def test_calls_that_do_not_fit_are_refused(vlm, image_tokens):
    """Static caches, right padding, continued caches, other prompts and beams."""
    prompt, tokens = vlm.prompt(QUESTIONS[0]), image_tokens[:1]
    embeds, places = vlm.embed(prompt, tokens), vlm.position_ids(prompt)
    inputs = {"inputs_embeds": embeds, "position_ids": places}
    with torch.no_grad():
        cache = vlm.model(**inputs, use_cache=True).past_key_values
    with torch.no_grad(), intervene(vlm, CONDITIONS[1], prompt):
        with pytest.raises(AttentionError, match="Start from the first position"):
            ids = torch.tensor([[5]])
            vlm.model(input_ids=ids, past_key_values=cache, position_ids=places[..., -1:] + 1)
        text = vlm.adapter.text_model(vlm.model).config
        with pytest.raises(AttentionError, match="static cache"):
            static = StaticCache(config=text, max_cache_len=64)
            vlm.model(**inputs, past_key_values=static, use_cache=True)
        with pytest.raises(AttentionError, match="padded on the left"):
            mask = prompt.attention_mask[None].clone()
            mask[:, -2:] = 0
            vlm.model(**inputs, attention_mask=mask)
        with pytest.raises(AttentionError, match="Call the model with the prompt"):
            vlm.logits(vlm.prompt(QUESTIONS[1]), tokens)
    with (
        intervene(vlm, CONDITIONS[1], [prompt, prompt]),
        pytest.raises(AttentionError, match="2 prompts but a batch of 1"),
    ):
        vlm.logits(prompt, tokens)


def test_the_model_is_left_as_it_was(vlm, image_tokens):
    """Also after an error inside the context."""
    prompt = vlm.prompt(QUESTIONS[0])
    before = vlm.logits(prompt, image_tokens)
    config = vlm.adapter.text_model(vlm.model).config
    attention = config._attn_implementation
    with pytest.raises(RuntimeError, match="boom"), intervene(vlm, CONDITIONS[4], prompt):
        raise RuntimeError("boom")
    assert config._attn_implementation == attention
    assert torch.equal(vlm.logits(prompt, image_tokens), before)


def test_other_prompts_have_their_own_rows(vlm, image_tokens):
    """The same condition on a longer prompt cuts that prompt's rows."""
    longer = vlm.prompt(QUESTIONS[0], prefix="It is a")
    assert len(longer) > len(vlm.prompt(QUESTIONS[0]))
    clean = CleanRun(vlm, longer, image_tokens[0])
    with intervene(vlm, CONDITIONS[1], replace(longer)):
        found = vlm.logits(longer, image_tokens[:1])[0]
    assert relative_error(found, replay(clean, [CONDITIONS[1]])[0]) <= EXACT


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda one: one.name)
def test_what_is_read_inside_is_what_the_condition_leaves(pair, image_tokens, condition):
    """States and attention of a batch of images, in every layer and head, against plain transformers."""
    vlm = pair.vlm
    prompt, count = vlm.prompt(QUESTIONS[0]), len(image_tokens)
    reading = Reading(rows=["image", "query"], queries="query", keys="image", heads="each")
    clean = capture(vlm, [prompt] * count, image_tokens, reading)
    with intervene(vlm, condition, prompt):
        found = capture(vlm, [prompt] * count, image_tokens, reading)
    query, image = (torch.from_numpy(one) for one in (prompt.roles.query, prompt.roles.image))
    rows = torch.cat([image, query]).sort().values
    for number, tokens in enumerate(image_tokens):
        expected = ByHand(pair.model, vlm, prompt, tokens).run(condition, {})
        mine = found.of(number)
        states = torch.cat(expected.hidden_states)[:, rows]
        torch.testing.assert_close(mine.states[:-1], states[:-1], rtol=1e-4, atol=1e-4)
        attention = torch.cat(expected.attentions)[:, :, query][..., image]
        torch.testing.assert_close(mine.attention, attention, rtol=1e-4, atol=1e-4)
    changed = (found.attention - clean.attention).abs().max()
    assert (changed == 0) if condition.name == "none" else (changed > 1e-3)


def test_answers_read_inside_are_those_of_the_condition(pair, image_tokens):
    """Also when some answers of a batch end before others and leave it."""
    vlm, condition = pair.vlm, CONDITIONS[1]
    prompt, count = vlm.prompt(QUESTIONS[0]), len(image_tokens)
    reading = Reading(rows="last", queries=["last", "generated"], keys="image")
    with intervene(vlm, condition, prompt):
        found = capture_answers(vlm, [prompt] * count, image_tokens, reading, 8)
    # From the first layer on nothing is left of the image for these rows.
    assert found.captured.attention.shape[2] == sum(map(len, found.tokens))
    assert (found.captured.attention == 0).all()
    for tokens, answer in zip(image_tokens, found.tokens, strict=True):
        expected = ByHand(pair.model, vlm, prompt, tokens).generate(condition, {}, 8)
        assert answer.tolist() == expected


def test_rows_leave_a_batch_only_where_all_have_one_prompt(vlm, image_tokens):
    prompt = vlm.prompt(QUESTIONS[0])
    step = {
        "input_ids": torch.tensor([[5]]),
        "position_ids": vlm.position_ids(prompt)[..., -1:] + 1,
    }
    inputs = {
        "inputs_embeds": vlm.embed(prompt, image_tokens[:1]).expand(2, -1, -1),
        "position_ids": vlm.position_ids(prompt),
    }
    for prompts, left in ((prompt, True), ([prompt, prompt], False)):
        with torch.no_grad(), intervene(vlm, CONDITIONS[1], prompts):
            cache = vlm.model(**inputs, use_cache=True).past_key_values
            cache.batch_select_indices(torch.tensor([0]))
            if left:
                vlm.model(**step, past_key_values=cache)
                continue
            with pytest.raises(AttentionError, match="1 of 2 rows left the batch"):
                vlm.model(**step, past_key_values=cache)


def test_what_would_drop_the_condition_is_refused_inside(vlm, image_tokens, images):
    """Clean runs would be none, replays and looks would lose the condition, traces would not name it."""
    prompt = vlm.prompt(QUESTIONS[0])
    clean = CleanRun(vlm, prompt, image_tokens[0])
    item = Item({"image_id": 1}, prompt, image_tokens[0])
    attempts = {
        "clean run": lambda: CleanRun(vlm, prompt, image_tokens[0]),
        f"attention {ROWS}": lambda: replay(clean, [CONDITIONS[1]]),
        "look": lambda: look(vlm, images[0]),
        "stream_captures": lambda: stream_captures(vlm, [item], Reading()),
        f"attention {EDGES}": lambda: intervene(vlm, CONDITIONS[2], prompt).__enter__(),
    }
    with intervene(vlm, CONDITIONS[1], prompt):
        for name, attempt in attempts.items():
            with pytest.raises(AttentionError, match=f"{name}: inside .*Leave the context first"):
                attempt()
        found = vlm.logits(prompt, image_tokens[:1])[0]
    assert relative_error(found, replay(clean, [CONDITIONS[1]])[0]) <= EXACT
