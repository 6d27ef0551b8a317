"""The loop every training stage runs in: schedule, learning curve, checkpoints, restart."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from sightline.demo.optimizer import MasterOptimizer

WARM_UP_STEPS = 100

_LOG_EVERY = 50
_CHECKPOINT_EVERY = 250

_log = logging.getLogger(__name__)


class Stage(Protocol):
    """One training stage.

    Attributes:
        name: of its checkpoint and learning curve.
        cool_down: last share of the steps, over which the learning rate falls to 2 % in a straight line.
        module: all that is trained.
        optimizer: of the module's parameters.
    """

    name: str
    cool_down: float
    module: nn.Module
    optimizer: MasterOptimizer

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Loss of the batch of a step and its parts; the batch depends on the step alone."""

    def evaluate(self) -> dict[str, float]:
        """Measures on the validation scenes."""


def learning_rate_scale(step: int, steps: int, cool_down: float) -> float:
    """Warm-up, plateau, linear cool-down over the last share of the steps."""
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm_up * max(0.02, min(1.0, (steps - step) / (cool_down * steps)))


def train(
    stage: Stage,
    steps: int,
    folder: Path,
    evaluate_every: int = 500,
    on_checkpoint: Callable[[], None] | None = None,
) -> None:
    """Run a stage to its last step, from its checkpoint if one is there.

    Writes ``<folder>/<name>.jsonl`` (the learning curve) and ``<folder>/<name>.checkpoint`` (removed by nobody: a
    finished stage is skipped when the training is started again).
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, curve = folder / f"{stage.name}.checkpoint", folder / f"{stage.name}.jsonl"
    first = _restore(stage, checkpoint)
    _forget_after(first, curve)
    running: dict[str, float] = {}
    begun = time.monotonic()
    for step in range(first, steps):
        with _denormals_flushed():
            loss, parts = stage.loss(step)
            loss.backward()
            stage.optimizer.step(learning_rate_scale(step, steps, stage.cool_down))
        for name, value in parts.items():
            running[name] = 0.95 * running.get(name, value) + 0.05 * value
        done = step + 1
        if done % _LOG_EVERY == 0 or done == steps:
            line = {"step": done, "seconds": round(time.monotonic() - begun)}
            line |= {name: round(value, 4) for name, value in running.items()}
            if done % evaluate_every == 0 or done == steps:
                line["validation"] = {k: round(v, 4) for k, v in stage.evaluate().items()}
            with curve.open("a") as file:
                file.write(json.dumps(line) + "\n")
            _log.info("%s %s", stage.name, line)
        if done % _CHECKPOINT_EVERY == 0 or done == steps:
            _save(stage, done, checkpoint)
            if on_checkpoint:
                on_checkpoint()


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Denormal numbers in optimizer states slow a CPU down many times; other work of the process wants them exact."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _forget_after(step: int, curve: Path) -> None:
    """Drop lines of steps that a restart runs again."""
    if curve.exists():
        lines = curve.read_text().splitlines(keepends=True)
        curve.write_text("".join(line for line in lines if json.loads(line)["step"] <= step))


def _save(stage: Stage, step: int, path: Path) -> None:
    partial = path.with_suffix(".partial")
    torch.save(
        {"step": step, "module": stage.module.state_dict(), "optimizer": stage.optimizer.state()},
        partial,
    )
    partial.replace(path)


def _restore(stage: Stage, path: Path) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    stage.module.load_state_dict(state["module"])
    stage.optimizer.restore(state["optimizer"])
    _log.info("%s: going on from step %d", stage.name, state["step"])
    return state["step"]
