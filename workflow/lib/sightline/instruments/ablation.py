"""Replacing image tokens, and the simplest ways to choose them (neo2025 sections 3.1 and 3.2).

Subsets of tokens are plain index arrays, so that any study can bring its own.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sightline.scenes.geometry import Grid

Tokens = NDArray[np.int64]
Tile = Literal["independent", "repeated"]


def replace_tokens(
    image_tokens: torch.Tensor, subsets: Sequence[Tokens], replacement: torch.Tensor
) -> torch.Tensor:
    """One version of the image tokens per subset, with the tokens of that subset replaced.

    Only the prompt is changed: during generation the cached keys and values carry the change.

    Args:
        image_tokens: of one image, (tokens, width).
        subsets: token indices, each (n,) with n >= 0.
        replacement: the vector put in their place, (width,).

    Returns:
        (subsets, tokens, width), in the type of ``image_tokens``.

    Raises:
        IndexError: an index beyond the image's tokens.

    Source: neo2025 section 3.1.
    """
    versions = image_tokens.expand(len(subsets), -1, -1).clone()
    for version, subset in zip(versions, subsets, strict=True):
        chosen = np.asarray(subset, np.int64)
        # A negative index would silently count from the end.
        if len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(version):
            raise IndexError(f"token {chosen[[0, -1]]} of an image with {len(version)} tokens")
        version[torch.from_numpy(chosen).to(version.device)] = replacement.to(version)
    return versions


def outlying_tokens(norms: torch.Tensor, deviations: float = 2.0) -> Tokens:
    """Tokens of unusually large norm in one image, the "register tokens".

    Args:
        norms: of the image's tokens, (tokens,): of projector outputs as published, or of the tower's patches, where
            registers were first described (`VLM.tower_norms`).
        deviations: sample standard deviations above the mean norm.

    Returns:
        Sorted indices, (n,) int64; n may be 0.

    Source: neo2025 section 3.2, the upper side only; section 5.3, B16, for the tower.
    """
    norms = norms.float()
    above = norms > norms.mean() + deviations * norms.std()
    return above.nonzero()[:, 0].cpu().numpy()


def noise_patches(
    image: Image.Image,
    tokens: Tokens,
    grid: Grid,
    rng: np.random.Generator,
    tile: Tile = "independent",
) -> Image.Image:
    """The image with uniform noise in place of some patches.

    Args:
        image: in the tower frame (``ImageTransform.apply_image`` already applied).
        tokens: patches to cover, (n,).
        grid: of the tower.
        rng: the noise of a patch depends on it and on the patch, not on the other patches.
        tile: "independent" noise in every patch, or one tile "repeated" as in the authors' code,
            which leaves a pattern of the period of the grid.

    Raises:
        ValueError: the image is not of the grid's tower frame, or no such tile.

    Source: neo2025 section 3.2, image ablation, and filter 2 of section 2.2.
    """
    patch, size = grid.patch, (grid.rows * grid.patch, grid.columns * grid.patch)
    pixels = np.array(image.convert("RGB"))
    if pixels.shape[0] // patch != grid.rows or pixels.shape[1] // patch != grid.columns:
        raise ValueError(
            f"an image of {pixels.shape[:2]} px is not the tower frame of a {grid.rows} x "
            f"{grid.columns} grid of {patch} px patches: pass it through "
            "ImageTransform.apply_image first"
        )
    if tile == "independent":
        noise = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    elif tile == "repeated":
        one = rng.integers(0, 256, (patch, patch, 3), dtype=np.uint8)
        noise = np.tile(one, (grid.rows, grid.columns, 1))
    else:
        raise ValueError(f"tile {tile!r} is neither 'independent' nor 'repeated'")
    for token in tokens:
        row, column = grid.place(int(token))
        window = np.s_[row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
        pixels[window] = noise[window]
    return Image.fromarray(pixels)
