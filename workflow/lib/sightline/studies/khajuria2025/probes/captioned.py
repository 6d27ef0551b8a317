"""Accuracies on objects that captions name and on the others, of all alike or of each category alike.

The two sets differ in their mix of categories: what is easy to name is also easy to tell. "Corrected" therefore
takes the mean over the categories that have at least five objects in each set; "as published" takes all objects
as they come.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.studies.khajuria2025.names import AVG_OBJ
from sightline.studies.khajuria2025.probes.measurements import AS_PUBLISHED, CATEGORY, unpack
from sightline.studies.khajuria2025.probes.resampling import Estimate, ImageWeights
from sightline.studies.khajuria2025.probes.settings import ProbeSettings

FEWEST = 5
"""Objects of a category in either set, for it to count where categories count alike."""


def shared_categories(labels: NDArray[np.int64], flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Categories with FEWEST objects or more among the flagged and among the others.

    Args:
        labels: (objects,) categories.
        flags: (objects,) whether captions name them.
    """
    return np.array(
        [
            label for label in np.unique(labels)
            if min((flags & (labels == label)).sum(), (~flags & (labels == label)).sum()) >= FEWEST
        ],
        dtype=np.int64,
    )  # fmt: skip


def accuracy_of_all(
    weights: ImageWeights,
    image_ids: NDArray[np.int64],
    right: NDArray[np.bool_],
    asked: NDArray[np.bool_],
) -> Estimate:
    """Accuracy on the objects that are asked, (objects,) each; NaN without any."""
    drawn = weights.accuracies(image_ids, asked[None], (right & asked)[None])[0]
    n = int(asked.sum())
    return Estimate(float((right & asked).sum() / n) if n else float("nan"), drawn, n)


def accuracy_by_category(
    weights: ImageWeights,
    image_ids: NDArray[np.int64],
    right: NDArray[np.bool_],
    asked: NDArray[np.bool_],
    labels: NDArray[np.int64],
    categories: NDArray[np.int64],
) -> Estimate:
    """Mean over categories of the accuracy on their objects that are asked; NaN without any."""
    tested = asked & (labels == categories[:, None])
    tested = tested[tested.any(1)]
    if not len(tested):
        return Estimate(float("nan"), np.full(weights.draws, np.nan), 0)
    drawn = weights.accuracies(image_ids, tested, right & tested)
    known = np.isfinite(drawn)
    with np.errstate(invalid="ignore"):
        # A draw may leave a category out.
        means = np.where(known, drawn, 0).sum(0) / known.sum(0)
    value = float(((right & tested).sum(1) / tested.sum(1)).mean())
    return Estimate(value, means, int(tested.sum()))


class GlobalCells:
    """Accuracies of the global probe of one variant, in and not in caption.

    Args:
        rows: outcomes of one variant.
        images: objects behind them.
        weights: of images.
        variant: "as published" counts all objects alike, any other counts categories alike.
    """

    def __init__(
        self, rows: pd.DataFrame, images: pd.DataFrame, weights: ImageWeights, variant: str
    ) -> None:
        self._rows = rows.set_index(["encoder", "layer", "representation"]).sort_index()
        self._objects = {key: part for key, part in images.groupby("encoder")}
        self._weights, self._flag = weights, flag_of(variant)
        self._matched = variant != AS_PUBLISHED
        self._known: dict[tuple[str, int, str, bool, bool, int | None], Estimate] = {}

    def cell(
        self, encoder: str, layer: int, representation: str, named: bool, half: int | None = None
    ) -> Estimate:
        """Accuracy on the objects that captions name, or on the others, as the variant counts them.

        Args:
            encoder: key.
            layer: number.
            representation: of the object.
            named: whether captions name the objects.
            half: 0 or 1 for one half of the images; None for all.
        """
        return self._cell(encoder, layer, representation, named, self._matched, half)

    def of_all(self, encoder: str, layer: int, representation: str, named: bool) -> Estimate:
        """The same with all objects alike, whatever the variant."""
        return self._cell(encoder, layer, representation, named, False, None)

    def categories(self, encoder: str) -> NDArray[np.int64]:
        """Those with enough objects in caption and not."""
        objects = self._objects[encoder]
        return shared_categories(
            objects["label"].to_numpy(), objects[self._flag].to_numpy(dtype=bool)
        )

    def by_category(self, encoder: str, layer: int, representation: str, named: bool) -> Estimate:
        """The same with all categories alike, whatever the variant."""
        return self._cell(encoder, layer, representation, named, True, None)

    def _cell(
        self, encoder: str, layer: int, representation: str, named: bool, matched: bool,
        half: int | None,
    ) -> Estimate:  # fmt: skip
        key = (encoder, layer, representation, named, matched, half)
        if key not in self._known:
            row = self._rows.loc[key[:3]]
            row = row.iloc[0] if isinstance(row, pd.DataFrame) else row
            objects = self._objects[encoder]
            ids, labels = (objects[name].to_numpy() for name in ("image_id", "label"))
            asked = objects[self._flag].to_numpy(bool) == named
            if half is not None:
                asked = asked & (self._weights.halves(ids) == half)
            right = unpack(row["correct"], int(row["images"]))
            shared = (self._weights, ids, right, asked)
            self._known[key] = (
                accuracy_by_category(*shared, labels, self.categories(encoder))
                if matched
                else accuracy_of_all(*shared)
            )
        return self._known[key]

    def has(self, encoder: str, layer: int, representation: str = AVG_OBJ) -> bool:
        """Whether the probe was run there."""
        return (encoder, layer, representation) in self._rows.index


def flag_of(variant: str) -> str:
    """Column of the images that says what captions name, as the variant sees it."""
    return "in_caption_published" if variant == AS_PUBLISHED else "in_caption"


def global_cells(
    rows: pd.DataFrame, images: pd.DataFrame, settings: ProbeSettings
) -> dict[str, GlobalCells]:
    """Variant -> its global probe."""
    weights = ImageWeights(settings.bootstrap, settings.seed)
    return {
        str(variant): GlobalCells(some, images[images["variant"] == variant], weights, str(variant))
        for variant, some in rows[rows["target"] == CATEGORY].groupby("variant", sort=False)
    }
