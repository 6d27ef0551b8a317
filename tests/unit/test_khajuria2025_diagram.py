"""Figure 1 shows an image of the run with the tokens that the study pools, and those that other rules find."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pycocotools import mask as coco_mask

from khajuria2025_page_fakes import GRIDS, IMAGES, object_tables
from khajuria2025_scenes import settings
from sightline.errors import SightlineError
from sightline.studies.drawing import save_figure
from sightline.studies.khajuria2025.diagram import draw, rows_of
from sightline.studies.khajuria2025.diagram_case import Shown, read_shown
from sightline.studies.khajuria2025.names import PRIMARY, SECONDARY
from sightline.studies.khajuria2025.protocol import Protocol

CATEGORIES = {PRIMARY: "cat & <b>", SECONDARY: "hat"}
WIDE = (24, 48)
"""Height and width of the second image: its encoder sees the middle square."""


def stored(mask: np.ndarray) -> dict:
    runs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"height": mask.shape[0], "width": mask.shape[1], "runs": runs["counts"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images; in the square one the masks lie where the tokens are, in the wide one they reach its middle."""
    for name, table in object_tables().items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    square = {role: np.zeros((24, 24), bool) for role in CATEGORIES}
    square[PRIMARY][:8, :8] = True
    square[SECONDARY][16:, 16:] = True
    wide = {role: np.zeros(WIDE, bool) for role in CATEGORIES}
    # Both begin at a border of the middle square, which is 24 wide, and reach its middle column.
    wide[PRIMARY][:8, 12:25] = True
    wide[SECONDARY][16:, 23:36] = True
    rows = [
        {"image_id": image, "split": "val2017", "role": role, "category": name}
        | stored(masks[role])
        for image, masks in zip(IMAGES, (square, wide), strict=True)
        for role, name in CATEGORIES.items()
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "samples.parquet")
    return tmp_path


def shown_of(folder: Path, **changes) -> Shown:
    return read_shown(folder, folder / "samples.parquet", Protocol.parse(settings(**changes)))


def test_diagram_shows_the_tokens_of_the_last_layer(folder):
    shown = shown_of(folder)
    assert (shown.grid.rows, shown.grid.columns) == GRIDS[-1]
    assert shown.layers == len(GRIDS)
    assert (shown.primary, shown.secondary) == ([0], [8])
    assert shown.categories == ("cat & <b>", "hat")
    words = {text.get_text() for text in draw(shown, 20).axes[0].texts}
    assert {"hat", f"states behind each of {len(GRIDS)} blocks", "one of 20 categories"} <= words
    assert "0 of 2 are among these" in words


def test_image_shown_is_the_one_that_the_published_rule_misses(folder):
    """Squashed, the wide image's objects lie in the middle column; the square one's lie where they are."""
    shown = shown_of(folder)
    assert shown.image_id == IMAGES[1]
    assert shown.masks[0].shape == WIDE
    assert shown.placed["published"] == ([1], [7])
    assert shown_of(folder, variants=["corrected"]).image_id == IMAGES[0]


def test_other_rules_are_those_of_the_study(folder):
    """One column outwards leaves the grid; of a 2 x 2 grid one cell has its centre on an object, the first."""
    shown = shown_of(folder, defects={"shifts": [1, 2], "wrong_grid": 2})
    assert list(shown.placed) == ["corrected", "published", "shift_1", "wrong_grid"]
    assert shown.placed["shift_1"] == ([], [])
    assert shown.right("wrong_grid") == (1, 1)
    assert "shift_1" not in shown_of(folder, defects={}).placed


def test_square_images_are_not_missed(folder):
    for name in ("images", "members"):
        table = pd.read_parquet(folder / f"{name}.parquet")
        table[table["image_id"] == IMAGES[0]].to_parquet(folder / f"{name}.parquet")
    shown = shown_of(folder)
    assert shown.right("published") == (2, 2)
    found = rows_of(shown)
    assert found[found["variant"] == "published"]["tokens"].tolist() == ["0", "8"]


def test_no_image_with_both_objects_is_an_error(folder):
    members = pd.read_parquet(folder / "members.parquet")
    members[members["role"] == PRIMARY].to_parquet(folder / "members.parquet")
    with pytest.raises(SightlineError, match="collect_object_tokens"):
        shown_of(folder)


def test_same_bytes_twice(folder, tmp_path):
    first, second = (
        save_figure(draw(shown_of(folder), 4), tmp_path / side / "fig1") for side in "ab"
    )
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_drawing_needs_no_torch():
    code = "import sys, sightline.studies.khajuria2025.diagram; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
