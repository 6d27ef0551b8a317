"""What the harness tried and lost, printed after the tests whether they pass or not."""

import pytest

REPORTS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORTS] = []


@pytest.fixture
def tell(request: pytest.FixtureRequest):
    """Call it with a text for the summary."""
    return request.config.stash[REPORTS].append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.config.stash[REPORTS]
    if reports:
        terminalreporter.section("faults: what was tried, what was lost")
        for report in reports:
            terminalreporter.line(report)
