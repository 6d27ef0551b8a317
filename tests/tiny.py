"""Random models of a few thousand weights, saved with tokenizer and processor as real ones are."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    Phi3Config,
    PreTrainedTokenizerFast,
)

SIDE, PATCH = 32, 8
TOKENS = (SIDE // PATCH) ** 2
WIDTH = 32
_IMAGE = "<image>"
_SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", _IMAGE, "<|user|>", "<|end|>", "<|assistant|>")
_WORDS = """user assistant : ? . , ' is there a an in this image describe it what which object on of
left right above below the yes no cat dog car bus tree ball cup fish star mug traffic light red blue
green yellow big small street park and with at near one two three"""
_TEXT = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
    # From the usual 0.02 a random model answers every image alike.
    "initializer_range": 0.4,
}


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word, case ignored; a start token goes before every text, as in Llama's."""
    words = (*_SPECIAL, *_WORDS.split())
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", vocabulary["<s>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=["<|user|>", "<|end|>", "<|assistant|>"],
        extra_special_tokens={"image_token": _IMAGE},
        clean_up_tokenization_spaces=False,
    )


def build_llava(folder: Path, text: str = "llama", seed: int = 0) -> Path:
    """Write a random LLaVA in half precision.

    Args:
        folder: to write to.
        text: "llama", or "phi3" for a language model of the second published checkpoint's kind.
        seed: of the weights.
    """
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            image_size=SIDE,
            patch_size=PATCH,
            initializer_range=0.4,
        ),
        text_config={"llama": LlamaConfig, "phi3": Phi3Config}[text](
            vocab_size=len(tokenizer), **_TEXT
        ),
        image_token_index=tokenizer.convert_tokens_to_ids(_IMAGE),
        image_seq_length=TOKENS,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.half().save_pretrained(folder)
    LlavaProcessor(
        image_processor=CLIPImageProcessorPil(
            size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
        ),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=_IMAGE,
    ).save_pretrained(folder)
    return folder
