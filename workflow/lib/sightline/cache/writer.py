"""Writing a trace set so that a killed run leaves nothing a reader would trust."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from sightline.cache.keeping import link
from sightline.cache.layout import INDEX, RESERVED, TraceError, is_address, shard_name
from sightline.cache.places import place_of, remove_leftovers
from sightline.cache.spec import Spec
from sightline.files import sha256, write_parquet

logger = logging.getLogger(__name__)


@dataclass
class _Buffer:
    """One shard in the making."""

    capacity: int
    tensors: dict[str, torch.Tensor]
    rows: int = 0


class TraceWriter:
    """Writes one trace set; nothing of it can be read before `close`.

    Use it as a context manager: the block's end closes, an exception discards. What earlier killed
    writers left in the folder is removed; a finished trace set stays until `close` replaces it.

    Args:
        folder: the trace set's folder, made if absent.
        spec: the settings that produced the tensors (model, revision, dtype, prompt, ...).
        max_shard_bytes: a shard is closed before it would grow beyond this many bytes of tensors.
        may_be_empty: a share of the samples may leave nothing to write; the whole may not.
        keep: another folder or address, where the trace set is written; ``folder`` then holds the
            index and says where.

    Raises:
        PlaceError: the store cannot be used.
    """

    def __init__(
        self,
        folder: Path | str,
        spec: Mapping[str, Any],
        max_shard_bytes: float = 256e6,
        may_be_empty: bool = False,
        keep: str | None = None,
    ) -> None:
        """Clean up after killed writers and open a private folder for this one."""
        self.folder = str(folder) if is_address(folder) else Path(folder)
        self._keep = keep
        self.spec = Spec(spec)
        self.max_shard_bytes = max_shard_bytes
        self.may_be_empty = may_be_empty
        self._place = place_of(keep or folder)
        if keep:
            remove_leftovers(Path(folder))
        self._partial = self._place.open()
        self._pieces: list[pd.DataFrame] = []
        self._shards: list[dict[str, Any]] = []
        self._tensors: dict[str, dict[str, Any]] = {}
        self._buffer: _Buffer | None = None

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close after a clean block, discard after an exception."""
        try:
            if kind is None:
                self.close()
        finally:
            self.discard()

    def add(
        self,
        rows: pd.DataFrame | Sequence[Mapping[str, Any]],
        tensors: Mapping[str, torch.Tensor | np.ndarray],
    ) -> None:
        """Append rows.

        Args:
            rows: one line per row; the columns are the same in every call.
            tensors: name -> (rows, ...); names, types and trailing shapes are the same in every
                call. Ragged material is stored with one row per token.

        Raises:
            TraceError: counts, names, types or shapes do not fit.
        """
        frame = pd.DataFrame(rows).reset_index(drop=True)
        tensors = {
            name: torch.as_tensor(value).detach().contiguous() for name, value in tensors.items()
        }
        self._check(frame, tensors)
        self._pieces.append(frame)
        for name, tensor in tensors.items():
            if tensor.is_floating_point():
                bad = tensor.numel() - int(torch.isfinite(tensor).sum())
                self._tensors[name]["non_finite"] += bad
        start = 0
        while start < len(frame):
            buffer = self._buffer or self._open_buffer(tensors)
            take = min(len(frame) - start, buffer.capacity - buffer.rows)
            for name, tensor in tensors.items():
                buffer.tensors[name][buffer.rows : buffer.rows + take] = tensor[
                    start : start + take
                ]
            buffer.rows += take
            start += take
            if buffer.rows == buffer.capacity:
                self._flush()

    def close(self) -> None:
        """Write the last shard, the index, and then the spec that makes the trace set whole.

        Raises:
            TraceError: no row was added.
        """
        rows = sum(map(len, self._pieces))
        if not rows and not self.may_be_empty:
            self.discard()
            raise TraceError(
                f"{self.folder}: no rows to write. Check that the list of images or objects given "
                "to this step is not empty."
            )
        if self._buffer:
            self._flush()
        index = pd.concat(self._pieces, ignore_index=True) if self._pieces else pd.DataFrame()
        counts = np.array([shard["rows"] for shard in self._shards], dtype=np.int64)
        index["shard"] = np.repeat(np.arange(len(counts)), counts)
        index["offset"] = np.arange(rows) - np.repeat(counts.cumsum() - counts, counts)
        write_parquet(index, self._partial / INDEX)
        for name, entry in self._tensors.items():
            if entry["non_finite"]:
                logger.warning(
                    "%s: tensor %s holds %d values that are not finite",
                    self.folder,
                    name,
                    entry["non_finite"],
                )
        manifest = {
            "format": 1,
            "spec": dict(self.spec),
            "rows": rows,
            "tensors": self._tensors,
            "index": {"sha256": sha256(self._partial / INDEX)},
            "shards": self._shards,
        }
        self._place.wrote(INDEX)
        self._place.commit(manifest)
        if self._keep:
            link(Path(self.folder), manifest, index, self._keep)

    def discard(self) -> None:
        """Drop everything this writer wrote; in a folder, an older finished trace set stays as it was."""
        self._buffer = None
        self._place.discard()

    def _open_buffer(self, tensors: Mapping[str, torch.Tensor]) -> _Buffer:
        row_bytes = sum(tensor.element_size() * tensor[0].numel() for tensor in tensors.values())
        capacity = max(1, int(self.max_shard_bytes) // max(1, row_bytes))
        self._buffer = _Buffer(
            capacity,
            {
                name: torch.empty((capacity, *tensor.shape[1:]), dtype=tensor.dtype)
                for name, tensor in tensors.items()
            },
        )
        return self._buffer

    def _flush(self) -> None:
        assert self._buffer is not None
        buffer, self._buffer = self._buffer, None
        path = self._partial / shard_name(len(self._shards))
        # A part of a buffer is copied, so that the file holds its rows and nothing behind them.
        tensors = {
            name: tensor if buffer.rows == buffer.capacity else tensor[: buffer.rows].clone()
            for name, tensor in buffer.tensors.items()
        }
        # With a second metadata key safetensors files differ from run to run.
        try:
            save_file(tensors, path, metadata={"spec": self.spec.text})
        except SafetensorError as error:
            raise TraceError(
                f"{path}: cannot be written ({error}). Make room for the trace set, or the folder writable, and run "
                "snakemake again; what it held before is as it was."
            ) from error
        path.chmod(0o644)
        self._shards.append(
            {
                "file": path.name,
                "rows": buffer.rows,
                "bytes": path.stat().st_size,
                "sha256": sha256(path),
            }
        )
        self._place.wrote(path.name)

    def _check(self, frame: pd.DataFrame, tensors: Mapping[str, torch.Tensor]) -> None:
        if not tensors:
            raise TraceError(f"{self.folder}: rows were added without any tensor.")
        taken = [name for name in RESERVED if name in frame]
        if taken:
            raise TraceError(f"{self.folder}: column {taken[0]} is the index's own; rename yours.")
        if self._pieces and list(frame.columns) != list(self._pieces[0].columns):
            raise TraceError(
                f"{self.folder}: columns {list(frame.columns)} differ from the first rows' "
                f"{list(self._pieces[0].columns)}."
            )
        if self._tensors and set(tensors) != set(self._tensors):
            raise TraceError(
                f"{self.folder}: tensors {sorted(tensors)} differ from the first rows' "
                f"{sorted(self._tensors)}."
            )
        for name, tensor in tensors.items():
            if tensor.ndim == 0 or len(tensor) != len(frame):
                raise TraceError(
                    f"{self.folder}: tensor {name} has shape {tuple(tensor.shape)} but "
                    f"{len(frame)} rows were given; its first axis must count the rows."
                )
            kind = {
                "dtype": str(tensor.dtype).removeprefix("torch."),
                "shape": list(tensor.shape[1:]),
            }
            first = self._tensors.setdefault(name, {**kind, "non_finite": 0})
            if any(first[key] != kind[key] for key in kind):
                raise TraceError(
                    f"{self.folder}: tensor {name} is {kind['dtype']} {kind['shape']} per row, "
                    f"the first rows were {first['dtype']} {first['shape']}. "
                    "Store ragged material with one row per token."
                )
