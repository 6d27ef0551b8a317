"""Does the map of [SEG] agree with that of the noun, which the query does not say? And its state with that by name?

    python -m sightline.studies.qian2025.nouns.measure --model model.json --encoder encoder.json \
        --maps measurements/demo-llava --dataset data/reasonseg --protocol qian2025.json \
        --out measurements/demo-llava

Writes nouns.parquet (columns in `sightline.studies.qian2025.nouns.names`), noun_maps.safetensors (every noun's maps
over every image, in the order of the table) and noun_pictures.safetensors (the right noun's map on the images of the
gallery). Queries that do not tell what their target is called are left out; the official ones do not.
"""

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from tqdm import tqdm

from sightline import cli
from sightline.files import atomic_path, write_parquet
from sightline.instruments.points import image_map, unit_range
from sightline.models.arguments import add_model, read_model
from sightline.models.encoders.encoder import Encoder
from sightline.models.encoders.loading import load_encoder
from sightline.models.encoders.source import EncoderSource
from sightline.models.loading import load_vlm
from sightline.models.vlm import VLM
from sightline.scenes.geometry import ImageTransform
from sightline.scenes.scene import SegmentationQuery
from sightline.studies.qian2025.masks.gallery import drawn_for_gallery
from sightline.studies.qian2025.nouns.maps import noun_maps, on_places, rank_correlations
from sightline.studies.qian2025.nouns.names import (
    COLUMNS,
    COMPARED,
    DISTRACTORS,
    MAPS,
    PICTURES,
    RAW,
)
from sightline.studies.qian2025.protocol import POSITIONS, Protocol
from sightline.studies.qian2025.similarity.cells import coverage, score_cells
from sightline.studies.qian2025.similarity.states import forced_prompt, load_queries, read_told
from sightline.studies.qian2025.similarity.store import Maps, load_maps

log = logging.getLogger(__name__)


def all_names(queries: Sequence[SegmentationQuery]) -> list[str]:
    """Every name that a query or its image has, each once, in alphabetical order."""
    named = [query for query in queries if query.noun is not None]
    return sorted({name for query in named for name in (query.noun, *query.others)})


def maps_of_nouns(
    encoder: Encoder, queries: Mapping[int, SegmentationQuery], nouns: Sequence[str]
) -> dict[str, torch.Tensor]:
    """`VARIANTS` -> (queries, nouns, rows, columns), in the order of the queries."""
    some, size = list(queries.values()), encoder.source.batch_size
    found = [
        noun_maps(encoder, [query.scene.image() for query in some[first : first + size]], nouns)
        for first in tqdm(range(0, len(some), size), desc="maps of nouns", unit="batch")
    ]
    return {name: torch.cat([one[name] for one in found]) for name in found[0]}


def compare_maps(correlations: np.ndarray, right: int, drawn: np.ndarray) -> dict[str, Any]:
    """What the rank correlations of one map of [SEG] with the maps of all nouns say of the right one.

    Args:
        correlations: (nouns,).
        right: number of the right noun.
        drawn: numbers of some others.

    Returns:
        Endings of `COLUMNS` -> value.
    """
    others = np.delete(correlations, right)
    one = correlations[right]
    return {
        ", correlation": float(one),
        ", mean of others": float(others.mean()),
        ", best": bool(one > others.max()),
        ", worst": bool(one < others.min()),
        ", best of ten": bool(one > correlations[drawn].max()),
    }


def compare_states(
    vlm: VLM, maps: Maps, queries: Mapping[int, SegmentationQuery], protocol: Protocol
) -> dict[int, dict[str, float]]:
    """How near the state at [SEG] is to those of queries by name: the right one, and the image's other things."""
    answer, place = protocol.answer_to_token(), POSITIONS.index(protocol.position)
    asked = [
        (number, name, query)
        for number, query in queries.items()
        if query.others
        for name in (query.noun, *query.others)
    ]
    prompts = [
        forced_prompt(vlm, protocol.wording.ask(f"the {name}", False), answer, protocol.token)
        for _, name, _ in asked
    ]
    states = maps.seg(protocol.position)
    cosines: dict[int, dict[str, float]] = {}
    for told in read_told(vlm, prompts, [query for *_, query in asked], layers=(-1,)):
        number, name, _ = asked[told.number]
        own, named = states[number].float(), told.seg[place, -1].cpu().float()
        cosine = torch.nn.functional.cosine_similarity(own, named, dim=0)
        cosines.setdefault(number, {})[name] = float(cosine)
    found = {}
    for number, by_name in cosines.items():
        own = by_name.pop(queries[number].noun)
        others = list(by_name.values())
        if not others:
            continue
        found[number] = {
            "asked": len(others), "by name": own, "nearest other": max(others),
            "mean of others": sum(others) / len(others),
        }  # fmt: skip
    return found


def compare(
    vlm: VLM,
    maps: Maps,
    encoder: Encoder,
    named: Mapping[str, torch.Tensor],
    queries: Mapping[int, SegmentationQuery],
    nouns: Sequence[str],
    protocol: Protocol,
) -> pd.DataFrame:
    """One row per query.

    Args:
        vlm: the model.
        maps: of [SEG], of all queries.
        encoder: that saw the nouns.
        named: their maps, in the order of ``queries``.
        queries: that have a noun, by their place among all.
        nouns: all of them.
        protocol: of the run.
    """
    published, about = maps.of(protocol.position), maps.queries
    # Several questions to each query: only the last split is judged.
    last = about.index[about["split"] == about["split"].iloc[-1]]
    judged = {number: query for number, query in queries.items() if number in last}
    states = compare_states(vlm, maps, judged, protocol)
    rows = []
    for place, (number, query) in enumerate(tqdm(queries.items(), desc="compare")):
        size = (query.scene.height, query.scene.width)
        (seg,) = on_places(published[number][None], size, vlm.transform)
        covered = coverage(query.target, encoder.grids[-1], encoder.transform)
        right = nouns.index(query.noun)
        others = [n for n in range(len(nouns)) if n != right]
        drawn = np.random.default_rng([protocol.seed, number]).permutation(others)[:DISTRACTORS]
        row = {
            "model": vlm.key, "encoder": encoder.key, "split": about["split"].iloc[number],
            "number": number, "query": query.id, "image": str(query.scene.path),
            "noun": query.noun, "names": len(nouns), "asked": 0,
        }  # fmt: skip
        for variant, every in named.items():
            found = rank_correlations(seg, on_places(every[place], size, encoder.transform))
            said = compare_maps(found.numpy(), right, drawn)
            scores = score_cells(every[place, right][None], covered, protocol.deviations)
            said[", area"] = float(scores.area)
            row |= {f"{variant}{ending}": value for ending, value in said.items()}
        rows.append(row | states.get(number, {}))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def pictures(
    shown: Sequence[int],
    queries: Mapping[int, SegmentationQuery],
    named: torch.Tensor,
    nouns: Sequence[str],
    transform: ImageTransform,
) -> dict[str, torch.Tensor]:
    """The right noun's map from 0 to 1 on the image, NaN where the encoder sees nothing, as "7 noun"."""
    found = {}
    for place, (number, query) in enumerate(queries.items()):
        if number in shown:
            scores = unit_range(named[place, nouns.index(query.noun)])
            size = (query.scene.height, query.scene.width)
            found[f"{number} noun"] = image_map(scores, size, transform, outside=torch.nan).half()
    return found


def _save(arrays: Mapping[str, torch.Tensor], path: Path) -> None:
    with atomic_path(path) as temporary:
        save_file({name: one.contiguous() for name, one in arrays.items()}, temporary)


def main(options: argparse.Namespace) -> None:
    """Compare one model's maps and states with nouns."""
    source, protocol = read_model(options), Protocol.read(options.protocol)
    maps = load_maps(options.maps)
    everything = [one for some in load_queries(options.dataset, protocol).values() for one in some]
    queries = {n: one for n, one in enumerate(everything) if one.noun is not None}
    nouns = all_names(everything)
    table, named, drawn = pd.DataFrame(columns=list(COLUMNS)), {}, {}
    if len(nouns) < 2:
        log.warning("No two queries tell what they ask for; nothing to compare.")
    else:
        encoder = load_encoder(replace(EncoderSource.read(options.encoder), device=source.device))
        named = maps_of_nouns(encoder, queries, nouns)
        table = compare(load_vlm(source), maps, encoder, named, queries, nouns, protocol)
        shown = drawn_for_gallery(maps.queries, protocol)
        drawn = pictures(shown, queries, named[RAW], nouns, encoder.transform)
    write_parquet(table, options.out / COMPARED)
    _save(named, options.out / MAPS)
    _save(drawn, options.out / PICTURES)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--encoder", type=Path, required=True, help="its settings, JSON")
    parser.add_argument("--maps", type=Path, required=True, help="folder of the similarity maps")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder")
    cli.run(main, parser)
