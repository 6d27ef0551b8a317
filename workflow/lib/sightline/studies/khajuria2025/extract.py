"""Pooled features of one encoder: every image is read once, for all layers, samples and variants.

python -m sightline.studies.khajuria2025.extract --encoder encoder.json --dataset results/demo/data/coco \
    --protocol khajuria2025.json --samples samples.parquet --out features/dino
"""

import argparse
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import sha256
from sightline.models.encoders.source import EncoderSource
from sightline.scenes.scene import Scene
from sightline.shards import Shard, add_shard, blocked
from sightline.studies.khajuria2025.feature_writer import STORED, FeatureWriter
from sightline.studies.khajuria2025.names import (
    CLS_FOLDER,
    CORRECTED,
    OBJECT,
    PAIRS,
    POOLED,
    PUBLISHED,
)
from sightline.studies.khajuria2025.placing import Placing, Tokens, token_groups
from sightline.studies.khajuria2025.pooling import Draws, Placed, pool
from sightline.studies.khajuria2025.protocol import Protocol
from sightline.studies.khajuria2025.scene_files import IMAGE, Scenes, stored_mask

if TYPE_CHECKING:
    from sightline.models.encoders.encoder import Encoder

log = logging.getLogger(__name__)


_LINE, _HEADERS = 25, 12_000
"""Bytes of a line of an index, and of all headers of a trace set; both small beside the states."""
BLOCK = 64
"""Images between two places where shards may begin; more are never read at a time."""


class ExtractionError(SightlineError):
    """No sample has tokens."""


def place_samples(
    samples: pd.DataFrame, scenes: Scenes, placing: Placing, protocol: Protocol
) -> dict[str, Placed]:
    """Token numbers of all samples, per variant; samples without tokens on some grid are left out."""
    rows: dict[str, list[int]] = {}
    sets: dict[str, list[list[Tokens]]] = {}
    current: tuple[str, int] | None = None
    last: dict[str, list[Tokens]] = {}
    for line, sample in enumerate(tqdm(samples.to_dict("records"), desc="masks", mininterval=5)):
        mask = stored_mask(sample)
        for variant in (*protocol.variants, *protocol.bare_variants):
            if variant in protocol.bare_variants and sample["part"] != PAIRS:
                continue
            if variant == PUBLISHED and sample["role"] == OBJECT:
                key = (sample["split"], sample["image_id"])
                if key != current:
                    current, last = key, _last_instances(scenes[key], placing)
                found = last.get(sample["category"], [])
            else:
                found = placing.tokens(mask, variant)
            if found and all(map(len, found)):
                rows.setdefault(variant, []).append(line)
                sets.setdefault(variant, []).append(found)
    placed = {}
    for variant in (*protocol.variants, *protocol.bare_variants):
        found_sets = sets.get(variant, [])
        kept = samples.iloc[rows.get(variant, [])].reset_index(drop=True)
        sizes = [min(map(len, found)) for found in found_sets]
        placed[variant] = Placed(kept.assign(tokens=sizes), found_sets)
    return placed


def images_of(samples: pd.DataFrame) -> pd.DataFrame:
    """The images of samples, columns IMAGE, each once."""
    return samples[IMAGE].drop_duplicates().reset_index(drop=True)


def share_of(samples: pd.DataFrame, shard: Shard) -> pd.DataFrame:
    """Samples of a shard's images, in order."""
    mine = pd.MultiIndex.from_frame(shard.of(images_of(samples), BLOCK))
    return samples[pd.MultiIndex.from_frame(samples[IMAGE]).isin(mine)].reset_index(drop=True)


def _last_instances(scene: Scene, placing: Placing) -> dict[str, list[Tokens]]:
    """Tokens of the last instance of each category before the first instance, of any, without tokens.

    So the published code: later instances overwrite earlier ones, and one without tokens ends the loop (dossier,
    defect 7).
    """
    found = {}
    for instance in scene.instances:
        tokens = placing.tokens(scene.mask(instance), PUBLISHED)
        if not all(map(len, tokens)):
            break
        found[instance.category] = tokens
    return found


def expected_bytes(
    placed: Mapping[str, Placed], images: int, widths: tuple[int, ...], bare: tuple[str, ...]
) -> dict[str, int]:
    """Bytes on disk, per trace set: states, lines of the index, headers."""
    vector = sum(widths) * torch.finfo(STORED).bits // 8
    sizes = {
        name: len(one.rows) * (vector * (1 if name in bare else len(POOLED)) + _LINE) + _HEADERS
        for name, one in placed.items()
    }
    return {CLS_FOLDER: images * (vector + _LINE) + _HEADERS} | sizes


def extract(
    encoder: "Encoder",
    images: pd.DataFrame,
    placed: Mapping[str, Placed],
    placing: Placing,
    scenes: Scenes,
    protocol: Protocol,
    writer: FeatureWriter,
) -> None:
    """Read every image with a placed sample once and write what was pooled."""
    looked_at = _looked_at(placed)
    draws = {name: Draws(protocol.seed, name, encoder.layers) for name in protocol.variants}
    attention = encoder.source.attention
    with tqdm(total=len(images), desc=f"features of {encoder.key}", mininterval=5) as progress:
        for asked in blocked(images, encoder.source.batch_size, BLOCK):
            progress.update(len(asked))
            batch = asked[pd.MultiIndex.from_frame(asked).isin(looked_at)].reset_index(drop=True)
            if batch.empty:
                continue
            keys = list(zip(batch["split"], batch["image_id"], strict=True))
            pixels = encoder.pixels([scenes[key].image() for key in keys])
            here = {name: one.of_images(batch) for name, one in placed.items()}
            groups = None
            if attention != "all":
                groups = _groups(*here[CORRECTED], len(batch), placing, attention)
            states = encoder.states(pixels, groups)
            writer.add_images(batch, [state[:, 0] for state in states])
            for name, (samples, lines) in here.items():
                if len(samples.rows):
                    pooled = pool(states, samples, lines, placing.grid_of_layer, draws.get(name))
                    writer.add_samples(name, samples.rows, pooled)


def _looked_at(placed: Mapping[str, Placed]) -> pd.MultiIndex:
    """Images that a sample with tokens is in."""
    rows = pd.concat([one.rows[IMAGE] for one in placed.values()])
    return pd.MultiIndex.from_frame(rows.drop_duplicates())


def _groups(
    samples: Placed, lines: np.ndarray, images: int, placing: Placing, attention: str
) -> torch.Tensor:
    tokens = placing.grids[0].tokens
    return torch.from_numpy(
        np.stack(
            [
                token_groups(
                    [samples.sets[n][0] for n in np.flatnonzero(lines == image)], tokens, attention
                )
                for image in range(images)
            ]
        )
    )


def main(options: argparse.Namespace) -> None:
    """Write the features of one encoder."""
    source = replace(
        EncoderSource.read(options.encoder), batch_size=options.batch_size, device=options.device
    )
    protocol = Protocol.read(options.protocol).of_encoder(source.key)
    samples = share_of(pd.read_parquet(options.samples), options.shard)
    if options.threads:
        torch.set_num_threads(options.threads)
    # Transformers takes seconds to import.
    from sightline.models.encoders.loading import load_encoder

    encoder = load_encoder(source)
    placing = Placing(
        encoder.transform,
        encoder.grids,
        protocol.published_grids.get(source.key),
        protocol.wrong_grid,
        protocol.equal_grids.get(source.key),
    )
    scenes = Scenes(options.dataset)
    placed = place_samples(samples, scenes, placing, protocol)
    for name, one in placed.items():
        if options.shard.whole and one.rows.empty:
            raise ExtractionError(f"variant {name}: no sample has tokens. Check masks and grid.")
        log.info("%s: %d of %d samples have tokens", name, len(one.rows), len(samples))
    looked_at = len(_looked_at(placed))
    sizes = expected_bytes(placed, looked_at, encoder.widths, protocol.bare_variants)
    log.info("%d images; %.1f MB will be written", looked_at, sum(sizes.values()) / 1e6)
    spec = encoder.spec | {"seed": protocol.seed, "samples": sha256(options.samples)}
    with FeatureWriter(
        options.out, spec, tuple(placed), may_be_empty=not options.shard.whole
    ) as writer:
        extract(encoder, images_of(samples), placed, placing, scenes, protocol, writer)
    written = sum(file.stat().st_size for file in options.out.glob("*/*") if file.is_file())
    log.info("%.1f MB written, %.1f MB announced", written / 1e6, sum(sizes.values()) / 1e6)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", type=Path, required=True, help="encoder file, JSON")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--batch-size", type=int, default=32, help="images at a time")
    parser.add_argument("--device", default="auto")
    add_shard(parser)
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves them alone")
    parser.add_argument("--out", type=Path, required=True, help="folder of the encoder's features")
    cli.run(main, parser)
