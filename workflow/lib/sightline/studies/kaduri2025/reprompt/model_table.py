"""Effects and comparisons of one model on yes/no pairs, and what keeps claims about it from being tested."""

from collections.abc import Sequence

import pandas as pd

from sightline.studies.kaduri2025.reprompt import methods
from sightline.studies.kaduri2025.reprompt.effects import AVERAGE, GATED, find_effect
from sightline.studies.kaduri2025.reprompt.questions import MME

FEWEST_PICTURES, FEWEST_SUBTASKS = 30, 6
BLIND_AT_MOST = 55.0


class Table:
    """Effects and comparisons of one model."""

    def __init__(
        self,
        effects: pd.DataFrame,
        comparisons: pd.DataFrame,
        model: str,
        shares: Sequence[float],
        gate: float,
        paper: str,
    ) -> None:
        """Take the tables; ``paper`` is the paper's model whose numbers belong beside, empty where none do."""
        self._effects, self._comparisons = effects, comparisons
        self.model, self.shares, self.gate, self.paper = model, shares, gate, paper

    def row(
        self, comparison: str, share: float, subtasks: str, name: str = MME
    ) -> pd.Series | None:
        """One comparison."""
        wanted = {
            "model": self.model, "set": name, "subtasks": subtasks, "comparison": comparison, "share": share,
        }  # fmt: skip
        rows = self._comparisons
        for column, value in wanted.items():
            rows = rows[rows[column] == value]
        return None if rows.empty else rows.iloc[0]

    def effect(self, method: str, subtask: str, name: str = MME) -> pd.Series | None:
        """One effect."""
        return find_effect(self._effects, self.model, name, subtask, method)

    def gated(self) -> int:
        """Subtasks that pass the gate."""
        cell = self.effect(methods.FULL, GATED)
        return 0 if cell is None else int(cell["subtasks"])

    def total(self) -> int:
        """All subtasks."""
        cell = self.effect(methods.FULL, AVERAGE)
        return 0 if cell is None else int(cell["subtasks"])

    def lacking(self) -> list[str]:
        """What keeps every claim from being tested."""
        reasons = []
        needed = min(FEWEST_SUBTASKS, self.total())
        if self.gated() < needed:
            reasons.append(
                f"{self.gated()} of {self.total()} subtasks reach {self.gate:.0%} with the image in sight, "
                f"{needed} needed"
            )
        cell = self.effect(methods.FULL, GATED if self.gated() else AVERAGE)
        if cell is not None and cell["n_images"] < FEWEST_PICTURES:
            reasons.append(f"{int(cell['n_images'])} pictures, {FEWEST_PICTURES} needed")
        blind = self.effect(methods.BLIND, GATED)
        if self.gate and blind is not None and blind["acc_low"] > BLIND_AT_MOST:
            reasons.append(f"without any image {blind['acc']:.0f} % are answered rightly")
        return reasons
