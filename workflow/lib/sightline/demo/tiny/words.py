"""A tokenizer with one token per word."""

from collections.abc import Iterable

from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from sightline.demo.language import texts
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.world import COLORS
from sightline.scenes.mentions import coco_synonyms

_BASE = ("<pad>", "<s>", "</s>", "<unk>")
FEW = tuple(
    """user assistant : ? . , ' is there a an in this image describe it what which object on of
left right above below the yes no cat dog car bus tree ball cup fish star mug traffic light red blue
green yellow big small street park and with at near one two three system you are helpful""".split()
)
"""Enough to ask and to answer."""
COCO = tuple(
    """person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag,
tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard,
tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot,
hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard,
cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear, hair drier,
toothbrush""".replace("\n", " ").split(", ")
)
"""The categories of COCO, so that its own images can be put to these models."""
LOUDER = 3.0
"""How much longer the vectors of such answers are than those of other words."""


def all_words() -> tuple[str, ...]:
    """Those, every word of the embedded world and of COCO's categories, first come first."""
    words = dict.fromkeys(FEW)
    split = pre_tokenizers.Whitespace().pre_tokenize_str
    for text in (*texts(), *COCO, *coco_synonyms(), "describe image ? :"):
        words |= dict.fromkeys(word for word, _ in split(text.lower()))
    return tuple(words)


def answers() -> tuple[str, ...]:
    """Words that questions of the studies have for answers: things, colours, yes and no."""
    return (
        *dict.fromkeys(word for name in (*CATEGORIES, *COLORS) for word in name.split()),
        "yes",
        "no",
    )


def prefer_answers(unembedding: Tensor, tokenizer: PreTrainedTokenizerFast) -> None:
    """Make a random model say such words more often than others: now and then one of them is right.

    Args:
        unembedding: (words, width), changed in place.
        tokenizer: whose numbers its rows are.
    """
    rows = tokenizer.convert_tokens_to_ids(list(answers()))
    unembedding[[row for row in rows if row != tokenizer.unk_token_id]] *= LOUDER


def build_tokenizer(
    special: tuple[str, ...], words: Iterable[str] = FEW, **named: str
) -> PreTrainedTokenizerFast:
    """One token per word, case ignored; a start token goes before every text, as in Llama's.

    Args:
        special: tokens of the family, that of the image first.
        words: everything else it knows.
        named: those among the special ones that the tokenizer has names for.
    """
    known = dict.fromkeys((*_BASE, *special, *words))
    vocabulary = {word: number for number, word in enumerate(known)}
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
