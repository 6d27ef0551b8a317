"""Maps of nouns over an image in a contrastive vision-language encoder: panel (b) of Figure 1 (qian2025)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from scipy.stats import rankdata

from sightline.instruments.points import image_map
from sightline.models.encoders.encoder import Encoder
from sightline.scenes.geometry import ImageTransform
from sightline.studies.qian2025.nouns.names import RAW, RELEASED, SURGERY

SIDE = 32
"""Maps are compared on this many places along a side of the image."""
_TOGETHER = 8


def noun_maps(
    encoder: Encoder, images: Sequence[Image.Image], nouns: Sequence[str]
) -> dict[str, torch.Tensor]:
    """How much each patch speaks for each noun.

    Args:
        encoder: with a space shared with texts.
        images: RGB.
        nouns: bare words, as in the paper.

    Returns:
        `VARIANTS` -> (images, nouns, rows, columns) float32 on the CPU: cosines, or a difference of two.

    Source: dossier section 3.1, text of the noun with the last states of the patches, projected, of length one.
    """
    words = encoder.embed_texts([*nouns, ""])
    words, empty = words[:-1], words[-1:]
    patches = encoder.states(encoder.pixels(images))[-1][:, 1:]
    normed, bare = encoder.embed_tokens(patches), encoder.embed_tokens(patches, normed=False)
    grid = encoder.grids[-1]
    found = {RAW: normed @ words.T, SURGERY: normed @ (words - empty).T, RELEASED: bare @ words.T}
    return {
        name: one.transpose(1, 2).unflatten(2, (grid.rows, grid.columns)).cpu()
        for name, one in found.items()
    }


def on_places(maps: torch.Tensor, size: tuple[int, int], transform: ImageTransform) -> torch.Tensor:
    """Maps over a tower's frame at places of the image, NaN where the tower sees nothing.

    Args:
        maps: (maps, rows, columns).
        size: of the image.
        transform: from the image to the frame; of one tile.

    Returns:
        (maps, SIDE x SIDE) float32.
    """
    # A few at a time: each is as large as the image.
    shown = torch.vmap(
        lambda one: image_map(one, size, transform, outside=torch.nan), chunk_size=_TOGETHER
    )(maps)
    return F.interpolate(shown[:, None], (SIDE, SIDE), mode="nearest").flatten(1)


def rank_correlations(one: torch.Tensor, many: torch.Tensor) -> torch.Tensor:
    """Spearman's correlation of a map with each of many, where all are numbers; equal values share their rank.

    Args:
        one: (places,).
        many: (maps, places).

    Returns:
        (maps,) float64; NaN for a map without any difference.
    """
    there = ~(one.isnan() | many.isnan().any(0))
    ranks = torch.from_numpy(rankdata(torch.cat([one[None], many])[:, there].numpy(), axis=1))
    return torch.corrcoef(ranks)[0, 1:]
