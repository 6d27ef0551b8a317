"""What a judge says of two descriptions, and what makes something a judge."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from sightline.errors import SightlineError


class JudgeError(SightlineError):
    """A judge is set up wrongly, cannot be reached, or says nothing that can be read."""


@dataclass(frozen=True)
class Comparison:
    """Objects of a prediction against those of a reference (kaduri2025 section 2.5 of the dossier).

    Attributes:
        tp: named by both, sorted.
        fn: named by the reference only.
        fp: named by the prediction only.
    """

    tp: tuple[str, ...]
    fn: tuple[str, ...]
    fp: tuple[str, ...]

    @classmethod
    def of_sets(cls, reference: Iterable[str], prediction: Iterable[str]) -> "Comparison":
        """Compare two sets of names that are spelled alike."""
        reference, prediction = set(reference), set(prediction)
        return cls(
            tuple(sorted(reference & prediction)),
            tuple(sorted(reference - prediction)),
            tuple(sorted(prediction - reference)),
        )

    @property
    def precision(self) -> float:
        """Share of the predicted objects that the reference has; 0 for a prediction without objects."""
        return _share(len(self.tp), len(self.fp))

    @property
    def recall(self) -> float:
        """Share of the reference's objects that the prediction has; 0 for a reference without objects."""
        return _share(len(self.tp), len(self.fn))

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 where both are 0, as for a refusal."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def to_row(self) -> dict[str, str | float]:
        """Columns tp, fn, fp (names parted by ";"), precision, recall and f1 of a measurement."""
        return {
            "tp": ";".join(self.tp),
            "fn": ";".join(self.fn),
            "fp": ";".join(self.fp),
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }


class Judge(Protocol):
    """Compares descriptions; several ways to do it stand behind one call."""

    def compare(self, reference: str, prediction: str) -> Comparison:
        """Compare two descriptions.

        Args:
            reference: what counts as the truth, such as the description by the unmodified model.
            prediction: the description to be judged.

        Raises:
            JudgeError: the judge gives no answer that can be read.
        """
        ...


def _share(hits: int, others: int) -> float:
    return hits / (hits + others) if hits + others else 0.0
