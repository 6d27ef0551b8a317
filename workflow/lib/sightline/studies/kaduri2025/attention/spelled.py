"""Which generated tokens spell a name: from letters of the text back to tokens."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sightline.scenes.mentions import Vocabulary


class Mention(NamedTuple):
    """A name where a text first says it.

    Attributes:
        name: category.
        tokens: numbers of the generated tokens that spell it, ascending, at least one.
    """

    name: str
    tokens: tuple[int, ...]


def token_ends(decode: Callable[[Sequence[int]], str], tokens: Sequence[int]) -> list[int]:
    """Letters of the whole text that are out once each token is, ascending.

    Decoding prefixes serves every tokenizer: what a token adds may depend on its neighbours (spaces, letters of
    several bytes), so the part of the text counts that a prefix has in common with the whole.
    """
    text = decode(tokens)
    ends, out = [], 0
    for count in range(1, len(tokens) + 1):
        prefix = decode(tokens[:count])
        while out < min(len(prefix), len(text)) and prefix[out] == text[out]:
            out += 1
        ends.append(out)
    return ends


def first_mentions(
    decode: Callable[[Sequence[int]], str], tokens: Sequence[int], vocabulary: Vocabulary
) -> list[Mention]:
    """Every category that a generated text names, once, in the order of the text.

    Args:
        decode: tokens to text.
        tokens: generated.
        vocabulary: names to look for.
    """
    ends = token_ends(decode, tokens)
    starts = [0, *ends[:-1]]
    found: dict[str, Mention] = {}
    for name, first, last in vocabulary.spans(decode(tokens)):
        spelling = tuple(
            number
            for number, (start, end) in enumerate(zip(starts, ends, strict=True))
            if start < last and end > first
        )
        if spelling:
            found.setdefault(name, Mention(name, spelling))
    return list(found.values())
