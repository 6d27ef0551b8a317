"""Prompts are the published strings, and words are looked up as they stand in text."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import PreTrainedTokenizerFast

from sightline.models.prompts import Prompt, find_template, first_token
from sightline.models.registry import ModelError
from sightline.models.vlm import VLM

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("key", "question", "prefix", "expected"),
    [
        ("llava-1.5", "Describe this image.", "", "USER: <image>\nDescribe this image. ASSISTANT:"),
        ("llava-1.5", "What is it?", "It is a", "USER: <image>\nWhat is it? ASSISTANT: It is a"),
        (
            "llava-phi-3",
            "Describe this image.",
            "",
            "<|user|>\n<image>Describe this image.<|end|>\n<|assistant|>\n",
        ),
        (
            "llava-phi-3",
            "What is it?",
            "It is a",
            "<|user|>\n<image>What is it?<|end|>\n<|assistant|>\nIt is a",
        ),
    ],
)
def test_published_strings(key, question, prefix, expected):
    """neo2025 section 2.3, character by character; spaces around the prefix do not count."""
    assert find_template(key).fill(question, prefix) == expected
    assert find_template(key).fill(question, f" {prefix} ") == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "internvl",
            "<|im_start|>user\n<img><IMG_CONTEXT></img>\nWho?<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "internvl2",
            "<|im_start|>system\n你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，"  # noqa: RUF001
            "英文名叫InternVL, 是一个有用无害的人工智能助手。<|im_end|><|im_start|>user\n"
            "<img><IMG_CONTEXT></img>\nWho?<|im_end|><|im_start|>assistant\n",
        ),
        (
            "qwen2.5-vl",
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
            "<|vision_start|><|image_pad|><|vision_end|>Who?<|im_end|>\n<|im_start|>assistant\n",
        ),
    ],
)
def test_chat_templates_of_other_families(key, expected):
    """What the checkpoints' templates make of an image and a question, ready for the answer."""
    template = find_template(key)
    assert template.fill("Who?") == expected
    assert template.fill("Who?", "It is a") == f"{expected}It is a"
    assert template.stop == ("<|im_end|>",)
    assert expected.count(template.placeholder) == 1


def test_llava_v1_is_the_bare_prompt_behind_its_system_sentence():
    """kaduri2025 asks inside LLaVA's own conversation, neo2025 without its first sentence."""
    system = (
        "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, "
        "detailed, and polite answers to the human's questions. "
    )
    bare, whole = find_template("llava-1.5"), find_template("llava-v1")
    assert whole.fill("Who?") == system + bare.fill("Who?")
    assert whole.fill("Who?", image=False) == system + bare.fill("Who?", image=False)
    assert whole.follow_up("Who?") == bare.follow_up("Who?")


@pytest.mark.parametrize("name", ["paper", "quick"])
def test_kaduri2025_asks_with_system_prompts(name):
    """About 60 tokens of a prompt are text, and those of the question alone would be 15 (section 2.1)."""
    config = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())
    for model in config["studies"]["kaduri2025"]["models"]:
        template = find_template(config["models"][model]["prompt"])
        assert len(template.text.split(template.image)[0]) > 50


def test_a_system_prompt_is_text_before_the_image(tiny_llava):
    """Its positions have the role system, which kaduri2025 counts as query tokens with those behind the image."""
    source = replace(tiny_llava.source, prompt="llava-v1")
    asked = VLM(source, tiny_llava.model, tiny_llava.processor, tiny_llava.adapter)
    short, long = tiny_llava.prompt("What is it?"), asked.prompt("What is it?")
    longer = len(long.roles.system) - len(short.roles.system)
    assert longer == len(long) - len(short) > 20
    assert len(long.roles.query) == len(short.roles.query)


def test_without_an_image_the_place_closes_up():
    """Neither the placeholder, nor its line break, nor the marks around it stay."""
    assert find_template("llava-1.5").fill("Who?", image=False) == "USER: Who? ASSISTANT:"
    phi = find_template("llava-phi-3").fill("Who?", image=False)
    assert phi == "<|user|>\nWho?<|end|>\n<|assistant|>\n"
    chat = "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"
    assert find_template("internvl").fill("Who?", image=False) == chat
    assert find_template("qwen2.5-vl").fill("Who?", image=False).endswith(f"<|im_end|>\n{chat}")


def test_braces_in_a_question_stay():
    """A question is text, not a template."""
    assert "{x}" in find_template("llava-1.5").fill("What is {x}?")


def test_a_second_image_is_refused():
    """A placeholder in the question would get an image's tokens."""
    with pytest.raises(ModelError, match="already places the image"):
        find_template("llava-1.5").fill("What is <image>?")
    with pytest.raises(ModelError, match="already places the image"):
        find_template("qwen2.5-vl").fill("What is <|image_pad|>?")


def test_unknown_template_names_the_known_ones():
    """The message says what to write instead."""
    with pytest.raises(ModelError, match=r"llava-1\.5, llava-v1, llava-phi-3"):
        find_template("vicuna")


@pytest.fixture(scope="module")
def pieces():
    """A tokenizer with a start token, which spells words differently after a space."""
    words = ["<unk>", "<s>", "▁a", "▁Yes", "Yes", "▁traff", "ic", "▁light", "▁", "\n", ":", "▁x"]
    model = Unigram([(word, -1.0 - 0.01 * len(word)) for word in words], unk_id=0)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>")


def ends_with(text, gap):
    """A prompt of which only the text matters."""
    return Prompt(None, None, None, text, gap)


def test_first_token_is_the_word_as_in_text(pieces):
    """Not the start token, which the authors' code takes (B1), and the form the place asks for."""
    token = pieces.convert_tokens_to_ids
    assert pieces.encode("Yes")[0] == token("<s>")
    assert first_token(pieces, "Yes") == token("▁Yes")
    assert first_token(pieces, "Yes", ends_with("x:", " ")) == token("▁Yes")
    assert first_token(pieces, "Yes", ends_with("x:\n", "")) == token("Yes")


def test_first_token_of_two_words(pieces):
    """The first piece of the first word."""
    assert first_token(pieces, "traffic light") == pieces.convert_tokens_to_ids("▁traff")


def test_unknown_words_are_refused(tiny_llava):
    """Explaining the unknown-word token would explain nothing."""
    assert tiny_llava.first_token("Yes") == tiny_llava.tokenizer.convert_tokens_to_ids("yes")
    with pytest.raises(ModelError, match="zeppelin"):
        tiny_llava.first_token("zeppelin")


def test_the_gap_after_a_prompt(tiny_llava):
    """After a prefix comes a space, whatever the template."""
    assert tiny_llava.prompt("What is it?").gap == " "
    prompt = tiny_llava.prompt("What is it?", prefix="It is a")
    assert prompt.gap == " " and prompt.text.endswith("It is a")
    assert tiny_llava.tokenizer.decode(prompt.input_ids[-3:]) == "it is a"
