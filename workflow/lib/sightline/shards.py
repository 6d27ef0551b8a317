"""Shares of the samples: how a command takes its part of the work where several jobs divide it.

A share is contiguous, so the results of all shares laid end to end have the order of the whole. Where samples
are read in batches, shares and batches end at multiples of a fixed block: the same samples then meet in a batch
and give the same bits, however many shards there are, and shards run with different batch sizes still fit.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import pandas as pd

_Items = TypeVar("_Items", bound=Sequence | pd.DataFrame)


@dataclass(frozen=True)
class Shard:
    """One of several shares.

    Attributes:
        number: from 1 to ``count``.
        count: shares in all; 1 is the whole.
    """

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``3/16``, the third of sixteen.

        Raises:
            argparse.ArgumentTypeError: it is no such fraction.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise argparse.ArgumentTypeError(f"{text} names no shard; a valid value: 3/16")
        return cls(int(found[1]), int(found[2]))

    @property
    def whole(self) -> bool:
        """Whether there is nothing beside it."""
        return self.count == 1

    def bounds(self, length: int, block: int = 1) -> tuple[int, int]:
        """First item and the one behind the last, of so many; equal where nothing is left for this shard.

        Args:
            length: number of items.
            block: shares begin at multiples of it.
        """
        blocks = -(-length // block)
        first, last = (n * blocks // self.count * block for n in (self.number - 1, self.number))
        return min(first, length), min(last, length)

    def of(self, items: _Items, block: int = 1) -> _Items:
        """This shard's items, or rows, in order."""
        return _cut(items, *self.bounds(len(items), block))

    def around(self, frame: pd.DataFrame, chosen: Sequence[bool]) -> pd.DataFrame:
        """This shard's rows, in order, where some of them make all the work.

        Args:
            frame: the whole table.
            chosen: the rows that are divided evenly, (rows,); the others go along with the one before them.
        """
        work = np.flatnonzero(np.asarray(chosen, dtype=bool))
        starts = np.append(work, len(frame))
        first, last = self.bounds(len(work))
        # Nothing comes before the first shard, which takes what stands before the first chosen row.
        return _cut(
            frame,
            0 if self.number == 1 else starts[first],
            len(frame) if self.number == self.count else starts[last],
        )


WHOLE = Shard()


def _cut(items: _Items, first: int, last: int) -> _Items:
    return items.iloc[first:last] if isinstance(items, pd.DataFrame) else items[first:last]


def blocked(items: _Items, size: int, block: int) -> Iterator[_Items]:
    """Batches of at most ``size`` items that end wherever a block ends.

    Args:
        items: of a share that begins with a block.
        size: of a batch.
        block: of `Shard.of`.
    """
    for start in range(0, len(items), block):
        end = min(start + block, len(items))
        for first in range(start, end, size):
            yield _cut(items, first, min(first + size, end))


def shard_folder(shards: Path | str, number: int, count: int) -> Path:
    """Where a shard's results lie, in the layout of the whole run."""
    return Path(shards) / f"{number}-of-{count}"


def add_shard(parser: argparse.ArgumentParser) -> None:
    """The option by which a command is told its share."""
    parser.add_argument(
        "--shard", type=Shard.parse, default=WHOLE, help="share of the samples, such as 3/16"
    )
