"""Fit all probes of a task: which label can be read from which tokens (khajuria2025 section 3).

corrected      balanced once, every image tested once by folds that all layers, representations and targets
               share, standardised logistic regression
as published   balanced anew for every layer, one split per target, a tenth of the images tested, perceptron on
               features as they are
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from sightline.studies.khajuria2025.features import PairTask
from sightline.studies.khajuria2025.probes.lanes import Lane, read_pairs, stacks
from sightline.studies.khajuria2025.probes.logistic import fit_logistic
from sightline.studies.khajuria2025.probes.measurements import (
    COMBINATION,
    LOGISTIC,
    MLP,
    PERCEPTRON,
    TARGETS,
    outcome,
)
from sightline.studies.khajuria2025.probes.perceptron import fit_perceptrons
from sightline.studies.khajuria2025.probes.problems import Problem
from sightline.studies.khajuria2025.probes.settings import ProbeSettings
from sightline.studies.khajuria2025.probes.splits import balance, folds, published_split

Rows = NDArray[np.int64]
Solver = Callable[[torch.Tensor, Sequence[Problem]], list[NDArray[np.int64]]]
"""Predicted labels (lanes, rows) of every problem."""


def solver(kind: str, settings: ProbeSettings) -> Solver:
    """How a kind of probe is fitted."""
    if kind == MLP:
        return lambda features, problems: _mlp(features, problems, settings.seed)

    def linear(features: torch.Tensor, problems: Sequence[Problem]) -> list[NDArray[np.int64]]:
        if kind == LOGISTIC:
            probes = fit_logistic(features, problems, penalty=settings.penalty)
        else:
            probes = fit_perceptrons(features, problems)
        return [probe.predict(features).cpu().numpy() for probe in probes]

    return linear


def _mlp(features: torch.Tensor, problems: Sequence[Problem], seed: int) -> list[NDArray[np.int64]]:
    """scikit-learn's MLPClassifier, 100-50-10, its other settings as they are (supplement, page 1)."""
    predicted = []
    for problem in problems:
        lines = []
        for lane in features.cpu().numpy():
            model = MLPClassifier((100, 50, 10), random_state=seed)
            with warnings.catch_warnings():
                # Two hundred epochs are the published setting, converged or not.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(lane[problem.train], problem.labels[problem.train])
            lines.append(model.predict(lane))
        predicted.append(np.stack(lines))
    return predicted


def decode_once(
    task: PairTask,
    lanes: Sequence[Lane],
    widths: Sequence[int],
    kind: str,
    settings: ProbeSettings,
    device: str = "cpu",
) -> Iterator[dict[str, Any]]:
    """Decode with one balanced set and folds.

    Args:
        task: the images.
        lanes: what to read from.
        widths: of every layer.
        kind: of probe.
        settings: of the run.
        device: of the solver.

    Yields:
        Columns from ``task`` on, per lane and target.

    Raises:
        ProbeError: too few images of a pair.
    """
    generator = np.random.default_rng([settings.seed, task.task])
    chosen = balance(task.labels("primary"), task.labels("secondary"), generator)
    labels = {target: task.labels(target)[chosen] for target in TARGETS}
    masks = list(folds(labels[COMBINATION], settings.folds, settings.seed))
    problems = [Problem(labels[target], mask) for mask in masks for target in TARGETS]
    solve = solver(kind, settings)
    for some, features in stacks(
        lanes, widths, lambda lane: chosen, lambda lane: read_pairs(task, lane), device
    ):
        found = solve(features, problems)
        for number, target in enumerate(TARGETS):
            # Every image is left out once: its prediction comes from that fold.
            guesses = sum(
                np.where(mask, 0, found[fold * len(TARGETS) + number])
                for fold, mask in enumerate(masks)
            )
            right = guesses == labels[target]
            for lane, line in zip(some, right, strict=True):
                yield _row(task, lane, target, chosen, np.ones(len(chosen), bool), line)


def decode_redrawn(
    task: PairTask,
    lanes: Sequence[Lane],
    widths: Sequence[int],
    kind: str,
    settings: ProbeSettings,
    device: str = "cpu",
) -> Iterator[dict[str, Any]]:
    """Decode with images drawn anew for every layer and one split per target, as the authors do.

    Arguments and what comes out as in `decode_once`.
    """
    generator = np.random.default_rng([settings.seed, task.task])
    first, second = task.labels("primary"), task.labels("secondary")
    # Every draw has the same labels line by line, so that all layers share their splits.
    drawn = [balance(first, second, generator) for _ in widths]
    problems, tests = [], []
    for target in TARGETS:
        labels = task.labels(target)[drawn[0]]
        learnt, test = published_split(labels, settings.test_share)
        problems.append(Problem(labels, learnt))
        tests.append(test)
    solve = solver(kind, settings)
    for some, features in stacks(
        lanes, widths, lambda lane: drawn[lane.layer], lambda lane: read_pairs(task, lane), device
    ):
        found = solve(features, problems)
        for target, problem, test, guesses in zip(TARGETS, problems, tests, found, strict=True):
            for lane, line in zip(some, guesses == problem.labels, strict=True):
                yield _row(task, lane, target, drawn[lane.layer], test, line)


def decode_subset(
    task: PairTask,
    rows: Rows,
    target: str,
    lanes: Sequence[Lane],
    widths: Sequence[int],
    kind: str,
    settings: ProbeSettings,
    device: str = "cpu",
) -> Iterator[dict[str, Any]]:
    """Decode one target within some images: folds for the logistic regression, else the published split.

    Raises:
        ProbeError: too few images of a class.
    """
    labels = task.labels(target)[rows]
    if kind == PERCEPTRON:
        parts = [published_split(labels, settings.test_share)]
    else:
        parts = [(mask, ~mask) for mask in folds(labels, settings.folds, settings.seed)]
    problems = [Problem(labels, learnt) for learnt, _ in parts]
    solve = solver(kind, settings)
    for some, features in stacks(
        lanes, widths, lambda lane: rows, lambda lane: read_pairs(task, lane), device
    ):
        found = solve(features, problems)
        tested = np.any([test for _, test in parts], axis=0)
        right = np.any(
            [(guesses == labels) & test for guesses, (_, test) in zip(found, parts, strict=True)],
            axis=0,
        )
        for lane, line in zip(some, right, strict=True):
            yield _row(task, lane, target, rows, tested, line)


def _row(
    task: PairTask,
    lane: Lane,
    target: str,
    rows: Rows,
    tested: NDArray[np.bool_],
    right: NDArray[np.bool_],
) -> dict[str, Any]:
    marks = np.zeros((2, len(task)), bool)
    marks[0, rows] = tested
    marks[1, rows] = right & tested
    return {
        "task": task.task,
        "layer": lane.layer,
        "representation": lane.representation,
        "source": lane.source,
        "target": target,
        **outcome(marks[0], marks[1], task.labels(target)),
    }
