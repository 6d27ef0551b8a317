"""Weights of a checkpoint's folder, read one by one: safetensors or pickles, whole or in shards.

Pickles are read with ``weights_only``: nothing in them is run.
"""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from sightline.errors import SightlineError

_WHOLE = ("model.safetensors", "pytorch_model.bin")
_INDEX = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


class StoredWeightsError(SightlineError):
    """A folder's weights are missing, damaged, or something else than weights."""


class StoredWeights:
    """Names of a checkpoint's weights, and each of them when asked.

    Args:
        folder: with ``model.safetensors`` or ``pytorch_model.bin``, or the index of several such files.

    Raises:
        StoredWeightsError: the folder holds none of them, or an index names a file that is not there.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._pickled: dict[str, Mapping[str, torch.Tensor]] = {}
        self._place = self._find()

    @property
    def names(self) -> list[str]:
        """Names of all weights, sorted."""
        return sorted(self._place)

    def __contains__(self, name: str) -> bool:
        return name in self._place

    def __getitem__(self, name: str) -> torch.Tensor:
        """One weight, as it is stored.

        Raises:
            StoredWeightsError: there is no such weight, or its file cannot be read.
        """
        if name not in self._place:
            raise StoredWeightsError(f"{self.folder}: no weight named {name}.")
        file = self._place[name]
        if file.endswith(".bin"):
            found = self._unpickle(file)
            if name not in found:
                raise StoredWeightsError(
                    f"{self.folder / file}: lacks {name}, which the index puts here."
                )
            return found[name]
        try:
            with safe_open(self.folder / file, "pt") as stored:
                return stored.get_tensor(name)
        except (OSError, SafetensorError) as error:
            raise StoredWeightsError(f"{self.folder / file}: {error}. Fetch it again.") from error

    def _find(self) -> dict[str, str]:
        """Name of every weight -> file that holds it."""
        for name in _WHOLE:
            if (self.folder / name).is_file():
                return dict.fromkeys(self._names_in(name), name)
        for name in _INDEX:
            if (self.folder / name).is_file():
                return self._indexed(name)
        raise StoredWeightsError(
            f"{self.folder}: none of {', '.join((*_WHOLE, *_INDEX))} is here. Fetch the checkpoint again."
        )

    def _indexed(self, index: str) -> dict[str, str]:
        try:
            place = json.loads((self.folder / index).read_text())["weight_map"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise StoredWeightsError(
                f"{self.folder / index}: no index of weights ({error!r})."
            ) from None
        for file in sorted(set(place.values())):
            if not (self.folder / file).is_file():
                raise StoredWeightsError(
                    f"{self.folder / file}: missing, but {index} names it. Fetch it again."
                )
        return place

    def _names_in(self, file: str) -> list[str]:
        if file.endswith(".bin"):
            return list(self._unpickle(file))
        try:
            with safe_open(self.folder / file, "pt") as stored:
                return list(stored.keys())
        except (OSError, SafetensorError) as error:
            raise StoredWeightsError(f"{self.folder / file}: {error}. Fetch it again.") from error

    def _unpickle(self, file: str) -> Mapping[str, torch.Tensor]:
        if file not in self._pickled:
            path = self.folder / file
            try:
                # Mapped, so that a shard of ten gigabytes is not in memory twice.
                found: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
                raise StoredWeightsError(
                    f"{path}: not read, because a file of weights holds arrays and nothing else: {error}"
                ) from error
            strange = [
                name
                for name, value in (found.items() if isinstance(found, Mapping) else [("", found)])
                if not isinstance(value, torch.Tensor)
            ]
            if strange:
                raise StoredWeightsError(f"{path}: {strange[0] or 'its content'} is no array.")
            self._pickled[file] = found
        return self._pickled[file]
