"""Prompt templates as data, and the prompt a model is given.

``llava-1.5`` and ``llava-phi-3`` are the strings of neo2025 section 2.3, line breaks included;
the others are what a checkpoint's own chat makes of one image and one question.
"""

from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any

import torch

from sightline.models.registry import ModelError
from sightline.models.roles import TokenRoles

IMAGE = "<image>"
INTERNVL_IMAGE = "<img><IMG_CONTEXT></img>"
QWEN_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
LISA_IMAGE = f"<im_start>{IMAGE}<im_end>"

# ``llava_v1`` of llava/conversation.py in haotian-liu/LLaVA.
_LLAVA_SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the human's questions. "
)
# What ``internlm2-chat`` and ``Hermes-2`` of internvl_chat/internvl/conversation.py in OpenGVLab/InternVL both say,
# with <|im_end|> and no line break between the turns; InternVL 2.5 has another message, and line breaks.
_INTERNVL2_SYSTEM = (
    "<|im_start|>system\n你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，"  # noqa: RUF001
    "英文名叫InternVL, 是一个有用无害的人工智能助手。<|im_end|>"
)


@dataclass(frozen=True)
class Template:
    """How one family of checkpoints was taught to be asked.

    Attributes:
        text: the prompt, with its image and ``{question}``.
        gap: what stands between the prompt and the first word of the answer.
        stop: tokens that end an answer besides those of the checkpoint's generation settings.
        image: the part of ``text`` that goes when there is no image.
        placeholder: the token in ``image`` that stands for the image's tokens.
    """

    text: str
    gap: str
    stop: tuple[str, ...] = ()
    image: str = IMAGE
    placeholder: str = IMAGE

    def fill(self, question: str, prefix: str = "", image: bool = True) -> str:
        """The text of a prompt.

        Args:
            question: what is asked.
            prefix: first words of the answer, such as "It is a"; spaces around it do not count.
            image: whether there is an image to look at.

        Raises:
            ModelError: the question holds an image placeholder.
        """
        if self.placeholder in question:
            raise ModelError(
                f"question {question!r} holds {self.placeholder}; the template already places "
                "the image."
            )
        text = self.text if image else self.text.replace(self.image, "")
        prefix = prefix.strip()
        return text.replace("{question}", question) + (self.gap + prefix if prefix else "")

    def follow_up(self, question: str) -> str:
        """The text of a further question to what was said before: the prompt from the image on.

        Raises:
            ModelError: the question holds an image placeholder.
        """
        if self.placeholder in question:
            raise ModelError(f"question {question!r} holds {self.placeholder}; ask in words.")
        return self.text.split(self.image)[1].replace("{question}", question)


TEMPLATES = {
    "llava-1.5": Template(f"USER: {IMAGE}\n{{question}} ASSISTANT:", " ", image=f"{IMAGE}\n"),
    # LLaVA's own chat, as kaduri2025 asks it (section 2.3); neo2025 leaves the system prompt out.
    "llava-v1": Template(
        f"{_LLAVA_SYSTEM}USER: {IMAGE}\n{{question}} ASSISTANT:", " ", image=f"{IMAGE}\n"
    ),
    # The published checkpoint goes on after <|end|> unless told to stop there.
    "llava-phi-3": Template(
        f"<|user|>\n{IMAGE}{{question}}<|end|>\n<|assistant|>\n", "", ("<|end|>",)
    ),
    "internvl": Template(
        f"<|im_start|>user\n{INTERNVL_IMAGE}\n{{question}}<|im_end|>\n<|im_start|>assistant\n",
        "",
        ("<|im_end|>",),
        f"{INTERNVL_IMAGE}\n",
        "<IMG_CONTEXT>",
    ),
    "internvl2": Template(
        f"{_INTERNVL2_SYSTEM}<|im_start|>user\n{INTERNVL_IMAGE}\n{{question}}<|im_end|><|im_start|>assistant\n",
        "",
        ("<|im_end|>",),
        f"{INTERNVL_IMAGE}\n",
        "<IMG_CONTEXT>",
    ),
    "qwen2.5-vl": Template(
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\n{QWEN_IMAGE}{{question}}<|im_end|>\n<|im_start|>assistant\n",
        "",
        ("<|im_end|>",),
        QWEN_IMAGE,
        "<|image_pad|>",
    ),
    # LLaVA-1.5's own wording, with marks around the image, as LISA and its kin were trained.
    "llava-lisa": Template(
        f"{_LLAVA_SYSTEM}USER: {LISA_IMAGE}\n{{question}} ASSISTANT:",
        " ",
        image=f"{LISA_IMAGE}\n",
    ),
}


def find_template(key: str) -> Template:
    """The template of that name.

    Raises:
        ModelError: there is none; the message lists those there are.
    """
    if key not in TEMPLATES:
        raise ModelError(f"prompt: no template {key!r}; give one of {', '.join(TEMPLATES)}.")
    return TEMPLATES[key]


@dataclass(frozen=True, eq=False)
class Prompt:
    """One tokenised prompt, its image placeholder expanded to all image tokens.

    Attributes:
        input_ids: (positions,) int64 on the CPU.
        attention_mask: (positions,) int64, all ones.
        roles: which position is what.
        text: before tokenisation, one placeholder for the image.
        gap: what stands between this text and the next word.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    roles: TokenRoles
    text: str = field(repr=False)
    gap: str = " "

    def __len__(self) -> int:
        """Number of positions."""
        return len(self.input_ids)

    @property
    def has_image(self) -> bool:
        """Whether there are image tokens in it."""
        return len(self.roles.image) > 0


def first_token(tokenizer: Any, word: str, prompt: Prompt | None = None) -> int:
    """First sub-token of a word in running text.

    A tokenizer may put a start token before any text, and may spell a word differently after a
    space than after a line break, so the word is never encoded on its own: doing so made the
    authors explain the start token (neo2025 section 5.3, B1).

    Args:
        tokenizer: of the model.
        word: one or more words.
        prompt: the text the word continues; without one, a space goes before it.

    Returns:
        Vocabulary entry; never a special token unless the word is one.

    Raises:
        ModelError: the tokenizer does not know the word.
    """
    before, gap = ("a", " ") if prompt is None else (prompt.text, prompt.gap)
    context = tokenizer.encode(before, add_special_tokens=False)
    whole = tokenizer.encode(before + gap + word, add_special_tokens=False)
    if whole[: len(context)] != context or len(whole) == len(context):
        raise ModelError(f"tokenizer: {word!r} has no token of its own after {before!r}.")
    token = whole[len(context)]
    if token == tokenizer.unk_token_id:
        raise ModelError(f"tokenizer: {word!r} is not in its vocabulary. Ask for words it knows.")
    return token


def of_equal_length(prompts: Sequence[Sized], size: int) -> Iterator[list[int]]:
    """Numbers of prompts that are equally long, at most ``size`` together: padding would shift positions."""
    by_length: dict[int, list[int]] = {}
    for number, prompt in enumerate(prompts):
        by_length.setdefault(len(prompt), []).append(number)
    for numbers in by_length.values():
        for begin in range(0, len(numbers), size):
            yield numbers[begin : begin + size]
