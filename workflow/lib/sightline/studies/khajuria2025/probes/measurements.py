"""Outcomes of the probes, one line per probe, with the outcome of every image as one bit.

decoding.parquet   COLUMNS; ``tested`` and ``correct`` are bits over the images of images.parquet
images.parquet     IMAGE_COLUMNS; the images of a task in the order of the bits
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.errors import SightlineError
from sightline.studies.khajuria2025.names import PRIMARY, SECONDARY

COLUMNS = (
    "encoder", "part", "variant", "probe", "subset", "task", "layer", "representation", "source",
    "target", "images", "tested", "correct", "n", "accuracy", "baseline",
)  # fmt: skip
IMAGE_COLUMNS = (
    "encoder", "part", "variant", "task", "place", "image_id", "label", "in_caption",
    "in_caption_published",
)  # fmt: skip

COMBINATION = "combination"
TARGETS = (PRIMARY, SECONDARY, COMBINATION)
CATEGORY = "category"
"""What the global probe decodes."""

IMAGE = "image"
"""Source of the CLS token, which belongs to no object."""

CORRECTED, AS_PUBLISHED, REDRAWN, SWAPPED = "corrected", "as published", "redrawn", "swapped"
LOGISTIC, PERCEPTRON, MLP = "logistic", "perceptron", "mlp"
WHOLE, IN_CAPTION, NOT_IN_CAPTION = "all", "in caption", "not in caption"


class ProbeFileError(SightlineError):
    """A file of probe outcomes is missing or of another form."""


def pack(marks: NDArray[np.bool_]) -> bytes:
    """(images,) bool as bits."""
    return np.packbits(marks).tobytes()


def unpack(bits: bytes, images: int) -> NDArray[np.bool_]:
    """The other way round."""
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=images).astype(bool)


def unpack_all(lines: Iterable[bytes], images: int) -> NDArray[np.bool_]:
    """(lines, images) bool."""
    joined = np.frombuffer(b"".join(lines), np.uint8).reshape(-1, -(-images // 8))
    return np.unpackbits(joined, axis=1, count=images).astype(bool)


def outcome(
    tested: NDArray[np.bool_], correct: NDArray[np.bool_], labels: NDArray[np.int64]
) -> dict[str, Any]:
    """The columns from ``images`` on.

    Args:
        tested: (images,).
        correct: (images,), only where tested.
        labels: (images,) what was to be read; the baseline always says the most frequent one.
    """
    seen = labels[tested]
    counts = np.unique(seen, return_counts=True)[1]
    n = int(tested.sum())
    return {
        "images": len(tested),
        "tested": pack(tested),
        "correct": pack(correct & tested),
        "n": n,
        "accuracy": float((correct & tested).sum() / n) if n else float("nan"),
        "baseline": float(counts.max() / n) if n else float("nan"),
    }


def read_decoding(paths: Iterable[Path | str]) -> pd.DataFrame:
    """Outcomes of several encoders, COLUMNS.

    Raises:
        ProbeFileError: names the file.
    """
    return _read(paths, COLUMNS)


def read_images(paths: Iterable[Path | str]) -> pd.DataFrame:
    """Images behind them, IMAGE_COLUMNS.

    Raises:
        ProbeFileError: names the file.
    """
    return _read(paths, IMAGE_COLUMNS)


def _read(paths: Iterable[Path | str], columns: tuple[str, ...]) -> pd.DataFrame:
    parts = []
    for path in paths:
        try:
            frame = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise ProbeFileError(f"{path}: not readable ({error}).") from None
        if tuple(frame.columns) != columns:
            raise ProbeFileError(
                f"{path}: columns are {', '.join(frame.columns)}, expected {', '.join(columns)}; "
                "run snakemake --forcerun decode_pairs."
            )
        parts.append(frame)
    if not parts:
        raise ProbeFileError("no file of probe outcomes was given.")
    return pd.concat(parts, ignore_index=True)
