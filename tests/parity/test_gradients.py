"""Integrated gradients equal their definition written out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sightline.instruments.gradients import integrated_gradients, integrated_gradients_of

STEPS = 12


@pytest.fixture(scope="module")
def case(vlm, images):
    """Prompt, image tokens, baseline and targets."""
    tokens = vlm.encode_images(images)
    targets = [vlm.first_token("Yes"), vlm.first_token("cat"), vlm.tokenizer.bos_token_id]
    return vlm.prompt("Is there a cat in this image?"), tokens[0], tokens.mean((0, 1)), targets


def naive(pair, prompt, tokens, baseline, target, steps):
    """One point and one target at a time, on all input embeddings of the plain model."""
    end = pair.vlm.embed(prompt, tokens[None])[0]
    start = end.clone()
    start[prompt.roles.image] = baseline
    total = torch.zeros_like(end)
    for k in range(steps):
        point = (start + k / (steps - 1) * (end - start)).requires_grad_()
        places = pair.vlm.position_ids(prompt)
        out = pair.model(inputs_embeds=point[None], position_ids=places)
        out.logits[0, -1, target].backward()
        total += point.grad
    return ((end - start) * total / steps).detach()


def test_equals_naive_loop(pair, case):
    """Scores and signed attributions of every target, with all targets computed at once."""
    prompt, tokens, baseline, targets = case
    found = integrated_gradients(pair.vlm, prompt, tokens, baseline, targets, STEPS)
    for row, target in enumerate(targets):
        whole = naive(pair, prompt, tokens, baseline, target, STEPS)
        expected = whole[prompt.roles.image]
        torch.testing.assert_close(found.scores[row], expected.abs().sum(-1), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(found.signed[row], expected.sum(-1), rtol=1e-3, atol=1e-4)


def test_prompts_share_the_image_and_nothing_else(vlm, case):
    """Several prompts in one pass give what each gives alone, whatever their lengths."""
    prompt, tokens, baseline, targets = case
    other = vlm.prompt("What is on the street?", prefix="It is a")
    asked = [(prompt, targets), (other, targets[1:2]), (prompt, targets[:1])]
    together = integrated_gradients_of(vlm, asked, tokens, baseline, STEPS, chunk=5)
    for (one, own), found in zip(asked, together, strict=True):
        alone = integrated_gradients(vlm, one, tokens, baseline, own, STEPS)
        torch.testing.assert_close(found.scores, alone.scores, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(found.signed, alone.signed, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(found.difference, alone.difference, rtol=1e-4, atol=1e-4)


def test_prompts_about_one_image_begin_alike(vlm, case):
    prompt, tokens, baseline, targets = case
    ids = prompt.input_ids.clone()
    ids[0] = targets[1]
    asked = [(prompt, targets), (replace(prompt, input_ids=ids), targets)]
    with pytest.raises(ValueError, match="differ before the end of the image"):
        integrated_gradients_of(vlm, asked, tokens, baseline, STEPS)


def test_only_image_tokens_are_ranked(vlm, case):
    """Text is neither replaced by the baseline nor scored; in the authors' code it is (B2)."""
    prompt, tokens, baseline, targets = case
    found = integrated_gradients(vlm, prompt, tokens, baseline, targets, STEPS)
    assert found.scores.shape == (len(targets), vlm.grid.tokens)
    blind = vlm.logits(prompt, baseline.expand(1, vlm.grid.tokens, -1))[0, targets]
    clean = vlm.logits(prompt, tokens[None])[0, targets]
    torch.testing.assert_close(found.difference, clean - blind, rtol=1e-4, atol=1e-4)


def test_completeness(vlm, case):
    """Signed attributions add up to image less baseline, better with more steps."""
    prompt, tokens, baseline, targets = case
    # A short path: random weights bend a long one more than a few hundred steps can follow.
    near = baseline + 0.1 * (tokens - baseline)
    coarse, fine = (
        integrated_gradients(vlm, prompt, near, baseline, targets, steps) for steps in (4, 200)
    )
    assert fine.delta.abs().max() < 0.05 * fine.difference.abs().max()
    assert fine.delta.abs().sum() < coarse.delta.abs().sum()


@pytest.mark.parametrize("chunk", [1, 5, 64])
def test_chunks_do_not_matter(vlm, case, chunk):
    """Points of the path, one at a time or together."""
    prompt, tokens, baseline, targets = case
    whole = integrated_gradients(vlm, prompt, tokens, baseline, targets, STEPS, STEPS)
    parts = integrated_gradients(vlm, prompt, tokens, baseline, targets, STEPS, chunk)
    torch.testing.assert_close(parts.scores, whole.scores, rtol=1e-3, atol=1e-4)


def test_token_equal_to_the_baseline_scores_zero(vlm, case):
    """What does not move along the path explains nothing."""
    prompt, tokens, baseline, targets = case
    tokens = tokens.clone()
    tokens[3] = baseline
    found = integrated_gradients(vlm, prompt, tokens, baseline, targets, STEPS)
    assert np.all(found.scores[:, 3].numpy() == 0) and (found.scores > 0).any()


def test_weights_gather_no_gradients(vlm, case):
    """Frozen weights: the backward pass reaches the image tokens and nothing else."""
    prompt, tokens, baseline, targets = case
    integrated_gradients(vlm, prompt, tokens, baseline, targets[:1], 2)
    assert all(weight.grad is None for weight in vlm.model.parameters())


def test_a_path_needs_two_ends(vlm, case):
    """One step would divide by zero."""
    with pytest.raises(ValueError, match="both of its ends"):
        integrated_gradients(vlm, *case, steps=1)
