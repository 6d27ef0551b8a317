"""Features of all layers side by side: lanes that share their rows, by width and within a limit of memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.models.devices import choose_device
from sightline.studies.khajuria2025.features import PairTask
from sightline.studies.khajuria2025.names import CLS, PRIMARY, SECONDARY
from sightline.studies.khajuria2025.probes.measurements import IMAGE

LIMIT = 2**30


def solver_device(name: str) -> str:
    """Where probes are fitted: "auto" is a GPU if there is one, and mps, which has no 64 bits, is passed over."""
    return "cpu" if name == "mps" else str(choose_device(name))


Read = Callable[["Lane"], NDArray[np.float32]]


@dataclass(frozen=True)
class Lane:
    """Where features come from.

    Attributes:
        layer: counted from zero.
        representation: avg_obj, random_obj, random or CLS.
        source: "primary" or "secondary", "image" for CLS.
    """

    layer: int
    representation: str
    source: str


def pair_lanes(representations: Sequence[str], layers: Sequence[int]) -> list[Lane]:
    """All lanes of a pair task; CLS, the same for both objects, is there once."""
    return [
        Lane(layer, name, source)
        for layer in layers
        for name in representations
        for source in ((IMAGE,) if name == CLS else (PRIMARY, SECONDARY))
    ]


def read_pairs(task: PairTask, lane: Lane) -> NDArray[np.float32]:
    """Features of a lane, (images, width)."""
    source = PRIMARY if lane.source == IMAGE else lane.source
    return task.tokens(source, lane.representation, lane.layer)


def stacks(
    lanes: Sequence[Lane],
    widths: Sequence[int],
    rows: Callable[[Lane], NDArray[np.int64]],
    read: Read,
    device: str = "cpu",
    limit: int = LIMIT,
) -> Iterator[tuple[list[Lane], torch.Tensor]]:
    """Lanes with their features (lanes, rows, width) float32.

    Args:
        lanes: all of them.
        widths: of every layer.
        rows: the rows wanted of a lane, equally many of each.
        read: features of all rows of a lane.
        device: where they go.
        limit: bytes of one stack.
    """
    waiting: list[Lane] = []
    parts: list[NDArray[np.float32]] = []
    for lane in lanes:
        part = read(lane)[rows(lane)]
        full = parts and (sum(one.nbytes for one in parts) + part.nbytes > limit)
        if full or (waiting and widths[waiting[-1].layer] != widths[lane.layer]):
            yield waiting, torch.from_numpy(np.stack(parts)).to(device)
            waiting, parts = [], []
        waiting.append(lane)
        parts.append(part)
    if waiting:
        yield waiting, torch.from_numpy(np.stack(parts)).to(device)
