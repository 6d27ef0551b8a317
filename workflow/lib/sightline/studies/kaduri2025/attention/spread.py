"""Whether image attention sits on a few fixed spots or spreads over the picture (kaduri2025 Figure 4).

Per layer, of attention to image tokens averaged over a description: its entropy as a share of that of equal
attention, and the part that its largest 1 % of tokens hold. Between groups of layers (before, in and after the
middle), the share of these largest tokens that two groups have in common. Where a picture is cut into tiles these are
the tokens of all tiles and of the thumbnail, while Figure 4's maps show the thumbnail; the dossier's choice is a single
tile (U2), which takes a model entry without ``tiles``.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.intervals import bootstrap_mean, wilson
from sightline.studies.kaduri2025.attention.contrast import Contrast
from sightline.studies.kaduri2025.attention.layer_bins import EARLY, LATE, MIDDLE, groups
from sightline.studies.kaduri2025.attention.measurements import MEAN_MAP
from sightline.studies.kaduri2025.attention.resampling import Weights, estimate
from sightline.studies.kaduri2025.windows import Window

LAYER_COLUMNS = (
    "model", "model_layers", "group", "layer", "measure", "n", "mean", "ci_low", "ci_high",
)  # fmt: skip
OVERLAP_COLUMNS = ("model", "model_layers", "pair", "n", "mean", "ci_low", "ci_high", "chance")
TAIL_COLUMNS = ("model", "model_layers", "group", "share", "n", "mean", "ci_low", "ci_high")
ENTROPY, TOP = "entropy", "top 1 %"
TOP_SHARE = 0.01

Maps = NDArray[np.float64]


class Spread:
    """Maps of one model.

    Attributes:
        images: ids, (n,).
        maps: attention to image tokens, every map adding up to one, (n, layers, tokens).
        groups: layers before, in and after the middle.
    """

    def __init__(self, maps: pd.DataFrame, middle: Window) -> None:
        """Take the maps of one model, MAP_TABLE.

        Images with different numbers of tokens are cut or filled to the same number with tokens without attention.
        """
        rows = maps[maps["map"] == MEAN_MAP].sort_values(["image_id", "layer"])
        self.images = rows["image_id"].unique()
        depth = rows["layer"].nunique()
        self.groups = {name: list(one) for name, one in groups(depth, middle).items() if one}
        sizes = rows["values"].map(len).to_numpy()
        stacked = np.zeros((len(rows), sizes.max()))
        for place, values in enumerate(rows["values"]):
            stacked[place, : len(values)] = values
        self.attention = stacked.reshape(len(self.images), depth, -1)
        self.tokens = sizes.reshape(len(self.images), depth)[:, 0]
        self.maps = self.attention / np.maximum(self.attention.sum(-1, keepdims=True), 1e-12)

    def entropy(self) -> NDArray[np.float64]:
        """Entropy as a share of that of equal attention, (n, layers)."""
        logs = np.log(np.where(self.maps > 0, self.maps, 1))
        return -(self.maps * logs).sum(-1) / np.log(self.tokens)[:, None]

    def top(self) -> NDArray[np.float64]:
        """Part of the attention that the largest tokens hold, (n, layers)."""
        ordered = -np.sort(-self.maps, axis=-1)
        return np.stack(
            [one[:, :count].sum(-1) for one, count in zip(ordered, self._counts(), strict=True)]
        )

    def overlaps(self) -> dict[tuple[str, str], NDArray[np.float64]]:
        """Share of the largest tokens that two groups' maps have in common, (n,) for each pair."""
        means = {
            name: self.attention[:, layers].mean(axis=1) for name, layers in self.groups.items()
        }
        order = {name: np.argsort(-one, axis=-1, kind="stable") for name, one in means.items()}
        return {
            (a, b): np.array(
                [
                    len(set(one[:count]) & set(other[:count])) / count
                    for one, other, count in zip(order[a], order[b], self._counts(), strict=True)
                ]
            )
            for a, b in combinations(self.groups, 2)
        }

    def held(self, share: float) -> dict[str, NDArray[np.float64]]:
        """Part of the attention that the largest tokens hold, layer by layer, mean of each group, (n,)."""
        ordered = -np.sort(-self.maps, axis=-1)
        counts = np.maximum(1, (share * self.tokens / 100 + 1e-9).astype(int))
        sums = np.stack(
            [one[:, :count].sum(-1) for one, count in zip(ordered, counts, strict=True)]
        )
        return {name: sums[:, layers].mean(axis=1) for name, layers in self.groups.items()}

    def chance(self) -> float:
        """Overlap of random sets of the same size."""
        return float(np.mean(self._counts() / self.tokens))

    def _counts(self) -> NDArray[np.int64]:
        return np.maximum(1, np.round(TOP_SHARE * self.tokens)).astype(np.int64)


def layer_rows(one: Spread, seed: int, draws: int) -> Iterator[tuple]:
    """LAYER_COLUMNS from ``group`` on."""
    measures = {ENTROPY: one.entropy(), TOP: one.top()}
    for group, layers in one.groups.items():
        for layer in layers:
            for name, values in measures.items():
                here = values[:, layer]
                interval = bootstrap_mean(here, one.images, seed, draws)
                yield group, layer, name, len(here), here.mean(), *interval


def overlap_rows(one: Spread, seed: int, draws: int) -> Iterator[tuple]:
    """OVERLAP_COLUMNS from ``pair`` on."""
    for (a, b), values in one.overlaps().items():
        interval = bootstrap_mean(values, one.images, seed, draws)
        yield f"{a} and {b}", len(values), values.mean(), *interval, one.chance()


def tail_rows(one: Spread, shares: tuple[float, ...], seed: int, draws: int) -> Iterator[tuple]:
    """TAIL_COLUMNS from ``group`` on."""
    for share in shares:
        for group, values in one.held(share).items():
            interval = bootstrap_mean(values, one.images, seed, draws)
            yield group, share, len(values), values.mean(), *interval


def contrasts(one: Spread, seed: int, draws: int) -> Iterator[Contrast]:
    """Numbers of one model that C7 rests on; none where the middle begins or ends the model."""
    if len(one.groups) < 3:
        return
    n = len(one.images)
    layers = one.entropy()
    means = {name: layers[:, chosen].mean(axis=1) for name, chosen in one.groups.items()}
    most = (means[MIDDLE] > means[EARLY]) & (means[MIDDLE] > means[LATE])
    least = (means[MIDDLE] < means[EARLY]) & (means[MIDDLE] < means[LATE])
    for what, found in (("middle_most_spread", most), ("middle_least_spread", least)):
        yield Contrast("", what, n, found.mean(), wilson(int(found.sum()), n))
    for what, other in (("entropy_over_early", EARLY), ("entropy_over_late", LATE)):
        difference = means[MIDDLE] - means[other]
        interval = bootstrap_mean(difference, one.images, seed, draws)
        yield Contrast("", what, n, difference.mean(), interval)
    overlaps = one.overlaps()

    def over_middle(weights: Weights) -> NDArray[np.float64]:
        """Mean overlap of early and late layers minus the larger of their mean overlaps with the middle."""
        ends, *inner = (
            weights @ overlaps[pair] / weights.sum(axis=1)
            for pair in ((EARLY, LATE), (EARLY, MIDDLE), (MIDDLE, LATE))
        )
        return ends - np.maximum(*inner)

    yield Contrast("", "overlap_difference", n, *estimate(over_middle, n, seed, draws))
    ends = overlaps[EARLY, LATE]
    interval = bootstrap_mean(ends, one.images, seed, draws)
    yield Contrast("", "overlap_early_late", n, ends.mean(), interval)
