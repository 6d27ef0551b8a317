"""How much of each image token an object covers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

OBJECT_COLUMNS = {
    "image_id": "int64",
    "object_id": "int64",
    "category": "str",
    "crowd": "bool",
    "inside": "float64",
    "pixels": "int64",
    "new_pixels": "int64",
    "patch": "int64",
}
"""One row per object: share of it that the tower sees; its pixels there, and those of them that no earlier object of
its category has; side of a patch."""
COVERAGE_COLUMNS = {
    "image_id": "int64",
    "object_id": "int64",
    "token": "int64",
    "coverage": "float64",
    "new_coverage": "float64",
    "published": "bool",
}
"""One row per object and token that it touches, in the tower's frame or by the authors' code; what is new is covered by
no earlier object of the category."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Objects of one image on its token grid.

    Attributes:
        coverage: object id -> share of each token, (tokens,).
        new_coverage: object id -> share that no earlier object of its category covers, (tokens,).
        published: object id -> tokens by the authors' geometry, (tokens,) bool.
        categories: object id -> category.
        new_pixels: object id -> pixels in the tower's frame that no earlier object of its category has.
        crowds: tokens that a crowd region touches, (tokens,) bool; such a region is no object.
        patch: side of a token in pixels.
    """

    coverage: Mapping[int, NDArray[np.float64]]
    new_coverage: Mapping[int, NDArray[np.float64]]
    published: Mapping[int, NDArray[np.bool_]]
    categories: Mapping[int, str]
    new_pixels: Mapping[int, int]
    crowds: NDArray[np.bool_]
    patch: int

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Tokens that any object or crowd region touches, (tokens,); the others are background."""
        return np.any([self.crowds, *(cover > 0 for cover in self.coverage.values())], axis=0)

    def of_category(self, category: str) -> tuple[NDArray[np.float64], int]:
        """Coverage by all instances of a category together, (tokens,), and their pixels."""
        own = [one for one, name in self.categories.items() if name == category]
        cover = np.sum([self.new_coverage[one] for one in own], axis=0)
        return cover, sum(self.new_pixels[one] for one in own)


def regions_by_image(
    objects: pd.DataFrame, coverage: pd.DataFrame, tokens: Mapping[int, int]
) -> dict[int, Regions]:
    """Put the stored tables together.

    Args:
        objects: OBJECT_COLUMNS; crowd regions are no objects, and images with nothing else are left out.
        coverage: COVERAGE_COLUMNS.
        tokens: image -> number of its tokens.
    """
    touched = dict(list(coverage.groupby(["image_id", "object_id"])))
    crowds = objects[objects["crowd"]].groupby("image_id")["object_id"].agg(list)
    found = {}
    for image, part in objects[~objects["crowd"]].groupby("image_id"):
        covers, new, published = {}, {}, {}
        crowded = np.zeros(tokens[image], bool)
        for one in crowds.get(image, []):
            if (image, one) in touched:
                rows = touched[image, one]
                crowded[rows.loc[rows["coverage"] > 0, "token"]] = True
        for one in part["object_id"]:
            covers[one], new[one] = np.zeros(tokens[image]), np.zeros(tokens[image])
            published[one] = np.zeros(tokens[image], bool)
            if (image, one) in touched:
                rows = touched[image, one]
                covers[one][rows["token"]] = rows["coverage"]
                new[one][rows["token"]] = rows["new_coverage"]
                published[one][rows["token"]] = rows["published"]
        found[image] = Regions(
            covers,
            new,
            published,
            dict(zip(part["object_id"], part["category"], strict=True)),
            dict(zip(part["object_id"], part["new_pixels"], strict=True)),
            crowded,
            int(part["patch"].iloc[0]),
        )
    return found


def intersection_over_union(
    chosen: NDArray[np.bool_], coverage: NDArray[np.float64], pixels: int, patch: int
) -> float:
    """IoU in pixels of whole patches with an exact mask.

    Args:
        chosen: patches of the map, (tokens,).
        coverage: share of each patch that the mask covers, (tokens,).
        pixels: of the mask, those beyond the grid included.
        patch: side of a patch in pixels.
    """
    common = coverage[chosen].sum() * patch**2
    either = chosen.sum() * patch**2 + pixels - common
    return float(common / either) if either else 0.0
