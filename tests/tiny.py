"""Random models of a few thousand weights, saved with tokenizer and processor as real ones are.

All of them have images of 32 px, tokens of 8 px in a 4 x 4 grid, and 4 layers of text.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
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
    SamConfig,
    SamMaskDecoderConfig,
    SamModel,
    SamPromptEncoderConfig,
    SamVisionConfig,
)

from sightline.models.registry import ModelSource
from sightline.models.segmenter import Segmenter

SIDE, PATCH = 32, 8
TOKENS = (SIDE // PATCH) ** 2
WIDTH = 32
_BASE = ("<pad>", "<s>", "</s>", "<unk>")
_LLAVA = ("<image>", "<|user|>", "<|end|>", "<|assistant|>")
_INTERNVL = ("<IMG_CONTEXT>", "<img>", "</img>", "<|im_start|>", "<|im_end|>")
_QWEN = ("<|image_pad|>", "<|vision_start|>", "<|vision_end|>", "<|im_start|>", "<|im_end|>")
_WORDS = """user assistant : ? . , ' is there a an in this image describe it what which object on of
left right above below the yes no cat dog car bus tree ball cup fish star mug traffic light red blue
green yellow big small street park and with at near one two three system you are helpful"""
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


def build_tokenizer(special: tuple[str, ...], **named: str) -> PreTrainedTokenizerFast:
    """One token per word, case ignored; a start token goes before every text, as in Llama's.

    Args:
        special: tokens of the family, that of the image first.
        named: those among them that the tokenizer has names for.
    """
    words = (*_BASE, *special, *_WORDS.split())
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", vocabulary["<s>"])]
    )
    built = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens=named,
        clean_up_tokenization_spaces=False,
    )
    built.add_tokens(list(special), special_tokens=True)
    return built


def build_llava(folder: Path, text: str = "llama", seed: int = 0) -> Path:
    """Write a random LLaVA in half precision.

    Args:
        folder: to write to.
        text: "llama", "llama-mha" without grouped queries, or "phi3" for a language model of the
            second published checkpoint's kind.
        seed: of the weights.
    """
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(_LLAVA, image_token=_LLAVA[0])
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


def build_internvl(folder: Path, text: str = "qwen2", seed: int = 0) -> Path:
    """Write a random InternVL in half precision.

    Args:
        folder: to write to.
        text: "qwen2" or "llama".
        seed: of the weights.
    """
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(
        _INTERNVL, context_image_token=_INTERNVL[0], start_image_token=_INTERNVL[1]
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
        image_token_id=tokenizer.convert_tokens_to_ids(_INTERNVL[0]),
        image_seq_length=TOKENS,
        tie_word_embeddings=False,
    )
    model = InternVLForConditionalGeneration(config)
    # They start at zero: all places of an image would look alike.
    torch.nn.init.normal_(model.model.vision_tower.embeddings.position_embeddings)
    _save(model, tokenizer, folder)
    GotOcr2ImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def build_qwen2_5_vl(folder: Path, seed: int = 0) -> Path:
    """Write a random Qwen2.5-VL in half precision: windows of 2 x 2 tokens in all but the last layer."""
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(_QWEN)
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
        text_config=_TEXT
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


class Tiny(NamedTuple):
    """How to build one kind of model, and its entry but for key and path."""

    build: Callable[..., Path]
    options: dict[str, Any]
    entry: dict[str, Any]

    def write(self, folder: Path) -> ModelSource:
        """Build the model in a folder and give its entry."""
        self.build(folder, **self.options)
        return ModelSource(folder.name, str(folder), device="cpu", **self.entry)


_PHI = {"family": "llava", "prompt": "llava-phi-3"}
_INTERN = {"family": "internvl", "prompt": "internvl"}
_QWEN_ENTRY = {"family": "qwen2_5_vl", "prompt": "qwen2.5-vl", "image_size": SIDE}
# Every family, with every kind of language model that its published checkpoints have.
TINY = {
    "llava-llama": Tiny(build_llava, {"text": "llama"}, {}),
    "llava-llama-mha": Tiny(build_llava, {"text": "llama-mha"}, {}),
    "llava-phi3": Tiny(build_llava, {"text": "phi3"}, _PHI),
    "internvl-qwen2": Tiny(build_internvl, {"text": "qwen2"}, _INTERN),
    "internvl-llama": Tiny(build_internvl, {"text": "llama"}, _INTERN),
    "qwen2_5_vl": Tiny(build_qwen2_5_vl, {}, _QWEN_ENTRY),
}


def build_tiny_sam(seed: int = 0) -> SamModel:
    """A random SAM for images of 64 px: 4 x 4 image embedding, 16 x 16 mask logits, relative positions."""
    torch.manual_seed(seed)
    config = SamConfig(
        vision_config=SamVisionConfig(
            hidden_size=16,
            output_channels=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            image_size=64,
            patch_size=16,
            mlp_dim=24,
            use_rel_pos=True,
            global_attn_indexes=[2],
            window_size=3,
            num_pos_feats=8,
            initializer_range=0.2,
        ).to_dict(),
        prompt_encoder_config=SamPromptEncoderConfig(
            hidden_size=16, image_size=64, patch_size=16, mask_input_channels=16
        ).to_dict(),
        mask_decoder_config=SamMaskDecoderConfig(
            hidden_size=16, mlp_dim=24, num_attention_heads=2, iou_head_hidden_dim=16
        ).to_dict(),
        attn_implementation="eager",
    )
    model = SamModel(config)
    # Tables of positions start at zero, and norms at one: nothing would tell them apart.
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data += 0.2 * noise
    return model.eval()


def build_tiny_segmenter(seed: int = 0, width: int = WIDTH) -> Segmenter:
    """The same with a projection from states of ``width``."""
    return Segmenter(build_tiny_sam(seed), width).eval()


def _text(kind: str, tokenizer: PreTrainedTokenizerFast) -> Any:
    heads = {"num_key_value_heads": 4} if kind == "llama-mha" else {}
    family = {"llama": LlamaConfig, "phi3": Phi3Config, "qwen2": Qwen2Config}[kind.split("-")[0]]
    return family(vocab_size=len(tokenizer), **_TEXT | heads)


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
