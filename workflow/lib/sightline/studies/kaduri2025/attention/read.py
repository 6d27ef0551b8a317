"""Describe every image and keep what the attention of the generated tokens shows (kaduri2025 sections 3.2, 3.3).

The row with which token t of a description was chosen is that of the position before it: for the first one the last
of the prompt. Rows are averaged over heads as they are read and reduced before the next images come, so that memory
holds those of one batch only.
"""

import argparse
import itertools
import logging
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.reading import Reading
from sightline.instruments.states import capture_answers
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.roles import TokenRoles
from sightline.models.vlm import VLM
from sightline.scenes.coco import Coco
from sightline.scenes.mentions import Vocabulary
from sightline.scenes.scene import Mask, Scene
from sightline.scenes.tokens import Grid
from sightline.shards import add_shard, blocked
from sightline.studies.kaduri2025.attention import measurements as columns
from sightline.studies.kaduri2025.attention import peaks
from sightline.studies.kaduri2025.attention.layer_bins import layer_bins
from sightline.studies.kaduri2025.attention.measurements import TABLES, table
from sightline.studies.kaduri2025.attention.spelled import Mention, first_mentions
from sightline.studies.kaduri2025.images import read_images
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.windows import Window

log = logging.getLogger(__name__)

Rows = NDArray[np.float32]
_NO_MAP = np.empty(0, np.float32)
BLOCK = 16
"""Images between two places where shards may begin."""
READING = Reading(
    rows=(),
    layers=(),
    queries=("last", "generated"),
    keys=("system", "image", "query"),
    dtype="float32",
)


class Described(NamedTuple):
    """One description with the attention behind it.

    Attributes:
        scene: the image.
        grid: of its tokens.
        roles: of the prompt.
        tokens: generated, (n,).
        attention: averaged over heads, (layers, n, positions of the prompt); row t chose token t.
    """

    scene: Scene
    grid: Grid
    roles: TokenRoles
    tokens: torch.Tensor
    attention: Rows

    @property
    def to_image(self) -> Rows:
        """Attention to image tokens, (layers, n, tokens)."""
        return self.attention[:, :, self.roles.image]


class Seen(NamedTuple):
    """An object of an image, in the pixels of the tile that shows all of it."""

    mask: Mask
    near: NDArray[np.bool_]
    inside: NDArray[np.bool_]


def describe(
    vlm: VLM, scenes: Sequence[Scene], question: str, max_new_tokens: int
) -> Iterator[Described]:
    """Descriptions one by one, images of one grid together, never more than BLOCK at a time."""
    for batch in blocked(scenes, vlm.source.batch_size, BLOCK):
        images = [scene.image() for scene in batch]
        grids = [vlm.grid_of(image) for image in images]
        for grid, same in itertools.groupby(range(len(batch)), grids.__getitem__):
            numbers = list(same)
            prompt = vlm.prompt(question, grid=grid)
            tokens = vlm.encode_images([images[one] for one in numbers])
            answers = capture_answers(vlm, [prompt] * len(numbers), tokens, READING, max_new_tokens)
            for place, one in enumerate(numbers):
                found = answers.captured.of(place).attention[:, 0].cpu().numpy()
                yield Described(batch[one], grid, prompt.roles, answers.tokens[place], found)


def shares(one: Described) -> Iterator[tuple[str, str, Rows]]:
    """Attention by keys and role, (layers, n) each (kaduri2025 section 3.2).

    Generated tokens get what the prompt leaves: a softmax row adds up to one.
    """
    roles, attention = one.roles, one.attention.astype(np.float64)
    found = {columns.FIRST: attention[:, :, 0]}
    for role in (columns.SYSTEM, columns.IMAGE, columns.QUERY):
        positions = getattr(roles, role)
        found[role] = attention[:, :, positions[positions > 0]].sum(axis=-1)
    # Half precision can leave the sum a little above one.
    found[columns.GENERATED] = np.clip(1 - sum(found.values()), 0, None)
    text = found[columns.SYSTEM] + found[columns.QUERY]
    for role, share in (found | {columns.TEXT: text + found[columns.FIRST]}).items():
        yield columns.ALL_KEYS, role, share
    rest = 1 - found.pop(columns.FIRST)
    for role, share in (found | {columns.TEXT: text}).items():
        yield columns.WITHOUT_FIRST, role, share / np.maximum(rest, 1e-12)


def object_rows(spelling: Sequence[int], steps: int) -> dict[str, list[int]]:
    """Attention rows of a name by reading; a token at the end of a description was never run itself."""
    found = {
        columns.PRODUCING: list(spelling),
        columns.PRODUCING_FIRST: [spelling[0]],
        columns.AT: [token + 1 for token in spelling if token + 1 < steps],
    }
    return {reading: rows for reading, rows in found.items() if rows}


class AttentionReader:
    """Reduces descriptions to rows of the tables, see `sightline.studies.kaduri2025.attention.measurements`."""

    def __init__(self, vlm: VLM, vocabulary: Vocabulary, middle: Window) -> None:
        """Start with empty tables."""
        self._vlm, self._vocabulary, self._middle = vlm, vocabulary, middle
        self._layers = len(vlm.adapter.layers(vlm.model))
        self.rows: dict[str, list[tuple]] = {name: [] for name in TABLES}

    def add(self, one: Described) -> None:
        """Take in one image."""
        key = (self._vlm.key, self._layers, one.scene.id)
        to_image = one.to_image
        self._describe(key, one)
        for keys, role, share in shares(one):
            means, squares = share.mean(axis=1), (share**2).mean(axis=1)
            self.rows["fractions"] += [
                (*key, layer, keys, role, share.shape[1], mean, square)
                for layer, (mean, square) in enumerate(zip(means, squares, strict=True))
            ]
        for name, values in (
            (columns.MEAN_MAP, to_image.mean(axis=1)),
            (columns.FIRST_MAP, to_image[:, 0]),
        ):
            self.rows["maps"] += [(*key, layer, name, row) for layer, row in enumerate(values)]
        self._locate(key, one, peaks.view_of(to_image, one.grid))

    def _describe(self, key: tuple, one: Described) -> None:
        roles, grid = one.roles, one.grid
        picture = np.asarray(self._vlm.transform.apply_image(one.scene.image()))
        self.rows["descriptions"].append(
            (
                *key, self._vlm.decode(one.tokens), len(one.tokens),
                # The first position is counted apart from the role it belongs to.
                1, np.sum(roles.system > 0), len(roles.image), np.sum(roles.query > 0),
                grid.rows, grid.columns, grid.tiles, _png(peaks.frame_of(picture, grid)),
            )
        )  # fmt: skip

    def _locate(self, key: tuple, one: Described, view: Rows) -> None:
        """Peaks of all objects that the description names."""
        mentions = first_mentions(self._vlm.decode, one.tokens.tolist(), self._vocabulary)
        seen = {mention.name: self._seen(one, mention.name) for mention in mentions}
        present = {name: found for name, found in seen.items() if isinstance(found, Seen)}
        for mention in mentions:
            found = seen[mention.name]
            if not isinstance(found, Seen):
                head = (*key, mention.name, found, len(mention.tokens), mention.tokens[0])
                self.rows["objects"].append((*head, 0, np.nan, np.nan, 0, b"", _NO_MAP))
                continue
            others = [other.near for name, other in present.items() if name != mention.name]
            self._add_object(key, one, mention, found, others, view)

    def _add_object(
        self,
        key: tuple,
        one: Described,
        mention: Mention,
        found: Seen,
        others: list[NDArray[np.bool_]],
        view: Rows,
    ) -> None:
        instances = sum(each.category == mention.name for each in one.scene.instances)
        middle = list(self._middle.layers)
        self.rows["objects"].append(
            (
                *key, mention.name, "", len(mention.tokens), mention.tokens[0], instances,
                found.near.mean(), found.inside.mean(), len(others), _png(found.mask),
                view[middle][:, list(mention.tokens)].mean(axis=(0, 1)),
            )
        )  # fmt: skip
        for reading, rows in object_rows(mention.tokens, view.shape[1]).items():
            by_layer = view[:, rows].mean(axis=1)
            for scope, layers in self._scopes():
                token = int(by_layer[layers.first : layers.last + 1].mean(axis=0).argmax())
                elsewhere = np.mean([other[token] for other in others]) if others else np.nan
                self.rows["peaks"].append(
                    (
                        *key, mention.name, reading, scope, layers.first, layers.last, token,
                        found.near[token], found.inside[token], elsewhere,
                    )
                )  # fmt: skip

    def _scopes(self) -> Iterator[tuple[str, Window]]:
        for layer in range(self._layers):
            yield columns.LAYER, Window(layer, layer)
        for one in layer_bins(self._layers):
            yield columns.BIN, one
        yield columns.MIDDLE, self._middle

    def _seen(self, one: Described, name: str) -> Seen | str:
        """All instances of a category together: a text does not say which one it means."""
        instances = [each for each in one.scene.instances if each.category == name]
        if not instances:
            return columns.NOT_ANNOTATED
        mask = np.logical_or.reduce([one.scene.mask(each) for each in instances])
        mask = peaks.frame_of(self._vlm.transform.apply_mask(mask), one.grid)
        view = peaks.whole_view(one.grid)
        if not mask[: view.rows * view.patch, : view.columns * view.patch].any():
            return columns.OUT_OF_SIGHT
        return Seen(mask, peaks.near(mask, view), peaks.inside(mask, view))

    def tables(self) -> dict[str, pd.DataFrame]:
        """Everything taken in so far."""
        return {name: table(self.rows[name], TABLES[name]) for name in TABLES}


def read_attention(
    vlm: VLM, scenes: Sequence[Scene], vocabulary: Vocabulary, protocol: Protocol
) -> dict[str, pd.DataFrame]:
    """The tables of one model."""
    middle = protocol.middle(vlm.key, len(vlm.adapter.layers(vlm.model)))
    reader = AttentionReader(vlm, vocabulary, middle)
    described = describe(vlm, scenes, protocol.question, protocol.max_new_tokens)
    for one in tqdm(described, desc="read attention", unit="image", total=len(scenes)):
        reader.add(one)
    return reader.tables()


def _png(pixels: NDArray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def main(options: argparse.Namespace) -> None:
    """Measure one model on the drawn images."""
    vlm = load_vlm(read_model(options))
    coco = Coco(options.dataset, options.split)
    images = options.shard.of(read_images(options.images)["image_id"].tolist(), BLOCK)
    scenes = [coco.scene(image) for image in images]
    tables = read_attention(
        vlm, scenes, Vocabulary(coco.categories.values()), Protocol.read(options.protocol)
    )
    left_out = tables["objects"]["reason"].value_counts()
    for reason, count in left_out[left_out.index != ""].items():
        log.info("%d named objects have no peaks: %s", count, reason)
    for name, found in tables.items():
        write_parquet(found, options.out / f"{name}.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    add_shard(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of the tables")
    cli.run(main, parser)
