"""Masks of trained segmenter variants on ReasonSeg's queries (Tables 6 and 7); none where none is trained.

python -m sightline.studies.qian2025.variants.measure --model model.json --original models/sam \
        --variants resources/demo/segmenter-variants --seeds 0 1 2 --dataset data/reasonseg --protocol qian2025.json \
        --out variants.parquet
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from transformers import SamModel

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.pointed_segmenter import (
    SETTINGS,
    VARIANTS,
    Features,
    PointedSegmenter,
    gather_features,
    read_settings,
)
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.models.segmenter import enlarge, load_frame, load_sam
from sightline.models.vlm import VLM
from sightline.scenes.geometry import ImageTransform
from sightline.scenes.scene import SegmentationQuery
from sightline.studies.qian2025.metrics import overlap
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.qian2025.similarity.cells import coverage
from sightline.studies.qian2025.similarity.measure import describe
from sightline.studies.qian2025.similarity.states import forced_prompt, load_queries

COLUMNS = ("model", "split", "number", "variant", "seed", "steps", "intersection", "union")
_BATCH = 32
_log = logging.getLogger(__name__)


def trained(folder: Path, seeds: Sequence[int]) -> list[tuple[str, int, Path]]:
    """Variants that are there, in the order of the tables."""
    found = []
    for name in VARIANTS:
        for seed in seeds:
            place = folder / f"{name}-s{seed}"
            if (place / SETTINGS).is_file():
                found.append((name, seed, place))
    return found


@torch.no_grad()
def measure(
    module: PointedSegmenter,
    features: Features,
    queries: Sequence[SegmentationQuery],
    transform: ImageTransform,
) -> list[tuple[int, int]]:
    """Pixels shared and united of every query."""
    rows: list[tuple[int, int]] = []
    for first in range(0, len(queries), _BATCH):
        here = range(first, min(first + _BATCH, len(queries)))
        some = features.of(here)
        targets = [queries[number].target for number in here]
        covered = torch.stack([coverage(target, module.grid, transform) for target in targets])
        others = features.of([(number - 1) % len(queries) for number in here])
        logits = module.logits(some, covered, others)
        for one, number, target in zip(logits, here, targets, strict=True):
            mask = enlarge(one, features.sizes[number], module.segmenter.side) > 0
            rows.append(tuple(overlap(mask.cpu().numpy(), target, queries[number].ignore)))
    return rows


def measure_all(
    vlm: VLM,
    original: SamModel,
    folder: Path,
    found: Sequence[tuple[str, int, Path]],
    by_split: dict[str, list[SegmentationQuery]],
    protocol: Protocol,
) -> pd.DataFrame:
    """Masks of all variants, COLUMNS."""
    about = describe(vlm.key, by_split, protocol)
    queries = [query for some in by_split.values() for query in some]
    answer = protocol.answer_to_token()
    prompts = [forced_prompt(vlm, text, answer, protocol.token) for text in about["question"]]
    images = [query.scene.image() for query in queries]
    features = gather_features(vlm, original, load_frame(folder), prompts, images)
    tables = []
    for name, seed, place in found:
        module = PointedSegmenter(vlm, original, VARIANTS[name], protocol.rule(vlm.key), seed=seed)
        module.restore(place)
        rows = measure(module, features, queries, vlm.transform)
        table = pd.DataFrame(rows, columns=["intersection", "union"])
        tables.append(
            table.assign(model=vlm.key, split=about["split"], number=range(len(rows)), variant=name,
                         seed=seed, steps=read_settings(place)["steps"])
        )  # fmt: skip
        _log.info("%s, seed %d", name, seed)
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def main(options: argparse.Namespace) -> None:
    """Measure whatever is trained."""
    found = trained(options.variants, options.seeds)
    if not found:
        _log.warning(
            "%s: no trained variant; tables 6 and 7 list them as not run", options.variants
        )
        write_parquet(pd.DataFrame(columns=list(COLUMNS)), options.out)
        return
    # The trained parts are float32 wherever they run, and so must be the block that they are in.
    vlm = load_vlm(ModelSource.read(options.model), dtype="float32")
    protocol = Protocol.read(options.protocol)
    original = load_sam(options.original).eval()
    queries = load_queries(options.dataset, protocol)
    table = measure_all(vlm, original, options.original, found, queries, protocol)
    write_parquet(table, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--original", type=Path, required=True, help="folder of the unmodified SAM")
    parser.add_argument("--variants", type=Path, required=True, help="folder of trained variants")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
