"""One number that a claim rests on."""

from typing import NamedTuple

from sightline.intervals import EMPTY, Interval

COLUMNS = ("model", "variant", "what", "n", "value", "ci_low", "ci_high", "note")


class Contrast(NamedTuple):
    """Which reading, what, images or objects behind it, value, 95 % interval over images, and a remark."""

    variant: str
    what: str
    n: int
    value: float
    interval: Interval = EMPTY
    note: str = ""

    def row(self, model: str) -> tuple:
        """In the order of COLUMNS."""
        return (model, self.variant, self.what, self.n, self.value, *self.interval, self.note)
