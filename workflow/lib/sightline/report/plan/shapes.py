"""Sizes of models, as far as cost depends on them; no weight is read.

From ``config.json`` where the model is here already, else from ``resources/shapes.csv``.
"""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightline.errors import SightlineError


class ShapeError(SightlineError):
    """A table of shapes is malformed."""


@dataclass(frozen=True)
class Blocks:
    """A stack of transformer blocks.

    Attributes:
        layers: blocks.
        width: of the residual stream.
        keys: width of all keys of a token, less than ``width`` where heads share them.
        inner: width inside the feed-forward part.
        matrices: of the feed-forward part: 3 where it is gated, else 2.
    """

    layers: int
    width: int
    keys: int
    inner: int
    matrices: int

    @property
    def weights(self) -> int:
        """Weights of the matrices of one block; norms and biases are left out."""
        attention = 2 * self.width * self.width + 2 * self.width * self.keys
        return attention + self.matrices * self.width * self.inner


@dataclass(frozen=True)
class Shape:
    """A model: a language model with its vision tower, or a tower alone.

    Attributes:
        tower: blocks of the vision tower; None where it is no transformer.
        patches: tokens inside the tower, CLS included.
        language: blocks of the language model; None for an encoder.
        words: entries of the vocabulary; 0 for an encoder.
        image_tokens: of one image, or of one tile of it.
        widths: of the layers of an encoder that are not all alike; empty elsewhere.
        patch: side of a patch in px; 0 where there are none.
        dtype: that the checkpoint names; empty where it names none.
    """

    tower: Blocks | None
    patches: int
    language: Blocks | None = None
    words: int = 0
    image_tokens: int = 0
    widths: tuple[int, ...] = ()
    patch: int = 0
    dtype: str = ""

    @property
    def weights(self) -> int:
        """Weights in all: blocks, both ends of the vocabulary."""
        stacks = [one for one in (self.tower, self.language) if one]
        ends = 2 * self.words * self.language.width if self.language else 0
        return sum(one.layers * one.weights for one in stacks) + ends

    @property
    def pixels(self) -> "Shape":
        """What is left without an encoder: the pixels of a patch as its state, in one layer."""
        return Shape(None, 0, widths=(3 * self.patch * self.patch,), patch=self.patch)

    @property
    def features(self) -> tuple[int, ...]:
        """Widths of the layers that an encoder gives."""
        if self.widths or not self.tower:
            return self.widths
        return (self.tower.width,) * self.tower.layers


COLUMNS = (
    "model",
    "language_layers",
    "language_width",
    "language_keys",
    "language_inner",
    "words",
    "image_tokens",
    "tower_layers",
    "tower_width",
    "tower_inner",
    "tower_matrices",
    "patches",
    "patch",
    "widths",
    "source",
)


def read_table(path: Path | str) -> dict[str, Shape]:
    """Shapes of published models, by the key of resources/models.csv.

    Raises:
        ShapeError: columns are missing, or a value is no number.
    """
    with Path(path).open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ShapeError(f"{path}: expected the columns {','.join(COLUMNS)}.")
        return {row["model"]: _from_row(row, path) for row in reader}


def _from_row(row: Mapping[str, str], path: Path | str) -> Shape:
    def number(name: str) -> int:
        try:
            return int(row[name] or 0)
        except ValueError:
            raise ShapeError(
                f"{path}: {name} of {row['model']} is {row[name]!r}; give a whole number, or nothing."
            ) from None

    width = number("tower_width")
    tower = Blocks(
        number("tower_layers"), width, width, number("tower_inner"), number("tower_matrices")
    )
    language = Blocks(
        *(number(f"language_{name}") for name in ("layers", "width", "keys", "inner")), 3
    )
    return Shape(
        tower if tower.layers else None,
        number("patches"),
        language if language.layers else None,
        number("words"),
        number("image_tokens"),
        tuple(map(int, row["widths"].split())),
        number("patch"),
    )


def read_config(folder: Path | str) -> Shape | None:
    """Shape of a checkpoint that is here; None where there is none, or none of a known layout."""
    try:
        config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        return _from_config(config)
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        # A family of another layout is no fault of the run: its cost stays unknown.
        return None


def _from_config(config: Mapping[str, Any]) -> Shape:
    vision = config.get("vision_config") or config.get("image_config") or config
    gated = vision.get("hidden_act") == "silu" or vision.get("use_swiglu_ffn", False)
    width = vision["hidden_size"]
    inner = vision.get("intermediate_size") or width * vision.get("mlp_ratio", 4)
    layers = vision.get("num_hidden_layers") or vision["depth"]
    side, patch = _one(vision["image_size"]), _one(vision["patch_size"])
    cells = (side // patch) ** 2
    tower = Blocks(layers, width, width, int(inner), 3 if gated else 2)
    dtype = str(config.get("dtype") or config.get("torch_dtype") or "")
    text = config.get("text_config")
    if not text or ("image_token_index" not in config and "image_token_id" not in config):
        return Shape(tower, cells + 1, patch=patch, dtype=dtype)
    heads = text["num_attention_heads"]
    head = text.get("head_dim") or text["hidden_size"] // heads
    keys = (text.get("num_key_value_heads") or heads) * head
    language = Blocks(
        text["num_hidden_layers"], text["hidden_size"], keys, text["intermediate_size"], 3
    )
    tokens = config.get("image_seq_length") or cells
    return Shape(tower, cells + 1, language, text["vocab_size"], tokens, (), patch, dtype)


def _one(value: int | Iterable[int]) -> int:
    """A side that may be given twice."""
    return value if isinstance(value, int) else next(iter(value))
