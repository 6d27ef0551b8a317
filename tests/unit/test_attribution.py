"""Attributions are held against the difference they explain."""

import pytest
import torch

from sightline.instruments.gradients import Attribution, IncompleteAttributionError


def attribution(signed, difference):
    signed = torch.tensor(signed)
    return Attribution(signed.abs(), signed, torch.tensor(difference))


def test_relative_gap():
    """Sum against difference, in shares of the difference; nothing of nothing is complete."""
    found = attribution([[1.0, 2.0], [-1.0, 0.5], [0.0, 0.0], [1.0, 0.0]], [3.0, -1.0, 0.0, 0.0])
    assert found.relative_gap.tolist() == [0, 0.5, 0, torch.inf]


def test_completeness_names_the_targets_beyond_the_tolerance():
    found = attribution([[1.0, 2.0], [-1.0, 0.5]], [3.0, -1.0])
    found.check_completeness(0.5)
    with pytest.raises(IncompleteAttributionError, match=r"targets 1 \(0\.5\).*Take more steps"):
        found.check_completeness(0.4)


def test_numbers_that_are_none_are_not_complete():
    with pytest.raises(IncompleteAttributionError, match=r"targets 0 \(nan\)"):
        attribution([[torch.nan]], [1.0]).check_completeness(1.0)
