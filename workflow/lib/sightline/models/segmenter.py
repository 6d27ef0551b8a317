"""The mask decoder behind a [SEG] answer, as in LISA: a hidden state becomes a prompt of a SAM.

state at [SEG] (text width) -> projection (linear, ReLU, linear) -> one sparse prompt (prompt width)
pixels (3, side, side) -> sam.vision_encoder -> image embedding (prompt width, grid, grid)
sam.mask_decoder(image embedding, prompt) -> mask logits (4 grid, 4 grid), threshold 0
"""

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import SamImageProcessorPil, SamModel

from sightline.errors import SightlineError
from sightline.files import atomic_path, write_json
from sightline.models.checksums import check_weights
from sightline.models.entry import ModelError
from sightline.models.weights import load_weights, put_weights
from sightline.scenes.geometry import Pad

_PROJECTION = "projection.safetensors"
_TRAINED, _BASE = "segmenter.safetensors", "segmenter.json"
_FRAMES = ("preprocessor_config.json", "processor_config.json")


class Segmenter(nn.Module):
    """A SAM prompted by hidden states.

    Args:
        sam: any ``SamModel``.
        text_width: width of the language model's states.
    """

    def __init__(self, sam: SamModel, text_width: int) -> None:
        super().__init__()
        self.sam = sam
        prompt_width = sam.config.prompt_encoder_config.hidden_size
        self.projection = nn.Sequential(
            nn.Linear(text_width, text_width), nn.ReLU(), nn.Linear(text_width, prompt_width)
        )

    @property
    def side(self) -> int:
        """Pixels per side of the images it wants."""
        return self.sam.config.vision_config.image_size

    def mask_logits(self, pixels: Tensor, prompts: Tensor) -> Tensor:
        """Mask logits ``(batch, prompts, rows, columns)`` of each prompt on its image.

        Args:
            pixels: (batch, 3, side, side), normalised.
            prompts: (batch, prompts, tokens, prompt width), sparse prompt tokens.
        """
        return self.decode(self.sam.vision_encoder(pixels).last_hidden_state, prompts)

    def decode(self, embedding: Tensor, prompts: Tensor) -> Tensor:
        """The same from image embeddings ``(batch, prompt width, grid, grid)``."""
        batch, _, rows, columns = embedding.shape
        positions = self.sam.get_image_wide_positional_embeddings().to(embedding.dtype)
        no_mask = self.sam.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        masks = self.sam.mask_decoder(
            image_embeddings=embedding,
            image_positional_embeddings=positions.expand(batch, -1, -1, -1),
            sparse_prompt_embeddings=prompts.to(embedding.dtype),
            dense_prompt_embeddings=no_mask.expand(batch, -1, rows, columns),
            multimask_output=False,
        )[0]
        return masks[:, :, 0]

    def attended(self, embedding: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        """What the mask decoder's transformer makes of tokens and image (qian2025 section 3.1, the SAM's map).

        Args:
            embedding: (batch, prompt width, grid, grid).
            prompts: (batch, prompts, tokens, prompt width).

        Returns:
            Tokens (batch, prompts, 5 + tokens, prompt width): IoU, four masks, then those of the prompt in their order,
            [SEG] last; and places of the image (batch x prompts, 1, grid x grid, prompt width), row-major.
        """
        found: list[tuple[Tensor, Tensor]] = []
        hook = self.sam.mask_decoder.transformer.register_forward_hook(
            lambda module, inputs, output: found.append((output[0], output[1]))
        )
        try:
            self.decode(embedding, prompts)
        finally:
            hook.remove()
        return found[0]

    def encode_points(self, places: Tensor, labels: Tensor) -> Tensor:
        """Sparse prompt tokens ``(batch, prompts, points + 1, prompt width)`` of clicks, the padding point last.

        Args:
            places: (batch, prompts, points, 2), x, y in pixels of the segmenter's frame.
            labels: (batch, prompts, points): 1 on the object, 0 off it, -1 for no click.
        """
        return self.sam.prompt_encoder(places, labels, None, None)[0]

    def encode_boxes(self, boxes: Tensor) -> Tensor:
        """Sparse prompt tokens ``(batch, prompts, 2, prompt width)`` of boxes (batch, prompts, 4): x, y, x, y."""
        return self.sam.prompt_encoder(None, None, boxes, None)[0]

    def segment(self, pixels: Tensor, states: Tensor) -> Tensor:
        """Masks ``(batch, side, side)`` bool of the objects that the states at [SEG] mean, one per image."""
        logits = self.mask_logits(pixels, self.projection(states)[:, None, None])
        size = (self.side, self.side)
        return nn.functional.interpolate(logits.float(), size, mode="bilinear")[:, 0] > 0

    def save(self, folder: Path, sam: Path | None = None) -> None:
        """Write the SAM in its Hugging Face layout and the projection beside it.

        Args:
            folder: to write into.
            sam: folder of the SAM it was trained from. If given, only mask decoder and projection are written, and
                where that folder is; image and prompt encoders stay frozen in LISA, so they would be there twice.

        Raises:
            SightlineError: other parts than the mask decoder differ from that SAM.
        """
        if sam is None:
            self.sam.save_pretrained(folder)
            weights, file = self.projection.state_dict(), _PROJECTION
        else:
            _check_frozen(self.sam, sam)
            weights = _prefixed("projection.", self.projection)
            weights |= _prefixed("mask_decoder.", self.sam.mask_decoder)
            file = _TRAINED
            write_json({"sam": os.path.relpath(sam, folder)}, folder / _BASE)
        with atomic_path(folder / file) as temporary:
            save_file({name: weight.contiguous() for name, weight in weights.items()}, temporary)


def _prefixed(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}{name}": weight for name, weight in module.state_dict().items()}


def _check_frozen(sam: SamModel, folder: Path) -> None:
    stored = SamModel.from_pretrained(folder, dtype=sam.dtype, local_files_only=True).state_dict()
    for name, weight in sam.state_dict().items():
        if not name.startswith("mask_decoder.") and not torch.equal(weight.cpu(), stored[name]):
            raise SightlineError(
                f"{folder}: {name} is not that of the segmenter. Save the segmenter whole, or name the SAM it was "
                "trained from."
            )


def _sam_folder(folder: Path) -> Path:
    """Where the frozen parts of a segmenter are."""
    base = folder / _BASE
    return folder / json.loads(base.read_text())["sam"] if base.is_file() else folder


def enlarge(logits: Tensor, size: tuple[int, int], side: int) -> Tensor:
    """Mask logits on the pixels of an image, as the SAM's own code enlarges them: to the frame, cut, to the image.

    Args:
        logits: (..., rows, columns) over the frame.
        size: height and width of the image.
        side: of the frame, into which the image's longest side was resized, padding right or below.

    Returns:
        (..., height, width) float32; a mask is where it exceeds 0.
    """
    flat = logits.float().reshape(-1, 1, *logits.shape[-2:])
    rows, columns = Pad(side, centered=False).views(size[1], size[0])[0].resized
    frame = nn.functional.interpolate(flat, (side, side), mode="bilinear")[..., :rows, :columns]
    found = nn.functional.interpolate(frame, size, mode="bilinear")
    return found.reshape(*logits.shape[:-2], *size)


def load_frame(folder: Path | str) -> SamImageProcessorPil:
    """What makes a SAM's pixels of an image: the folder's own, or that of the SAM whose frozen parts it uses.

    Raises:
        SightlineError: there is none.
    """
    place = _sam_folder(Path(folder))
    if not any((place / name).is_file() for name in _FRAMES):
        raise SightlineError(f"{place}: no {' or '.join(_FRAMES)}. Fetch the SAM's processor too.")
    return SamImageProcessorPil.from_pretrained(place, local_files_only=True)


def load_sam(folder: Path | str, dtype: torch.dtype = torch.float32) -> SamModel:
    """Load a SAM from its folder.

    Raises:
        ModelError: files or weights are missing, do not fit, or are not those listed beside them.
    """
    check_weights(folder)
    try:
        return load_weights(SamModel, folder, "segmenter", dtype=dtype, local_files_only=True)
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(
            f"{folder}: no SAM can be loaded from here. Get its files again.\n{error}"
        ) from error


def load_segmenter(folder: Path, dtype: torch.dtype = torch.float32) -> Segmenter:
    """Read what ``Segmenter.save`` wrote.

    Raises:
        SightlineError: the folder lacks the projection, or weights are missing, do not fit or are not those listed
            beside them.
    """
    folder = Path(folder)
    base = _sam_folder(folder)
    path = folder / (_PROJECTION if base == folder else _TRAINED)
    if not path.exists():
        raise SightlineError(f"{path}: missing. A segmenter folder holds a SAM and its projection.")
    sam = load_sam(base, dtype)
    if base != folder:
        check_weights(folder)
    weights = _read(path)
    if base != folder:
        put_weights(sam.mask_decoder, _without("mask_decoder.", weights), path)
        weights = _without("projection.", weights)
    if "0.weight" not in weights or weights["0.weight"].ndim != 2:
        raise ModelError(f"{path}: no projection in it. Get the file again, or train it anew.")
    segmenter = Segmenter(sam, weights["0.weight"].shape[1])
    put_weights(segmenter.projection, weights, path)
    return segmenter.to(dtype).eval()


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelError(f"{path}: cannot be read. Get the file again.\n{error}") from error


def _without(prefix: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): weight
        for name, weight in weights.items()
        if name.startswith(prefix)
    }
