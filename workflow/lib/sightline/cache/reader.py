"""Reading rows of a trace set, after checking that it is whole and the one asked for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open

from sightline.cache.layout import (
    INDEX,
    KEPT,
    RESERVED,
    SPEC,
    DamagedTraceError,
    TraceError,
    UnfinishedTraceError,
    is_address,
    shard_name,
)
from sightline.cache.places import place_of
from sightline.cache.spec import Spec, SpecMismatchError
from sightline.files import sha256

# What taking apart a damaged spec.json can raise.
_NO_MANIFEST = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class TraceReader:
    """Reads one finished trace set by row number.

    Args:
        folder: the trace set's folder, or its address in a store (s3://bucket/prefix).
        expect: settings the caller relies on, compared key by key with the stored spec.
        verify: compare checksums: the index at once, a shard when it is first read.

    Attributes:
        index: one line per row, the user's columns plus shard and offset; the line number is the
            row number that `rows` takes.
        spec: the settings it was written with.

    Raises:
        UnfinishedTraceError: a killed or running writer left no spec.json.
        SpecMismatchError: it was made with other settings.
        DamagedTraceError: a file is missing or changed.
        PlaceError: the store cannot be used.

    What lies in a store is copied to the temporary folder of this machine, file by file, when it is read.
    """

    def __init__(
        self, folder: Path | str, expect: Mapping[str, Any] | None = None, verify: bool = True
    ) -> None:
        """Check the marker, the spec, the files' sizes and the index."""
        self.folder = str(folder) if is_address(folder) else Path(folder)
        self.verify = verify
        place = self._place = place_of(folder)
        file, text = f"{self.folder}/{SPEC}", place.spec()
        if text is None:
            raise UnfinishedTraceError(
                f"{file} is missing: the trace set was never finished (its run was killed, or is "
                "still writing). Run snakemake again; the step that writes it cleans up first."
            )
        try:
            self._manifest = json.loads(text)
            self.spec = Spec(self._manifest["spec"])
            self._shards: list[dict[str, Any]] = self._manifest["shards"]
            self._tensors: dict[str, dict[str, Any]] = self._manifest["tensors"]
            index_sha256 = self._manifest["index"]["sha256"]
            kept = self._manifest.get(KEPT)
            _check_manifest(self._shards, self._tensors, kept)
        except (*_NO_MANIFEST, SpecMismatchError) as error:
            raise self._damaged(SPEC, f"cannot be read ({error})") from None
        if expect is not None:
            self.spec.require(expect, file)
        self.index = self._read_index(index_sha256)
        if kept is not None:
            self._place = place_of(kept)
        sizes = self._place.sizes()
        for number, shard in enumerate(self._shards):
            self._check_size(shard_name(number), shard["bytes"], sizes)
        if len(self.index) != sum(shard["rows"] for shard in self._shards):
            raise self._damaged(SPEC, "counts other rows than the index")
        self._open: dict[int, Any] = {}

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.index)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors, sorted."""
        return tuple(sorted(self._tensors))

    @property
    def checksums(self) -> dict[str, str]:
        """File of tensors -> the sha256 that it was written with."""
        return {shard_name(number): shard["sha256"] for number, shard in enumerate(self._shards)}

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one row of ``name``."""
        return tuple(self._entry(name)["shape"])

    def read(self, name: str) -> torch.Tensor:
        """All rows of tensor ``name``, (rows, ...)."""
        return self.rows(name, np.arange(len(self)))

    def rows(self, name: str, rows: Sequence[int] | np.ndarray | pd.Series) -> torch.Tensor:
        """Some rows of tensor ``name``, in the order asked, with the stored type.

        Args:
            name: one of `names`.
            rows: row numbers, repeats allowed, or one boolean per row of the index.

        Returns:
            (asked rows, ...) tensor on the CPU.

        Raises:
            TraceError: no such tensor or row.
            DamagedTraceError: a shard it touches is not the one that was written.
        """
        entry = self._entry(name)
        numbers = self._row_numbers(rows)
        dtype = getattr(torch, entry["dtype"])
        result = torch.empty((len(numbers), *entry["shape"]), dtype=dtype)
        shards = self.index["shard"].to_numpy()[numbers]
        offsets = self.index["offset"].to_numpy()[numbers]
        for shard in np.unique(shards):
            places = np.flatnonzero(shards == shard)
            # The shard is mapped, not read: only the asked rows are copied.
            stored = self._stored(int(shard), name, result)
            result[torch.from_numpy(places)] = stored[torch.from_numpy(offsets[places])]
        return result

    def shards(self) -> Iterator[tuple[pd.DataFrame, dict[str, torch.Tensor]]]:
        """All rows, one file after the other: the user's columns of the index, and every tensor.

        Raises:
            DamagedTraceError: a file is not the one that was written.
        """
        columns = self.index.columns.drop(list(RESERVED))
        for number, rows in self.index.groupby("shard", sort=True):
            tensors = {name: self.rows(name, rows.index.to_numpy()) for name in self._tensors}
            yield rows[columns], tensors
            # A file is mapped as long as it is open.
            self._open.pop(int(number), None)
            self._place.release(shard_name(int(number)))

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """A file of the whole trace set, on this disk as long as the block lasts; it is not verified."""
        yield self._place.fetch(name)
        self._place.release(name)

    def _stored(self, shard: int, name: str, result: torch.Tensor) -> torch.Tensor:
        """One tensor of a shard, which must be of the type and shape that the spec promises."""
        try:
            stored = self._shard(shard).get_tensor(name)
        except SafetensorError as error:
            raise self._damaged(shard_name(shard), f"lacks tensor {name} ({error})") from None
        # Assignment would convert and repeat values that do not fit, without a word.
        if stored.dtype != result.dtype or stored.shape[1:] != result.shape[1:]:
            raise self._damaged(SPEC, f"promises another tensor {name} than the shards hold")
        return stored

    def _entry(self, name: str) -> dict[str, Any]:
        if name not in self._tensors:
            raise TraceError(f"{self.folder}: no tensor {name}; it holds {', '.join(self.names)}.")
        return self._tensors[name]

    def _row_numbers(self, rows: Sequence[int] | np.ndarray | pd.Series) -> np.ndarray:
        numbers = np.asarray(rows)
        if numbers.dtype == bool:
            if numbers.shape != (len(self),):
                raise TraceError(
                    f"{self.folder}: a boolean choice of shape {numbers.shape} cannot pick from "
                    f"{len(self)} rows."
                )
            return np.flatnonzero(numbers)
        if numbers.size == 0:
            return np.zeros(0, dtype=np.int64)
        if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
            raise TraceError(
                f"{self.folder}: rows must be a list of whole numbers or of booleans, not "
                f"{numbers.dtype} of shape {numbers.shape}."
            )
        outside = numbers[(numbers < 0) | (numbers >= len(self))]
        if outside.size:
            raise TraceError(
                f"{self.folder}: no row {outside[0]}; rows run from 0 to {len(self) - 1}."
            )
        return numbers.astype(np.int64)

    def _shard(self, number: int) -> Any:
        if number not in self._open:
            name = shard_name(number)
            path = self._place.fetch(name)
            if self.verify and sha256(path) != self._shards[number]["sha256"]:
                raise self._damaged(name, "is not the file that was written (checksum differs)")
            try:
                file = safe_open(path, framework="pt")
            except SafetensorError as error:
                raise self._damaged(name, f"cannot be read ({error})") from None
            if self.verify and (file.metadata() or {}).get("spec") != self.spec.text:
                raise self._damaged(SPEC, f"does not match the settings inside {name}")
            self._open[number] = file
        return self._open[number]

    def _read_index(self, expected: str) -> pd.DataFrame:
        if INDEX not in self._place.sizes():
            raise self._damaged(INDEX, "is missing")
        path = self._place.fetch(INDEX)
        if self.verify and sha256(path) != expected:
            raise self._damaged(INDEX, "is not the file that was written (checksum differs)")
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise self._damaged(INDEX, f"cannot be read ({error})") from None

    def _check_size(self, name: str, expected: int, sizes: Mapping[str, int]) -> None:
        if name not in sizes:
            raise self._damaged(name, "is missing")
        if sizes[name] != expected:
            raise self._damaged(name, f"has {sizes[name]} bytes instead of {expected}")

    def _damaged(self, name: str, what: str) -> DamagedTraceError:
        return DamagedTraceError(
            f"{self._place}/{name} {what}. "
            f"Delete {self.folder} and run snakemake again to rebuild it."
        )


def _check_manifest(shards: Any, tensors: Any, kept: Any) -> None:
    """Refuse what no writer has written.

    Raises:
        KeyError, TypeError, ValueError: something is missing, or of another kind.
    """
    if kept is not None and not isinstance(kept, str):
        raise TypeError("the place of shards is text")
    for shard in shards:
        if type(shard["bytes"]) is not int or type(shard["rows"]) is not int:
            raise TypeError("sizes of shards are whole numbers")
        if not isinstance(shard["sha256"], str):
            raise TypeError("checksums are text")
    for name, entry in tensors.items():
        if not isinstance(getattr(torch, str(entry["dtype"]), None), torch.dtype):
            raise ValueError(f"tensor {name} is of no known type")
        if not all(type(side) is int and side >= 0 for side in entry["shape"]):
            raise ValueError(f"tensor {name} has no shape")
