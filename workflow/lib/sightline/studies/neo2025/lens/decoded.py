"""What else the decoded words say: attributes, numbers, places.

Attributes: among the object's tokens decoded with confidence, how many name something true of the
object other than its class (C8). True words are the annotated attributes; where the data have none,
the content words of the image's captions.

Numbers: background tokens whose best entry is a number word in a middle-to-late state (C9).

Maps: the tokens that decode to a class, as a mask of that class (C10).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.scenes.scene import Scene
from sightline.studies.neo2025.lens.image_set import MAIN, SCENE, WIDE
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.read_out import ReadOut
from sightline.studies.neo2025.lens.regions import Regions, intersection_over_union
from sightline.studies.neo2025.lens.words import STRICT, Lexicon, content_words

ATTRIBUTE_COLUMNS = {
    "model": "str", "image_id": "int64", "object_id": "int64", "category": "str",
    MAIN: "bool", WIDE: "bool", "states": "int64", "state": "int64",
    "words_from": "str", "words": "str", "tokens": "int64", "confident": "int64",
    "attribute": "float64", "shuffled": "float64", "class": "float64",
}  # fmt: skip
"""One row per image and state: shares of the confident tokens; NaN where there is none."""
NUMBER_COLUMNS = {
    "model": "str", "image_id": "int64", "token": "int64", "states": "int64", "state": "int64",
    "late": "bool", "background": "bool",
    "text": "str", "value": "int64", "probability": "float64",
}  # fmt: skip
"""One row per image token and state that decodes to a number."""
COUNT_COLUMNS = {"model": "str", "image_id": "int64", "of": "str", "count": "int64"}
"""How many objects an image has, in all (of is empty) and of each category."""
MAP_COLUMNS = {
    "model": "str", "image_id": "int64", "category": "str", "states": "int64", "state": "int64",
    "variant": "str", "patches": "int64", "iou": "float64", "shuffled": "float64",
    "ceiling": "float64",
}  # fmt: skip
"""One row per image, category in it, state and variant (every token, or confident ones)."""
EVERY, CONFIDENT = "every token", "confident tokens"
ATTRIBUTES, CAPTIONS = "attributes", "captions"


TrueWords = Mapping[int, Sequence[str]]


def true_words(scene: Scene, categories: Sequence[str]) -> tuple[str, dict[int, list[str]]]:
    """Where words that are true of the objects come from, and these words by object id."""
    attributes = {
        instance.id: sorted(
            value.lower() for value in instance.attributes.values() if isinstance(value, str)
        )
        for instance in scene.instances
    }
    if any(attributes.values()):
        return ATTRIBUTES, attributes
    parts = [part for name in categories for part in name.split()]
    return CAPTIONS, dict.fromkeys(attributes, content_words(scene.captions, parts))


class Attributes:
    """Collects what confidently decoded object tokens name."""

    def __init__(
        self,
        model: str,
        images: pd.DataFrame,
        words: Mapping[int, tuple[str, TrueWords]],
        lexicon: Lexicon,
        protocol: LensProtocol,
    ) -> None:
        """Look the true words of all images up in the vocabulary.

        Args:
            model: key of the model.
            images: the selection.
            words: image -> where its words come from, and the words by object id.
            lexicon: of the model.
            protocol: of the run.
        """
        wanted = images[images[MAIN] | images[WIDE]].set_index("image_id")
        self._model, self._lexicon, self._protocol = model, lexicon, protocol
        self._wanted = wanted
        self._words = {
            image: (words[image][0], words[image][1][int(one)])
            for image, one in wanted["object_id"].items()
        }
        self._place = {image: number for number, image in enumerate(wanted.index)}
        self._true = np.array([lexicon.are_words(true) for _, true in self._words.values()])
        self.rows: list[tuple] = []

    def add(self, read_out: ReadOut, regions: Regions) -> None:
        """Measure one image; one without an object is passed over."""
        image = read_out.image_id
        if image not in self._place:
            return
        row = self._wanted.loc[image]
        own = self._place[image]
        inside = regions.coverage[int(row["object_id"])] > 0
        classes = self._lexicon.entries[STRICT][self._lexicon.row(row["category"])]
        for state in range(read_out.states):
            sure = inside & (read_out.probabilities[:, state, 0] > self._protocol.confident)
            entries = read_out.best[sure, state]
            named = self._true[:, entries] & ~classes[entries]
            shares = (np.nan, np.nan, np.nan)
            if len(entries):
                each = named.mean(axis=1)
                others = np.delete(each, own)
                shares = (each[own], others.mean() if len(others) else 0.0)
                shares = (*shares, classes[entries].mean())
            self.rows.append(
                (
                    self._model, image, row["object_id"], row["category"], row[MAIN], row[WIDE],
                    read_out.states, state, self._words[image][0],
                    " ".join(self._words[image][1]), int(inside.sum()), len(entries), *shares,
                )
            )  # fmt: skip

    def table(self) -> pd.DataFrame:
        """ATTRIBUTE_COLUMNS."""
        return pd.DataFrame(self.rows, columns=list(ATTRIBUTE_COLUMNS)).astype(ATTRIBUTE_COLUMNS)


def number_rows(
    read_out: ReadOut, regions: Regions, lexicon: Lexicon, protocol: LensProtocol, model: str
) -> list[tuple]:
    """Rows of NUMBER_COLUMNS of one image."""
    values = lexicon.numbers(read_out.best)
    late = protocol.late_states(read_out.states)
    background = ~regions.covered
    return [
        (
            model, read_out.image_id, token, read_out.states, state, state in late,
            background[token], lexicon.texts[read_out.best[token, state]], values[token, state],
            read_out.probabilities[token, state, 0],
        )
        for token, state in zip(*np.nonzero(values), strict=True)
    ]  # fmt: skip


def count_rows(scene: Scene, model: str) -> list[tuple]:
    """Rows of COUNT_COLUMNS of one image; crowd regions count nothing."""
    names = [instance.category for instance in scene.instances if not instance.crowd]
    own = [(model, scene.id, name, names.count(name)) for name in dict.fromkeys(names)]
    return [(model, scene.id, "", len(names)), *own]


class Maps:
    """Collects how well tokens that decode to a class outline it."""

    def __init__(
        self, model: str, images: pd.DataFrame, categories: pd.Series, protocol: LensProtocol,
        lexicon: Lexicon,
    ) -> None:  # fmt: skip
        """Take the scene sample from the selection.

        Args:
            model: key of the model.
            images: the selection.
            categories: of all objects in the sample, for labels drawn by frequency.
            protocol: of the run.
            lexicon: of the model.
        """
        self._wanted = set(images.loc[images[SCENE], "image_id"])
        self._model, self._lexicon, self._protocol = model, lexicon, protocol
        counts = categories.value_counts()
        self._weights = np.array([counts.get(name, 0) for name in lexicon.categories], float)
        self.rows: list[tuple] = []

    def add(self, read_out: ReadOut, regions: Regions) -> None:
        """Measure one image; one outside the sample is passed over."""
        if read_out.image_id not in self._wanted:
            return
        used = self._weights > 0
        decoded = self._lexicon.entries[STRICT][used][:, read_out.best]
        names = [name for name, one in zip(self._lexicon.categories, used, strict=True) if one]
        sure = read_out.probabilities[..., 0] > self._protocol.confident
        for category in dict.fromkeys(regions.categories.values()):
            cover, pixels = regions.of_category(category)
            if not (cover > 0).any():
                continue
            own = names.index(category)
            weights = np.delete(self._weights[used], own)
            ceiling = intersection_over_union(cover >= 0.5, cover, pixels, regions.patch)
            for variant, maps in ((EVERY, decoded), (CONFIDENT, decoded & sure)):
                scores = _scores(maps, cover, pixels, regions.patch)
                shuffled = np.delete(scores, own, axis=0)
                drawn = weights @ shuffled / max(1, weights.sum())
                self.rows += [
                    (
                        self._model, read_out.image_id, category, read_out.states, state, variant,
                        int(maps[own, :, state].sum()), scores[own, state], drawn[state], ceiling,
                    )
                    for state in range(read_out.states)
                ]  # fmt: skip

    def table(self) -> pd.DataFrame:
        """MAP_COLUMNS."""
        return pd.DataFrame(self.rows, columns=list(MAP_COLUMNS)).astype(MAP_COLUMNS)


def _scores(
    maps: NDArray[np.bool_], cover: NDArray[np.float64], pixels: int, patch: int
) -> NDArray[np.float64]:
    """IoU of (labels, tokens, states) maps with one mask, (labels, states)."""
    common = np.einsum("lts,t->ls", maps, cover) * patch**2
    either = maps.sum(axis=1) * patch**2 + pixels - common
    return np.divide(common, either, out=np.zeros_like(common), where=either > 0)
