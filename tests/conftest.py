"""Fixtures that any test may use."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image

from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.models.vlm import VLM
from tiny import build_llava

# On a busy machine a first call may take long, which says nothing about the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

REPORTS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORTS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what harnesses have told, whether they passed or not."""
    reports = terminalreporter.config.stash[REPORTS]
    if reports:
        terminalreporter.section("harnesses: what was tried, what was lost")
        for report in reports:
            terminalreporter.line(report)


@pytest.fixture(scope="session")
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Call it with a text for the summary."""
    return request.config.stash[REPORTS].append


@pytest.fixture(scope="session")
def tiny_llava_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random LLaVA with its processor, in the layout of a real checkpoint."""
    return build_llava(tmp_path_factory.mktemp("models") / "tiny-llava")


@pytest.fixture(scope="session")
def tiny_llava(tiny_llava_folder: Path) -> VLM:
    """The same, loaded on the CPU."""
    torch.set_num_threads(1)
    return load_vlm(ModelSource("tiny-llava", str(tiny_llava_folder), batch_size=8, device="cpu"))


@pytest.fixture(scope="session")
def images() -> list[Image.Image]:
    """Four different random images, none of them of the tower's size or shape."""
    rng = np.random.default_rng(0)
    shapes = [(40, 56), (56, 40), (48, 48), (33, 64)]
    blocks = [rng.integers(0, 256, (7, 7, 3), dtype=np.uint8) for _ in shapes]
    return [
        Image.fromarray(block).resize(shape[::-1], Image.Resampling.NEAREST)
        for block, shape in zip(blocks, shapes, strict=True)
    ]
