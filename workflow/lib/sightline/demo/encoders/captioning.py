"""Captioning: a small decoder attends to all tokens and says what is there."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertLMHeadModel, CLIPVisionModel, PreTrainedTokenizerFast

from sightline.demo.encoders.body import WIDTH, Batches, clean_pixels
from sightline.demo.encoders.contrastive import LONGEST, Captions
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.packing import turn_rng
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import TrainingSet


class Captioning:
    """Stage; gate: .9 of the named categories right, given the words before them."""

    cool_down = 0.4

    def __init__(
        self,
        name: str,
        body: CLIPVisionModel,
        tokenizer: PreTrainedTokenizerFast,
        captions: Captions,
        scenes: TrainingSet,
        validation: TrainingSet,
        batch_size: int,
        seed: int,
    ) -> None:
        self.name = name
        decoder = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=LONGEST,
            is_decoder=True,
            add_cross_attention=True,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            pad_token_id=tokenizer.pad_token_id,
        )
        self._body, self._decoder = body, BertLMHeadModel(decoder).bfloat16()
        self.module = nn.ModuleList([body, self._decoder])
        self.optimizer = MasterOptimizer([(self.module.named_parameters(), 1e-3, True)])
        self._captions = captions
        self._batches = Batches(scenes, batch_size, seed)
        self._validation = validation
        self._categories = torch.tensor(
            sorted({tokenizer(c, add_special_tokens=False).input_ids[0] for c in CATEGORIES})
        )

    def _predict(self, pixels: Tensor, text: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Logits of the words after the first, and these words; padding is -100."""
        seen = self._body.post_layernorm(self._body(pixels).last_hidden_state)
        logits = self._decoder(**text, encoder_hidden_states=seen, use_cache=False).logits[:, :-1]
        words = text["input_ids"].masked_fill(text["attention_mask"] == 0, -100)[:, 1:]
        return logits.float(), words

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the captions' words."""
        chosen, rng, generator = self._batches.draw(step)
        text = self._captions.draw(self._batches.scenes, chosen, rng)
        logits, words = self._predict(self._batches.pixels(chosen, generator), text)
        loss = F.cross_entropy(logits.flatten(0, 1), words.flatten(), ignore_index=-100)
        return loss, {"entropy": loss.item()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Share of category words that are the likeliest."""
        chosen = list(range(len(self._validation)))
        text = self._captions.draw(self._validation, chosen, turn_rng(0, "captions", 0))
        logits, words = self._predict(clean_pixels(self._validation, slice(None)), text)
        named = torch.isin(words, self._categories)
        return {"named categories": (logits.argmax(-1) == words)[named].float().mean().item()}
