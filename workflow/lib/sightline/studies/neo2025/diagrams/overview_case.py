"""The object that Figure 1 shows: chosen by rule among the images whose read-outs the lens page holds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline.errors import SightlineError
from sightline.studies.neo2025.lens.words import STRICT

OWN, ELSEWHERE, OTHER = "its class", "another class in the image", "any other word"
FEWEST = 3
"""Tokens an object needs to be shown, if any has as many."""


@dataclass(frozen=True, eq=False)
class Case:
    """One object and what the lens reads along its tokens.

    Attributes:
        image_id: the image.
        picture: as the tower saw it, JPEG.
        question: asked while the states were read.
        category: of the object.
        grid: rows and columns of image tokens.
        tokens: those the object touches.
        strip: neighbouring tokens of one row of the grid, some of them the object's.
        token: the one of the strip that says the class in most states.
        texts: what is read at ``token``, one per state.
        kinds: OWN, ELSEWHERE or OTHER, (states, strip).
        answers: what is read at the last position of the prompt, one per state.
    """

    image_id: int
    picture: bytes
    question: str
    category: str
    grid: tuple[int, int]
    tokens: list[int]
    strip: list[int]
    token: int
    texts: list[str]
    kinds: NDArray[np.str_]
    answers: list[str]

    @property
    def states(self) -> int:
        """Number of states, the one before the first layer included."""
        return len(self.kinds)


def read_case(folder: Path, words: Path, widest: int) -> Case:
    """The object of which, in its best state, the largest share of tokens decodes to its class.

    Args:
        folder: tables of a lens page.
        words: words.json beside the stored read-outs.
        widest: most tokens in the strip.

    Raises:
        SightlineError: no object is in sight of any image.
    """
    names = ("images", "words", "objects", "answer")
    images, read, objects, answer = (pd.read_parquet(folder / f"{name}.parquet") for name in names)
    objects = objects[~objects["crowd"] & (objects["tokens"].str.len() > 0)]
    if objects.empty:
        raise SightlineError(
            f"{folder}: no image shows an object. Choose other images "
            "(studies: neo2025: lens: page: chosen)."
        )
    spoken = _spoken(words, list(objects["category"].unique()))
    best = read[read["rank"] == 0].sort_values(["image_id", "state", "token"])
    read_at = {
        image: part.pivot(index="state", columns="token", values="text").to_numpy(object)
        for image, part in best.groupby("image_id")
    }
    ranked = []
    for place, one in enumerate(objects.itertuples()):
        own = np.isin(read_at[one.image_id][:, list(one.tokens)], spoken[one.category])
        count = len(one.tokens)
        ranked.append((count >= FEWEST, own.mean(axis=1).max(), count, -place))
    shown = objects.iloc[-max(ranked)[-1]]
    image = images.set_index("image_id").loc[shown["image_id"]]
    said = answer[(answer["image_id"] == shown["image_id"]) & (answer["rank"] == 0)]
    present = objects.loc[objects["image_id"] == shown["image_id"], "category"]
    texts = read_at[shown["image_id"]]
    own = np.isin(texts, spoken[shown["category"]])
    others = np.isin(texts, [word for name in present for word in spoken[name]])
    kinds = np.where(own, OWN, np.where(others, ELSEWHERE, OTHER))
    grid = (int(image["rows"]), int(image["columns"]))
    strip, token = _strip(shown["tokens"], own, grid[1], widest)
    return Case(
        int(shown["image_id"]), image["picture"], image["question"], shown["category"], grid,
        sorted(map(int, shown["tokens"])), strip, token, list(texts[:, token]), kinds[:, strip],
        said.sort_values("state")["text"].tolist(),
    )  # fmt: skip


def _spoken(path: Path, categories: Sequence[str]) -> Mapping[str, list[str]]:
    """Texts that begin each category, by the main rule."""
    stored = json.loads(path.read_text())
    return {
        name: sorted({stored["texts"][entry] for entry in stored["spellings"][name][STRICT]})
        for name in categories
    }


def _strip(
    tokens: Sequence[int], own: NDArray[np.bool_], columns: int, widest: int
) -> tuple[list[int], int]:
    """Tokens around the one of the object that says its class in most states, and that one."""
    token = max((int(one) for one in tokens), key=lambda one: (own[:, one].sum(), -one))
    row, column = divmod(token, columns)
    width = min(columns, widest)
    first = min(max(column - width // 2, 0), columns - width)
    return [row * columns + place for place in range(first, first + width)], token
