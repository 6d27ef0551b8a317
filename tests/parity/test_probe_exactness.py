"""Batched probes against scikit-learn: the same updates, the same accuracies."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.preprocessing import StandardScaler

from sightline.studies.khajuria2025.probes.logistic import fit_logistic
from sightline.studies.khajuria2025.probes.perceptron import fit_perceptrons
from sightline.studies.khajuria2025.probes.problems import ProbeError, Problem

ROWS, WIDTH, LANES = 300, 24, 3


@pytest.fixture(scope="module")
def features() -> torch.Tensor:
    """Lanes of unequal scale and offset, with labels that show weakly."""
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    first, second = labels()[:2]
    lanes = []
    for strength in (0.0, 0.4, 1.5):
        x = generator.normal(size=(ROWS, WIDTH)) * np.linspace(0.2, 5, WIDTH) + 2
        x += strength * generator.normal(size=(2, WIDTH))[first]
        x += strength * generator.normal(size=(4, WIDTH))[second]
        lanes.append(x)
    return torch.from_numpy(np.stack(lanes))


def labels() -> list[np.ndarray]:
    """Two, four and eight classes."""
    generator = np.random.default_rng(1)
    first, second = generator.integers(2, size=ROWS), generator.integers(4, size=ROWS)
    return [first, second, second * 2 + first]


def problems(left_out: int = 0) -> list[Problem]:
    """One per target; a fifth of the rows is left to test on."""
    train = np.arange(ROWS) % 5 != left_out
    return [Problem(one, train) for one in labels()]


def test_perceptron_makes_the_same_updates_as_scikit_learn(features):
    """Weights, intercepts, epochs and predictions, of two, four and eight classes."""
    for problem, probe in zip(
        problems(), fit_perceptrons(features, problems(), orders="own"), strict=True
    ):
        for lane, x in enumerate(features.numpy()):
            model = Perceptron(random_state=0).fit(x[problem.train], problem.labels[problem.train])
            np.testing.assert_allclose(probe.weights[lane].numpy(), model.coef_, rtol=1e-9)
            np.testing.assert_allclose(probe.intercepts[lane].numpy(), model.intercept_, rtol=1e-9)
            assert probe.rounds[lane].max() == model.n_iter_
            assert (probe.predict(features)[lane].numpy() == model.predict(x)).all()


@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_change_nothing(features, block):
    expected = fit_perceptrons(features, problems())
    for one, other in zip(
        expected, fit_perceptrons(features, problems(), block=block), strict=True
    ):
        torch.testing.assert_close(one.weights, other.weights)
        assert torch.equal(one.rounds, other.rounds)


def test_shared_order_is_that_of_two_classes(features):
    """The first target is scikit-learn's to the last update; the others learn as well in another order."""
    shared = fit_perceptrons(features, problems())
    own = fit_perceptrons(features, problems(), orders="own")
    torch.testing.assert_close(shared[0].weights, own[0].weights)
    test = ~problems()[0].train
    for one, other, problem in zip(shared, own, problems(), strict=True):
        right = [
            (probe.predict(features).numpy() == problem.labels)[:, test].mean()
            for probe in (one, other)
        ]
        assert abs(right[0] - right[1]) < 0.1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_logistic_regression_is_scikit_learns(features, dtype):
    """Standardised by the rows it learns from; three folds at once; weights for features as they are."""
    asked = [problem for fold in range(3) for problem in problems(fold)]
    gaps = []
    for problem, probe in zip(asked, fit_logistic(features.to(dtype), asked), strict=True):
        guesses = probe.predict(features.to(dtype)).numpy()
        for lane, x in enumerate(features.numpy()):
            scaler = StandardScaler().fit(x[problem.train])
            model = LogisticRegression(max_iter=5000, tol=1e-8).fit(
                scaler.transform(x[problem.train]), problem.labels[problem.train]
            )
            expected = model.predict(scaler.transform(x))
            assert (guesses[lane] == expected).mean() > 0.99
            if dtype == torch.float64:
                found = probe.weights[lane].numpy() * scaler.scale_
                assert np.abs(found - model.coef_).max() < 0.02 * np.abs(model.coef_).max()
            right = [
                (some == problem.labels)[~problem.train].mean()
                for some in (guesses[lane], expected)
            ]
            gaps.append(right[0] - right[1])
    assert abs(np.mean(gaps)) < 0.005


def test_chunks_change_nothing(features):
    one, other = (fit_logistic(features, problems(), chunk_bytes=size)[2] for size in (1, 2**30))
    torch.testing.assert_close(one.weights, other.weights)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_change_nothing_and_are_left_as_they_were(features, threads):
    alone = fit_logistic(features, problems())
    torch.set_num_threads(threads)
    try:
        together = fit_logistic(features, problems())
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(1)
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one.weights, other.weights)
        assert torch.equal(one.intercepts, other.intercepts)
        assert torch.equal(one.rounds, other.rounds)


def test_constant_features_and_few_rows_do_no_harm(features):
    """More columns than rows, one of them always the same."""
    wide = torch.cat([features, features, torch.ones(LANES, ROWS, 1)], 2)
    train = np.arange(ROWS) < 40
    some = [Problem(one, train) for one in labels()]
    for probe in (*fit_logistic(wide, some), *fit_perceptrons(wide, some)):
        assert torch.isfinite(probe.weights).all()


def test_what_cannot_be_fitted_is_refused(features):
    with pytest.raises(ProbeError, match="at least two classes"):
        Problem(np.zeros(ROWS, int), np.ones(ROWS, bool))
    with pytest.raises(ProbeError, match="10 labels for 300 rows"):
        fit_logistic(features, [Problem(np.arange(10) % 2, np.ones(10, bool))])
    broken = features.clone()
    broken[1, 3, 2] = torch.nan
    with pytest.raises(ProbeError, match="lane 1 are not all finite"):
        fit_perceptrons(broken, problems())
