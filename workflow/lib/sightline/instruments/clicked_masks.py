"""Masks of a SAM that was never told of [SEG], from clicks alone (qian2025 Table 1)."""

from dataclasses import dataclass

import torch
from transformers import SamModel

from sightline.instruments.points import ImagePoints, Size, to_frame
from sightline.models.segmenter import enlarge


@dataclass(frozen=True, eq=False)
class ClickedMask:
    """One mask of an image.

    Attributes:
        mask: (height, width) bool.
        score: IoU that the SAM expects of it.
        choice: which of its three masks it was.
    """

    mask: torch.Tensor
    score: float
    choice: int


@torch.no_grad()
def clicked_mask(
    sam: SamModel, embedding: torch.Tensor, points: ImagePoints, size: Size
) -> ClickedMask:
    """The mask the SAM believes in most, of the three it offers for a set of clicks.

    Args:
        sam: unmodified.
        embedding: (1, prompt width, grid, grid) of the image.
        points: on the image; neutral ones count as padding.
        size: of the image.

    Source: qian2025 section 4, Table 1 as the authors' debugging code has it: all points with their labels, several
    masks, the one of the highest predicted IoU.
    """
    side = sam.config.vision_config.image_size
    places = to_frame(points.places, size, side)[None, None].to(embedding)
    tokens, dense = sam.prompt_encoder(
        places, points.labels[None, None].to(embedding.device), None, None
    )
    masks, scores = sam.mask_decoder(
        image_embeddings=embedding,
        image_positional_embeddings=sam.get_image_wide_positional_embeddings().to(embedding),
        sparse_prompt_embeddings=tokens.to(embedding),
        dense_prompt_embeddings=dense.to(embedding),
        multimask_output=True,
    )
    choice = int(scores[0, 0].argmax())
    mask = enlarge(masks[0, 0, choice], size, side) > 0
    return ClickedMask(mask, float(scores[0, 0, choice]), choice)
