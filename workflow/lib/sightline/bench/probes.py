"""Linear probes as khajuria2025 fits them, against scikit-learn in a loop.

The published protocol takes 1,728 probes per encoder: 12 layers, 4 representations, 2 sources, 3 targets, 6 tasks.
The three targets of a feature matrix are one call here and three there. A fraction of the matrices is fitted, spread
over weak and strong labels, on which the time of either side depends; the rest costs the same.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sightline.bench.rounds import Step
from sightline.bench.subject import Subject
from sightline.bench.work import Agreement, Goal, Ratio, Work, largest_error
from sightline.studies.khajuria2025.probes.logistic import fit_logistic
from sightline.studies.khajuria2025.probes.perceptron import fit_perceptrons
from sightline.studies.khajuria2025.probes.problems import LinearProbe, Problem

MATRICES, DISTINCT = 12 * 4 * 2 * 6, 12 * (3 * 2 + 1) * 6
"""CLS is the same for both sources: the published protocol fits it twice, here it is fitted once."""
TARGETS = 3
LOGISTIC, PERCEPTRON = "logistic regression", "perceptron"
CORES = {LOGISTIC: 2, PERCEPTRON: 1}
"""Of a pair, whatever other rows use; scikit-learn and perceptrons gain nothing from the second one."""
CLOSE = 0.005
"""Allowed mean difference of test accuracies: half a point."""


@dataclass(frozen=True)
class Sizes:
    """Of what is fitted: rows and width of a matrix, and how many matrices of MATRICES."""

    rows: int
    width: int
    fitted: int


SIZES = {"tiny": Sizes(160, 16, 4)}
FULL = Sizes(2000, 768, 12)
# From labels that hardly show to labels that are read almost always.
_STRENGTHS = (0.02, 0.03, 0.05, 0.08)


def matrices(sizes: Sizes, seed: int = 0) -> tuple[torch.Tensor, list[Problem]]:
    """Features (matrices, rows, width) float32 of unequal directions, and three labels of the rows.

    A tenth of the rows is left to test on.
    """
    generator = np.random.default_rng(seed)
    first, second = (generator.integers(classes, size=sizes.rows) for classes in (2, 4))
    train = np.arange(sizes.rows) >= sizes.rows // 10
    rank = min(40, sizes.width)
    shapes = (first, second)
    stack = []
    for number in range(sizes.fitted):
        strength = _STRENGTHS[number % len(_STRENGTHS)]
        common = generator.normal(size=(sizes.rows, rank)) * np.linspace(3, 0.3, rank)
        x = common @ generator.normal(size=(rank, sizes.width)) * 0.3
        x += 0.3 * generator.normal(size=x.shape)
        for labels in shapes:
            x += strength * generator.normal(size=(labels.max() + 1, sizes.width))[labels]
        stack.append(x.astype(np.float32))
    targets = (first, second, second * 2 + first)
    problems = [Problem(labels.astype(np.int64), train) for labels in targets]
    return torch.from_numpy(np.stack(stack)), problems


def prepare(subject: Subject) -> Work:
    """Two kinds of probes, each side fitting and predicting."""
    sizes = SIZES.get(subject.shape.name, FULL)
    features, problems = matrices(sizes)
    arrays = features.numpy()
    device = subject.vlm.device
    there = features.to(device)

    def ours(kind: str) -> Callable[[], list[torch.Tensor]]:
        fit = kinds[kind][1]

        def call() -> list[torch.Tensor]:
            with _threads(CORES[kind]):
                return [probe.predict(there).cpu() for probe in fit(there, problems)]

        return call

    def theirs(make: Callable[[], Any], number: int) -> Callable[[], list[np.ndarray]]:
        def call() -> list[np.ndarray]:
            x = arrays[number].astype(np.float64)
            found = []
            # Its products are too small for two threads: they wait for each other, and on a busy machine for long.
            with threadpool_limits(1):
                for problem in problems:
                    model = make().fit(x[problem.train], problem.labels[problem.train])
                    found.append(model.predict(x))
            return found

        return call

    kinds: dict[str, tuple[Callable[[], Any], Callable[..., list[LinearProbe]]]] = {
        LOGISTIC: (
            lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
            fit_logistic,
        ),
        PERCEPTRON: (lambda: Perceptron(random_state=0), fit_perceptrons),
    }
    names = {kind: [f"{kind} {number}" for number in range(sizes.fitted)] for kind in kinds}

    def agree(results: Mapping[str, Any]) -> Agreement:
        test = ~problems[0].train
        errors = []
        for kind in kinds:
            gaps = []
            for place, problem in enumerate(problems):
                for number, name in enumerate(names[kind]):
                    right = [
                        np.mean(np.asarray(guess)[test] == problem.labels[test])
                        for guess in (results[kind][place][number], results[name][place])
                    ]
                    gaps.append(right[0] - right[1])
            errors.append(abs(float(np.mean(gaps))))
        # The perceptron visits samples in another order: equal on average, not probe by probe.
        return Agreement(largest_error(errors), CLOSE if sizes is FULL else 0.1)

    def ratio(kind: str, goal: Goal | None, note: str) -> Ratio:
        return Ratio(
            f"{TARGETS * MATRICES:,} probes, {kind}",
            "x faster",
            lambda one: one.all_of(names[kind]) / (one.whole[kind] * DISTINCT / MATRICES),
            goal,
            note,
        )

    part = (
        "scikit-learn uses one core of the pair, with two it is slower; "
        f"{TARGETS * sizes.fitted} of {TARGETS * MATRICES:,} probes were fitted on both sides; "
        "CLS counts once here and twice there"
    )
    return Work(
        title=f"linear probes on {sizes.rows:,} x {sizes.width} features, three targets each",
        against="scikit-learn, one after another; both on a pair of cores",
        steps=[
            Step(name, theirs(kinds[kind][0], number), kind)
            for kind in kinds
            for number, name in enumerate(names[kind])
        ],
        whole={kind: ours(kind) for kind in kinds},
        ratios=[
            ratio(LOGISTIC, Goal(20), part),
            ratio(
                PERCEPTRON,
                None,
                f"{part}; every single update is made, one order for all classes",
            ),
        ],
        agree=agree,
        peaks={kind: ours(kind) for kind in kinds},
    )


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
