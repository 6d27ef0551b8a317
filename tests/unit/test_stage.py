"""A killed training goes on where it was and ends where it would have ended."""

import json

import pytest
import torch
from torch import nn

from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.stage import learning_rate_scale, train

WANTED = {"seed": 0, "start": "nothing"}


class Line:
    """Fits a line; can be told to die at a step."""

    name = "line"
    cool_down = 0.3

    def __init__(self, dies_at: int | None = None) -> None:
        torch.manual_seed(0)
        self.module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1)).bfloat16()
        self.optimizer = MasterOptimizer([(self.module.named_parameters(), 1e-2, True)])
        self._dies_at = dies_at

    def loss(self, step):
        if step == self._dies_at:
            raise KeyboardInterrupt
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(16, 4, generator=generator).bfloat16()
        loss = (self.module(x).float() - x.sum(1, keepdim=True).float()).square().mean()
        return loss, {"square": loss.item()}

    def evaluate(self):
        return {"square": self.loss(999)[0].item()}


def test_restart_ends_with_the_same_weights(tmp_path):
    whole = Line()
    train(whole, 600, tmp_path / "whole", WANTED)
    try:
        train(Line(dies_at=430), 600, tmp_path / "killed", WANTED)
        raise AssertionError("the stage should have died")
    except KeyboardInterrupt:
        pass
    resumed = Line()
    train(resumed, 600, tmp_path / "killed", WANTED)
    curves = [(tmp_path / name / "line.jsonl").read_text() for name in ("whole", "killed")]
    lines = [[json.loads(line) for line in curve.splitlines()] for curve in curves]
    assert [without_seconds(line) for line in lines[0]] == [
        without_seconds(line) for line in lines[1]
    ]
    for one, other in zip(whole.module.parameters(), resumed.module.parameters(), strict=True):
        assert torch.equal(one, other)


def without_seconds(line):
    return {name: value for name, value in line.items() if name != "seconds"}


@pytest.mark.parametrize(
    ("steps", "other"), [(200, {"seed": 7}), (100, {}), (200, {"start": "else"})]
)
def test_a_checkpoint_of_another_training_does_not_count(tmp_path, caplog, steps, other):
    """Not its weights, its steps or its curve."""
    train(Line(), 200, tmp_path, WANTED)
    fresh, again = Line(), Line()
    train(fresh, steps, tmp_path / "fresh", WANTED | other)
    train(again, steps, tmp_path, WANTED | other)
    assert "another training" in caplog.text
    for one, two in zip(fresh.module.parameters(), again.module.parameters(), strict=True):
        assert torch.equal(one, two)
    curve = (tmp_path / "line.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in curve] == list(range(50, steps + 1, 50))


def test_a_line_that_was_cut_stops_no_restart(tmp_path, caplog):
    train(Line(), 100, tmp_path, WANTED)
    curve = tmp_path / "line.jsonl"
    whole = curve.read_text()
    curve.write_text(whole + '{"step": 1')
    train(Line(), 100, tmp_path, WANTED)
    assert curve.read_text() == whole and "cut" in caplog.text


def test_learning_happens_and_the_curve_says_so(tmp_path):
    train(Line(), 600, tmp_path, WANTED, evaluate_every=300)
    lines = [json.loads(line) for line in (tmp_path / "line.jsonl").read_text().splitlines()]
    measured = [line["validation"]["square"] for line in lines if "validation" in line]
    assert len(measured) == 2 and measured[-1] < 0.3 * lines[0]["square"]


def test_denormals_count_again_after_training(tmp_path):
    train(Line(), 1, tmp_path, WANTED)
    smallest = torch.tensor(1e-38) * 1e-3
    assert smallest > 0


def test_schedule_warms_up_and_cools_down():
    assert learning_rate_scale(0, 1000, 0.3) == 0.01
    assert learning_rate_scale(500, 1000, 0.3) == 1
    assert learning_rate_scale(850, 1000, 0.3) == 0.5
    assert learning_rate_scale(999, 1000, 0.3) == 0.02
