"""Figure 2 carries a query of the run along the wiring."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file, save_file

from qian2025_page_fakes import HEIGHT, QUERIES, WIDTH, write_measurements
from sightline.studies.drawing import save_figure
from sightline.studies.qian2025.items.diagram import Example, draw, read_example
from sightline.studies.qian2025.items.shown import intersection_over_union, read_shown
from sightline.studies.qian2025.masks.names import OWN, OWN_WITH_POINTS
from sightline.studies.qian2025.protocol import Protocol

ROOT = Path(__file__).parents[2]
DEMO = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())["studies"]["qian2025"]


def protocol(**points) -> Protocol:
    return Protocol.parse(DEMO | {"seed": 0, "points": DEMO["points"] | points})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Measurements whose gallery has maps too, NaN where the tower sees nothing."""
    folder = write_measurements(tmp_path / "toy")
    arrays = load_file(folder / "gallery.safetensors")
    heat = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.float16)
    heat[:, :8] = np.nan
    for number in range(len(QUERIES)):
        arrays |= {f"{number} {name}": heat for name in ("map", "best", "input", "sam")}
    save_file(arrays, folder / "gallery.safetensors")
    return folder


def words_of(example: Example) -> set[str]:
    return {text.get_text() for axes in draw(example).axes for text in axes.texts}


def test_query_shown_is_the_middle_one_and_its_numbers_are_measured(folder):
    """Of two queries the lower one is the middle."""
    example = read_example(folder, protocol())
    own = [intersection_over_union(one, "own") for one in read_shown(folder)]
    shown = intersection_over_union(example.shown, "own")
    assert shown == min(own) == pytest.approx(example.ious[OWN])
    both = example.ious[OWN_WITH_POINTS]
    assert f"mask of [SEG] alone\nIoU {shown:.2f}\n([SEG] and points: {both:.2f})" in words_of(
        example
    )
    clicked = intersection_over_union(example.shown, "clicked")
    assert {
        f"unmodified SAM,\npoints of the map\nIoU {clicked:.2f}",
        "1 positive",
        "1 negative",
    } <= words_of(example)


def test_a_model_that_was_taught_points_shows_its_mask_with_them(folder):
    example = read_example(folder, protocol(taught=["toy"]))
    both = example.ious[OWN_WITH_POINTS]
    assert any(
        word.startswith(f"mask of [SEG] and points\nIoU {both:.2f}") for word in words_of(example)
    )


def test_words_stay_within_the_frame_and_bytes_are_the_same_twice(folder, tmp_path):
    example = read_example(folder, protocol())
    figure = draw(example)
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert inside, text.get_text()
    first, second = (save_figure(draw(example), tmp_path / side / "fig2") for side in "ab")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_drawing_needs_no_torch():
    code = "import sys, sightline.studies.qian2025.items.diagram; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
