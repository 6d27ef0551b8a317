"""Which images the lens page shows: chosen by the reader, or those with the most kinds of objects.

Of those that were read, the next one is always the image with most categories that no image before it has, then
with most categories at all; the seed decides between equals.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sightline.errors import SightlineError

IMAGES = 12
IN_SIGHT = 0.5
"""Share of an object that must be inside the crop to count."""


class PageSetError(SightlineError):
    """An image that was asked for was not read."""


@dataclass(frozen=True)
class PageSettings:
    """What the configuration says of the page under ``studies: neo2025: lens: page``.

    Attributes:
        images: how many.
        chosen: ids of images that come first, in this order.
        seed: decides between equal images.
    """

    images: int = IMAGES
    chosen: tuple[int, ...] = ()
    seed: int = 0


def choose_page_images(
    objects: pd.DataFrame, read: Iterable[int], settings: PageSettings
) -> list[int]:
    """Images in the order of the page.

    Args:
        objects: OBJECT_COLUMNS of `sightline.studies.neo2025.lens.regions`.
        read: images there are read-outs of.
        settings: of the page.

    Raises:
        PageSetError: a chosen image was not read.
    """
    known = list(read)
    for image in settings.chosen:
        if image not in known:
            raise PageSetError(
                f"studies.neo2025.lens.page.chosen: image {image} is not among the {len(known)} that the lens "
                "read; name one of its split, or raise studies.neo2025.lens.scenes."
            )
    seen = objects[(objects["inside"] >= IN_SIGHT) & ~objects["crowd"]]
    categories = seen.groupby("image_id")["category"].agg(set).to_dict()
    draws = np.random.default_rng(settings.seed).permutation(len(known))
    luck = dict(zip(known, draws.tolist(), strict=True))
    chosen = list(dict.fromkeys(settings.chosen))[: settings.images]
    shown: set[str] = set().union(*(categories.get(image, set()) for image in chosen))
    left = [image for image in known if image in categories and image not in chosen]
    while left and len(chosen) < settings.images:
        best = max(left, key=lambda one: _worth(categories[one], shown, luck[one]))
        left.remove(best)
        chosen.append(best)
        shown |= categories[best]
    return chosen


def _worth(categories: set[str], shown: set[str], luck: int) -> Sequence[int]:
    return len(categories - shown), len(categories), luck
