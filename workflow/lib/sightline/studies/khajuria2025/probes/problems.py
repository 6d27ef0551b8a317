"""What a linear probe is asked: labels of the rows, and which rows it learns from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.errors import SightlineError


class ProbeError(SightlineError):
    """A probe that cannot be fitted as asked."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A classification of rows that many feature matrices share.

    Attributes:
        labels: (rows,) int64.
        train: (rows,) bool, the rows to learn from; the others are only predicted.

    Raises:
        ProbeError: shapes differ, or fewer than two classes are left to learn.
    """

    labels: NDArray[np.int64]
    train: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.labels.shape != self.train.shape or self.labels.ndim != 1:
            raise ProbeError(
                f"probe: {self.labels.shape} labels and {self.train.shape} marks of rows to learn "
                "from; give one of each per row."
            )
        if len(self.classes) < 2:
            raise ProbeError(
                f"probe: {self.train.sum()} rows of class {self.classes.tolist()} to learn from; "
                "a probe tells at least two classes apart."
            )

    @cached_property
    def classes(self) -> NDArray[np.int64]:
        """Classes among the rows to learn from, ascending."""
        return np.unique(self.labels[self.train])

    @property
    def columns(self) -> int:
        """Weight vectors it takes: one for two classes, else one per class."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    @cached_property
    def indicators(self) -> NDArray[np.bool_]:
        """(columns, rows): whether a row is of the column's class; of two classes the second counts."""
        wanted = self.classes[1:] if self.columns == 1 else self.classes
        return self.labels[None] == wanted[:, None]

    def decide(self, scores: torch.Tensor) -> torch.Tensor:
        """Predicted labels (lanes, rows) int64 from scores (lanes, columns, rows)."""
        if self.columns == 1:
            place = (scores[:, 0] > 0).long()
        else:
            place = scores.argmax(dim=1)
        return torch.as_tensor(self.classes, device=scores.device)[place]


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A problem solved on every lane (feature matrix).

    Attributes:
        problem: what was asked.
        weights: (lanes, columns, width).
        intercepts: (lanes, columns).
        rounds: (lanes, columns) int64, epochs or iterations until it stopped.
    """

    problem: Problem
    weights: torch.Tensor
    intercepts: torch.Tensor
    rounds: torch.Tensor

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        """Labels (lanes, rows) int64 of features (lanes, rows, width)."""
        scores = torch.baddbmm(
            self.intercepts[..., None], self.weights.to(features.dtype), features.mT
        )
        return self.problem.decide(scores)


def check_features(features: torch.Tensor, problems: Sequence[Problem]) -> None:
    """Refuse what does not fit together.

    Raises:
        ProbeError: features are not (lanes, rows, width), hold no finite numbers, or have other rows.
    """
    if features.ndim != 3 or not features.is_floating_point():
        raise ProbeError(
            f"probe: features of shape {tuple(features.shape)} and type {features.dtype}; give "
            "(lanes, rows, width) of a floating type."
        )
    for problem in problems:
        if len(problem.labels) != features.shape[1]:
            raise ProbeError(
                f"probe: {len(problem.labels)} labels for {features.shape[1]} rows of features."
            )
    # A sum tells quickly; where it cannot, because it is too large itself, every number is looked at.
    if not features.sum().isfinite() and not torch.isfinite(features).all():
        lane = int((~torch.isfinite(features)).flatten(1).any(1).nonzero()[0])
        raise ProbeError(f"probe: features of lane {lane} are not all finite.")
