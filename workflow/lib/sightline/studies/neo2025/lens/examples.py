"""Scenes to show: patches with the words they decode to, and maps of decoded classes.

The scenes are chosen by rule, not by hand: those where most is said that is true, no two with the
same object. What is shown of a scene is not filtered by truth: for each telling word that is decoded
with confidence, the patch and state that do so with the largest probability. A word is telling if it
has three letters or more, or is a number, and is the best entry of a middle-to-late state in less
than half of all images: words that every image speaks of say nothing about one of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.read_out import ReadOut, ReadOuts
from sightline.studies.neo2025.lens.regions import Regions
from sightline.studies.neo2025.lens.words import NUMBERS, STRICT, Lexicon

WORD_COLUMNS = {
    "scene": "int64", "image_id": "int64", "columns": "int64", "token": "int64",
    "states": "int64", "state": "int64", "text": "str", "probability": "float64", "kind": "str",
}  # fmt: skip
"""One row per word shown; kind is one of KINDS."""
PATCH_COLUMNS = {
    "scene": "int64", "image_id": "int64", "columns": "int64", "token": "int64",
    "states": "int64", "state": "int64", "text": "str", "probability": "float64",
    "decoded": "str", "true": "str",
}  # fmt: skip
"""One row per patch of a map; decoded and true name a category, or nothing."""
CLASS, ATTRIBUTE = "class of the object here", "attribute of the object here"
ELSEWHERE, ABSENT = "class elsewhere in the image", "class not in the image"
NUMBER, OTHER = "number", "other word"
KINDS = (CLASS, ATTRIBUTE, ELSEWHERE, ABSENT, NUMBER, OTHER)
SCENES = 4
WORDS = 6


class Said:
    """Collects, per image, the best patch and state of every word in the middle-to-late states."""

    def __init__(self, lexicon: Lexicon, protocol: LensProtocol) -> None:
        """Start with no image."""
        self._lexicon, self._protocol = lexicon, protocol
        self._best: dict[int, dict[int, tuple[float, int, int]]] = {}
        self._frequency: Counter[int] = Counter()

    def add(self, read_out: ReadOut) -> None:
        """Look through one image."""
        late = list(self._protocol.late_states(read_out.states))
        entries, chances = read_out.best[:, late], read_out.probabilities[:, late, 0]
        best = {}
        for entry in np.unique(entries):
            held = np.where(entries == entry, chances, -1)
            token, place = np.unravel_index(held.argmax(), held.shape)
            best[int(entry)] = (float(held[token, place]), int(token), late[place])
        self._best[read_out.image_id] = best
        self._frequency.update(best.keys())

    def telling(self, image: int) -> dict[int, tuple[float, int, int]]:
        """Entry -> probability, token and state, the most probable first."""
        limit = len(self._best) / 2
        kept = {
            entry: found
            for entry, found in self._best[image].items()
            if self._is_word(entry)
            and found[0] > self._protocol.confident
            and (self._frequency[entry] < limit or len(self._best) < 3)
        }
        return dict(sorted(kept.items(), key=lambda item: -item[1][0]))

    def _is_word(self, entry: int) -> bool:
        text = self._lexicon.texts[entry]
        return (len(text) >= 3 and text.isalpha()) or text.lower() in NUMBERS

    @property
    def images(self) -> list[int]:
        """Images looked through."""
        return list(self._best)


class Kinds:
    """Sorts words by what they are to a patch."""

    def __init__(
        self,
        lexicon: Lexicon,
        words: Mapping[int, Mapping[int, Sequence[str]]],
        regions: Mapping[int, Regions],
    ) -> None:
        """Know what is true of every object, by image and object id, and where it is."""
        self._lexicon, self._words, self._regions = lexicon, words, regions

    def of(self, entry: int, image: int, token: int) -> str:
        """One of KINDS."""
        owners = self._lexicon.entries[STRICT][:, entry]
        names = {self._lexicon.categories[row] for row in np.flatnonzero(owners)}
        text = self._lexicon.texts[entry].lower()
        regions = self._regions[image]
        here = [one for one, cover in regions.coverage.items() if cover[token] > 0]
        if names & {regions.categories[one] for one in here}:
            return CLASS
        if any(text in self._words[image][one] for one in here):
            return ATTRIBUTE
        if names:
            return ELSEWHERE if names & set(regions.categories.values()) else ABSENT
        return NUMBER if text in NUMBERS else OTHER


def choose_scenes(said: Said, kinds: Kinds, main: Mapping[int, str], scenes: int) -> list[int]:
    """Images where most is said that is true, each with another object.

    Args:
        said: of all images.
        kinds: sorts words.
        main: image -> category of its object; only these are considered.
        scenes: how many are wanted.
    """
    scores = {
        image: sum(
            chance
            for entry, (chance, token, _) in said.telling(image).items()
            if kinds.of(entry, image, token) in (CLASS, ATTRIBUTE)
        )
        for image in said.images
        if image in main
    }
    chosen: list[int] = []
    for image in sorted(scores, key=lambda one: (-scores[one], one)):
        if len(chosen) < scenes and main[image] not in {main[one] for one in chosen}:
            chosen.append(image)
    return chosen


def word_table(
    chosen: list[int], said: Said, kinds: Kinds, reader: ReadOuts, lexicon: Lexicon
) -> pd.DataFrame:
    """WORD_COLUMNS of the chosen scenes: up to WORDS words each, on as many patches."""
    rows = []
    for scene, image in enumerate(chosen):
        taken: set[int] = set()
        for entry, (chance, token, state) in said.telling(image).items():
            # Two labels on one patch would hide each other.
            if token in taken or len(taken) == WORDS:
                continue
            taken.add(token)
            rows.append(
                (
                    scene, image, round(reader.tokens[image] ** 0.5), token, reader.states, state,
                    lexicon.texts[entry], chance, kinds.of(entry, image, token),
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(WORD_COLUMNS)).astype(WORD_COLUMNS)


def patch_table(
    chosen: list[int],
    reader: ReadOuts,
    regions: Mapping[int, Regions],
    lexicon: Lexicon,
    protocol: LensProtocol,
) -> pd.DataFrame:
    """PATCH_COLUMNS of the chosen scenes, at the state of the maps."""
    state = protocol.map_state(reader.states)
    rows = []
    for scene, image in enumerate(chosen):
        read_out, found = reader.read(image), regions[image]
        truth = _majority(found)
        for token, entry in enumerate(read_out.best[:, state]):
            owners = np.flatnonzero(lexicon.entries[STRICT][:, entry])
            decoded = [lexicon.categories[row] for row in owners]
            # A sub-token may begin two names: the one that is there is meant.
            present = [name for name in decoded if name in found.categories.values()]
            rows.append(
                (
                    scene, image, round(reader.tokens[image] ** 0.5), token, reader.states, state,
                    lexicon.texts[entry], read_out.probabilities[token, state, 0],
                    next(iter(present or decoded), ""), truth[token],
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(PATCH_COLUMNS)).astype(PATCH_COLUMNS)


def _majority(regions: Regions) -> NDArray[np.object_]:
    """Category that covers most of each token, if that is a quarter or more."""
    covers = np.array(list(regions.coverage.values()))
    names = np.array(list(regions.categories.values()), object)
    best = names[covers.argmax(axis=0)]
    return np.where(covers.max(axis=0) >= 0.25, best, "")
