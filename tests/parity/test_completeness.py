"""Integrated gradients add up, and equal captum's where it is installed."""

import pytest
import torch

from sightline.instruments.gradients import IncompleteAttributionError, integrated_gradients


@pytest.fixture(scope="module")
def case(vlm, images):
    """Prompt, image tokens, a baseline near them, and targets."""
    tokens = vlm.encode_images(images[:1])[0]
    baseline = tokens.mean(0)
    targets = [vlm.first_token("Yes"), vlm.first_token("cat")]
    # A short path: random weights bend a long one more than a few hundred steps can follow.
    return (
        vlm.prompt("Is there a cat in this image?"),
        baseline + 0.1 * (tokens - baseline),
        baseline,
        targets,
    )


def test_enough_steps_are_complete_and_few_are_not(vlm, case):
    few, many = (integrated_gradients(vlm, *case, steps) for steps in (2, 200))
    assert (many.relative_gap < few.relative_gap).all()
    worst = float(many.relative_gap.max())
    many.check_completeness(worst)
    with pytest.raises(IncompleteAttributionError, match="Take more steps"):
        few.check_completeness(worst)


def test_equals_captum(vlm, case):
    """Both approach the same integral; captum takes it by the trapezoidal rule."""
    attr = pytest.importorskip("captum.attr")
    prompt, tokens, baseline, targets = case
    steps = 100

    def logits(points):
        places = vlm.position_ids(prompt, len(points))
        out = vlm.model(
            inputs_embeds=vlm.embed(prompt, points), position_ids=places, logits_to_keep=1
        )
        return out.logits[:, -1]

    found = integrated_gradients(vlm, prompt, tokens, baseline, targets, steps)
    for row, target in enumerate(targets):
        theirs = attr.IntegratedGradients(logits).attribute(
            tokens[None],
            baseline.expand_as(tokens)[None],
            target=target,
            n_steps=steps,
            method="riemann_trapezoid",
            internal_batch_size=10,
        )[0]
        scale = theirs.abs().sum(-1).max().item()
        torch.testing.assert_close(
            found.signed[row], theirs.sum(-1).float(), rtol=0.05, atol=0.05 * scale
        )
