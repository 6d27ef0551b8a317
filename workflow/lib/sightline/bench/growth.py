"""How the cost of a sweep grows with conditions, tokens and layers, against one forward pass per condition."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from sightline.bench.machine import describe_machine
from sightline.bench.plain import Cut, last_logits
from sightline.bench.rounds import Rounds, Step, alternate
from sightline.bench.shapes import BenchError, Shape
from sightline.bench.subject import Subject, build_subject, find_device
from sightline.bench.work import TOLERANCES, relative_error
from sightline.instruments.replay import CleanRun, replay

log = logging.getLogger(__name__)

CONDITIONS = 24
FORWARD, CLEAN, REPLAY = "forward", "clean run", "replay"
# Forward passes of which the mean stands for all conditions: each costs the same.
_TIMED = 3


@dataclass(frozen=True)
class Axis:
    """What grows while the rest stays as in the shape.

    Attributes:
        name: conditions, tokens or layers.
        values: of conditions or layers, or of image tokens from left to right.
    """

    name: str
    values: tuple[int, ...]


def axes(shape: Shape) -> tuple[Axis, ...]:
    """Values around those of the shape."""
    if shape.side < 8:
        return Axis("conditions", (1, 4)), Axis("tokens", (4, 6)), Axis("layers", (2, 4))
    return (
        Axis("conditions", (1, 4, 16, 64, 256)),
        Axis("tokens", (8, 12, 16, 24, 32)),
        Axis("layers", (8, 16, 32, 48)),
    )


def cuts(subject: Subject, count: int) -> list[Cut]:
    """Different conditions that end in the last token: rows of the image hidden in windows of layers."""
    shape = subject.shape
    width = -(-10 * shape.layers // 32)
    windows = shape.layers - width + 1
    found = []
    for number in range(count):
        row, start = number % shape.side, 7 * number % windows
        tokens = tuple(range(row * shape.side, (row + 1) * shape.side))
        layers = tuple(range(start, start + width))
        rows = (subject.prompt.roles.last,)
        found.append(Cut(str(number), rows, subject.image_positions(tokens), layers))
    return found


def measure_growth(
    shape: Shape, rounds: int = 3, threads: int | None = None, device: str | None = None
) -> dict[str, Any]:
    """Measure all axes.

    Args:
        shape: where the axes cross.
        rounds: how often the two sides take turns at each point.
        threads: of torch; None for its own choice.
        device: instead of the shape's.

    Returns:
        Machine, shape and points, as plain data.

    Raises:
        BenchError: the two sides disagree, or there is no such device.
    """
    if threads:
        torch.set_num_threads(threads)
    device = find_device(shape, device)
    machine = describe_machine(shape, device, torch.get_num_threads())
    points = [point for axis in axes(shape) for point in _along(axis, shape, rounds, device)]
    return {"machine": machine, "shape": asdict(shape), "rounds": rounds, "points": points}


def _along(axis: Axis, shape: Shape, rounds: int, device: str) -> Iterator[dict[str, Any]]:
    text = shape.length - shape.side**2
    subject = None
    for value in axis.values:
        here, count = shape, CONDITIONS
        if axis.name == "conditions":
            count = value
        elif axis.name == "tokens":
            here = replace(shape, side=value, length=value**2 + text)
        else:
            here = replace(shape, layers=value)
        if subject is None or subject.shape != here:
            # Before the next one is built: two large models may not fit.
            subject = None
            subject = build_subject(here, device)
        log.info("growth: %s %d", axis.name, value)
        yield {
            "axis": axis.name,
            "conditions": count,
            "tokens": here.length,
            "layers": here.layers,
            **_point(subject, count, rounds),
        }


def _point(subject: Subject, count: int, rounds: int) -> dict[str, Any]:
    conditions = cuts(subject, count)
    embeds = subject.embed(subject.prompt)
    clean = CleanRun(subject.vlm, subject.prompt, subject.image_tokens)
    timed = conditions[:: -(-count // _TIMED)]
    timings = alternate(
        [Step(cut.name, lambda cut=cut: last_logits(subject, embeds, cut)) for cut in timed],
        {
            CLEAN: lambda: CleanRun(subject.vlm, subject.prompt, subject.image_tokens),
            REPLAY: lambda: replay(clean, [cut.condition for cut in conditions]),
        },
        rounds,
        subject.vlm.device.type == "cuda",
    )
    return _checked(subject, timings, timed, conditions)


def _checked(
    subject: Subject, timings: Rounds, timed: list[Cut], conditions: list[Cut]
) -> dict[str, Any]:
    expected = torch.stack([timings.results[cut.name] for cut in timed])
    found = timings.results[REPLAY][[conditions.index(cut) for cut in timed]]
    error, tolerance = relative_error(found, expected), TOLERANCES[subject.shape.dtype]
    # Not "greater than": what is not a number agrees with nothing.
    if not error <= tolerance:
        raise BenchError(
            f"bench growth: {len(conditions)} conditions, {subject.shape.length} tokens, "
            f"{subject.shape.layers} layers: logits are {error:.1e} apart, allowed are "
            f"{tolerance:.0e}. A fast wrong answer is no result; run the parity tests."
        )
    walls = timings.by("wall")
    return {
        "error": error,
        FORWARD: [seconds for one in walls for seconds in one.steps.values()],
        CLEAN: [one.whole[CLEAN] for one in walls],
        REPLAY: [one.whole[REPLAY] for one in walls],
    }
