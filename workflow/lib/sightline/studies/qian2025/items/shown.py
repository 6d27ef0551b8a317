"""Pictures of single queries, read without torch and without a drawing library."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

from sightline.studies.qian2025.nouns.names import PICTURES


@dataclass(frozen=True, eq=False)
class Shown:
    """One query of one model.

    Attributes:
        model: its key.
        query: of the table.
        text: what was asked.
        image: (height, width, 3) uint8.
        arrays: maps, masks and points by name; see `sightline.studies.qian2025.masks.gallery`. The map "noun" is
            there where the object's name is known.
        noun: that name, and empty where it is not.
        encoder: that made the map.
    """

    model: str
    query: str
    text: str
    image: NDArray[np.uint8]
    arrays: dict[str, NDArray]
    noun: str = ""
    encoder: str = ""


def read_shown(folder: Path) -> list[Shown]:
    """All queries that a model's folder keeps pictures of, in order."""
    queries = pd.read_parquet(folder / "queries.parquet")
    arrays = load_file(folder / "gallery.safetensors")
    numbers = sorted({int(name.split()[0]) for name in arrays})
    found = []
    for number in numbers:
        row = queries.iloc[number]
        with Image.open(row["image"]) as image:
            pixels = np.asarray(image.convert("RGB"))
        own = {
            name.split(" ", 1)[1]: one for name, one in arrays.items()
            if name.startswith(f"{number} ")
        }  # fmt: skip
        found.append(Shown(row["model"], row["query"], row["text"], pixels, own))
    return found


def with_nouns(shown: Sequence[Shown], table: Path) -> list[Shown]:
    """The same queries with the maps of their objects' names, for those that have one.

    Args:
        shown: of one model.
        table: of its nouns; the pictures lie beside it.
    """
    pictures = load_file(table.with_name(PICTURES))
    found = {one.query: one for one in shown}
    # Splits may name queries alike; pictures are of those that are shown.
    for row in pd.read_parquet(table).to_dict("records"):
        key = f"{row['number']} noun"
        if key in pictures:
            one = found[row["query"]]
            found[one.query] = replace(
                one, arrays=one.arrays | {"noun": pictures[key]}, noun=row["noun"],
                encoder=row["encoder"],
            )  # fmt: skip
    return list(found.values())


def intersection_over_union(one: Shown, name: str) -> float:
    """IoU of a mask with the target; ignored pixels count here."""
    mask, target = one.arrays[name].astype(bool), one.arrays["target"].astype(bool)
    return float((mask & target).sum() / max(1, (mask | target).sum()))


def scores_of(shown: Sequence[Shown]) -> pd.DataFrame:
    """Numbers in the figures: model, query, text, own, clicked (IoU of the masks), map_at_target (mean map there)."""
    rows = []
    for one in shown:
        target = one.arrays["target"].astype(bool)
        means = {
            f"{name}_on_target": float(np.nanmean(one.arrays[name].astype(float)[target]))
            for name in ("map", "best", "input", "sam", "noun")
            if name in one.arrays
        }
        ious = {name: intersection_over_union(one, name) for name in ("own", "clicked")}
        rows.append({"model": one.model, "query": one.query, "text": one.text} | ious | means)
    return pd.DataFrame(rows)
