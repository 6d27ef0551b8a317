"""LLaVA, InternVL and Qwen2.5-VL: images of 32 px, tokens of 8 px in a 4 x 4 grid, 4 layers of text."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GotOcr2ImageProcessorPil,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    Phi3Config,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Config,
    Qwen2VLImageProcessorPil,
)

from sightline.demo.tiny.words import FEW, build_tokenizer, prefer_answers

SIDE, PATCH = 32, 8
TOKENS = (SIDE // PATCH) ** 2
WIDTH = 32
_LLAVA = ("<image>", "<|user|>", "<|end|>", "<|assistant|>")
INTERNVL = ("<IMG_CONTEXT>", "<img>", "</img>", "<|im_start|>", "<|im_end|>")
_QWEN = ("<|image_pad|>", "<|vision_start|>", "<|vision_end|>", "<|im_start|>", "<|im_end|>")
TEXT = {
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


def build_llava(
    folder: Path, text: str = "llama", seed: int = 0, words: Iterable[str] = FEW
) -> Path:
    """Write a random LLaVA in half precision.

    Args:
        folder: to write to.
        text: "llama", "llama-mha" without grouped queries, or "phi3" for a language model of the
            second published checkpoint's kind.
        seed: of the weights.
        words: the tokenizer knows.
    """
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(_LLAVA, words, image_token=_LLAVA[0])
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
        text_config=_text(text, tokenizer),
        image_token_index=tokenizer.convert_tokens_to_ids(_LLAVA[0]),
        image_seq_length=TOKENS,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        pad_token_id=tokenizer.pad_token_id,
    )
    _save(LlavaForConditionalGeneration(config), tokenizer, folder)
    LlavaProcessor(
        image_processor=CLIPImageProcessorPil(
            size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
        ),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=_LLAVA[0],
    ).save_pretrained(folder)
    return folder


def build_internvl(
    folder: Path, text: str = "qwen2", seed: int = 0, words: Iterable[str] = FEW
) -> Path:
    """Write a random InternVL in half precision.

    Args:
        folder: to write to.
        text: "qwen2" or "llama".
        seed: of the weights.
        words: the tokenizer knows.
    """
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(
        INTERNVL, words, context_image_token=INTERNVL[0], start_image_token=INTERNVL[1]
    )
    config = InternVLConfig(
        vision_config=InternVLVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            image_size=SIDE,
            patch_size=PATCH // 2,
            initializer_range=0.4,
        ),
        text_config=_text(text, tokenizer),
        image_token_id=tokenizer.convert_tokens_to_ids(INTERNVL[0]),
        image_seq_length=TOKENS,
        tie_word_embeddings=False,
    )
    model = InternVLForConditionalGeneration(config)
    # They start at zero: all places of an image would look alike.
    torch.nn.init.normal_(model.model.vision_tower.embeddings.position_embeddings)
    _save(model, tokenizer, folder)
    GotOcr2ImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def build_qwen2_5_vl(folder: Path, seed: int = 0, words: Iterable[str] = FEW) -> Path:
    """Write a random Qwen2.5-VL in half precision: windows of 2 x 2 tokens in all but the last layer."""
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(_QWEN, words)
    config = Qwen2_5_VLConfig(
        vision_config={
            "hidden_size": WIDTH,
            "intermediate_size": 48,
            "depth": 3,
            "num_heads": 4,
            "patch_size": PATCH // 2,
            "window_size": 2 * PATCH,
            "fullatt_block_indexes": [2],
            "out_hidden_size": WIDTH,
            "initializer_range": 0.4,
        },
        text_config=TEXT
        | {
            "vocab_size": len(tokenizer),
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 1, 1]},
        },
        image_token_id=tokenizer.convert_tokens_to_ids(_QWEN[0]),
        vision_start_token_id=tokenizer.convert_tokens_to_ids(_QWEN[1]),
        vision_end_token_id=tokenizer.convert_tokens_to_ids(_QWEN[2]),
    )
    _save(Qwen2_5_VLForConditionalGeneration(config), tokenizer, folder)
    Qwen2VLImageProcessorPil(patch_size=PATCH // 2).save_pretrained(folder)
    return folder


def _text(kind: str, tokenizer: PreTrainedTokenizerFast) -> Any:
    heads = {"num_key_value_heads": 4} if kind == "llama-mha" else {}
    family = {"llama": LlamaConfig, "phi3": Phi3Config, "qwen2": Qwen2Config}[kind.split("-")[0]]
    return family(vocab_size=len(tokenizer), **TEXT | heads)


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    # A vocabulary of a few words needs no help to hit one.
    if len(tokenizer) > 2 * len(FEW):
        prefer_answers(model.lm_head.weight.data, tokenizer)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
