"""Stored lens read-outs of one model, image by image."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sightline.cache.store import TraceReader
from sightline.studies.neo2025.lens.read_out import ReadOut

TRACE = "lens"
ENTRIES, LOG_PROBABILITIES = "entries", "log_probabilities"
RANKS, WORD_LOG_PROBABILITIES = "ranks", "word_log_probabilities"
INPUT_ENTRIES, NORMED_TWICE = "input_entries", "normed_twice"


class LensReader:
    """Read-outs in the order they were stored.

    Attributes:
        tokens: image -> number of its tokens.
        model: key of the model.
        states: number of states.
    """

    def __init__(self, folder: Path | str) -> None:
        """Open a finished trace set."""
        self._trace = TraceReader(folder, {"trace": TRACE})
        groups = self._trace.index.groupby("image_id", sort=False).indices
        self._rows = {int(image): np.asarray(rows) for image, rows in groups.items()}
        self.tokens = {image: len(rows) for image, rows in self._rows.items()}
        self.model: str = self._trace.spec["model"]["key"]
        self.states = self._trace.shape(ENTRIES)[0]

    def __iter__(self) -> Iterator[ReadOut]:
        """One image at a time."""
        return map(self.read, self.tokens)

    def read(self, image: int) -> ReadOut:
        """Read-out of one image."""
        rows = self._rows[image]

        def read(name: str) -> np.ndarray:
            return self._trace.rows(name, rows).numpy()

        return ReadOut(
            image,
            read(ENTRIES).astype(np.int64),
            np.exp(read(LOG_PROBABILITIES).astype(np.float32)),
            read(RANKS).astype(np.int64),
            np.exp(read(WORD_LOG_PROBABILITIES).astype(np.float32)),
            read(INPUT_ENTRIES).astype(np.int64),
            read(NORMED_TWICE)[:, 0].astype(np.int64),
        )
