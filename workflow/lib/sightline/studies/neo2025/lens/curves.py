"""How often an object's tokens decode to its class, state by state (neo2025 section 4.1).

Per image and state, the share of a group of tokens whose best entry stands for a word:

object              the object's tokens (any overlap), its class; under every matching rule
object_half         tokens of which the object covers half or more
object_published    tokens by the authors' geometry, and the last state normed twice as in their code
outside             tokens that the object does not touch, its class
shuffled            the object's tokens, the classes of other images, each as often as it occurs
present             the object's tokens, the other classes in the same image
input               the object's tokens, its class, read by the input embeddings
input_outside       the same of tokens that the object does not touch

Beside shares, the class word's probability and the decimal logarithm of 1 + its median rank, for
object and outside, and for a class that is not in the image (absent); and the median probability of
the best entry, over all tokens.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.studies.neo2025.lens.image_set import MAIN, WIDE
from sightline.studies.neo2025.lens.read_out import ReadOut
from sightline.studies.neo2025.lens.regions import Regions
from sightline.studies.neo2025.lens.words import RULES, STRICT, Lexicon

SHARE, PROBABILITY, RANK = "share", "probability", "log10_rank"
TOP = "top_probability"
OBJECT, HALF, PUBLISHED = "object", "object_half", "object_published"
OUTSIDE, SHUFFLED, PRESENT, ABSENT = "outside", "shuffled", "present", "absent"
INPUT, INPUT_OUTSIDE = "input", "input_outside"
EVERY_TOKEN = "every_token"

STATE_COLUMNS = {
    "model": "str", "image_id": "int64", "object_id": "int64", "category": "str",
    MAIN: "bool", WIDE: "bool", "states": "int64", "state": "int64",
    "series": "str", "rule": "str", "measure": "str", "tokens": "int64", "value": "float64",
}  # fmt: skip
"""One row per image, series, rule, measure and state; ``tokens`` are averaged over."""
BEST_COLUMNS = {
    "model": "str", "image_id": "int64", "object_id": "int64", "category": "str",
    MAIN: "bool", WIDE: "bool", "states": "int64",
    "series": "str", "rule": "str", "share": "float64", "state": "float64",
}  # fmt: skip
"""One row per image, series and rule: largest share over the states, and the first state with it."""

Shares = NDArray[np.float64]
Series = tuple[str, str]


def share_curves(
    read_out: ReadOut,
    regions: Regions,
    object_id: int,
    lexicon: Lexicon,
    others: Mapping[str, float],
) -> tuple[dict[Series, tuple[Shares, int]], dict[Series, tuple[float, float]]]:
    """Shares of one image.

    Args:
        read_out: what the lens shows.
        regions: of the image.
        object_id: the object.
        lexicon: of the model.
        others: class of other images -> weight; weights add up to one.

    Returns:
        (series, rule) -> share by state (states,) and number of tokens; (series, rule) -> best
        share and its state, averaged over the classes for shuffled and present.
    """
    category = regions.categories[object_id]
    row = lexicon.row(category)
    cover, published = regions.coverage[object_id], regions.published[object_id]
    best = read_out.best
    twice = np.concatenate([best[:, :-1], read_out.normed_twice[:, None]], axis=1)
    strict = lexicon.entries[STRICT]
    curves: dict[Series, tuple[Shares, int]] = {}

    def add(series: str, rule: str, hits: NDArray[np.bool_], tokens: NDArray[np.bool_]) -> None:
        if tokens.any():
            curves[series, rule] = (hits[tokens].mean(axis=0), int(tokens.sum()))

    inside = cover > 0
    for rule in RULES:
        add(OBJECT, rule, lexicon.entries[rule][row][best], inside)
    add(HALF, STRICT, strict[row][best], cover >= 0.5)
    add(PUBLISHED, STRICT, strict[row][twice], published)
    add(OUTSIDE, STRICT, strict[row][best], ~inside)
    add(INPUT, STRICT, strict[row][read_out.input_entries], inside)
    add(INPUT_OUTSIDE, STRICT, strict[row][read_out.input_entries], ~inside)
    peaks = {key: (float(curve.max()), float(curve.argmax())) for key, (curve, _) in curves.items()}
    if not inside.any():
        return curves, peaks

    present = {name for name in regions.categories.values() if name != category}
    groups = {SHUFFLED: others, PRESENT: dict.fromkeys(sorted(present), 1 / max(1, len(present)))}
    for series, weights in groups.items():
        if not weights:
            continue
        weight = np.array(list(weights.values()))
        rows = [lexicon.row(name) for name in weights]
        each = strict[np.array(rows)[:, None, None], best[inside]].mean(axis=1)
        curves[series, STRICT] = (weight @ each, int(inside.sum()))
        peaks[series, STRICT] = (
            float(weight @ each.max(axis=1)),
            float(weight @ each.argmax(axis=1)),
        )
    return curves, peaks


def word_curves(
    read_out: ReadOut, inside: NDArray[np.bool_]
) -> Iterator[tuple[str, str, Shares, int]]:
    """Probability and rank of the class word, and of the best entry.

    Yields:
        Series, measure, value by state (states,), tokens.
    """
    top = np.median(read_out.probabilities[..., 0], axis=0)
    yield EVERY_TOKEN, TOP, top, len(inside)
    for series, word, tokens in (
        (OBJECT, 0, inside),
        (OUTSIDE, 0, ~inside),
        (ABSENT, 1, inside),
    ):
        if tokens.any():
            n = int(tokens.sum())
            yield series, PROBABILITY, read_out.word_probabilities[tokens, :, word].mean(axis=0), n
            ranks = np.median(read_out.ranks[tokens, :, word], axis=0)
            yield series, RANK, np.log10(1 + ranks), n


class Curves:
    """Collects the curves of all images with an object.

    Attributes:
        curve_rows: of STATE_COLUMNS.
        best_rows: of BEST_COLUMNS.
    """

    def __init__(self, model: str, images: pd.DataFrame, lexicon: Lexicon) -> None:
        """Take the images of the object samples from the selection."""
        self._model, self._lexicon = model, lexicon
        self._wanted = images[images[MAIN] | images[WIDE]].set_index("image_id")
        self._frequency = self._wanted["category"].value_counts()
        self.curve_rows: list[tuple] = []
        self.best_rows: list[tuple] = []

    def add(self, read_out: ReadOut, regions: Regions) -> None:
        """Measure one image; one without an object is passed over."""
        if read_out.image_id not in self._wanted.index:
            return
        row = self._wanted.loc[read_out.image_id]
        object_id, category = int(row["object_id"]), row["category"]
        others = self._frequency.drop(category)
        weights = dict(others / max(1, others.sum()))
        curves, peaks = share_curves(read_out, regions, object_id, self._lexicon, weights)
        key = (self._model, read_out.image_id, object_id, category)
        key = (*key, row[MAIN], row[WIDE], read_out.states)
        lines = [(series, rule, SHARE, *curve) for (series, rule), curve in curves.items()]
        lines += [
            (series, STRICT, measure, values, n)
            for series, measure, values, n in word_curves(read_out, regions.coverage[object_id] > 0)
        ]
        for series, rule, measure, values, n in lines:
            self.curve_rows += [
                (*key, state, series, rule, measure, n, value) for state, value in enumerate(values)
            ]
        self.best_rows += [(*key, *series, *peak) for series, peak in peaks.items()]

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """STATE_COLUMNS and BEST_COLUMNS."""
        return (
            pd.DataFrame(self.curve_rows, columns=list(STATE_COLUMNS)).astype(STATE_COLUMNS),
            pd.DataFrame(self.best_rows, columns=list(BEST_COLUMNS)).astype(BEST_COLUMNS),
        )
