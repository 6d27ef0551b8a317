"""A headless Chromium, the system's own; without one these tests are skipped."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Started once; every test has a window of its own."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="no playwright: pip install -e '.[test]'"
    )
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    # Chromium refuses to run as root inside its sandbox.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=arguments)
        yield started
        started.close()


class Window:
    """A page that was opened from a file, and all that went wrong in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, file: Path, address: str = "") -> Any:
        """Go to a page and wait until it can be used."""
        self.page.goto(f"file://{file}{address}")
        self.page.wait_for_selector("html[data-ready]", timeout=30_000)
        return self.page

    def violations(self) -> list[str]:
        """What axe-core finds on the page as it stands."""
        axe = pytest.importorskip(
            "axe_playwright_python.sync_playwright", reason="no axe: pip install -e '.[test]'"
        )
        found = axe.Axe().run(self.page).response["violations"]
        return [
            f"{one['impact']}, {one['id']}: {node['html'][:160]}"
            for one in found
            for node in one["nodes"]
        ]

    def strangers(self) -> list[str]:
        """Requests that left the page."""
        return [url for url in self.requests if not url.startswith(("file:", "data:"))]


@pytest.fixture
def window(browser: Any, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A window of 1280 x 900 px, or as the test's parameter says; its page must not complain."""
    settings = {"viewport": {"width": 1280, "height": 900}} | getattr(request, "param", {})
    context = browser.new_context(**settings)
    opened = Window(context.new_page())
    yield opened
    context.close()
    assert opened.complaints == [] and opened.strangers() == []
