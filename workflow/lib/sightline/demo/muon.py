"""Muon in the number format that models are trained in.

`torch.optim.Muon` takes bfloat16 for its products whatever the weights are; on processors that have no such products
of their own they took four fifths of a training step.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from sightline.demo.precision import TRAINING

# K. Jordan, "Muon: an optimizer for hidden layers in neural networks" (2024): steepest at nought.
_COEFFICIENTS = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
_SMALLEST_NORM = 1e-7


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal, with updates as large as AdamW's (J. Liu et al. 2025, arXiv 2502.16982).

    Args:
        groups: parameter groups of matrices, each with its learning rate ``lr``.
        weight_decay: decoupled, as in AdamW.
        momentum: of the gradients, applied as Nesterov does.
        precision: of the products.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        weight_decay: float,
        momentum: float = 0.95,
        precision: torch.dtype = TRAINING,
    ) -> None:
        super().__init__(groups, {"weight_decay": weight_decay, "momentum": momentum})
        self._precision = precision

    @torch.no_grad()
    def step(self) -> None:
        """Apply the gradients."""
        for group in self.param_groups:
            rate, keep = group["lr"], group["momentum"]
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                mean = state["momentum_buffer"].lerp_(weight.grad, 1 - keep)
                update = orthogonalised(weight.grad.lerp(mean, keep).to(self._precision))
                weight.mul_(1 - rate * group["weight_decay"])
                weight.add_(update, alpha=-rate * 0.2 * math.sqrt(max(weight.shape)))


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix with the same singular vectors, all singular values brought near 1 by Newton and Schulz's iteration.

    Args:
        matrix: (rows, columns).
    """
    first, second, third = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    found = matrix.T if tall else matrix
    found = found / found.norm().clamp(min=_SMALLEST_NORM)
    for _ in range(_ITERATIONS):
        gram = found @ found.T
        found = torch.addmm(
            found, torch.addmm(gram, gram, gram, beta=second, alpha=third), found, beta=first
        )
    return found.T if tall else found
