"""Which images a probe learns from and which it is tested on."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split

from sightline.studies.khajuria2025.probes.problems import ProbeError

PUBLISHED_SEED = 42
"""``random_state`` of the authors' splits."""

Rows = NDArray[np.int64]


def balance(primary: Rows, secondary: Rows, generator: np.random.Generator) -> Rows:
    """Images in which the primary label is independent of the secondary one (khajuria2025 section 3).

    Of every secondary class, the larger of its two primary groups is cut down to the smaller, without replacement.

    Args:
        primary: (images,) labels 0 and 1.
        secondary: (images,) labels.
        generator: draws the images.

    Returns:
        Image numbers, by pair and then ascending, so that every draw has the same labels line by line.
    """
    chosen = []
    for label in np.unique(secondary):
        groups = [np.flatnonzero((secondary == label) & (primary == one)) for one in (0, 1)]
        size = min(map(len, groups))
        chosen += [np.sort(generator.choice(group, size, replace=False)) for group in groups]
    return np.concatenate(chosen) if chosen else np.zeros(0, np.int64)


def match_classes(
    labels: Rows, flags: NDArray[np.bool_], generator: np.random.Generator
) -> tuple[Rows, Rows]:
    """Image numbers with and without a flag, ascending, of every class as many in one set as in the other."""
    sets: tuple[list[Rows], list[Rows]] = ([], [])
    for label in np.unique(labels):
        groups = [np.flatnonzero((labels == label) & (flags == wanted)) for wanted in (True, False)]
        size = min(map(len, groups))
        for own, group in zip(sets, groups, strict=True):
            own.append(generator.choice(group, size, replace=False))
    with_flag, without = (np.sort(np.concatenate(own)) for own in sets)
    return with_flag, without


def published_split(labels: Rows, test_share: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows to learn from and to test on: a tenth is test, a tenth of the rest is held out and never used.

    Returns:
        Two masks (rows,).

    Raises:
        ProbeError: a class has too few rows to be split.
    """
    try:
        rest, test = train_test_split(
            np.arange(len(labels)),
            test_size=test_share,
            random_state=PUBLISHED_SEED,
            stratify=labels,
        )
        learnt, _ = train_test_split(
            rest, test_size=test_share, random_state=PUBLISHED_SEED, stratify=labels[rest]
        )
    except ValueError as error:
        raise ProbeError(
            f"split: {len(labels)} rows cannot be split by their labels ({error})"
        ) from None
    masks = np.zeros((2, len(labels)), bool)
    masks[0, learnt] = masks[1, test] = True
    return masks[0], masks[1]


def folds(labels: Rows, parts: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Masks (rows,) of the rows to learn from; every row is left out of exactly one of them.

    Raises:
        ProbeError: a class has fewer rows than parts.
    """
    counts = np.unique(labels, return_counts=True)[1]
    if not len(counts) or counts.min() < parts:
        raise ProbeError(
            f"split: {counts.min() if len(counts) else 0} rows of one class for {parts} folds."
        )
    for learnt, _ in StratifiedKFold(parts, shuffle=True, random_state=seed).split(labels, labels):
        mask = np.zeros(len(labels), bool)
        mask[learnt] = True
        yield mask
