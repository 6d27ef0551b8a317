"""Captioning: a small decoder attends to all tokens and says what is there."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertLMHeadModel, CLIPVisionModel, PreTrainedTokenizerFast

from sightline.demo import attention
from sightline.demo.encoders.body import WIDTH, Batches, clean_pixels
from sightline.demo.encoders.contrastive import LONGEST, Captions
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.packing import turn_rng
from sightline.demo.precision import TRAINING
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
        self._body, self.head = body, build_decoder(tokenizer).to(TRAINING)
        self.head.set_attn_implementation(attention.PLAIN)
        self.module = nn.ModuleList([body, self.head])
        self.optimizer = MasterOptimizer([(self.module.named_parameters(), 1e-3, True)])
        self._captions = captions
        self._batches = Batches(scenes, batch_size, seed)
        self._validation = validation
        self._tokenizer = tokenizer

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the captions' words."""
        chosen, rng, generator = self._batches.draw(step)
        text = self._captions.draw(self._batches.scenes, chosen, rng)
        logits, words = predict(
            self._body, self.head, self._batches.pixels(chosen, generator), text
        )
        loss = F.cross_entropy(logits.flatten(0, 1), words.flatten(), ignore_index=-100)
        return loss, {"entropy": loss.item()}

    def evaluate(self) -> dict[str, float]:
        """Share of category words that are the likeliest."""
        hits, _ = named_categories(
            self._body, self.head, self._tokenizer, self._captions, self._validation
        )
        return {"named categories": hits.float().mean().item()}


def build_decoder(tokenizer: PreTrainedTokenizerFast) -> BertLMHeadModel:
    """Two blocks that attend to the tokens of an image."""
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LONGEST,
        is_decoder=True,
        add_cross_attention=True,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.pad_token_id,
    )
    return BertLMHeadModel(config)


def predict(
    body: CLIPVisionModel, decoder: BertLMHeadModel, pixels: Tensor, text: dict[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Logits of the words after the first, and these words; padding is -100."""
    seen = body.post_layernorm(body(pixels).last_hidden_state)
    logits = decoder(**text, encoder_hidden_states=seen, use_cache=False).logits[:, :-1]
    words = text["input_ids"].masked_fill(text["attention_mask"] == 0, -100)[:, 1:]
    return logits.float(), words


@torch.no_grad()
def named_categories(
    body: CLIPVisionModel,
    decoder: BertLMHeadModel,
    tokenizer: PreTrainedTokenizerFast,
    captions: Captions,
    scenes: TrainingSet,
) -> tuple[Tensor, Tensor]:
    """For every category word of the scenes' captions: whether it is the likeliest, and its scene."""
    words_of_categories = torch.tensor(
        sorted({tokenizer(c, add_special_tokens=False).input_ids[0] for c in CATEGORIES})
    )
    chosen = list(range(len(scenes)))
    text = captions.draw(scenes, chosen, turn_rng(0, "captions", 0))
    logits, words = predict(body, decoder, clean_pixels(scenes, slice(None)).to(body.dtype), text)
    named = torch.isin(words, words_of_categories)
    return (logits.argmax(-1) == words)[named], named.nonzero()[:, 0]
