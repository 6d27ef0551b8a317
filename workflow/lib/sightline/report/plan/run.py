"""A run as its configuration describes it: where its files are, and what shape its models have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sightline.entries import CONVERTED_FOLDERS, origin, whole_entry
from sightline.report.plan.shapes import Shape, read_config, read_table
from sightline.sources import LIBRARY

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_GPU = Path("/dev/nvidiactl")


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        config: checked.
        resources: folder of datasets.csv, models.csv, shapes.csv and cards.csv.
        results: folder of all runs.
    """

    config: Mapping[str, Any]
    resources: Path
    results: Path = Path("results")
    _table: dict[str, Shape] = field(default_factory=dict, repr=False, compare=False)

    @property
    def folder(self) -> Path:
        """Folder of this run."""
        return self.results / self.config["run"]

    @property
    def caches(self) -> str | None:
        """Folder or address where states of models are kept, if not beside the results."""
        return self.config.get("caches")

    def table(self, name: str) -> Path:
        """A table of the resources, or that of this repository where a user has other tables only."""
        own = self.resources / name
        return own if own.exists() else LIBRARY.parents[1] / "resources" / name

    def study(self, name: str) -> Mapping[str, Any]:
        """Settings of a study; empty if it is not run."""
        return self.config["studies"].get(name, {})

    def entry(self, name: str) -> Mapping[str, Any]:
        """Entry of a model, a part or an encoder, with what it takes over from another."""
        return whole_entry(self.config, name)

    def origin(self, name: str) -> str:
        """The model, part or encoder whose checkpoint this one uses: its own, or another's."""
        return origin(self.config, name)

    def shape(self, name: str) -> Shape | None:
        """Shape of a model, a part or an encoder; None where nothing tells it yet."""
        origin = self.origin(name)
        conversion = self.config.get("conversions", {}).get(origin)
        # Fetched for all runs, written by this one, or there.
        folders = [
            self.results / "models" / origin,
            self.folder / "tiny" / origin,
            Path(self.entry(origin).get("path", "none")),
        ]
        folders.append(self.resources.parent / folders[-1])
        if conversion:
            # What was published has another layout.
            folders = [
                self.results / "converted" / origin / CONVERTED_FOLDERS[conversion["layout"]]
            ]
        found = next(filter(None, map(read_config, folders)), None)
        if found is None:
            if not self._table:
                self._table.update(read_table(self.table("shapes.csv")))
            found = self._table.get(origin)
        if found and self.entry(name).get("family") == "patches":
            return found.pixels
        return found

    def dtype(self, model: str) -> int:
        """Bytes of one number of a model as it runs."""
        named = self.entry(model).get("dtype", "auto")
        if named == "auto":
            device = self.config["device"]
            if device == "cpu" or (device == "auto" and not _GPU.exists()):
                return BYTES["float32"]
            shape = self.shape(model)
            named = shape.dtype if shape and shape.dtype else "float16"
        return BYTES[named]

    def weight_bytes(self, model: str) -> float | None:
        """Bytes of a model's weights as it runs; None where its shape is unknown."""
        shape = self.shape(model)
        each = {"8bit": 1.0, "4bit": 0.5}.get(self.entry(model).get("quantization") or "")
        return None if shape is None else shape.weights * (each or self.dtype(model))

    def image_tokens(self, model: str) -> int:
        """Most tokens of an image, all its tiles and the thumbnail counted."""
        shape = self.shape(model)
        assert shape is not None
        return shape.image_tokens * self.tiles(model)

    def tiles(self, model: str) -> int:
        """Most pictures that a tower sees of one image."""
        tiles = self.entry(model).get("tiles", 1)
        return tiles + 1 if tiles > 1 else 1
