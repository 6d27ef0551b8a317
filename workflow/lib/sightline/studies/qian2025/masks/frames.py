"""The segmenter's side of queries: image embeddings, once per image and shared where encoders are equal, and masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from transformers import SamModel

from sightline.instruments.points import ImagePoints, Size, point_prompts, to_frame
from sightline.models.segmenter import Segmenter, enlarge, load_frame, load_sam, load_segmenter


@dataclass(frozen=True, eq=False)
class Segmenters:
    """A model's own segmenter and the SAM nobody told of [SEG].

    Attributes:
        own: prompted by states.
        original: prompted by points.
        processor: makes their pixels.
        shared: whether both have one image encoder, which then runs once.
    """

    own: Segmenter
    original: SamModel
    processor: object
    shared: bool

    @torch.no_grad()
    def embed(self, images: Sequence[Image.Image]) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings (images, prompt width, grid, grid) of the own and of the original encoder."""
        pixels = self.processor(images=list(images), return_tensors="pt")["pixel_values"]
        weights = next(self.own.parameters())
        pixels = pixels.to(weights.device, weights.dtype)
        own = self.own.sam.vision_encoder(pixels).last_hidden_state
        if self.shared:
            return own, own
        return own, self.original.vision_encoder(pixels).last_hidden_state


def load_segmenters(folder: Path, original: Path, device: str, dtype: torch.dtype) -> Segmenters:
    """Load both, and look whether they share the image encoder."""
    own = load_segmenter(folder, dtype).to(device)
    sam = load_sam(original, dtype).to(device).eval()
    mine, theirs = own.sam.vision_encoder.state_dict(), sam.vision_encoder.state_dict()
    shared = mine.keys() == theirs.keys() and all(
        mine[name].shape == theirs[name].shape and torch.equal(mine[name], theirs[name])
        for name in mine
    )
    return Segmenters(own, sam, load_frame(folder), shared)


@torch.no_grad()
def own_masks(
    segmenter: Segmenter,
    embeddings: torch.Tensor,
    states: torch.Tensor,
    sizes: Sequence[Size],
    points: Sequence[ImagePoints] | None = None,
) -> list[torch.Tensor]:
    """Masks (height, width) bool of the model itself.

    Args:
        segmenter: the model's.
        embeddings: (queries, prompt width, grid, grid).
        states: (queries, text width) at [SEG].
        sizes: of the images.
        points: given with [SEG], which comes last; equally many for all queries.
    """
    prompts = _prompts(segmenter, states, sizes, points)
    logits = segmenter.decode(embeddings, prompts)[:, 0]
    return [enlarge(one, size, segmenter.side) > 0 for one, size in zip(logits, sizes, strict=True)]


def _prompts(
    segmenter: Segmenter,
    states: torch.Tensor,
    sizes: Sequence[Size],
    points: Sequence[ImagePoints] | None,
) -> torch.Tensor:
    """Sparse prompt tokens (queries, 1, tokens, prompt width): points and padding where there are any, [SEG] last."""
    weights = next(segmenter.projection.parameters())
    prompts = segmenter.projection(states.to(weights))[:, None, None]
    if points is None:
        return prompts
    return torch.cat(
        [
            point_prompts(segmenter, one, size, state[0, 0])
            for one, size, state in zip(points, sizes, prompts, strict=True)
        ]
    )


@torch.no_grad()
def clicked_masks(
    sam: SamModel,
    embeddings: torch.Tensor,
    points: Sequence[ImagePoints],
    sizes: Sequence[Size],
    several: bool = True,
) -> list[torch.Tensor]:
    """Masks of the unmodified SAM from points, several queries at a time; see `clicked_mask`.

    Args:
        sam: unmodified.
        embeddings: (queries, prompt width, grid, grid).
        points: of each query.
        sizes: of the images.
        several: whether the best of three masks is taken, as published, or the single one: a SAM that was never
            taught to offer several chooses among three that mean nothing.
    """
    side = sam.config.vision_config.image_size
    masks: list[torch.Tensor | None] = [None] * len(points)
    # A SAM takes no padding for granted: queries go together that have equally many points.
    for count in {len(one.labels) for one in points}:
        chosen = [number for number, one in enumerate(points) if len(one.labels) == count]
        places = torch.stack([to_frame(points[n].places, sizes[n], side) for n in chosen])
        labels = torch.stack([points[n].labels for n in chosen])
        embedded = embeddings[chosen]
        tokens, dense = sam.prompt_encoder(
            places[:, None].to(embedded), labels[:, None].to(embedded.device), None, None
        )
        positions = sam.get_image_wide_positional_embeddings().to(embedded)
        found, scores = sam.mask_decoder(
            image_embeddings=embedded,
            image_positional_embeddings=positions.expand(len(chosen), -1, -1, -1),
            sparse_prompt_embeddings=tokens.to(embedded),
            dense_prompt_embeddings=dense.to(embedded),
            multimask_output=several,
        )
        best = scores[:, 0].argmax(1)
        for row, number in enumerate(chosen):
            masks[number] = enlarge(found[row, 0, best[row]], sizes[number], side) > 0
    return [one for one in masks if one is not None]


@torch.no_grad()
def decoder_maps(
    segmenter: Segmenter,
    embeddings: torch.Tensor,
    states: torch.Tensor,
    sizes: Sequence[Size],
    points: Sequence[ImagePoints] | None = None,
) -> dict[str, torch.Tensor]:
    """Maps of tokens of the mask decoder over the image behind its transformer, (queries, grid, grid) each.

    "sam" takes the token of [SEG], the last one; "sam -2" the one before it, which released code reads: the last mask
    token where there are no points, and the padding point where there are.

    Args:
        segmenter: the model's.
        embeddings: (queries, prompt width, grid, grid).
        states: (queries, text width) at [SEG].
        sizes: of the images.
        points: those behind the model's own masks, for a model taught with points; equally many for all queries.
    """
    prompts = _prompts(segmenter, states, sizes, points)
    tokens, image = segmenter.attended(embeddings, prompts)
    grid = embeddings.shape[-2:]
    image = image.reshape(len(embeddings), -1, image.shape[-1]).float()
    return {
        name: (image @ tokens[:, 0, place].float()[..., None])[..., 0].unflatten(1, grid)
        for name, place in (("sam", -1), ("sam -2", -2))
    }
