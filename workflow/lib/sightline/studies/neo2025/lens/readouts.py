"""Read every state of every image token through the lens and store what it shows (section 4.1).

Trace set ``lens``: one row per image token, columns ``image_id`` and ``token``, the tensors of
`sightline.studies.neo2025.lens.stored` with the states as first axis. Beside it, in a folder:

words.json           text of every vocabulary entry, entries that begin each category
objects.parquet      the images' objects in the tower's frame
coverage.parquet     how much of each token an object covers
selection.parquet    the images of the split with what became of them
pictures.parquet     the images as the tower saw them, JPEG
"""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from sightline import cli
from sightline.cache.keeping import kept_at
from sightline.cache.store import TraceWriter
from sightline.files import write_json, write_parquet
from sightline.instruments.logit_lens import LensError, logit_lens, word_tokens
from sightline.instruments.reading import Reading
from sightline.instruments.states import capture
from sightline.instruments.workers import one_thread_each, side_by_side
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.vlm import VLM
from sightline.scenes.coco import Coco
from sightline.scenes.records import AnnotationError
from sightline.scenes.scene import Instance, Mask, Scene
from sightline.scenes.tokens import EmptyObjectError, Grid, published_object_tokens, token_coverage
from sightline.shards import add_shard
from sightline.studies.neo2025.lens import stored
from sightline.studies.neo2025.lens.image_set import KEPT, MAIN, OUT_OF_SIGHT, SAMPLES, WIDE
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.regions import (
    COVERAGE_COLUMNS,
    OBJECT_COLUMNS,
)
from sightline.studies.neo2025.lens.words import STRICT, strictly

log = logging.getLogger(__name__)

Spellings = dict[str, dict[str, list[int]]]
IN_SIGHT = 0.5
"""Share of an object that must be inside the crop."""


def entry_texts(vlm: VLM) -> list[str]:
    """Text of every vocabulary entry the model can speak, without outer spaces."""
    tokenizer, entries = vlm.tokenizer, vlm.model.get_output_embeddings().weight.shape[0]
    # Checkpoints pad their vocabulary: those entries have no text.
    named = tokenizer.batch_decode([[one] for one in range(min(entries, len(tokenizer)))])
    return [text.strip() for text in named] + [""] * (entries - len(named))


def spell(vlm: VLM, categories: Sequence[str], texts: Sequence[str]) -> Spellings:
    """Entries that begin each category, by matching rule; none for a word the tokenizer lacks."""
    found: Spellings = {}
    for name in categories:
        ways = {}
        for rule, whole in (("any_case", False), ("whole", True)):
            try:
                ways[rule] = list(word_tokens(vlm.tokenizer, name, whole))
            except LensError:
                ways[rule] = []
        found[name] = {rule: strictly(name, ways["any_case"], texts) for rule in [STRICT]} | ways
    return found


@dataclass(frozen=True, eq=False)
class LensRun:
    """The lens on one model, one image at a time.

    Attributes:
        vlm: the model.
        protocol: of the run.
        spellings: category -> rule -> entries.
        classes: categories that stand for images, to draw the word for nothing in them from.
    """

    vlm: VLM
    protocol: LensProtocol
    spellings: Spellings
    classes: Sequence[str]

    def read(self, scene: Scene, category: str, grid: Grid) -> dict[str, torch.Tensor]:
        """Tensors of one image, tokens first.

        Args:
            scene: the image.
            category: its class word.
            grid: of its tokens.
        """
        image = self.vlm.encode_images([scene.image()])
        prompt = self.vlm.prompt(self.protocol.question, grid=grid)
        states = capture(self.vlm, [prompt], image, Reading(rows="image")).states
        words = [self._entries(category), self._entries(self._other(scene))]
        spoken = logit_lens(self.vlm, states, self.protocol.top, words)
        entering = logit_lens(self.vlm, states, 1, vectors="input embeddings")
        norm = self.vlm.adapter.final_norm(self.vlm.model)
        twice = logit_lens(self.vlm, norm(states[-1:]), 1)
        rows = {
            stored.ENTRIES: spoken.tokens.int(),
            stored.LOG_PROBABILITIES: spoken.log_probabilities.half(),
            stored.RANKS: spoken.ranks.int(),
            stored.WORD_LOG_PROBABILITIES: spoken.word_log_probabilities.half(),
            stored.INPUT_ENTRIES: entering.tokens[..., 0].int(),
            stored.NORMED_TWICE: twice.tokens[..., 0].int(),
        }
        return {name: value.transpose(0, 1).contiguous().cpu() for name, value in rows.items()}

    def _entries(self, category: str) -> list[int]:
        entries = self.spellings[category][STRICT]
        if not entries:
            raise LensError(
                f"lens: {category!r} has no entry of its own in the vocabulary of {self.vlm.key}."
            )
        return entries

    def _other(self, scene: Scene) -> str:
        """A class of another image that is not in this one."""
        present = {instance.category for instance in scene.instances}
        absent = [name for name in self.classes if name not in present] or list(self.classes)
        return absent[np.random.default_rng([self.protocol.seed, scene.id]).integers(len(absent))]


def place_objects(scene: Scene, vlm: VLM, grid: Grid) -> tuple[list[dict], list[dict]]:
    """Rows of OBJECT_COLUMNS and COVERAGE_COLUMNS of one image."""
    objects, coverage = [], []
    known: dict[str, Mask] = {}
    for instance in scene.instances:
        mask = scene.mask(instance)
        seen = vlm.transform.apply_mask(mask)
        before = known.get(instance.category, np.zeros_like(seen))
        new = seen & ~before
        if not instance.crowd:
            known[instance.category] = before | seen
        inside = float(vlm.transform.share_inside(mask)) if mask.any() else 0.0
        key = {"image_id": scene.id, "object_id": instance.id}
        objects.append(
            key
            | {
                "category": instance.category,
                "crowd": instance.crowd,
                "inside": inside,
                "pixels": int(seen.sum()),
                "new_pixels": int(new.sum()),
                "patch": grid.patch,
            }
        )
        cover, new_cover = token_coverage(seen, grid), token_coverage(new, grid)
        published = _published(instance, scene, grid)
        coverage += [
            key
            | {
                "token": token,
                "coverage": cover[token],
                "new_coverage": new_cover[token],
                "published": bool(published[token]),
            }
            for token in np.flatnonzero((cover > 0) | published)
        ]
    return objects, coverage


def _published(instance: Instance, scene: Scene, grid: Grid) -> np.ndarray:
    """Tokens by the authors' geometry, (tokens,) bool; none where it finds no patch."""
    chosen = np.zeros(grid.tokens, bool)
    try:
        chosen[published_object_tokens(instance, scene, grid)] = True
    except (EmptyObjectError, AnnotationError) as error:
        log.info("image %d has no tokens by the authors' geometry: %s", scene.id, error)
    return chosen


def picture(scene: Scene, vlm: VLM) -> bytes:
    """The image in the tower's frame, as JPEG."""
    buffer = BytesIO()
    # Chroma subsampling would smear small objects.
    vlm.transform.apply_image(scene.image()).save(buffer, "JPEG", quality=90, subsampling=0)
    return buffer.getvalue()


class Seen(NamedTuple):
    """All that is kept of one image: tensors as arrays, tokens first, and rows of the tables beside them."""

    image_id: int
    arrays: dict[str, np.ndarray]
    objects: list[dict[str, Any]]
    coverage: list[dict[str, Any]]
    picture: bytes


def see(run: LensRun, scene: Scene, category: str) -> Seen:
    """Read one image; without a category of its own, its largest object stands for it."""
    grid = run.vlm.grid_of(scene.image())
    category = category or max(scene.instances, key=lambda one: one.area).category
    arrays = {name: value.numpy() for name, value in run.read(scene, category, grid).items()}
    return Seen(scene.id, arrays, *place_objects(scene, run.vlm, grid), picture(scene, run.vlm))


def mark_out_of_sight(images: pd.DataFrame, objects: pd.DataFrame) -> pd.DataFrame:
    """Take images whose object the tower does not see out of the object samples."""
    share = objects.set_index(["image_id", "object_id"])["inside"]
    keys = pd.MultiIndex.from_frame(images[["image_id", "object_id"]])
    hidden = (share.reindex(keys) < IN_SIGHT).to_numpy() & (images[MAIN] | images[WIDE])
    marked = images.copy()
    marked.loc[hidden, [MAIN, WIDE]] = False
    marked.loc[hidden & (images["reason"] == KEPT), "reason"] = OUT_OF_SIGHT
    return marked


def main(options: argparse.Namespace) -> None:
    """Read the chosen images of one split with one model."""
    protocol, source = LensProtocol.read(options.protocol), read_model(options)
    one_thread_each(options.processes)
    coco = Coco(options.dataset, options.split)
    images = pd.read_parquet(options.images)
    chosen = images[images[list(SAMPLES)].any(axis=1)]
    vlm = load_vlm(source)
    texts = entry_texts(vlm)
    spellings = spell(vlm, list(coco.categories.values()), texts)
    classes = sorted(set(chosen.loc[chosen[MAIN] | chosen[WIDE], "category"]))
    run = LensRun(vlm, protocol, spellings, classes)
    objects: list[dict[str, Any]] = []
    coverage: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    spec = {
        "trace": stored.TRACE,
        "model": vlm.spec,
        "question": protocol.question,
        "top": protocol.top,
        "dataset": {"name": options.dataset.name, "split": options.split, "images": len(chosen)},
    }
    share = options.shard.around(images, images[list(SAMPLES)].any(axis=1))
    mine = share[share[list(SAMPLES)].any(axis=1)]
    with TraceWriter(
        options.out, spec, may_be_empty=not options.shard.whole, keep=kept_at(options.out)
    ) as writer:
        asked = list(zip(mine["image_id"], mine["category"], strict=True))
        read = side_by_side(
            lambda one: see(run, coco.scene(one[0]), one[1]), asked, options.processes, vlm.device
        )
        for seen in tqdm(read, total=len(asked), desc="lens", unit="image"):
            tokens = len(seen.arrays[stored.ENTRIES])
            rows = [{"image_id": seen.image_id, "token": token} for token in range(tokens)]
            writer.add(rows, {name: torch.from_numpy(one) for name, one in seen.arrays.items()})
            objects += seen.objects
            coverage += seen.coverage
            pictures.append({"image_id": seen.image_id, "picture": seen.picture})
    about = options.about
    write_json({"texts": texts, "spellings": spellings}, about / "words.json")
    table = pd.DataFrame(objects, columns=list(OBJECT_COLUMNS)).astype(OBJECT_COLUMNS)
    write_parquet(table, about / "objects.parquet")
    write_parquet(
        pd.DataFrame(coverage, columns=list(COVERAGE_COLUMNS)).astype(COVERAGE_COLUMNS),
        about / "coverage.parquet",
    )
    write_parquet(
        pd.DataFrame(pictures, columns=["image_id", "picture"]), about / "pictures.parquet"
    )
    write_parquet(mark_out_of_sight(share, table), about / "selection.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--images", type=Path, required=True, help="of lens.image_set")
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=1, help="images at a time, on a CPU")
    add_shard(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of the trace set")
    parser.add_argument("--about", type=Path, required=True, help="folder of the tables beside it")
    cli.run(main, parser)
