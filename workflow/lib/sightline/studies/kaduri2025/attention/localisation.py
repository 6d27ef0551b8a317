"""How often the attention peak of an object's tokens falls on the object (kaduri2025 section 3.3, Figure 7).

Two readings of a bin of layers, because the published text does not say which: the mean of the accuracies of its
layers, and the accuracy of the map averaged over them. Objects are those that a model names, and among them those
that it no longer names once generated tokens cannot see the image, as published. The rate to be expected by chance is
the share of the picture on which a peak would count; a second control is the same peak held against the other objects
of the image.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.studies.kaduri2025.attention.contrast import Contrast
from sightline.studies.kaduri2025.attention.layer_bins import layer_bins, mostly_in
from sightline.studies.kaduri2025.attention.measurements import BIN, LAYER, PRODUCING, READINGS
from sightline.studies.kaduri2025.attention.resampling import (
    Weights,
    estimate,
    interval_of,
    resamples,
)
from sightline.studies.kaduri2025.windows import MIDDLE, Window, third

COLUMNS = (
    "model", "model_layers", "objects", "reading", "measure", "first_layer", "last_layer", "middle", "n",
    "accuracy", "ci_low", "ci_high", "inside", "chance", "other", "other_low", "other_high",
)  # fmt: skip
LOST, NAMED = SETS = ("lost without the image", "all that are named")
PER_LAYER, AVERAGED = MEASURES = ("mean of layers", "averaged map")
SINGLE = "single layers"


class Cells(NamedTuple):
    """Sums over the objects of every image.

    Attributes:
        bins: groups of layers.
        objects: objects, (images,).
        hits: peaks on the object, (images, bins); of several layers the mean.
        inside: the same without tolerance.
        chance: sum of the objects' chances, (images,).
        paired: objects that have others beside them, (images,).
        paired_hits: hits of these, (images, bins).
        other: their peaks on the other objects, (images, bins).
    """

    bins: tuple[Window, ...]
    objects: NDArray[np.float64]
    hits: NDArray[np.float64]
    inside: NDArray[np.float64]
    chance: NDArray[np.float64]
    paired: NDArray[np.float64]
    paired_hits: NDArray[np.float64]
    other: NDArray[np.float64]

    def rate(self, values: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
        """Sums per object under image weights."""
        objects = (
            self.paired if values is self.other or values is self.paired_hits else self.objects
        )
        below = weights @ objects
        with np.errstate(invalid="ignore", divide="ignore"):
            return weights @ values / (below if values.ndim == 1 else below[:, None])


def cells(
    peaks: pd.DataFrame, objects: pd.DataFrame, bins: tuple[Window, ...], measure: str
) -> Cells:
    """Sums of one model, one set of objects and one reading, image by image.

    Args:
        peaks: PEAKS of one reading.
        objects: OBJECTS with peaks.
        bins: groups of layers.
        measure: of MEASURES.
    """
    rows = peaks[peaks["scope"] == (LAYER if measure == PER_LAYER else BIN)]
    numbers = np.array([one.first for one in bins])
    place = np.searchsorted(numbers, rows["first_layer"], side="right") - 1
    keys = ["image_id", "object"]
    rows = rows.assign(
        bin=place, hit=rows["hit"].astype(float), inside=rows["inside"].astype(float)
    )
    means = rows.groupby([*keys, "bin"])[["hit", "inside", "other"]].mean().unstack("bin")
    known = objects.set_index(keys).reindex(means.index)
    images = means.index.get_level_values("image_id")
    _, number = np.unique(images, return_inverse=True)

    def per_image(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.zeros((number.max() + 1 if len(number) else 0, *values.shape[1:]))
        np.add.at(total, number, values)
        return total

    hits, other = means["hit"].to_numpy(float), means["other"].to_numpy(float)
    beside = known["others"].to_numpy() > 0
    return Cells(
        bins,
        per_image(np.ones(len(means))),
        per_image(hits),
        per_image(means["inside"].to_numpy(float)),
        per_image(known["chance"].to_numpy(float)),
        per_image(beside.astype(float)),
        per_image(np.where(beside[:, None], hits, 0)),
        per_image(np.where(beside[:, None], np.nan_to_num(other), 0)),
    )


def sets_of(
    peaks: pd.DataFrame, objects: pd.DataFrame, lost: set[tuple[int, str]]
) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Peaks and objects of one model by set.

    Args:
        peaks: PEAKS.
        objects: OBJECTS.
        lost: image and name of the objects that are no longer named.
    """
    located = objects[objects["reason"] == ""]
    for name in SETS:

        def chosen(frame: pd.DataFrame, name: str = name) -> pd.DataFrame:
            if name == NAMED:
                return frame
            pairs = zip(frame["image_id"], frame["object"], strict=True)
            return frame[np.fromiter((one in lost for one in pairs), bool, len(frame))]

        yield name, chosen(peaks), chosen(located)


def rows_of(
    peaks: pd.DataFrame,
    objects: pd.DataFrame,
    lost: set[tuple[int, str]],
    depth: int,
    middle: Window,
    seed: int,
    draws: int,
) -> Iterator[tuple]:
    """COLUMNS from ``objects`` on, for one model."""
    for name, some, located in sets_of(peaks, objects, lost):
        for reading in READINGS:
            part = some[some["reading"] == reading]
            single = tuple(Window(layer, layer) for layer in range(depth))
            for measure, bins in (
                (SINGLE, single), (PER_LAYER, layer_bins(depth)), (AVERAGED, layer_bins(depth)),
            ):  # fmt: skip
                kind = PER_LAYER if bins is single else measure
                found = cells(part, located, bins, kind)
                for values in _cell_rows(found, seed, draws):
                    window = Window(*values[:2])
                    inner = mostly_in(window, middle)
                    yield name, reading, measure, *values[:2], inner, *values[2:]


def _cell_rows(found: Cells, seed: int, draws: int) -> Iterator[tuple]:
    images = len(found.objects)
    if not images:
        return
    once, many = np.ones((1, images)), resamples(images, seed, draws)
    accuracy, drawn = found.rate(found.hits, once)[0], found.rate(found.hits, many)
    other, others = found.rate(found.other, once)[0], found.rate(found.other, many)
    inside, chance = found.rate(found.inside, once)[0], found.rate(found.chance, once)[0]
    for place, one in enumerate(found.bins):
        yield (
            one.first, one.last, int(found.objects.sum()),
            accuracy[place], *interval_of(drawn[:, place]), inside[place], chance,
            other[place], *interval_of(others[:, place]),
        )  # fmt: skip


def contrasts(
    peaks: pd.DataFrame,
    objects: pd.DataFrame,
    lost: set[tuple[int, str]],
    depth: int,
    middle: Window,
    seed: int,
    draws: int,
) -> Iterator[Contrast]:
    """Numbers of one model that C8 rests on, for both sets and both readings of a bin."""
    for name, some, located in sets_of(peaks, objects, lost):
        part = some[some["reading"] == PRODUCING]
        for measure in MEASURES:
            found = cells(part, located, layer_bins(depth), measure)
            yield from _against_controls(found, f"{name}, {measure}", depth, middle, seed, draws)


def _against_controls(
    found: Cells, variant: str, depth: int, middle: Window, seed: int, draws: int
) -> Iterator[Contrast]:
    images, n = len(found.objects), int(found.objects.sum())
    inner = np.array([mostly_in(one, middle) for one in found.bins])
    if not images or not inner.any() or inner.all():
        return

    def best(weights: Weights) -> NDArray[np.float64]:
        """Accuracy of the best middle bin; a resample may have another one."""
        return found.rate(found.hits, weights)[:, inner].max(axis=1)

    def outer(weights: Weights) -> NDArray[np.float64]:
        return found.rate(found.hits, weights)[:, ~inner].mean(axis=1)

    def over(above, below):
        def ratio(weights: Weights) -> NDArray[np.float64]:
            with np.errstate(invalid="ignore", divide="ignore"):
                return above(weights) / below(weights)

        return ratio

    def against_others(weights: Weights) -> NDArray[np.float64]:
        own = found.rate(found.paired_hits, weights)[:, inner]
        place = own.argmax(axis=1)
        rows = np.arange(len(own))
        with np.errstate(invalid="ignore", divide="ignore"):
            return own[rows, place] / found.rate(found.other, weights)[:, inner][rows, place]

    def lead(weights: Weights) -> NDArray[np.float64]:
        """Points between the best middle bin and the best other one."""
        rates = 100 * found.rate(found.hits, weights)
        return rates[:, inner].max(axis=1) - rates[:, ~inner].max(axis=1)

    def accuracy_of(place: int):
        return lambda weights: found.rate(found.hits, weights)[:, place]

    def lead_of(place: int):
        """Points between one bin and the best one outside the middle."""

        def points(weights: Weights) -> NDArray[np.float64]:
            rates = 100 * found.rate(found.hits, weights)
            return rates[:, place] - rates[:, ~inner].max(axis=1)

        return points

    rates = found.rate(found.hits, np.ones((1, images)))[0]
    top = found.bins[int(rates.argmax())]
    place = found.bins[int(np.flatnonzero(inner)[rates[inner].argmax()])]
    numbers = {
        "best_middle": best,
        "over_other_bins": over(best, outer),
        "over_chance": over(best, lambda weights: found.rate(found.chance, weights)),
        "over_other_objects": against_others,
        "lead": lead,
    }
    for what, statistic in numbers.items():
        value, interval = estimate(statistic, images, seed, draws)
        yield Contrast(variant, what, n, value, interval, _named(place))
    # Single bins of the middle, for models whose values are known.
    for one in map(int, np.flatnonzero(inner)):
        for what, statistic in (("accuracy", accuracy_of(one)), ("lead", lead_of(one))):
            value, interval = estimate(statistic, images, seed, draws)
            yield Contrast(variant, f"{what}_{found.bins[one]}", n, value, interval)
    inside = third(top, depth) == MIDDLE
    note = f"{_named(top)} of {depth}, in the {third(top, depth)} third"
    yield Contrast(variant, "best_bin_in_middle_third", n, float(inside), note=note)


def _named(one: Window) -> str:
    return f"layers {one}" if one.width > 1 else f"layer {one.first}"
