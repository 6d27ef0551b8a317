"""Read the similarity maps of a model: [SEG] with the image tokens, in every layer, by both metrics, and controls.

    python -m sightline.studies.qian2025.similarity.measure --model model.json --dataset data/reasonseg \
        --protocol qian2025.json --out measurements/demo-llava

Controls (dossier section 8.3): "norm" is the length of the image tokens' states, which a dot product may follow;
"random" a vector of random numbers in place of [SEG]; "another query" the [SEG] of another image's query; "input" the
[SEG] with what enters the language model (the authors' panel "CLIP with SEG"); "untrained" the same architecture with
random weights, where it is small enough to be built.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.similarity import similarity_maps
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.prompts import Prompt
from sightline.models.vlm import VLM
from sightline.scenes.scene import SegmentationQuery
from sightline.studies.qian2025.protocol import METRICS, POSITIONS, Protocol
from sightline.studies.qian2025.similarity.cells import coverage, score_cells
from sightline.studies.qian2025.similarity.states import (
    Told,
    forced_prompt,
    load_queries,
    read_told,
)
from sightline.studies.qian2025.similarity.store import Maps

LAYERS = "layers.parquet"
_MOST_WEIGHTS = 500_000_000
"""Larger models are not built a second time with random weights."""


def measure(
    vlm: VLM, by_split: dict[str, list[SegmentationQuery]], protocol: Protocol
) -> tuple[Maps, pd.DataFrame]:
    """Maps of all queries, and how well each layer's find the object.

    Returns:
        The maps, and a table model, split, query, position, metric, entry, precision, area, overlap, hit, share.
    """
    queries = [query for split in by_split.values() for query in split]
    table = describe(vlm.key, by_split, protocol)
    answer = protocol.answer_to_token()
    prompts = [forced_prompt(vlm, text, answer, protocol.token) for text in table["question"]]
    generator = torch.Generator().manual_seed(protocol.seed)
    kept: dict[int, dict[str, torch.Tensor]] = {}
    layers, before = [], None
    for told in read_told(vlm, prompts, queries):
        query = queries[told.number]
        found = maps_of(vlm, told)
        kept[told.number] = {"maps": found, "states": told.seg[:, -1].cpu()} | controls_of(
            vlm, told, before, protocol, generator
        )
        before = told
        scores = score_cells(
            found.flatten(0, 2),
            coverage(query.target, vlm.grid, vlm.transform),
            protocol.deviations,
        )
        layers.append(_layer_rows(table.iloc[told.number], found.shape[2], scores))
    if sum(one.numel() for one in vlm.model.parameters()) <= _MOST_WEIGHTS:
        for number, one in untrained_maps(vlm, prompts, queries, protocol).items():
            kept[number]["untrained"] = one
    # The first query had none before it.
    first = next(iter(kept))
    kept[first]["another query"] = kept[first]["random"]
    rows = [kept[number] for number in range(len(queries))]
    stacked = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    maps = Maps(table, stacked.pop("maps"), stacked.pop("states"), stacked)
    return maps, pd.concat(layers, ignore_index=True)


def describe(
    model: str, by_split: dict[str, list[SegmentationQuery]], protocol: Protocol
) -> pd.DataFrame:
    """One row per query: model, split, query, image, text, question, is_sentence, width, height."""
    rows = [
        {"model": model, "split": split, "query": query.id, "image": str(query.scene.path),
         "text": query.texts[0],
         "question": protocol.wording.ask(query.texts[0], query.is_sentence),
         "is_sentence": query.is_sentence, "width": query.scene.width, "height": query.scene.height}
        for split, queries in by_split.items()
        for query in queries
    ]  # fmt: skip
    return pd.DataFrame(rows)


def maps_of(vlm: VLM, told: Told) -> torch.Tensor:
    """Maps (positions, metrics, entries, rows, columns) of one query."""
    return torch.stack(
        [
            torch.stack([similarity_maps(seg, told.image, vlm.grid, metric) for metric in METRICS])
            for seg in told.seg
        ]
    ).cpu()


def controls_of(
    vlm: VLM, told: Told, before: Told | None, protocol: Protocol, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Maps (rows, columns) of other vectors with the same image tokens."""
    final, grid = told.image[-1], vlm.grid
    place = POSITIONS.index(protocol.position)
    random = torch.randn(final.shape[-1], generator=generator).to(final)
    found = {
        "norm": final.norm(dim=-1).unflatten(0, (grid.rows, grid.columns)),
        "random": similarity_maps(random, final, grid, "dot"),
        "input": similarity_maps(told.seg[place, -1], told.image[0], grid, "dot"),
    }
    if before is not None:
        found["another query"] = similarity_maps(before.seg[place, -1], final, grid, "dot")
    return {name: one.cpu() for name, one in found.items()}


def untrained_maps(
    vlm: VLM, prompts: Sequence[Prompt], queries: Sequence[SegmentationQuery], protocol: Protocol
) -> dict[int, torch.Tensor]:
    """The published map of every query in a model of the same architecture with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(protocol.seed)
        model = type(vlm.model)(vlm.model.config).to(vlm.device, vlm.dtype)
    blank = VLM(vlm.source, model, vlm.processor, vlm.adapter)
    place = POSITIONS.index(protocol.position)
    return {
        told.number: similarity_maps(told.seg[place, -1], told.image[-1], vlm.grid, "dot").cpu()
        for told in read_told(blank, prompts, queries, layers=(-1,))
    }


def _layer_rows(query: pd.Series, entries: int, scores: tuple) -> pd.DataFrame:
    index = pd.MultiIndex.from_product(
        [POSITIONS, METRICS, range(entries)], names=["position", "metric", "entry"]
    )
    frame = index.to_frame(index=False)
    for name in ("model", "split", "query"):
        frame.insert(0, name, query[name])
    return frame.assign(**{name: one.numpy() for name, one in scores._asdict().items()})


def main(options: argparse.Namespace) -> None:
    """Read one model's maps."""
    vlm, protocol = load_vlm(read_model(options)), Protocol.read(options.protocol)
    maps, layers = measure(vlm, load_queries(options.dataset, protocol), protocol)
    maps.save(options.out)
    write_parquet(layers, options.out / LAYERS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder")
    cli.run(main, parser)
