"""Integrated gradients of a logit with respect to image tokens (neo2025 section 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sightline.errors import SightlineError
from sightline.instruments.clean_run import check_window
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
    asked = [(prompt, targets)]
    return integrated_gradients_of(vlm, asked, image_tokens, baseline, steps, chunk)[0]


def integrated_gradients_of(
    vlm: VLM,
    asked: Sequence[tuple[Prompt, Sequence[int]]],
    image_tokens: torch.Tensor,
    baseline: torch.Tensor,
    steps: int = 50,
    chunk: int | None = None,
) -> list[Attribution]:
    """The same for several prompts about one image, which share the passes over the image.

    Args:
        vlm: the model.
        asked: each a prompt and its targets; all prompts begin alike up to the end of the image.
        image_tokens: of one image, (tokens, width).
        baseline: (width,), put in place of every image token.
        steps: points on the path, both ends included; at least 2.
        chunk: points at a time; the result does not depend on it.

    Returns:
        One attribution for each prompt.

    Raises:
        ValueError: fewer than two steps, or prompts that differ before the end of the image.
    """
    if steps < 2:
        raise ValueError(f"{steps} steps: the path needs both of its ends")
    device = vlm.device
    joined = _Joined(vlm, [prompt for prompt, _ in asked])
    pairs = [(place, target) for place, (_, own) in enumerate(asked) for target in own]
    rows, columns = (torch.tensor(one, device=device) for one in zip(*pairs, strict=True))
    image = image_tokens.to(device).float()
    start = baseline.to(device).float().expand_as(image)
    total = torch.zeros((len(pairs), *image.shape), device=device)
    logits = torch.zeros((steps, len(pairs)), device=device)
    fractions = torch.linspace(0, 1, steps, device=device)
    for numbers in torch.arange(steps, device=device).split(chunk or vlm.source.batch_size):
        points = start + fractions[numbers, None, None] * (image - start)
        points = points.to(vlm.dtype).requires_grad_()
        explained = joined.logits(points)[:, rows, columns]
        logits[numbers] = explained.detach()
        for number, logit in enumerate(explained.sum(0)):
            (gradient,) = torch.autograd.grad(logit, points, retain_graph=number < len(pairs) - 1)
            total[number] += gradient.float().sum(0)
    attributions = (image - start) * total / steps
    found = attributions.abs().sum(-1), attributions.sum(-1), logits[-1] - logits[0]
    lengths = [len(own) for _, own in asked]
    parts = zip(*(one.cpu().split(lengths) for one in found), strict=True)
    return [Attribution(*part) for part in parts]


class _Joined:
    """Prompts about one image as one sequence: the image once, then each prompt's own text.

    No text sees that of another prompt, so every row is what it would be in its own prompt.
    """

    def __init__(self, vlm: VLM, prompts: Sequence[Prompt]) -> None:
        self._vlm, self._first, rest = vlm, prompts[0], prompts[1:]
        shared = int(self._first.roles.image[-1]) + 1
        for prompt in rest:
            if not torch.equal(prompt.input_ids[:shared], self._first.input_ids[:shared]):
                raise ValueError("integrated gradients: prompts differ before the end of the image")
        lengths = [len(self._first), *(len(prompt) - shared for prompt in rest)]
        self._ends = torch.tensor(lengths).cumsum(0).to(vlm.device) - 1
        self._texts = [prompt.input_ids[shared:].to(vlm.device) for prompt in rest]
        self._places = [
            vlm.position_ids(prompt)[..., shared if number else 0 :]
            for number, prompt in enumerate(prompts)
        ]
        owner = torch.repeat_interleave(torch.arange(len(prompts)), torch.tensor(lengths))
        owner[:shared] = -1
        visible = (owner == owner[:, None]) | (owner == -1)
        if rest:
            check_window(vlm, sum(lengths))
        self._mask = visible.tril()[None, None].to(vlm.device) if rest else None

    def logits(self, points: torch.Tensor) -> torch.Tensor:
        """Logits after each prompt, (points, prompts, vocabulary) float32."""
        embeddings = [self._vlm.embed(self._first, points)]
        for text in self._texts:
            own = self._vlm.model.get_input_embeddings()(text)
            embeddings.append(own.expand(len(points), -1, -1))
        places = torch.cat(self._places, dim=-1)
        out = self._vlm.model(
            inputs_embeds=torch.cat(embeddings, dim=1),
            attention_mask=self._mask,
            position_ids=places.expand(*places.shape[:-2], len(points), -1),
            logits_to_keep=self._ends,
            use_cache=False,
        )
        return out.logits.float()
