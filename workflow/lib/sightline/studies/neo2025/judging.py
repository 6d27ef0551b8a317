"""When an answer counts as naming the object.

Each setting has two judges. The corrected one decides every verdict. The one as published is kept
beside it because it moves the numbers: it reads "car" in "carrying", misses plurals and most
two-word names, takes any "yes" in the text, and in the VQA setting accepts an empty or one-letter
token (neo2025 section 2.4).
"""

import re
from typing import NamedTuple

from sightline.scenes.mentions import Vocabulary, mentioned_as_published

CORRECTED = "corrected"
AS_PUBLISHED = "as published"
JUDGES = (CORRECTED, AS_PUBLISHED)


class Judgement(NamedTuple):
    """What the two judges say of one answer."""

    corrected: bool
    as_published: bool


def judge_description(text: str, category: str, vocabulary: Vocabulary) -> Judgement:
    """Whether a description names the category.

    Corrected: as a whole word, plurals and synonyms included. As published: the name is a
    case-sensitive part of the text.
    """
    return Judgement(category in vocabulary.mentioned(text), mentioned_as_published(text, category))


def judge_polling(text: str) -> Judgement:
    """Whether an answer says yes.

    Corrected: the first yes or no of the answer is a yes. As published: "yes" occurs anywhere,
    inside other words too.
    """
    first = re.search(r"\b(yes|no)\b", text.lower())
    return Judgement(first is not None and first[1] == "yes", "yes" in text.lower())


def judge_token(token: int, token_text: str, expected: int, expected_text: str) -> Judgement:
    """Whether the most probable next token begins the category.

    Corrected: it is the category's first sub-token. As published: the text of that sub-token starts
    with the text of the generated one, which an empty text and any first letter satisfy.
    """
    begins = expected_text.strip().startswith(token_text.strip().lower())
    return Judgement(token == expected, begins)
