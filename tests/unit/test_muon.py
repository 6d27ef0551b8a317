"""Muon is torch's, and orthogonal in any number format."""

import pytest
import torch

from sightline.demo.muon import Muon, orthogonalised


def steps(optimizer_of, precision: torch.dtype | None = None) -> list[torch.Tensor]:
    """Three matrices after four steps on the same gradients."""
    generator = torch.Generator().manual_seed(0)
    weights = [
        torch.nn.Parameter(torch.randn(shape, generator=generator))
        for shape in ((24, 8), (8, 24), (12, 12))
    ]
    optimizer = optimizer_of(
        [{"params": weights[:2], "lr": 0.02}, {"params": weights[2:], "lr": 0.05}]
    )
    for _ in range(4):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step()
    return [weight.detach() for weight in weights]


def of_torch(groups) -> torch.optim.Muon:
    return torch.optim.Muon(
        groups, weight_decay=0.02, momentum=0.95, nesterov=True, adjust_lr_fn="match_rms_adamw"
    )


def test_steps_are_those_of_torch_to_the_bit_in_its_number_format():
    ours = steps(lambda groups: Muon(groups, 0.02, precision=torch.bfloat16))
    assert all(torch.equal(*pair) for pair in zip(ours, steps(of_torch), strict=True))


def test_steps_in_float32_differ_by_rounding_alone():
    ours = steps(lambda groups: Muon(groups, 0.02, precision=torch.float32))
    for one, other in zip(ours, steps(of_torch), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0.02)
        assert not torch.equal(one, other)


@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (32, 32)])
def test_singular_vectors_stay_and_values_come_near_one(shape):
    generator = torch.Generator().manual_seed(1)
    left, right = (
        torch.linalg.qr(torch.randn(one, min(shape), generator=generator))[0] for one in shape
    )
    matrix = left @ torch.diag(torch.linspace(1, 8, min(shape))) @ right.T
    turned = left.T @ orthogonalised(matrix) @ right
    torch.testing.assert_close(turned, torch.diag(turned.diagonal()), rtol=0, atol=1e-4)
    assert 0.6 < turned.diagonal().min() and turned.diagonal().max() < 1.3
