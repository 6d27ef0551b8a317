"""Pooled features of one encoder on disk, and the one way to read them.

results/<run>/khajuria2025/features/<encoder>/
    cls/          one row per image: tensor ``cls.<layer>`` (width), float16
    <variant>/    one row per sample that has tokens in every layer: ``avg_obj.<layer>``, and where the
                  variant has random tokens ``random_obj.<layer>`` and ``random.<layer>``

Each is a trace set of sightline.cache. A sample is one object of one image in one part of the study; a
variant says how its mask became tokens. Layer n is the output of block n, counted from zero, before any
final norm; an encoder of stages has layers of unequal width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sightline.cache.store import TraceReader
from sightline.errors import SightlineError
from sightline.studies.khajuria2025.names import (
    AVG_OBJ,
    CLS,
    CLS_FOLDER,
    CORRECTED,
    GLOBAL_TEST,
    GLOBAL_TRAIN,
    OBJECT,
    PAIRS,
    PARTS,
    POOLED,
    PRIMARY,
    PUBLISHED,
    RANDOM,
    RANDOM_OBJ,
    REPRESENTATIONS,
    ROLES,
    SAMPLE_COLUMNS,
    SECONDARY,
    SWAPPED,
    tensor_name,
)

__all__ = [
    "AVG_OBJ",
    "CLS",
    "CLS_FOLDER",
    "CORRECTED",
    "GLOBAL_TEST",
    "GLOBAL_TRAIN",
    "OBJECT",
    "PAIRS",
    "PARTS",
    "POOLED",
    "PRIMARY",
    "PUBLISHED",
    "RANDOM",
    "RANDOM_OBJ",
    "REPRESENTATIONS",
    "ROLES",
    "SAMPLE_COLUMNS",
    "SECONDARY",
    "SWAPPED",
    "FeatureError",
    "Features",
    "PairTask",
    "Samples",
    "tensor_name",
]


class FeatureError(SightlineError):
    """Features on disk do not hold what was asked of them."""


@dataclass(frozen=True)
class Samples:
    """Samples of one kind with their features, one line each.

    Attributes:
        rows: SAMPLE_COLUMNS and ``tokens``, the size of the token set (the smallest over layers).
    """

    rows: pd.DataFrame
    _features: "Features" = field(repr=False)
    _variant: str = field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels, (samples,)."""
        return self.rows["label"].to_numpy()

    def tokens(self, representation: str, layer: int) -> NDArray[np.float32]:
        """Features, (samples, width)."""
        return self._features.read(self._variant, representation, layer, self.rows)


@dataclass(frozen=True)
class PairTask:
    """One task: the images whose two objects both have tokens, in one order for all that is read.

    Attributes:
        task: number.
        names: ((primary 0, primary 1), (secondary 0, ..., secondary 3)).
        primary: samples of the primary objects.
        secondary: samples of the secondary objects of the same images, line by line.
    """

    task: int
    names: tuple[tuple[str, ...], tuple[str, ...]]
    primary: Samples
    secondary: Samples

    def __len__(self) -> int:
        return len(self.primary)

    @property
    def image_ids(self) -> NDArray[np.int64]:
        """Images, (images,)."""
        return self.primary.rows["image_id"].to_numpy()

    def labels(self, target: str) -> NDArray[np.int64]:
        """Labels, (images,): "primary" (2 classes), "secondary" (4), "combination" (8, 2 * secondary + primary)."""
        first, second = self.primary.labels, self.secondary.labels
        return {PRIMARY: first, SECONDARY: second, "combination": second * 2 + first}[target]

    def tokens(self, source: str, representation: str, layer: int) -> NDArray[np.float32]:
        """Features read from the tokens of the "primary" or "secondary" object, (images, width).

        CLS is the same for both.
        """
        samples = {PRIMARY: self.primary, SECONDARY: self.secondary}[source]
        return samples.tokens(representation, layer)


class Features:
    """Features of one encoder.

    Args:
        folder: results/<run>/khajuria2025/features/<encoder>.
        verify: compare checksums when files are first read.

    Attributes:
        encoder: name.
        spec: settings they were made with: ``encoder``, ``widths``, ``grids``, ``seed``, ``samples``.
        widths: of every layer.
        has_cls: False where CLS is the mean of all cells (ResNet).

    Raises:
        UnfinishedTraceError: the writer never finished.
    """

    def __init__(self, folder: Path | str, verify: bool = True) -> None:
        self.folder, self._verify = Path(folder), verify
        self.encoder = self.folder.name
        self._sets: dict[str, TraceReader] = {}
        cls = self._set(CLS_FOLDER)
        self.spec: Mapping[str, Any] = cls.spec
        self.widths: tuple[int, ...] = tuple(self.spec["widths"])
        self.has_cls: bool = bool(self.spec["has_cls"])
        index = cls.index
        self._cls_row = pd.Series(
            np.arange(len(index)), index=pd.MultiIndex.from_frame(index[["split", "image_id"]])
        )

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.widths)

    @property
    def variants(self) -> tuple[str, ...]:
        """Variants on disk, corrected and published first."""
        found = {file.parent.name for file in self.folder.glob("*/spec.json")} - {CLS_FOLDER}
        first = [name for name in (CORRECTED, PUBLISHED) if name in found]
        return (*first, *sorted(found - set(first)))

    def representations(self, variant: str = CORRECTED) -> tuple[str, ...]:
        """What a variant holds: all four, or avg_obj and CLS."""
        names = self._set(variant).names
        return tuple(
            name for name in REPRESENTATIONS if name == CLS or tensor_name(name, 0) in names
        )

    def samples(self, part: str, variant: str = CORRECTED, **match: Any) -> Samples:
        """Samples of a part that have tokens; ``match`` picks by columns, such as role="primary".

        Raises:
            FeatureError: no such variant.
        """
        index = self._set(variant).index
        chosen = index["part"] == part
        for column, value in match.items():
            chosen &= index[column] == value
        rows = index[chosen].drop(columns=["shard", "offset"])
        # The line number in the trace set is the one key to its rows.
        return Samples(rows.assign(row=rows.index).reset_index(drop=True), self, variant)

    def tasks(self, part: str = PAIRS, variant: str = CORRECTED) -> list[int]:
        """Numbers of the tasks that have samples."""
        index = self._set(variant).index
        return sorted(set(index.loc[index["part"] == part, "task"]))

    def pair_task(self, task: int, variant: str = CORRECTED, part: str = PAIRS) -> PairTask:
        """The images of a task, by image id; an image with an object without tokens is dropped.

        Raises:
            FeatureError: no image is left.
        """
        found = self.samples(part, variant, task=task)
        sides = {role: found.rows[found.rows["role"] == role] for role in ROLES}
        both = np.intersect1d(sides[PRIMARY]["image_id"], sides[SECONDARY]["image_id"])
        if not len(both):
            raise FeatureError(
                f"{self.folder / variant}: no image of task {task} in part {part}; tasks here are "
                f"{self.tasks(part, variant)}."
            )
        primary, secondary = (
            Samples(
                sides[role].set_index("image_id", drop=False).loc[both].reset_index(drop=True),
                self,
                variant,
            )
            for role in ROLES
        )
        names = tuple(
            tuple(side.rows.drop_duplicates("label").sort_values("label")["category"])
            for side in (primary, secondary)
        )
        return PairTask(task, names, primary, secondary)

    def read(
        self, variant: str, representation: str, layer: int, rows: pd.DataFrame
    ) -> NDArray[np.float32]:
        """Features of some rows of `samples`, (rows, width) float32.

        Raises:
            FeatureError: the variant has no such representation, or the encoder no such layer.
        """
        if not 0 <= layer < self.layers:
            raise FeatureError(f"{self.folder}: no layer {layer}; it has 0 to {self.layers - 1}.")
        if representation == CLS:
            places = pd.MultiIndex.from_frame(rows[["split", "image_id"]])
            return self._array(CLS_FOLDER, CLS, layer, self._cls_row.loc[places].to_numpy())
        if representation not in self.representations(variant):
            raise FeatureError(
                f"{self.folder / variant}: no {representation}; it holds "
                f"{', '.join(self.representations(variant))}."
            )
        return self._array(variant, representation, layer, rows["row"].to_numpy())

    def _array(
        self, name: str, representation: str, layer: int, rows: Sequence[int] | NDArray[np.int64]
    ) -> NDArray[np.float32]:
        found = self._set(name).rows(tensor_name(representation, layer), rows)
        return found.to(torch.float32).numpy()

    def _set(self, name: str) -> TraceReader:
        if name not in self._sets:
            if not (self.folder / name).is_dir():
                known = ", ".join(self.variants) or "none"
                raise FeatureError(f"{self.folder}: no variant {name}; it holds {known}.")
            self._sets[name] = TraceReader(self.folder / name, verify=self._verify)
        return self._sets[name]
