"""GPUs on which a run may be priced."""

import csv
from dataclasses import dataclass
from pathlib import Path

from sightline.errors import SightlineError

COLUMNS = ("card", "name", "memory_gb", "tflops", "bandwidth_gbs", "efficiency", "source", "note")
DEFAULT = "h100"


class CardError(SightlineError):
    """The table of cards is malformed, or lacks the card asked for."""


@dataclass(frozen=True)
class Card:
    """One GPU.

    Attributes:
        key: as the configuration names it.
        name: of its maker.
        memory: bytes.
        peak: operations per second of dense matrix products in 16 bits, as its maker states.
        bandwidth: bytes per second from its memory.
        efficiency: share of both that is taken to be reached.
    """

    key: str
    name: str
    memory: float
    peak: float
    bandwidth: float
    efficiency: float

    def seconds(self, flops: float, moved: float) -> float:
        """Time of a work.

        Args:
            flops: operations.
            moved: bytes read from the card's memory, which decoding waits for.
        """
        return max(flops / self.peak, moved / self.bandwidth) / self.efficiency


def find_card(path: Path | str, key: str) -> Card:
    """Look a card up.

    Raises:
        CardError: it is not listed, or the table is malformed.
    """
    with Path(path).open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise CardError(f"{path}: expected the columns {','.join(COLUMNS)}.")
        rows = {row["card"]: row for row in reader}
    if key not in rows:
        raise CardError(f"plan.card: {key!r} is not in {path}; listed are {', '.join(rows)}.")
    row = rows[key]
    try:
        return Card(
            key,
            row["name"],
            float(row["memory_gb"]) * 1e9,
            float(row["tflops"]) * 1e12,
            float(row["bandwidth_gbs"]) * 1e9,
            float(row["efficiency"]),
        )
    except ValueError as error:
        raise CardError(f"{path}: {key}: {error}. Give numbers.") from None
