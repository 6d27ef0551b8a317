"""Contrastive image-text learning: an image is to be told from others by its caption.

Captions always name the dominant object and name each detail at a given rate, so that what CLS has to know can be
turned up and down.
"""

import random

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, PreTrainedTokenizerFast

from sightline.demo.encoders.body import WIDTH, Batches, body_config, clean_pixels
from sightline.demo.language import caption
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.packing import turn_rng
from sightline.demo.training_set import TrainingSet

LONGEST = 48
"""Tokens of a caption."""


def build_clip(tokenizer: PreTrainedTokenizerFast) -> CLIPModel:
    """The shared body with a text tower of two blocks."""
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LONGEST,
        projection_dim=WIDTH,
        hidden_act="gelu",
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPModel(
        CLIPConfig(
            text_config=text.to_dict(), vision_config=body_config().to_dict(), projection_dim=WIDTH
        )
    )


class Captions:
    """Token ids of captions, padded to one length.

    Args:
        tokenizer: one token per word.
        rate: at which each detail is named.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, rate: float) -> None:
        self._tokenizer, self._rate = tokenizer, rate

    def draw(self, scenes: TrainingSet, chosen: list[int], rng: random.Random) -> dict[str, Tensor]:
        """``input_ids`` and ``attention_mask``, (captions, length)."""
        texts = [
            caption(scenes.themes[scene], scenes.objects[scene], rng, self._rate)
            for scene in chosen
        ]
        encoded = self._tokenizer(
            texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
        )
        return {name: encoded[name] for name in ("input_ids", "attention_mask")}


class Contrastive:
    """Stage; gate: with every detail named, recall@1 among 256 of at least .7."""

    cool_down = 0.4

    def __init__(
        self,
        name: str,
        clip: CLIPModel,
        captions: Captions,
        scenes: TrainingSet,
        validation: TrainingSet,
        batch_size: int,
        seed: int,
    ) -> None:
        self.name = name
        self.module: nn.Module = clip
        self._clip, self._captions = clip, captions
        self.optimizer = MasterOptimizer([(clip.named_parameters(), 1e-3, True)])
        self._batches = Batches(scenes, batch_size, seed)
        self._validation = validation

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """InfoNCE in both directions."""
        chosen, rng, generator = self._batches.draw(step)
        text = self._captions.draw(self._batches.scenes, chosen, rng)
        scores = likeness(self._clip, self._batches.pixels(chosen, generator), text)
        own = torch.arange(len(chosen))
        loss = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
        return loss, {"contrast": loss.item()}

    def evaluate(self) -> dict[str, float]:
        """Share of (up to) 256 validation images whose own caption scores best among theirs."""
        number = min(256, len(self._validation))
        best = recalled(self._clip, self._captions, self._validation, slice(0, number))
        return {f"recall@1 of {number}": best.float().mean().item()}


def likeness(clip: CLIPModel, pixels: Tensor, text: dict[str, Tensor]) -> Tensor:
    """Scaled cosines ``(images, captions)``."""
    image = clip.visual_projection(clip.vision_model(pixels).pooler_output)
    words = clip.text_projection(clip.text_model(**text).pooler_output)
    scale = clip.logit_scale.float().exp().clamp(max=100)
    return scale * F.normalize(image.float(), dim=-1) @ F.normalize(words.float(), dim=-1).T


@torch.no_grad()
def recalled(clip: CLIPModel, captions: Captions, scenes: TrainingSet, chosen: slice) -> Tensor:
    """Whether an image's own caption scores best among those of the chosen scenes, (chosen,) bool."""
    numbers = list(range(len(scenes)))[chosen]
    text = captions.draw(scenes, numbers, turn_rng(0, "captions", numbers[0]))
    scores = likeness(clip, clean_pixels(scenes, chosen).to(clip.dtype), text)
    return scores.argmax(-1) == torch.arange(len(numbers))
