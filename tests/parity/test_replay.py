"""Replays equal plain transformers with an edited mask and edited input embeddings, one condition at a time."""

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import drawn
from by_hand import ByHand, relative_error
from sightline.instruments.interventions import (
    Condition,
    InterventionError,
    KeepKeys,
    Knockout,
    ReplaceTokens,
    Rescale,
)
from sightline.instruments.replay import (
    CleanRun,
    check,
    replay,
    replay_decoding,
    replay_prompts,
    replay_states,
)

EXACT = 1e-4
QUESTION = "Is there a cat in this image?"
CONDITIONS = [
    Condition("none"),
    Condition("last", Knockout("last", "image", (1, 2))),
    Condition("last, all layers", Knockout("last", "image", "all")),
    Condition("last row", Knockout("last_image_row", "image", (0, 1))),
    Condition("last row, late", Knockout("last_image_row", "image", (1, 2))),
    Condition("one head", Knockout("last", "image", (1,), heads=(2,))),
    Condition("image to text", Knockout("text", "image", "all", phase="prompt")),
    Condition("image to generated", Knockout("generated", "image", "all", phase="decoding")),
    Condition("strict", Knockout(("last", "generated"), "image", "all")),
    Condition("own past", Knockout("generated", "query", (0, 2))),
    Condition("less", Rescale("query", "image", (1, 3), 0.25)),
    Condition("more, some heads", Rescale("text", "image", "all", 3.0, heads=(0, 3))),
    Condition("keep", KeepKeys.per_layer(("last", "generated"), {1: (0, 3), 2: (), 3: (5,)})),
    Condition("zeros", ReplaceTokens((3, 4), "zeros")),
    Condition("mean", ReplaceTokens((9, 2), "mean")),
    Condition("others", ReplaceTokens((0, 1), (1, 0))),
    Condition("given", ReplaceTokens((15,), "given")),
    Condition(
        "together",
        (
            ReplaceTokens((8, 12), "noise"),
            Knockout("query", "image", (1,)),
            Rescale("generated", "image", (2, 3), 0.5),
            Knockout("query", (6, 7), (1, 2), heads=(1,)),
        ),
    ),
]
SLOW = settings(
    max_examples=15,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def vectors(vlm):
    """What tokens are replaced by."""
    noise = torch.randn(16, vlm.width, generator=torch.manual_seed(1))
    return {"given": noise[0] * 2, "noise": noise}


@pytest.fixture(scope="module")
def by_hand(pair, images):
    """The reference on one image."""
    tokens = pair.vlm.encode_images(images[:1])[0]
    return ByHand(pair.model, pair.vlm, pair.vlm.prompt(QUESTION), tokens)


@pytest.fixture(scope="module")
def clean(by_hand):
    """The clean run to replay."""
    return CleanRun(by_hand.vlm, by_hand.prompt, by_hand.image_tokens)


def allowed(clean, conditions, vectors):
    """Conditions that this prompt allows."""
    kept = []
    for one in conditions:
        try:
            check(clean, [one], vectors)
        except InterventionError:
            continue
        kept.append(one)
    return kept


def test_logits_equal_plain_transformers(clean, by_hand, vectors):
    """Every kind of intervention, all conditions in one replay."""
    found = replay(clean, CONDITIONS, vectors)
    for condition, row in zip(CONDITIONS, found, strict=True):
        assert relative_error(row, by_hand.logits(condition, vectors)) <= EXACT, condition.name


def test_the_conditions_matter(clean, vectors):
    """Parity says something: what acts on the prompt moves the logits."""
    found = replay(clean, CONDITIONS, vectors)
    for condition, row in zip(CONDITIONS, found, strict=True):
        moved = relative_error(row, clean.logits) > 1e-3
        assert moved == (condition.name not in ("none", "image to generated", "own past"))


def test_answers_equal_generate(clean, by_hand, vectors):
    """Greedy answers with a dynamic cache, all conditions decoded together."""
    found = replay_decoding(clean, CONDITIONS, 10, vectors, keep_logits=True)
    for condition, answer in zip(CONDITIONS, found, strict=True):
        assert list(answer.tokens) == by_hand.generate(condition, vectors, 10), condition.name
        assert answer.text == by_hand.vlm.decode(answer.tokens)
        assert answer.steps.argmax(-1).tolist() == list(answer.tokens)
        torch.testing.assert_close(answer.logits, answer.steps[0])
    assert len({answer.tokens for answer in found}) > 5


def test_states_equal_plain_transformers(clean, by_hand, vectors):
    """Residual streams of chosen rows in every layer."""
    rows = ("last_image_row", "last", 2)
    found = replay_states(clean, CONDITIONS, rows, vectors)
    image = by_hand.prompt.roles.image
    read = [2, *image[-4:].tolist(), len(by_hand.prompt) - 1]
    for condition, states in zip(CONDITIONS, found, strict=True):
        hidden = by_hand.run(condition, vectors).hidden_states
        for layer, expected in enumerate(hidden[:-1]):
            assert relative_error(states[layer], expected[0, read]) <= EXACT, (condition, layer)
        # The last of the hidden states has gone through the final norm.
        normed = by_hand.vlm.adapter.final_norm(by_hand.model)(states[-1])
        assert relative_error(normed, hidden[-1][0, read]) <= EXACT


@SLOW
@given(data=st.data())
def test_drawn_conditions_equal_plain_transformers(clean, by_hand, vectors, data):
    """Whatever is composed, replayed together or alone."""
    conditions = [
        data.draw(drawn.condition(by_hand.prompt, str(number)))
        for number in range(data.draw(st.integers(1, 4)))
    ]
    conditions = allowed(clean, conditions, vectors)
    assume(conditions)
    found = replay(clean, conditions, vectors)
    for condition, row in zip(conditions, found, strict=True):
        assert relative_error(row, by_hand.logits(condition, vectors)) <= EXACT


@SLOW
@given(data=st.data())
def test_drawn_answers_equal_generate(clean, by_hand, vectors, data):
    """The same, decoded."""
    conditions = [data.draw(drawn.condition(by_hand.prompt, str(number))) for number in range(3)]
    conditions = allowed(clean, conditions, vectors)
    assume(conditions)
    found = replay_decoding(clean, conditions, 6, vectors)
    for condition, answer in zip(conditions, found, strict=True):
        assert list(answer.tokens) == by_hand.generate(condition, vectors, 6)


def test_prompts_of_one_image_share_its_rows(clean, by_hand, vectors):
    """Logits and answers of several prompts, the rows up to the image's end run once."""
    questions = (QUESTION, "Describe this image.", "What is on the car?")
    prompts, lengths = [clean.vlm.prompt(question) for question in questions], (1, 4, 3)
    conditions = CONDITIONS[::2]
    found = replay_prompts(clean, conditions, prompts, lengths, vectors)
    for prompt, length, answers in zip(prompts, lengths, found, strict=True):
        alone = ByHand(by_hand.model, by_hand.vlm, prompt, by_hand.image_tokens)
        for condition, answer in zip(conditions, answers, strict=True):
            expected = alone.logits(condition, vectors)
            assert relative_error(answer.logits, expected) <= EXACT, condition.name
            assert list(answer.tokens) == alone.generate(condition, vectors, length)


def test_a_prompt_without_an_image(clean):
    """The engine needs no image."""
    vlm = clean.vlm
    run = CleanRun(vlm, vlm.prompt(QUESTION, image=False))
    torch.testing.assert_close(run.logits[None], vlm.logits(run.prompt), rtol=1e-4, atol=1e-4)
    cut = Condition("cut", Knockout("last", (3, 4), "all"))
    assert relative_error(replay(run, [cut])[0], run.logits) > 1e-3
