"""The lens equals norm, unembedding and softmax written out, and the model's own logits at the end."""

import pytest
import torch

from sightline.instruments.logit_lens import LensError, logit_lens
from sightline.instruments.reading import Reading
from sightline.instruments.states import capture

CLOSE = {"rtol": 1e-4, "atol": 1e-4}
QUESTION = "Is there a cat in this image?"


@pytest.fixture(scope="module", autouse=True)
def uneven_norm(vlm):
    """Gains as a trained norm has them: with equal ones a second norm would change nothing."""
    weight = vlm.adapter.final_norm(vlm.model).weight
    before = weight.clone()
    weight.mul_(torch.linspace(0.2, 2, len(weight)))
    yield
    weight.copy_(before)


@pytest.fixture(scope="module")
def case(vlm, images, uneven_norm):
    """Prompt, image tokens, and the states of image tokens and last position at all layers."""
    prompt, tokens = vlm.prompt(QUESTION), vlm.encode_images(images[:1])
    found = capture(vlm, [prompt], tokens, Reading(rows=["image", "last"]))
    return prompt, tokens, found.states


def written_out(vlm, states):
    return vlm.model.get_output_embeddings()(vlm.adapter.final_norm(vlm.model)(states)).float()


def test_last_state_speaks_the_models_own_logits(vlm, case):
    """The final norm is applied once."""
    prompt, tokens, states = case
    logits = vlm.logits(prompt, tokens)[0]
    lens = logit_lens(vlm, states[-1:, -1:], k=len(logits))
    spoken = torch.empty_like(logits)
    spoken[lens.tokens[0, 0]] = lens.logits[0, 0]
    torch.testing.assert_close(spoken, logits, **CLOSE)


def test_transformers_last_state_is_not_normed_twice(vlm, case):
    """Their last entry is behind the norm, ours before it; the lens shows the same."""
    _, _, states = case
    theirs = torch.cat([states[:-1], vlm.adapter.final_norm(vlm.model)(states[-1:])])
    normed = [False] * (len(states) - 1) + [True]
    ours, same = logit_lens(vlm, states), logit_lens(vlm, theirs, normed=normed)
    torch.testing.assert_close(same.logits, ours.logits)
    # As the authors' code does it.
    twice = logit_lens(vlm, theirs)
    assert not torch.allclose(twice.logits[-1], ours.logits[-1], **CLOSE)
    torch.testing.assert_close(twice.logits[:-1], ours.logits[:-1])


@pytest.mark.parametrize("size", [1, 5000, 2**25])
def test_every_layer_equals_the_lens_written_out(vlm, case, size, monkeypatch):
    """Best entries, ranks and probabilities, for any size of chunk."""
    monkeypatch.setattr("sightline.instruments.logit_lens._LOGIT_BYTES", size)
    _, _, states = case
    words = [[vlm.first_token("cat")], [7, 3, 9, 3]]
    lens = logit_lens(vlm, states, k=5, words=words)
    expected = written_out(vlm, states)
    best, entries = expected.topk(5)
    torch.testing.assert_close(lens.logits, best, **CLOSE)
    assert torch.equal(lens.tokens, entries)
    spoken = expected.log_softmax(-1)
    torch.testing.assert_close(lens.log_probabilities, spoken.gather(-1, entries), **CLOSE)
    for number, word in enumerate(words):
        chosen = sorted(set(word))
        together = spoken[..., chosen].exp().sum(-1).log()
        torch.testing.assert_close(lens.word_log_probabilities[..., number], together, **CLOSE)
        own = expected[..., chosen].amax(-1, keepdim=True)
        assert torch.equal(lens.ranks[..., number], (expected > own).sum(-1))


def test_input_embeddings_as_a_control(vlm, case):
    _, _, states = case
    lens = logit_lens(vlm, states, k=3, vectors="input embeddings")
    normed = vlm.adapter.final_norm(vlm.model)(states)
    expected = normed @ vlm.model.get_input_embeddings().weight.T
    torch.testing.assert_close(lens.logits, expected.topk(3).values, **CLOSE)
    assert not torch.equal(lens.tokens, logit_lens(vlm, states, k=3).tokens)


def test_states_stored_in_half_precision_may_be_read(vlm, case):
    _, _, states = case
    lens = logit_lens(vlm, states.half(), k=1)
    torch.testing.assert_close(
        lens.logits, logit_lens(vlm, states, k=1).logits, rtol=0.05, atol=0.05
    )
    with pytest.raises(LensError, match="not numbers"):
        logit_lens(vlm, (states * torch.inf).half())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "best 0"),
        ({"k": 10_000}, "best 10000"),
        ({"words": [[]]}, r"word 0 is \[\]"),
        ({"words": [[0], [10_000]]}, "word 1"),
        ({"normed": [True]}, "normed has 1"),
        ({"vectors": "keys"}, "vectors 'keys'"),
    ],
)
def test_what_does_not_fit_is_refused(vlm, case, arguments, message):
    with pytest.raises(LensError, match=message):
        logit_lens(vlm, case[2], **arguments)


def test_wrong_shapes_are_refused(vlm):
    with pytest.raises(LensError, match="expected"):
        logit_lens(vlm, torch.zeros(3, vlm.width))
    with pytest.raises(LensError, match="no states"):
        logit_lens(vlm, torch.zeros(3, 0, vlm.width))
