"""Transformer towers of Hugging Face checkpoints, CLS first, tokens row by row.

clip     CLIPModel or CLIPVisionModel     pre-norm, no norm behind the blocks but for the pooled CLS
vit      ViTModel (ViT, DINO)             norm behind the blocks left out
dinov2   Dinov2Model                      likewise
blip     BlipForConditionalGeneration     its vision tower, likewise
flava    FlavaModel                       its image model, likewise
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoTokenizer,
    BlipForConditionalGeneration,
    CLIPModel,
    CLIPVisionModel,
    Dinov2Model,
    FlavaModel,
    PreTrainedModel,
    ViTModel,
)

from sightline.models.encoders.encoder import Encoder
from sightline.models.encoders.groups import GROUPED, attention_within
from sightline.models.encoders.source import EncoderSource
from sightline.models.registry import ModelError
from sightline.models.weights import load_weights
from sightline.scenes.geometry import ImageTransform, transform_of


@dataclass(frozen=True)
class Kind:
    """A class of checkpoints.

    Attributes:
        model_class: to load it with.
        tower: path of the vision tower in the model; empty where the model is the tower.
        attention: implementation; two families know eager only.
        options: of the class.
    """

    model_class: type[PreTrainedModel]
    tower: str = ""
    attention: str = "sdpa"
    options: tuple[tuple[str, Any], ...] = ()


# By model type: a family may come as a whole model or as its tower alone.
KINDS: dict[str, dict[str, Kind]] = {
    "clip": {
        "clip": Kind(CLIPModel, "vision_model"),
        "clip_vision_model": Kind(CLIPVisionModel),
    },
    "vit": {"vit": Kind(ViTModel, options=(("add_pooling_layer", False),))},
    "dinov2": {"dinov2": Kind(Dinov2Model)},
    "blip": {"blip": Kind(BlipForConditionalGeneration, "vision_model", "eager")},
    "flava": {"flava": Kind(FlavaModel, "image_model", "eager")},
}


class Tower(Encoder):
    """The vision tower of a checkpoint.

    Args:
        source: its entry.
        model: whole model, in evaluation mode.
        tower: its vision tower, or the model itself.
        processor: image processor.
        transform: geometry of the processor.
    """

    def __init__(
        self,
        source: EncoderSource,
        model: PreTrainedModel,
        tower: PreTrainedModel,
        processor: Any,
        transform: ImageTransform,
    ) -> None:
        super().__init__(
            source, transform, processor.image_mean, processor.image_std, model.device, tower.dtype
        )
        self.model, self._tower = model, tower
        config = tower.config
        grid = self.transform.grid(config.patch_size, config.image_size, config.image_size)
        self.widths = (config.hidden_size,) * config.num_hidden_layers
        self.grids = (grid,) * config.num_hidden_layers
        if source.attention != "all":
            tower.set_attn_implementation(GROUPED)

    @torch.inference_mode()
    def states(
        self, pixels: torch.Tensor, groups: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        """States of every block, before the final norm."""
        if (groups is None) != (self.source.attention == "all"):
            raise ModelError(
                f"encoders.{self.key}: attention is {self.source.attention}; groups are for the kinds object "
                "and token, which need them."
            )
        pixels = pixels.to(self.device, self.dtype)
        with attention_within(None if groups is None else groups.to(self.device)):
            out = self._tower(pixel_values=pixels, output_hidden_states=True)
        found = out.hidden_states
        if found is None or len(found) != self.layers + 1:
            raise ModelError(
                f"encoders.{self.key}: {0 if found is None else len(found)} states from {self.layers} "
                "blocks; expected one more than blocks. Check the version of transformers."
            )
        # The first entry is the embedding of the patches.
        return list(found[1:])

    def embed_images(self, cls: torch.Tensor) -> torch.Tensor:
        """The final norm, then the projection of a contrastive model."""
        return self.embed_tokens(cls)

    @torch.no_grad()
    def embed_tokens(self, tokens: torch.Tensor, normed: bool = True) -> torch.Tensor:
        """What is trained for CLS alone, done to any token."""
        model = self._with_texts()
        tokens = tokens.to(self.device, self.dtype)
        seen = model.visual_projection(self._tower.post_layernorm(tokens) if normed else tokens)
        return functional.normalize(seen.float(), dim=-1)

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Projected texts of a contrastive model; each ends with the tokenizer's end token."""
        model, tokenizer = self._with_texts(), self._tokenizer()
        # CLIP's tokenizer ends a text by itself, a word-level one does not.
        ended = tokenizer("a")["input_ids"][-1] == tokenizer.eos_token_id
        texts = [text if ended else text + tokenizer.eos_token for text in texts]
        longest = model.config.text_config.max_position_embeddings
        encoded = tokenizer(
            texts, padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        inputs = {name: encoded[name].to(self.device) for name in ("input_ids", "attention_mask")}
        words = model.text_projection(model.text_model(**inputs).pooler_output)
        return functional.normalize(words.float(), dim=-1)

    @torch.no_grad()
    def caption(self, pixels: torch.Tensor) -> list[str]:
        """Captions of BLIP, from an empty prompt."""
        if not isinstance(self.model, BlipForConditionalGeneration):
            return super().caption(pixels)
        tokenizer = self._tokenizer()
        found = self.model.generate(pixel_values=pixels.to(self.device, self.dtype))
        return [text.strip() for text in tokenizer.batch_decode(found, skip_special_tokens=True)]

    def _tokenizer(self) -> Any:
        source = self.source
        try:
            return AutoTokenizer.from_pretrained(source.location, revision=source.revision)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"encoders.{self.key}: no tokenizer in {source.path}; texts need one.\n{error}"
            ) from error

    def _with_texts(self) -> CLIPModel:
        if not isinstance(self.model, CLIPModel):
            raise ModelError(
                f"encoders.{self.key}: {type(self.model).__name__} has no texts; a CLIPModel has."
            )
        return self.model


def load_tower(source: EncoderSource, device: torch.device, dtype: Any) -> Tower:
    """Load the tower of a checkpoint.

    Raises:
        ModelError: the checkpoint is of another family, or weights are missing or do not fit.
        OSError, ValueError: files are missing or malformed.
    """
    where = {"revision": source.revision}
    config = AutoConfig.from_pretrained(source.location, **where)
    kinds = KINDS[source.family]
    if config.model_type not in kinds:
        raise ModelError(
            f"encoders.{source.key}.family: {source.family}, but config.json of {source.path} says "
            f"{config.model_type}. Families: {', '.join(KINDS)}."
        )
    kind = kinds[config.model_type]
    # The torchvision backend rounds differently: results would depend on what is installed.
    processor = AutoImageProcessor.from_pretrained(source.location, backend="pil", **where)
    transform = transform_of(processor)
    options = dict(kind.options) | {"attn_implementation": kind.attention}
    if source.weights == "random":
        config._attn_implementation = options.pop("attn_implementation")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(source.seed)
            model = kind.model_class(config, **options)
        model = model.to(dtype if isinstance(dtype, torch.dtype) else torch.float32)
    else:
        model = load_weights(
            kind.model_class,
            source.location,
            f"encoders.{source.key}",
            dtype=dtype,
            **where,
            **options,
        )
    model = model.to(device).eval()
    tower = getattr(model, kind.tower) if kind.tower else model
    return Tower(source, model, tower, processor, transform)
