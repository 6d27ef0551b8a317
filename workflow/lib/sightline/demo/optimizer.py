"""Training in half precision: bfloat16 weights with float32 masters, Muon for matrices, AdamW for the rest."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from sightline.demo.muon import Muon


class MasterOptimizer:
    """Steps float32 copies of bfloat16 weights and writes them back.

    Updates smaller than a bfloat16 step would be lost without the copies. Weights in float32 (`precision`) only pay
    for a second copy.

    Args:
        groups: (named parameters, learning rate, whether matrices inside transformer layers are stepped by Muon).
        weight_decay: applied to matrices only.
        clip: largest norm of the whole gradient.
    """

    def __init__(
        self,
        groups: Iterable[tuple[Iterable[tuple[str, nn.Parameter]], float, bool]],
        weight_decay: float = 0.02,
        clip: float = 1.0,
    ) -> None:
        self._weights: list[nn.Parameter] = []
        self._masters: list[Tensor] = []
        self._clip = clip
        adam_groups, muon_groups = [], []
        for named, rate, muon in groups:
            matrices, others, muon_matrices = [], [], []
            for name, weight in named:
                master = weight.detach().float().clone()
                self._weights.append(weight)
                self._masters.append(master)
                if muon and master.ndim == 2 and ".layers." in name:
                    muon_matrices.append(master)
                else:
                    (matrices if master.ndim > 1 else others).append(master)
            adam_groups.append({"params": matrices, "lr": rate, "weight_decay": weight_decay})
            adam_groups.append({"params": others, "lr": rate, "weight_decay": 0.0})
            if muon_matrices:
                # Muon's update is orthogonal; scaled to AdamW's size it bears a rate about 2.7 times as large.
                muon_groups.append({"params": muon_matrices, "lr": rate * 2.7})
        self._optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(
                [g for g in adam_groups if g["params"]], betas=(0.9, 0.98), fused=True
            )
        ]
        if muon_groups:
            self._optimizers.append(Muon(muon_groups, weight_decay))
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["full_lr"] = group["lr"]

    def step(self, scale: float) -> None:
        """Apply the gradients of the weights at ``scale`` times the full learning rates, and clear them."""
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full_lr"] * scale
        for weight, master in zip(self._weights, self._masters, strict=True):
            # A weight without a gradient (no [SEG] turn in the batch, say) still takes its momentum step.
            gradient = weight.grad.float() if weight.grad is not None else torch.zeros_like(master)
            master.grad, weight.grad = gradient, None
        nn.utils.clip_grad_norm_(self._masters, self._clip)
        for optimizer in self._optimizers:
            optimizer.step()
        with torch.no_grad():
            for weight, master in zip(self._weights, self._masters, strict=True):
                master.grad = None
                weight.copy_(master)

    def state(self) -> dict:
        """All that a restart needs."""
        return {
            "masters": self._masters,
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
        }

    def restore(self, state: dict) -> None:
        """Go on from ``state()`` of an equally built optimizer."""
        with torch.no_grad():
            for weight, master, saved in zip(
                self._weights, self._masters, state["masters"], strict=True
            ):
                master.copy_(saved)
                weight.copy_(saved)
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
