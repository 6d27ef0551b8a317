"""Integrated gradients of a logit with respect to image tokens (neo2025 section 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sightline.errors import SightlineError
from sightline.models.prompts import Prompt
from sightline.models.vlm import VLM


class IncompleteAttributionError(SightlineError):
    """Attributions do not add up to the difference between image and baseline."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much each image token moves each target's logit; all float32 on the CPU.

    Attributes:
        scores: sum over the width of absolute attributions, (targets, tokens); what tokens are
            ranked by.
        signed: sum over the width of attributions, (targets, tokens).
        difference: logit at the image less logit at the baseline, (targets,).
    """

    scores: torch.Tensor
    signed: torch.Tensor
    difference: torch.Tensor

    @property
    def delta(self) -> torch.Tensor:
        """Signed attributions less the difference, (targets,); shrinks with the number of steps."""
        return self.signed.sum(-1) - self.difference

    @property
    def relative_gap(self) -> torch.Tensor:
        """Size of ``delta`` against the difference it should not have, (targets,).

        0 for a complete attribution, infinite where image and baseline give the same logit but
        attributions do not cancel.
        """
        gap = self.delta.abs() / self.difference.abs()
        return torch.where(self.delta == 0, 0.0, gap)

    def check_completeness(self, tolerance: float) -> None:
        """Make sure that attributions add up to what they explain.

        Args:
            tolerance: largest relative gap; 0.05 is usual.

        Raises:
            IncompleteAttributionError: names the targets beyond it.
        """
        gaps = self.relative_gap
        beyond = (~(gaps <= tolerance)).nonzero()[:, 0].tolist()
        if beyond:
            worst = ", ".join(f"{target} ({float(gaps[target]):.3g})" for target in beyond)
            raise IncompleteAttributionError(
                f"integrated gradients: attributions of targets {worst} miss the difference of "
                f"logits by more than {tolerance} of it. Take more steps."
            )


def integrated_gradients(
    vlm: VLM,
    prompt: Prompt,
    image_tokens: torch.Tensor,
    baseline: torch.Tensor,
    targets: Sequence[int],
    steps: int = 50,
    chunk: int | None = None,
) -> Attribution:
    """Attribute logits at the last position to image tokens.

    Scores of token i: sum_d | (E - B)_{i,d} mean_k dl/dX_{i,d} | at X = B + k / (steps - 1) (E -
    B), k = 0 ... steps - 1, where E are the image tokens and B has the baseline in every one of
    them. All targets share the forward passes.

    Args:
        vlm: the model.
        prompt: with an image.
        image_tokens: of one image, (tokens, width).
        baseline: (width,), put in place of every image token.
        targets: vocabulary entries whose logits are explained.
        steps: points on the path, both ends included; at least 2.
        chunk: points at a time; the result does not depend on it.

    Raises:
        ValueError: fewer than two steps.

    Source: neo2025 section 3.3. The authors' code replaces one text token too and ranks all
    positions; here only image tokens are replaced and ranked.
    """
    if steps < 2:
        raise ValueError(f"{steps} steps: the path needs both of its ends")
    device = vlm.device
    image = image_tokens.to(device).float()
    start = baseline.to(device).float().expand_as(image)
    total = torch.zeros((len(targets), *image.shape), device=device)
    logits = torch.zeros((steps, len(targets)), device=device)
    fractions = torch.linspace(0, 1, steps, device=device)
    columns = torch.tensor(list(targets), device=device)
    for numbers in torch.arange(steps, device=device).split(chunk or vlm.source.batch_size):
        points = start + fractions[numbers, None, None] * (image - start)
        points = points.to(vlm.dtype).requires_grad_()
        embeddings = vlm.embed(prompt, points)
        out = vlm.model(
            inputs_embeds=embeddings,
            position_ids=vlm.position_ids(prompt, len(points)),
            logits_to_keep=1,
            use_cache=False,
        )
        explained = out.logits[:, -1].float()[:, columns]
        logits[numbers] = explained.detach()
        for target, logit in enumerate(explained.sum(0)):
            (gradient,) = torch.autograd.grad(logit, points, retain_graph=target < len(targets) - 1)
            total[target] += gradient.float().sum(0)
    attributions = (image - start) * total / steps
    return Attribution(
        attributions.abs().sum(-1).cpu(),
        attributions.sum(-1).cpu(),
        (logits[-1] - logits[0]).cpu(),
    )
