"""Writing the pooled features of one encoder: one trace set for CLS, one for every variant."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import torch

from sightline.cache.keeping import kept_at
from sightline.cache.store import TraceWriter
from sightline.studies.khajuria2025.names import (
    CLS,
    CLS_FOLDER,
    POOLED,
    SAMPLE_COLUMNS,
    tensor_name,
)

STORED = torch.float16

Layered = Sequence[torch.Tensor]
"""One tensor (rows, width) per layer."""


class FeatureWriter:
    """Writes the folder that `features.Features` reads; a context manager, nothing is there before its end.

    Args:
        folder: of the encoder.
        spec: settings, with ``widths`` and ``has_cls``.
        variants: to be written.
        may_be_empty: a share of the samples may leave nothing to write.
    """

    def __init__(
        self,
        folder: Path | str,
        spec: Mapping[str, Any],
        variants: Sequence[str],
        may_be_empty: bool = False,
    ) -> None:
        self._folder, self._spec = Path(folder), dict(spec)
        self._may_be_empty = may_be_empty
        self._names = (CLS_FOLDER, *variants)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._writers = {
            name: self._stack.enter_context(
                TraceWriter(
                    self._folder / name,
                    self._spec | {"trace": name},
                    may_be_empty=self._may_be_empty,
                    keep=kept_at(self._folder / name),
                )
            )
            for name in self._names
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def add_images(self, images: pd.DataFrame, cls: Layered) -> None:
        """Append images (columns split and image_id) with their CLS states."""
        if len(images):
            rows = images[["split", "image_id"]]
            self._writers[CLS_FOLDER].add(
                rows, {tensor_name(CLS, n): _half(x) for n, x in enumerate(cls)}
            )

    def add_samples(
        self, variant: str, samples: pd.DataFrame, pooled: Mapping[str, Layered]
    ) -> None:
        """Append samples of a variant.

        Args:
            variant: one of those announced.
            samples: SAMPLE_COLUMNS and ``tokens``.
            pooled: representation -> states; the same keys in every call of a variant.
        """
        if len(samples):
            tensors = {
                tensor_name(name, layer): _half(states)
                for name in POOLED
                if name in pooled
                for layer, states in enumerate(pooled[name])
            }
            self._writers[variant].add(samples[[*SAMPLE_COLUMNS, "tokens"]], tensors)


def _half(states: torch.Tensor) -> torch.Tensor:
    # States beyond the range of float16 become its largest number rather than infinity.
    largest = torch.finfo(STORED).max
    return states.detach().float().clamp(-largest, largest).to(STORED).cpu()
