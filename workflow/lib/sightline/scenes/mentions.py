"""Does a text mention an object? A judge over a closed vocabulary, and the published one beside it.

The judge looks for whole words: names, their synonyms and the plurals of both. Plurals are made
from the vocabulary, because turning free text into singulars invents words ("bus" -> "bu"). Of
phrases that start at one word the longest wins, so a "hot dog" is no dog and a "teddy bear" no
bear, even if the vocabulary at hand has no hot dogs. Senses of one word ("orange") are not told
apart.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from sightline.errors import SightlineError


class VocabularyError(SightlineError):
    """A synonym table is malformed or ambiguous."""


@cache
def coco_synonyms() -> Mapping[str, tuple[str, ...]]:
    """Synonyms of COCO categories, where there are any: category -> synonyms, in the singular."""
    table: dict[str, tuple[str, ...]] = {}
    for row in _read_table("coco_synonyms.csv"):
        table[row["category"]] = (*table.get(row["category"], ()), row["synonym"])
    return table


class Vocabulary:
    """The names a text is searched for.

    Attributes:
        names: category names, in the order given.
    """

    def __init__(
        self, names: Iterable[str], synonyms: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        """Prepare the search.

        Args:
            names: category names.
            synonyms: category -> synonyms; by default those of COCO. Categories beyond ``names``
                are searched for too, so that their longer phrases hide the names inside them, but
                never reported. A name is never a synonym of another category.

        Raises:
            VocabularyError: two of the names share a synonym, or a name is empty or missing.
        """
        self.names = tuple(names)
        if not self.names or not all(name.strip() for name in self.names):
            raise VocabularyError(f"a vocabulary needs names that are not empty; got {self.names}")
        synonyms = coco_synonyms() if synonyms is None else synonyms
        owners: dict[str, str | None] = {}
        for category, words in synonyms.items():
            owner = category if category in self.names else None
            for phrase in (category, *words):
                for form in _forms(phrase):
                    previous = owners.get(form)
                    if owner and previous and owner != previous:
                        raise VocabularyError(
                            f"synonym '{form}' belongs to '{previous}' and to '{owner}'. Keep one."
                        )
                    owners[form] = owner or previous
        for name in self.names:
            owners |= dict.fromkeys(_forms(name), name)
        self._owners = owners
        # Alternatives are tried in order: longest first makes the longest phrase win.
        phrases = sorted(owners, key=len, reverse=True)
        pattern = "|".join(r"[\s-]+".join(map(re.escape, phrase.split())) for phrase in phrases)
        self._pattern = re.compile(rf"(?<!\w)(?:{pattern})(?!\w)")

    def mentioned(self, text: str) -> set[str]:
        """Names of the categories that a text mentions, by name, synonym or plural, in any case."""
        return {name for name, _, _ in self.spans(text)}

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """Every mention in the order of the text: category, first letter, and the letter behind the last."""
        found = (
            (self._owners[_normal(match[0])], *match.span())
            for match in self._pattern.finditer(_lower(text))
        )
        return [(owner, start, end) for owner, start, end in found if owner]


def mentioned_as_published(text: str, name: str) -> bool:
    """The judge of neo2025's code: a case-sensitive substring, also inside longer words."""
    return name in text


@cache
def _forms(phrase: str) -> tuple[str, str]:
    """A phrase and its plural, in lower case, words parted by one space."""
    singular = _normal(phrase)
    return singular, _normal(plural(singular))


def plural(noun: str) -> str:
    """The plural of a noun, irregular ones too."""
    return tabled_plurals().get(noun) or str(_engine().plural_noun(noun))


@cache
def tabled_plurals() -> Mapping[str, str]:
    """What inflect makes of the nouns of COCO and of the demo's scenes: noun -> plural, in lower case."""
    return {row["noun"]: row["plural"] for row in _read_table("plurals.csv")}


@cache
def _engine() -> Any:
    # Takes three seconds to import, so the nouns that every run looks for have their plurals in a table.
    import inflect

    return inflect.engine()


def _read_table(name: str) -> Iterator[dict[str, str]]:
    path = resources.files("sightline.scenes") / name
    return csv.DictReader(path.read_text(encoding="utf-8").splitlines())


def _lower(text: str) -> str:
    """In lower case, letter by letter: those that two would take the place of stay."""
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


def _normal(phrase: str) -> str:
    return re.sub(r"[\s-]+", " ", phrase.strip()).lower()
