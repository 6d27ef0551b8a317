"""Do the captions of an image name a category? By a judge of whole phrases, and by the published rule."""

import re
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np

from sightline.scenes.mentions import Vocabulary, plural


class CaptionJudge:
    """Looks for categories in captions.

    Args:
        names: of all categories of the data set, so that longer names hide the shorter inside them.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._vocabulary = Vocabulary(names)

    def named(self, captions: Sequence[str]) -> set[str]:
        """Categories that at least one caption names, by name, synonym or plural."""
        return set().union(*map(self._vocabulary.mentioned, captions)) if captions else set()


def one_caption(captions: Sequence[str], seed: Sequence[int]) -> Sequence[str]:
    """One caption, drawn by the seed; none where there is none."""
    if not captions:
        return []
    drawn = int(np.random.default_rng(seed).integers(len(captions)))
    return captions[drawn : drawn + 1]


def named_as_published(captions: Sequence[str], name: str) -> bool:
    """The rule of khajuria2025's code: the name is one of the blank-separated words, both made singular.

    So a name of two words is never found, nor a word with a comma or full stop behind it: the set "not in
    caption" holds every fire hydrant (dossier, defect 6).
    """
    words = set(re.split(r"\s+", " ".join(captions).lower()))
    return bool(words & _forms(name.lower()))


@cache
def _forms(name: str) -> frozenset[str]:
    return frozenset({name, plural(name)})
