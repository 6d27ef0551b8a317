"""The loop every training stage runs in: schedule, learning curve, checkpoints, restart."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sightline.demo.optimizer import MasterOptimizer
from sightline.files import atomic_path

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


@dataclass
class Progress:
    """How far a stage has come: steps done, seconds they took, and running means of the parts of its loss."""

    step: int = 0
    seconds: float = 0.0
    running: dict[str, float] = field(default_factory=dict)


def train(
    stage: Stage, steps: int, folder: Path, wanted: Mapping[str, Any], evaluate_every: int = 500
) -> None:
    """Run a stage to its last step, from its checkpoint if one is there.

    Writes ``<folder>/<name>.jsonl`` (the learning curve) and ``<folder>/<name>.checkpoint`` (removed by nobody: a
    finished stage is skipped when the training is started again).

    Args:
        stage: what is trained.
        steps: of the whole stage; the schedule of the learning rate depends on them.
        folder: of checkpoint and curve.
        wanted: what the weights depend on beside the steps: recipe, seed, weights it began with. A checkpoint that was
            wanted otherwise is of another training, and the stage begins anew.
        evaluate_every: steps between measurements on the validation scenes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, curve = folder / f"{stage.name}.checkpoint", folder / f"{stage.name}.jsonl"
    wanted = {**wanted, "steps": steps}
    done_before = _restore(stage, checkpoint, wanted)
    running = done_before.running
    _forget_after(done_before.step, curve)
    begun = time.monotonic() - done_before.seconds
    for step in range(done_before.step, steps):
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
            _save(stage, Progress(done, time.monotonic() - begun, running), wanted, checkpoint)


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Denormal numbers in optimizer states slow a CPU down many times; other work of the process wants them exact."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _forget_after(step: int, curve: Path) -> None:
    """Drop lines of steps that a restart runs again, and one that was cut when the disk was full."""
    if not curve.exists():
        return
    kept = []
    for line in curve.read_text().splitlines(keepends=True):
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except ValueError:
            _log.warning("%s: dropped a line that was cut: %r", curve, line)
    with atomic_path(curve) as temporary:
        temporary.write_text("".join(kept))


def _save(stage: Stage, progress: Progress, wanted: Mapping[str, Any], path: Path) -> None:
    state = {"module": stage.module.state_dict(), "optimizer": stage.optimizer.state()}
    state |= {"progress": asdict(progress), "wanted": dict(wanted)}
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def _restore(stage: Stage, path: Path, wanted: Mapping[str, Any]) -> Progress:
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=True)
    found = state.get("wanted", {})
    other = [name for name in {**found, **wanted} if found.get(name) != wanted.get(name)]
    if other:
        told = ", ".join(f"{name} {found.get(name)}, now {wanted.get(name)}" for name in other)
        _log.warning("%s is of another training (%s): begun anew", path, told)
        return Progress()
    stage.module.load_state_dict(state["module"])
    stage.optimizer.restore(state["optimizer"])
    progress = Progress(**state["progress"])
    _log.info("%s: going on from step %d", stage.name, progress.step)
    return progress
