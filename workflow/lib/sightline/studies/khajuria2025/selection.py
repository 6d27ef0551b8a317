"""Which images show one primary and one secondary object of a task, and what became of all others.

Exclusive rule: exactly one of the task's two primary categories and exactly one of its four secondary ones, in
any number of instances, crowds included; other categories do not matter (dossier, section 2.2). Scenes that were
drawn for one task of the demo serve that task alone, with large primary (part pairs) or large secondary
(part swapped).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from sightline.scenes.scene import Scene
from sightline.studies.khajuria2025.names import PAIRS, SWAPPED
from sightline.studies.khajuria2025.protocol import Protocol, Task

KEPT = "kept"
NO_PRIMARY = "neither primary"
BOTH_PRIMARIES = "both primaries"
NO_SECONDARY = "no secondary"
SEVERAL_SECONDARIES = "several secondaries"
NOT_NEEDED = "enough images of the pair"
NO_FILE = "image file absent"
OTHER_TASK = "drawn for another task"
REASONS = (
    KEPT,
    NO_PRIMARY,
    BOTH_PRIMARIES,
    NO_SECONDARY,
    SEVERAL_SECONDARIES,
    NOT_NEEDED,
    NO_FILE,
    OTHER_TASK,
)


@dataclass(frozen=True)
class Pair:
    """An image of a task: the labels of its two objects."""

    task: int
    part: str
    primary: int
    secondary: int


class Selection:
    """Sorts scenes into pairs and counts why the others are none.

    Args:
        protocol: tasks and counts.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._tasks = protocol.tasks
        self._wanted = {PAIRS: protocol.per_pair, SWAPPED: protocol.swapped_per_pair}
        self._taken: Counter[Pair] = Counter()
        self._counts: Counter[tuple[int, str]] = Counter()

    def pairs(self, scenes: Iterable[Scene]) -> Iterator[tuple[Scene, list[Pair]]]:
        """Scenes with the pairs they are kept for; scenes without any are left out."""
        for scene in scenes:
            found = []
            for number, task in enumerate(self._tasks):
                pair, reason = self._judge(scene, number, task)
                if reason == KEPT:
                    found.append(pair)
                self._counts[number, reason] += 1
            if found:
                yield scene, found

    def _judge(self, scene: Scene, number: int, task: Task) -> tuple[Pair | None, str]:
        drawn_for = scene.attributes.get("task", number)
        if drawn_for != number:
            return None, OTHER_TASK
        present = {instance.category for instance in scene.instances}
        sides = []
        for names, none, several in (
            (task.primary, NO_PRIMARY, BOTH_PRIMARIES),
            (task.secondary, NO_SECONDARY, SEVERAL_SECONDARIES),
        ):
            here = [label for label, name in enumerate(names) if name in present]
            if len(here) != 1:
                return None, several if here else none
            sides += here
        pair = Pair(number, str(scene.attributes.get("part", PAIRS)), *sides)
        wanted = self._wanted[pair.part]
        if wanted is not None and self._taken[pair] >= wanted:
            return None, NOT_NEEDED
        if not scene.path.is_file():
            return None, NO_FILE
        self._taken[pair] += 1
        return pair, KEPT

    def reasons(self) -> pd.DataFrame:
        """Images per task and reason."""
        rows = [
            (number, reason, self._counts[number, reason])
            for number in range(len(self._tasks))
            for reason in REASONS
        ]
        return pd.DataFrame(rows, columns=["task", "reason", "images"])

    def composition(self) -> pd.DataFrame:
        """Images kept per part, task and pair, and the most that balancing can leave of them.

        Balancing takes the smaller of a secondary category's two groups (dossier, section 3).
        """
        rows = [
            {
                "part": part,
                "task": number,
                "primary": first,
                "secondary": second,
                "images": self._taken[Pair(number, part, *labels)],
                "balanced": min(self._taken[Pair(number, part, n, labels[1])] for n in range(2)),
            }
            for part in (PAIRS, SWAPPED)
            for number, task in enumerate(self._tasks)
            for labels, (first, second) in _labelled(task)
        ]
        return pd.DataFrame(rows)


def _labelled(task: Task) -> Iterator[tuple[tuple[int, int], tuple[str, str]]]:
    for second, secondary in enumerate(task.secondary):
        for first, primary in enumerate(task.primary):
            yield (first, second), (primary, secondary)
