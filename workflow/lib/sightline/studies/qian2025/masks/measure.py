"""Masks of every query and how much of them is right: the model's own, the original SAM's, and the map itself, cut.

    python -m sightline.studies.qian2025.masks.measure --model model.json --maps measurements/demo-llava \
        --segmenter models/segmenter --original models/sam --dataset data/reasonseg --protocol qian2025.json \
        --out measurements/demo-llava

Writes masks.parquet (one row per query, method and variant: pixels shared and united), agreement.parquet (how alike the
maps of language model and mask decoder are, and those of different images), gradients.csv and gallery.safetensors.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save_file
from tqdm import tqdm

from sightline import cli
from sightline.files import atomic_path, write_csv, write_parquet
from sightline.models.arguments import add_model, read_model
from sightline.models.devices import choose_device
from sightline.models.loading import choose_dtype
from sightline.scenes.scene import SegmentationQuery
from sightline.studies.qian2025.masks.conditions import choose
from sightline.studies.qian2025.masks.frames import load_segmenters
from sightline.studies.qian2025.masks.gallery import drawn_for_gallery, pictures
from sightline.studies.qian2025.masks.geometry import load_geometry
from sightline.studies.qian2025.masks.gradients import probe_gradients
from sightline.studies.qian2025.masks.measuring import Measuring
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.qian2025.similarity.measure import LAYERS
from sightline.studies.qian2025.similarity.states import load_queries
from sightline.studies.qian2025.similarity.store import load_maps

MASKS, AGREEMENT, GALLERY = "masks.parquet", "agreement.parquet", "gallery.safetensors"
GRADIENTS = "gradients.csv"


def measure(
    measuring: Measuring, queries: Sequence[SegmentationQuery], shown: Sequence[int], batch: int
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, torch.Tensor]]:
    """Masks and agreement of all queries, and arrays of those that are shown."""
    rows, agreement, gallery = [], [], {}
    for first in tqdm(range(0, len(queries), batch), desc="masks", unit="batch"):
        numbers = list(range(first, min(first + batch, len(queries))))
        more, alike, seen = measuring.batch(numbers, [queries[n] for n in numbers])
        rows += more
        agreement += alike
        for place, number in enumerate(numbers):
            if number in shown:
                gallery |= pictures(measuring, number, place, queries[number], seen)
    about = measuring.maps.queries[["model", "split", "query", "is_sentence"]]
    tables = []
    for some in (rows, agreement):
        frame = pd.DataFrame(some)
        tables.append(frame.join(about, on="number"))
    return tables[0], tables[1], gallery


def main(options: argparse.Namespace) -> None:
    """Measure one model."""
    source, protocol = read_model(options), Protocol.read(options.protocol)
    device = choose_device(source.device)
    maps = load_maps(options.maps)
    split = next(iter(protocol.queries))
    best = choose(pd.read_parquet(options.maps / LAYERS), split)
    segmenters = load_segmenters(
        options.segmenter, options.original, device, choose_dtype(source.dtype, device)
    )
    transform, patch = load_geometry(source)
    measuring = Measuring(maps, best, segmenters, transform, patch, source.key, protocol)
    queries = [query for some in load_queries(options.dataset, protocol).values() for query in some]
    shown = drawn_for_gallery(maps.queries, protocol)
    masks, agreement, gallery = measure(measuring, queries, shown, source.batch_size)
    agreement["best"] = f"{best.position}, {best.metric}, entry {best.entry}"
    gradients = probe_gradients(measuring, queries)
    write_csv(gradients, options.out / GRADIENTS)
    write_parquet(masks, options.out / MASKS)
    write_parquet(agreement, options.out / AGREEMENT)
    with atomic_path(options.out / GALLERY) as temporary:
        save_file(gallery, temporary)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--maps", type=Path, required=True, help="folder of the similarity maps")
    parser.add_argument("--segmenter", type=Path, required=True)
    parser.add_argument("--original", type=Path, required=True, help="folder of the unmodified SAM")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder")
    cli.run(main, parser)
