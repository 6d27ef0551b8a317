"""What benchmarks run on: a model with random weights, one image, and prompts about it.

Speed and memory do not depend on the weights' values, so nothing is downloaded. The vision tower is a toy:
every comparison starts from image tokens, which both sides need once.
"""

import functools
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import (
    AutoModelForImageTextToText,
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from sightline.bench.shapes import BenchError, Shape
from sightline.models.adapters import llava
from sightline.models.prompts import Prompt
from sightline.models.registry import ModelSource
from sightline.models.vlm import VLM

_PATCH = 14
_SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<image>")
_TEMPLATE = ("USER", "ASSISTANT", ":")


@dataclass(frozen=True, eq=False)
class Subject:
    """A model with something to look at.

    Attributes:
        shape: of the model and the prompt.
        vlm: the model.
        image_tokens: (tokens, width).
    """

    shape: Shape
    vlm: VLM
    image_tokens: torch.Tensor

    @functools.cached_property
    def prompt(self) -> Prompt:
        """The first of all prompts, as long as the shape says."""
        return self.ask(0)

    def ask(self, number: int) -> Prompt:
        """One of several prompts: other words, and one position shorter than the one before."""
        words = self.shape.length - number - len(self.vlm.prompt(""))
        first = 7 * number
        return self.vlm.prompt(" ".join(f"w{first + place}" for place in range(words)))

    def image_positions(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        """Positions of image tokens in the prompt."""
        return tuple(self.prompt.roles.image[list(tokens)].tolist())

    def embed(self, prompt: Prompt, image_tokens: torch.Tensor | None = None) -> torch.Tensor:
        """Input embeddings of the prompt, (1, positions, width)."""
        tokens = self.image_tokens if image_tokens is None else image_tokens
        return self.vlm.embed(prompt, tokens[None])


def find_device(shape: Shape, device: str | None = None) -> str:
    """The device asked for, or else the shape's.

    Raises:
        BenchError: it is a GPU, and there is none.
    """
    device = device or shape.device
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise BenchError(f"bench: shape {shape.name} runs on a GPU, and none is at hand.")
    return device


def build_subject(shape: Shape, device: str | None = None, seed: int = 0) -> Subject:
    """Make a random model directly where it will run.

    Args:
        shape: its sizes.
        device: instead of the shape's.
        seed: of weights and image tokens.

    Raises:
        BenchError: there is no such device.
    """
    device = find_device(shape, device)
    torch.manual_seed(seed)
    tokenizer = _tokenizer(shape.vocabulary)
    # With less, random blocks hardly change the stream, and a wrong mask would go unnoticed.
    spread = shape.width**-0.5
    pixels = shape.side * _PATCH
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            image_size=pixels,
            patch_size=_PATCH,
        ),
        text_config=LlamaConfig(
            vocab_size=shape.vocabulary,
            hidden_size=shape.width,
            intermediate_size=shape.inner,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.key_heads,
            max_position_embeddings=4096,
            initializer_range=spread,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=shape.side**2,
    )
    with torch.device(device):
        model = AutoModelForImageTextToText.from_config(
            config, dtype=getattr(torch, shape.dtype), attn_implementation="sdpa"
        )
        image_tokens = spread * torch.randn(shape.side**2, shape.width, dtype=model.dtype)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    vlm = VLM(
        ModelSource(f"random-{shape.name}", "random"), model, _processor(tokenizer, pixels), llava
    )
    # Answers of equal length on both sides, whatever a random model says.
    model.generation_config.eos_token_id = None
    return Subject(shape, vlm, image_tokens)


def _tokenizer(entries: int) -> PreTrainedTokenizerFast:
    known = (*_SPECIAL, *_TEMPLATE)
    words = (*known, *(f"w{number}" for number in range(entries - len(known))))
    tokenizer = Tokenizer(
        WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", words.index("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
    )


def _processor(tokenizer: PreTrainedTokenizerFast, pixels: int) -> LlavaProcessor:
    return LlavaProcessor(
        image_processor=CLIPImageProcessorPil(
            size={"shortest_edge": pixels}, crop_size={"height": pixels, "width": pixels}
        ),
        tokenizer=tokenizer,
        patch_size=_PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
    )
