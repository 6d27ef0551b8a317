"""The demo models in stock transformers classes: tokenizer, processor, LLaVA-type VLM, SAM-type segmenter."""

from collections.abc import Sequence

from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    SamConfig,
    SamImageProcessorPil,
    SamMaskDecoderConfig,
    SamModel,
    SamProcessor,
    SamPromptEncoderConfig,
    SamVisionConfig,
)

from sightline.demo.language import SEGMENT_TOKEN, texts
from sightline.demo.training_set import PIXEL_MEAN, PIXEL_STD
from sightline.demo.world import SIZE

PATCH = 8
SIDE = SIZE // PATCH
"""Image tokens per row and per column."""

IMAGE_TOKEN = "<image>"
_SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", IMAGE_TOKEN, SEGMENT_TOKEN)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word of the world's language, case ignored; "<s>" is prepended as Llama tokenizers do."""
    return PreTrainedTokenizerFast(
        tokenizer_object=_split_into_words(_SPECIAL, "<s> $A", "<s>"),
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": IMAGE_TOKEN, "segment_token": SEGMENT_TOKEN},
        clean_up_tokenization_spaces=False,
    )


def build_caption_tokenizer() -> PreTrainedTokenizerFast:
    """The same words for text towers and caption decoders; "</s>" is appended as CLIP's tokenizer does.

    Its number is not 2: a CLIPTextModel with that one pools a text at the token with the largest number instead.
    """
    return PreTrainedTokenizerFast(
        tokenizer_object=_split_into_words(("<pad>", "</s>", "<unk>"), "$A </s>", "</s>"),
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


def _split_into_words(special: Sequence[str], template: str, added: str) -> Tokenizer:
    words = pre_tokenizers.Whitespace()
    vocabulary = {token: number for number, token in enumerate(special)}
    for text in texts():
        for word, _ in words.pre_tokenize_str(text.replace(SEGMENT_TOKEN, "").lower()):
            vocabulary.setdefault(word, len(vocabulary))
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = words
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(added, vocabulary[added])]
    )
    return tokenizer


def build_processor(tokenizer: PreTrainedTokenizerFast) -> LlavaProcessor:
    """Scenes already have the tower's size; other images are resized and cropped as LLaVA-1.5 does."""
    return LlavaProcessor(
        image_processor=build_encoder_processor(),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE_TOKEN,
    )


def build_encoder_processor() -> CLIPImageProcessorPil:
    """Scenes as they are, normalised; other images are resized and cropped as CLIP does."""
    return CLIPImageProcessorPil(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_mean=list(PIXEL_MEAN),
        image_std=list(PIXEL_STD),
    )


def vision_config() -> CLIPVisionConfig:
    """The tower: 1.9 M parameters."""
    return CLIPVisionConfig(
        hidden_size=192,
        intermediate_size=576,
        num_hidden_layers=5,
        num_attention_heads=3,
        image_size=SIZE,
        patch_size=PATCH,
        projection_dim=128,
        hidden_act="gelu",
    )


def build_vlm(tokenizer: PreTrainedTokenizerFast, layers: int = 8) -> LlavaForConditionalGeneration:
    """A LLaVA with random weights; input and output embeddings are untied (neo2025 asks for it)."""
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1e5},
        # Small models start faster from a wide initialisation (feasibility runs: 0.06 beat the default 0.02).
        initializer_range=0.06,
    )
    config = LlavaConfig(
        vision_config=vision_config(),
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
        image_seq_length=SIDE * SIDE,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        projector_hidden_act="gelu",
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlavaForConditionalGeneration(config)


PROMPT_WIDTH = 64
"""Width of the segmenter's prompts."""


def build_segmenter() -> SamModel:
    """A SAM of 0.6 M parameters: 14 x 14 image embedding, 56 x 56 mask logits."""
    vision = SamVisionConfig(
        hidden_size=96,
        output_channels=PROMPT_WIDTH,
        num_hidden_layers=4,
        num_attention_heads=3,
        image_size=SIZE,
        patch_size=PATCH,
        mlp_dim=288,
        use_rel_pos=False,
        use_abs_pos=True,
        global_attn_indexes=[0, 1, 2, 3],
        window_size=0,
        num_pos_feats=PROMPT_WIDTH // 2,
        # As in the released SAM: places are encoded smoothly enough for a hidden state to name one.
        scale=1.0,
        hidden_act="gelu",
    )
    decoder = SamMaskDecoderConfig(
        hidden_size=PROMPT_WIDTH,
        mlp_dim=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        attention_downsample_rate=2,
        iou_head_hidden_dim=64,
    )
    prompt = SamPromptEncoderConfig(
        hidden_size=PROMPT_WIDTH, image_size=SIZE, patch_size=PATCH, mask_input_channels=16
    )
    config = SamConfig(
        vision_config=vision.to_dict(),
        prompt_encoder_config=prompt.to_dict(),
        mask_decoder_config=decoder.to_dict(),
        attn_implementation="eager",
    )
    return SamModel(config)


def build_sam_processor() -> SamProcessor:
    """Scenes as they are; clicks and boxes in pixels of the scene."""
    return SamProcessor(
        SamImageProcessorPil(
            size={"longest_edge": SIZE},
            mask_size={"longest_edge": SIZE},
            pad_size={"height": SIZE, "width": SIZE},
            mask_pad_size={"height": SIZE, "width": SIZE},
            image_mean=list(PIXEL_MEAN),
            image_std=list(PIXEL_STD),
        )
    )
