"""The image that Figure 1 shows, with the tokens of its two objects as each rule of the study places them."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from sightline.errors import SightlineError
from sightline.scenes.geometry import Squash
from sightline.scenes.scene import Mask
from sightline.scenes.tokens import Grid
from sightline.studies.khajuria2025.names import CORRECTED, PRIMARY, PUBLISHED, SECONDARY
from sightline.studies.khajuria2025.placing import Placing
from sightline.studies.khajuria2025.protocol import SHIFT, WRONG_GRID, Protocol
from sightline.studies.khajuria2025.scene_files import stored_mask

ROLES = (PRIMARY, SECONDARY)


@dataclass(frozen=True, eq=False)
class Shown:
    """One image as an encoder sees it.

    Attributes:
        image_id: of the image.
        pixels: in the encoder's frame, (height, width, 3) uint8.
        grid: of its tokens, in the last layer.
        layers: number of blocks.
        categories: of the primary and the secondary object.
        masks: of the two, over the whole image.
        placed: variant -> tokens of the two; "corrected" first.
    """

    image_id: int
    pixels: NDArray[np.uint8]
    grid: Grid
    layers: int
    categories: tuple[str, str]
    masks: tuple[Mask, Mask]
    placed: dict[str, tuple[list[int], list[int]]]

    @property
    def primary(self) -> list[int]:
        """Tokens of the primary object as the study pools them."""
        return self.placed[CORRECTED][0]

    @property
    def secondary(self) -> list[int]:
        """Tokens of the other one."""
        return self.placed[CORRECTED][1]

    def right(self, variant: str) -> tuple[int, int]:
        """How many tokens of a variant lie on their object, and how many it has."""
        pairs = list(zip(self.placed[variant], self.placed[CORRECTED], strict=True))
        return (
            sum(len(set(found) & set(wanted)) for found, wanted in pairs),
            sum(len(found) for found, _ in pairs),
        )


def read_shown(folder: Path, samples: Path, protocol: Protocol) -> Shown:
    """Of the images of a page, the one that the published rule misses most; the first among equals.

    Args:
        folder: tables of the encoder's page.
        samples: the study's table of objects, which has their masks.
        protocol: of the features.

    Raises:
        SightlineError: no image of the page has tokens of both objects in the last layer.
    """
    images, layers, members = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("images", "layers", "members")
    )
    objects = pd.read_parquet(samples)
    last = members[members["layer"] == layers["layer"].iloc[-1]]
    shown = []
    for image in images.to_dict("records"):
        here = last[last["image_id"] == image["image_id"]].set_index("role")
        if set(ROLES) <= set(here.index):
            shown.append(_shown(image, layers, here, objects, protocol))
    if not shown:
        raise SightlineError(
            f"{folder}: no image has tokens of both objects. Draw the page again "
            "(snakemake --forcerun collect_object_tokens)."
        )
    if PUBLISHED not in protocol.variants:
        return shown[0]

    def missed(one: Shown) -> float:
        right, found = one.right(PUBLISHED)
        return 1 - right / max(1, found)

    return max(shown, key=missed)


def _shown(
    image: dict, layers: pd.DataFrame, here: pd.DataFrame, objects: pd.DataFrame, protocol: Protocol
) -> Shown:
    grid = Grid(int(layers["rows"].iloc[-1]), int(layers["columns"].iloc[-1]), 1)
    found = objects[
        (objects["image_id"] == image["image_id"]) & (objects["split"] == image["split"])
    ].drop_duplicates("role")
    masks = tuple(
        stored_mask(found.set_index("role").loc[role, ["height", "width", "runs"]])
        for role in ROLES
    )
    corrected = tuple(sorted(map(int, here.loc[role, "tokens"])) for role in ROLES)
    placing = Placing(
        Squash(grid.rows), (grid,), protocol.published_grids.get(image["encoder"]),
        protocol.wrong_grid,
    )  # fmt: skip
    placed = {CORRECTED: corrected}
    for variant in _other_rules(protocol):
        # Shifts start from the cells where the encoder looks, all others from the mask.
        cells = variant.startswith(SHIFT)
        given = [_cells(tokens, grid) for tokens in corrected] if cells else masks
        placed[variant] = tuple(placing.tokens(one, variant)[0].tolist() for one in given)
    with Image.open(BytesIO(image["picture"])) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    categories = tuple(here.loc[role, "category"] for role in ROLES)
    return Shown(image["image_id"], pixels, grid, len(layers), categories, masks, placed)


def _other_rules(protocol: Protocol) -> list[str]:
    """The published rule and the deliberate defects of the run, of the shifts the smallest."""
    published = [PUBLISHED] if PUBLISHED in protocol.variants else []
    shifts = [f"{SHIFT}{columns}" for columns in protocol.shifts[:1]]
    return [*published, *shifts, *([WRONG_GRID] if protocol.wrong_grid else [])]


def _cells(tokens: list[int], grid: Grid) -> Mask:
    """Tokens as a mask with one pixel a cell."""
    mask = np.zeros(grid.rows * grid.columns, bool)
    mask[tokens] = True
    return mask.reshape(grid.rows, grid.columns)
