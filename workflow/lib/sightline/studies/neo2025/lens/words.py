"""When a decoded vocabulary entry counts as a word: the class, a number, an attribute.

The paper does not say how a token is matched with a class. The main rule is the strictest reading
that still lets any class match, and the other readings are run beside it:

strict     the first sub-token of the name as it is written, in running text or at a line's start
any_case   the same, capitalised spellings too
whole      only names that are one single token
prefix     three letters or more with which the name begins
synonym    strict, and whole words that are a plural or synonym of the name
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.errors import SightlineError
from sightline.scenes.mentions import Vocabulary

STRICT = "strict"
RULES = (STRICT, "any_case", "whole", "prefix", "synonym")
BY_TOKENIZER = RULES[:3]
SHORTEST_PREFIX = 3
_SPELLED = """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty"""
NUMBERS = {word: value for value, word in enumerate(_SPELLED.split(), 2)} | {
    str(value): value for value in range(2, 21)
}
"""Words and figures from two on: "one" is as often a pronoun, and a count of one says nothing."""


class WordsError(SightlineError):
    """The stored vocabulary lacks a word."""


@dataclass(frozen=True, eq=False)
class Lexicon:
    """What the vocabulary entries of a model mean.

    Attributes:
        texts: entry -> its text without outer spaces, (vocabulary,).
        categories: names, in the order of the axis below.
        entries: rule -> whether an entry stands for a category, (categories, vocabulary) bool.
    """

    texts: NDArray[np.object_]
    categories: tuple[str, ...]
    entries: Mapping[str, NDArray[np.bool_]]

    @classmethod
    def build(
        cls, texts: Sequence[str], spellings: Mapping[str, Mapping[str, Sequence[int]]]
    ) -> "Lexicon":
        """Work the rules out.

        Args:
            texts: of all vocabulary entries.
            spellings: category -> rule of BY_TOKENIZER -> entries.
        """
        categories = tuple(spellings)
        entries = {rule: np.zeros((len(categories), len(texts)), bool) for rule in RULES}
        for row, name in enumerate(categories):
            for rule in BY_TOKENIZER:
                entries[rule][row, list(spellings[name][rule])] = True
        vocabulary = Vocabulary(categories)
        rows = {name: row for row, name in enumerate(categories)}
        entries["synonym"] |= entries[STRICT]
        for number, text in enumerate(texts):
            lowered = text.lower()
            if len(lowered) >= SHORTEST_PREFIX and lowered.isalpha():
                for name, row in rows.items():
                    entries["prefix"][row, number] = name.lower().startswith(lowered)
                for name in vocabulary.mentioned(lowered):
                    entries["synonym"][rows[name], number] = True
        return cls(np.array(texts, object), categories, entries)

    @classmethod
    def read(cls, path: Path | str) -> "Lexicon":
        """Read what `write_lexicon` wrote."""
        stored = json.loads(Path(path).read_text())
        return cls.build(stored["texts"], stored["spellings"])

    def row(self, category: str) -> int:
        """Place of a category among the categories.

        Raises:
            WordsError: no entry of the vocabulary begins it.
        """
        try:
            return self.categories.index(category)
        except ValueError:
            raise WordsError(
                f"{category!r} is not among the stored class words; read the images again "
                "(snakemake --forcerun read_lens)."
            ) from None

    def numbers(self, entries: NDArray[np.integer]) -> NDArray[np.int64]:
        """The number each entry is a word for, 0 where it is none; same shape."""
        return self._values[entries]

    def are_words(self, words: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each vocabulary entry is one of these words, in any case, (vocabulary,)."""
        chosen = np.zeros(len(self.texts), bool)
        for word in words:
            chosen[self._places.get(word.lower(), [])] = True
        return chosen

    @cached_property
    def _values(self) -> NDArray[np.int64]:
        """Number of each entry, 0 where it is none, (vocabulary,)."""
        return np.array([NUMBERS.get(text.lower(), 0) for text in self.texts], np.int64)

    @cached_property
    def _places(self) -> Mapping[str, list[int]]:
        """Text in small letters -> entries."""
        places: dict[str, list[int]] = {}
        for entry, text in enumerate(self.texts):
            places.setdefault(text.lower(), []).append(entry)
        return places


def strictly(word: str, entries: Sequence[int], texts: Sequence[str]) -> list[int]:
    """Those first sub-tokens that spell the beginning of a word as it is written."""
    return [one for one in entries if texts[one] and word.startswith(texts[one])]


def content_words(captions: Sequence[str], without: Sequence[str]) -> list[str]:
    """Words of captions that say something, sorted, but for those given."""
    found = {word for text in captions for word in re.findall(r"[a-z]{3,}", text.lower())}
    return sorted(found - _FUNCTION_WORDS - {word.lower() for word in without})


_FUNCTION_WORDS = set(
    """about above across after against along also among and another any are around away back
    because been before behind being below beside between both but can close does down each few for
    from front get has have her here his holding image into its just large like look looking looks
    many more most near next not off one onto other out outside over parked people per photo picture
    several she showing side sits sitting small some stand standing standing such than that the
    their them then there these they this those three through top towards two under very was while
    who with you""".split()
)
