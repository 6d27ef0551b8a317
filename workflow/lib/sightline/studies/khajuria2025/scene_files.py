"""What lies behind samples: scenes by split and id, masks, images a few at a time."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pycocotools import mask as coco_mask

from sightline.scenes.coco import Coco
from sightline.scenes.scene import Mask, Scene

IMAGE = ["split", "image_id"]
"""Columns that name an image."""

MASK_COLUMNS = ("height", "width", "runs")
"""Columns beside SAMPLE_COLUMNS: size of the image, and the object's mask as COCO's compressed run lengths."""


class Scenes:
    """Scenes by split and id; a split is loaded when it is first asked for.

    Args:
        root: of the data set.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._splits: dict[str, Coco] = {}

    def __getitem__(self, key: tuple[str, int]) -> Scene:
        split, image_id = key
        if split not in self._splits:
            self._splits[split] = Coco(self._root, split)
        return self._splits[split].scene(image_id)


def batches(images: pd.DataFrame, size: int) -> Iterator[pd.DataFrame]:
    """Images, some at a time."""
    for first in range(0, len(images), size):
        yield images.iloc[first : first + size].reset_index(drop=True)


def stored_mask(sample: Mapping[str, Any]) -> Mask:
    """Mask of a row of the table, (height, width) bool."""
    runs = {"size": [sample["height"], sample["width"]], "counts": sample["runs"]}
    return coco_mask.decode(runs).astype(bool)
