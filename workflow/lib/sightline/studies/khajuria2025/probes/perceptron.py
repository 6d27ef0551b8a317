"""The perceptron of the paper for many feature matrices at once (khajuria2025 section 3, "Probe").

One-vs-rest, no penalty, constant step 1, samples one after another: scikit-learn's ``Perceptron``. Blocks of
samples are scored with one product; inside a block, an update reaches the samples behind it through the block's
own inner products. Which samples of a block are mistaken is found by repeating the guess until it no longer
changes: the first sample is right at once, and each repetition settles at least one more, so that the result is
the sequence of single updates itself and no approximation.

Orders are those of scikit-learn. With ``"own"`` every class has its own, as there, and weights are equal to
rounding. With ``"shared"`` all classes of all problems that learn from the same rows follow the order that
scikit-learn gives a problem of two classes: the same rule in another random order, which spares reading the
features once per class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from sightline.studies.khajuria2025.probes.problems import LinearProbe, Problem, check_features
from sightline.studies.khajuria2025.probes.shuffling import class_seeds, shuffle_step

Orders = Literal["shared", "own"]

EPOCHS, TOLERANCE, PATIENCE = 1000, 1e-3, 5
"""scikit-learn's defaults."""

BLOCK = 32


@dataclass(frozen=True)
class _Group:
    """Columns that visit the same rows in the same order.

    Attributes:
        rows: the rows to learn from, ascending.
        seed: of the order.
        columns: (problem, column) of each.
    """

    rows: np.ndarray
    seed: int
    columns: tuple[tuple[int, int], ...]


def fit_perceptrons(
    features: torch.Tensor,
    problems: Sequence[Problem],
    orders: Orders = "shared",
    random_state: int = 0,
    epochs: int = EPOCHS,
    tolerance: float = TOLERANCE,
    patience: int = PATIENCE,
    block: int = BLOCK,
) -> list[LinearProbe]:
    """Solve every problem on every lane.

    Args:
        features: (lanes, rows, width), float32 or float64, not standardised.
        problems: all about the same rows.
        orders: see above.
        random_state: as scikit-learn's.
        epochs: the most.
        tolerance: least improvement of the mean loss in ``patience`` epochs.
        patience: epochs without improvement before a column stops.
        block: samples scored together; changes speed, not results.

    Returns:
        One probe per problem, in order; ``rounds`` counts epochs.

    Raises:
        ProbeError: features and problems do not fit together.
    """
    check_features(features, problems)
    lanes, _, width = features.shape
    probes = [
        LinearProbe(
            problem,
            features.new_zeros(lanes, problem.columns, width),
            features.new_zeros(lanes, problem.columns),
            torch.zeros(lanes, problem.columns, dtype=torch.int64, device=features.device),
        )
        for problem in problems
    ]
    for group in _groups(problems, orders, random_state):
        signs = np.stack([problems[p].indicators[c] for p, c in group.columns])
        found = _fit_group(
            features,
            group,
            torch.as_tensor(np.where(signs, 1.0, -1.0), dtype=features.dtype).to(features.device),
            epochs,
            tolerance,
            patience,
            block,
        )
        for place, (number, column) in enumerate(group.columns):
            for part, values in zip(
                (probes[number].weights, probes[number].intercepts, probes[number].rounds),
                found,
                strict=True,
            ):
                part[:, column] = values[:, place]
    return probes


def _groups(problems: Sequence[Problem], orders: Orders, random_state: int) -> list[_Group]:
    shared = class_seeds(2, random_state)[0]
    columns: dict[tuple[bytes, int], list[tuple[int, int]]] = {}
    for number, problem in enumerate(problems):
        own = class_seeds(len(problem.classes), random_state) if orders == "own" else None
        for column in range(problem.columns):
            seed = own[column] if own else shared
            columns.setdefault((problem.train.tobytes(), seed), []).append((number, column))
    return [
        _Group(np.flatnonzero(np.frombuffer(train, dtype=bool)), seed, tuple(members))
        for (train, seed), members in columns.items()
    ]


class _Stopping:
    """Which columns still learn: (lanes, columns), by the mean loss of every epoch."""

    def __init__(self, lanes: int, columns: int, tolerance: float, patience: int) -> None:
        self._best = torch.full((lanes, columns), torch.inf, dtype=torch.float64)
        self._stale = torch.zeros(lanes, columns, dtype=torch.int64)
        self.learning = torch.ones(lanes, columns, dtype=torch.bool)
        self._tolerance, self._patience = tolerance, patience

    def look(self, loss: torch.Tensor) -> None:
        """Take the mean loss (lanes, columns) of an epoch."""
        stale = loss > self._best - self._tolerance
        self._stale = torch.where(stale, self._stale + 1, 0)
        self._best = torch.minimum(self._best, loss)
        self.learning &= self._stale < self._patience

    def keep(self, lanes: torch.Tensor) -> None:
        """Forget the other lanes."""
        self._best, self._stale = self._best[lanes], self._stale[lanes]
        self.learning = self.learning[lanes]


@torch.no_grad()
def _fit_group(
    features: torch.Tensor,
    group: _Group,
    signs: torch.Tensor,
    epochs: int,
    tolerance: float,
    patience: int,
    block: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weights (lanes, columns, width), intercepts and epochs (lanes, columns)."""
    lanes, _, width = features.shape
    device, columns, rows = features.device, len(signs), len(group.rows)
    done = (
        features.new_zeros(lanes, columns, width),
        features.new_zeros(lanes, columns),
        torch.zeros(lanes, columns, dtype=torch.int64, device=device),
    )
    present = torch.arange(lanes, device=device)
    x, weights, intercepts = features, done[0].clone(), done[1].clone()
    stopping = _Stopping(lanes, columns, tolerance, patience)
    order, step = group.rows, shuffle_step(rows, group.seed)
    for _ in range(epochs):
        order = order[step]
        visits = torch.as_tensor(order, device=device)
        learning = stopping.learning.to(device)
        loss = torch.zeros(len(present), columns, dtype=torch.float64, device=device)
        for some in visits.split(block):
            loss += _visit(x, some, signs, learning, weights, intercepts)
        done[2][present] += learning
        stopping.look((loss / rows).cpu())
        left = stopping.learning.any(1)
        # Lanes that have finished are carried along until they are worth a copy of the others.
        if not left.any() or 2 * int(left.sum()) <= len(left):
            done[0][present], done[1][present] = weights, intercepts
            if not left.any():
                break
            left = left.to(device)
            present, x = present[left], x[left]
            weights, intercepts = weights[left], intercepts[left]
            stopping.keep(left.cpu())
    done[0][present], done[1][present] = weights, intercepts
    return done


def _visit(
    x: torch.Tensor,
    some: torch.Tensor,
    signs: torch.Tensor,
    learning: torch.Tensor,
    weights: torch.Tensor,
    intercepts: torch.Tensor,
) -> torch.Tensor:
    """Learn from some samples in their order; returns the sum of their losses (lanes, columns)."""
    seen = x.index_select(1, some)
    wanted = signs[:, some]
    start = torch.baddbmm(intercepts[..., None], weights, seen.mT)
    # What an update at one sample adds to the scores of those behind it; 1 for the intercept.
    inner = (torch.bmm(seen, seen.mT) + 1).triu(1)
    can = wanted * learning[..., None]
    scores = start
    updates = can * (scores * wanted <= 0)
    for _ in range(len(some)):
        scores = torch.baddbmm(start, updates, inner)
        again = can * (scores * wanted <= 0)
        if torch.equal(again, updates):
            break
        updates = again
    weights.baddbmm_(updates, seen)
    intercepts += updates.sum(-1)
    return (-scores * wanted).clamp(min=0).sum(-1, dtype=torch.float64)
