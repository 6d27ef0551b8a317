"""A small model of the READ kind to train: a last block with LoRA, points from its map, a mask decoder.

hidden states before the last block -> block with LoRA on queries and values, final norm -> states of [SEG] and image
[SEG] . image tokens -> similarity map -> points -> prompt tokens
projected [SEG], points -> mask decoder -> mask logits

Everything before the last block is frozen, so that its states are computed once. Variants differ in one part each.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import SamModel

from sightline.errors import SightlineError
from sightline.files import atomic_path, write_json
from sightline.instruments.point_rules import PointRule
from sightline.instruments.points import ImagePoints, Size, point_prompts, similarity_as_points
from sightline.instruments.reading import Reading
from sightline.instruments.similarity import NEUTRAL
from sightline.instruments.states import capture
from sightline.models.checksums import check_weights, write_checksums
from sightline.models.prompts import Prompt
from sightline.models.segmenter import Segmenter
from sightline.models.vlm import VLM

WEIGHTS, SETTINGS = "variant.safetensors", "variant.json"
_TRAINED = ("lora", "segmenter.projection.", "segmenter.sam.mask_decoder.")
_UNUSED = re.compile(r"\.iou_prediction_head\.|\.output_hypernetworks_mlps\.[123]\.")
"""Parts of a mask decoder that a single mask does without; they stay as they are and are not stored."""
_ALPHA = 16
"""LoRA's scale is this over its rank, as published."""


@dataclass(frozen=True)
class Variant:
    """What sets one variant apart.

    Attributes:
        points: whose map gives points beside [SEG]: the query's "own", that of "another" image, the "truth", the own
            with every point "neutral"; "none" for [SEG] alone.
        continuous: where points are made continuous, as in `PointRule`.
        layers: of the mask decoder's transformer.
        mlp: width of its inner layers.
        rank: of LoRA.
    """

    points: Literal["none", "own", "another", "truth", "neutral"] = "none"
    continuous: Literal["pixels", "cells", "none"] = "pixels"
    layers: int = 2
    mlp: int = 128
    rank: int = 8


COMPONENTS = {
    "seg": Variant(),
    "points": Variant("own", "none"),
    "points-dtoc": Variant("own", "pixels"),
}
"""Rows of Table 6."""
CONTROLS = {
    "points-dtoc-cells": Variant("own", "cells"),
    "points-another": Variant("another", "none"),
    "points-truth": Variant("truth", "none"),
    "points-neutral": Variant("neutral", "none"),
}
SIZES = {
    "decoder-small": Variant("own", "pixels", layers=1, mlp=64),
    "decoder-large": Variant("own", "pixels", layers=3, mlp=256),
}
"""Rows of Table 7; the decoder of the middle size is that of points-dtoc."""
VARIANTS = COMPONENTS | CONTROLS | SIZES


class VariantError(SightlineError):
    """A trained variant is missing or belongs to another model."""


@dataclass(frozen=True, eq=False)
class Features:
    """What the frozen parts make of queries, on the CPU.

    Attributes:
        hidden: (queries, positions, width) float16, input of the last block, zeros behind the last position.
        last: (queries,) position of [SEG].
        embeddings: (queries, prompt width, grid, grid) float16 of the SAM.
        columns: (tokens,) positions of the image tokens, the same in all prompts.
        sizes: of the images.
    """

    hidden: Tensor
    last: Tensor
    embeddings: Tensor
    columns: Tensor
    sizes: Sequence[Size]

    def of(self, chosen: Sequence[int]) -> "Features":
        """Some of the queries."""
        last = self.last[list(chosen)]
        hidden = self.hidden[list(chosen), : int(last.max()) + 1]
        sizes = [self.sizes[number] for number in chosen]
        return Features(hidden, last, self.embeddings[list(chosen)], self.columns, sizes)


@torch.no_grad()
def gather_features(
    vlm: VLM,
    sam: SamModel,
    processor: object,
    prompts: Sequence[Prompt],
    images: Sequence[Image.Image],
    batch: int = 16,
) -> Features:
    """Run the frozen parts once.

    Args:
        vlm: without LoRA.
        sam: whose image encoder stays as it is.
        processor: makes its pixels.
        prompts: ending in [SEG].
        images: one for each prompt.
        batch: images at a time.
    """
    last = torch.tensor([prompt.roles.last for prompt in prompts])
    hidden = torch.zeros(len(prompts), int(last.max()) + 1, vlm.width, dtype=torch.float16)
    embeddings = []
    reading = Reading(rows=["system", "image", "query"], layers=[-2])
    for first in range(0, len(prompts), batch):
        here = slice(first, first + batch)
        tokens = vlm.encode_images(images[here])
        found = capture(vlm, prompts[here], tokens, reading)
        for place, prompt in enumerate(prompts[here]):
            hidden[first + place, : len(prompt)] = found.of(place).states[0].half().cpu()
        pixels = processor(images=list(images[here]), return_tensors="pt")["pixel_values"]
        weights = next(sam.parameters())
        seen = sam.vision_encoder(pixels.to(weights.device, weights.dtype)).last_hidden_state
        embeddings.append(seen.half().cpu())
    columns = torch.from_numpy(prompts[0].roles.image)
    sizes = [(image.height, image.width) for image in images]
    return Features(hidden, last, torch.cat(embeddings), columns, sizes)


class PointedSegmenter(nn.Module):
    """The trained parts, on the frozen rest.

    Args:
        vlm: its last block, final norm and rotary embedding are used, and stay as they are.
        original: the SAM to begin with; decoders of other sizes take over what fits.
        variant: what is built.
        rule: how maps become points; ``continuous`` is the variant's.
        before: whether [SEG] is read one position before the token.
        seed: of new weights.
    """

    def __init__(
        self,
        vlm: VLM,
        original: SamModel,
        variant: Variant,
        rule: PointRule,
        before: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.variant, self.before = variant, before
        self.rule = PointRule(**{**asdict(rule), "continuous": variant.continuous})
        self.grid = vlm.grid
        text = vlm.adapter.text_model(vlm.model)
        # In a list, so that frozen parts are neither trained nor saved.
        self._frozen = [
            vlm.adapter.layers(vlm.model)[-1],
            vlm.adapter.final_norm(vlm.model),
            text.rotary_emb,
        ]
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.segmenter = Segmenter(_resized(original, variant), vlm.width).float()
            attention = self._frozen[0].self_attn
            if not hasattr(attention, "q_proj") or not hasattr(attention, "v_proj"):
                raise VariantError(
                    f"models.{vlm.key}: {type(attention).__name__} has no q_proj and v_proj of its own for LoRA. Take "
                    "another model."
                )
            if "mrope_section" in (getattr(text.config, "rope_parameters", None) or {}):
                raise VariantError(
                    f"models.{vlm.key}: places in three axes, which segmenter variants do not know. Take another model."
                )
            self.lora = nn.ParameterDict()
            for name in ("q_proj", "v_proj"):
                layer = getattr(attention, name)
                down = torch.randn(variant.rank, layer.in_features) / layer.in_features**0.5
                self.lora[f"{name}_down"] = nn.Parameter(down)
                self.lora[f"{name}_up"] = nn.Parameter(
                    torch.zeros(layer.out_features, variant.rank)
                )
        self.to(self.device)
        for name, weight in self.named_parameters():
            weight.requires_grad_(_is_trained(name))

    @property
    def device(self) -> torch.device:
        """That of the frozen block; features and truths are brought there."""
        return next(self._frozen[0].parameters()).device

    def states(self, features: Features) -> tuple[Tensor, Tensor]:
        """States behind the final norm: at [SEG], (queries, width), and at image tokens, (queries, tokens, width)."""
        block, norm, rotary = self._frozen
        hidden = features.hidden.to(self.device).float()
        places = torch.arange(hidden.shape[1], device=self.device)[None]
        hooks = [
            getattr(block.self_attn, name).register_forward_hook(self._adapt(name))
            for name in ("q_proj", "v_proj")
        ]
        try:
            # What stands behind [SEG] is padding, and no position looks behind itself.
            found = block(hidden, position_embeddings=rotary(hidden, places), attention_mask=None)
        finally:
            for hook in hooks:
                hook.remove()
        found = norm(found[0] if isinstance(found, tuple) else found)
        rows = torch.arange(len(found), device=self.device)
        last, columns = features.last.to(self.device), features.columns.to(self.device)
        return found[rows, last - int(self.before)], found[:, columns]

    def logits(
        self, features: Features, truth: Tensor | None = None, others: Features | None = None
    ) -> Tensor:
        """Mask logits (queries, rows, columns).

        Args:
            features: of the queries.
            truth: (queries, rows, columns) share of each cell that is object, for points from the truth.
            others: of a query about another image for each, for points from there; in a batch of training, where they
                are left out, those of the one before.
        """
        seg, image = self.states(features)
        prompts = self.segmenter.projection(seg)[:, None, None]
        if self.variant.points != "none":
            shown = self.shown(seg, image, truth, others)
            points = self.points(shown, features.sizes)
            prompts = torch.cat(
                [
                    point_prompts(self.segmenter, one, size, prompt)
                    for one, size, prompt in zip(points, features.sizes, prompts, strict=True)
                ]
            )
        embeddings = features.embeddings.to(self.device).float()
        return self.segmenter.decode(embeddings, prompts)[:, 0]

    def maps(self, seg: Tensor, image: Tensor) -> Tensor:
        """Similarity of states of `states`, (queries, rows, columns)."""
        return (image @ seg[..., None])[..., 0].unflatten(1, (self.grid.rows, self.grid.columns))

    def shown(
        self,
        seg: Tensor,
        image: Tensor,
        truth: Tensor | None = None,
        others: Features | None = None,
    ) -> Tensor:
        """What points are picked from, as the variant has it: similarity, the truth or another query's similarity."""
        if self.variant.points == "truth":
            if truth is None:
                raise VariantError("variant points-truth: no truth was given.")
            return truth.to(seg.device)
        if self.variant.points == "another":
            if others is not None:
                return self.maps(*self.states(others))
            return self.maps(seg, image).roll(1, 0)
        return self.maps(seg, image)

    def points(self, maps: Tensor, sizes: Sequence[Size]) -> list[ImagePoints]:
        """Points of each query, picked from its map and labelled as the variant has them."""
        found = [
            similarity_as_points(one, size, self.rule, None, self.grid.patch)
            for one, size in zip(maps, sizes, strict=True)
        ]
        if self.variant.points == "neutral":
            found = [
                ImagePoints(one.places, torch.full_like(one.labels, NEUTRAL), one.picked)
                for one in found
            ]
        return found

    def save(self, folder: Path, about: dict[str, object]) -> None:
        """Write the trained weights in half precision with their checksum, and what they are."""
        kept = {
            name: weight.half().contiguous()
            for name, weight in self.state_dict().items()
            if _is_trained(name)
        }
        with atomic_path(folder / WEIGHTS) as temporary:
            save_file(kept, temporary)
        write_checksums(folder)
        write_json(
            about | {"variant": asdict(self.variant), "rule": asdict(self.rule)}, folder / SETTINGS
        )

    def restore(self, folder: Path) -> None:
        """Take over what `save` wrote.

        Raises:
            VariantError: the weights are of another variant or model.
            ModelError: they are not those listed beside them.
        """
        check_weights(folder)
        weights = {name: one.float() for name, one in load_file(folder / WEIGHTS).items()}
        expected = {n for n in self.state_dict() if _is_trained(n)}
        own = self.state_dict()
        if set(weights) != expected or any(own[n].shape != w.shape for n, w in weights.items()):
            raise VariantError(
                f"{folder}: weights of another variant or model; train it anew (train_qian2025_variants)."
            )
        self.load_state_dict(weights, strict=False)

    def _adapt(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        """What LoRA adds to the output of a layer."""

        def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            down, up = self.lora[f"{name}_down"], self.lora[f"{name}_up"]
            return output + inputs[0] @ down.T @ up.T * (_ALPHA / self.variant.rank)

        return add


def _is_trained(name: str) -> bool:
    return name.startswith(_TRAINED) and not _UNUSED.search(name)


def read_settings(folder: Path) -> dict:
    """What a trained variant says of itself.

    Raises:
        VariantError: it is not there.
    """
    path = folder / SETTINGS
    if not path.is_file():
        raise VariantError(f"{path} is missing; train it with train_qian2025_variants.")
    return json.loads(path.read_text())


def _resized(original: SamModel, variant: Variant) -> SamModel:
    """The SAM with a mask decoder of the variant's size, weights taken over where they fit."""
    config = type(original.config).from_dict(original.config.to_dict())
    config.mask_decoder_config.num_hidden_layers = variant.layers
    config.mask_decoder_config.mlp_dim = variant.mlp
    sam = SamModel(config)
    own = sam.state_dict()
    fitting = {
        name: one for name, one in original.state_dict().items()
        if name in own and own[name].shape == one.shape
    }  # fmt: skip
    sam.load_state_dict(fitting, strict=False)
    return sam
