"""Descriptions while generated tokens see only a share of the image tokens (kaduri2025 section 3.4, Figure 5).

The prompt runs once with the whole image; what is restricted are the rows of generated tokens, as published, or
those and the last row of the prompt, from which the first token is chosen. Kept keys stay at their own positions.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.interventions import Condition, KeepKeys, Knockout, Rows
from sightline.instruments.replay import CleanRun, replay_decoding
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.vlm import VLM
from sightline.scenes.coco import Coco
from sightline.scenes.scene import Scene
from sightline.shards import add_shard
from sightline.studies.kaduri2025.attention import selection
from sightline.studies.kaduri2025.attention.measurements import (
    ALL_LAYERS,
    AS_PUBLISHED,
    EVERYTHING_SEEN,
    FIRST_MAP,
    MAPS,
    MEAN_MAP,
    MIDDLE_ONLY,
    NOTHING_SEEN,
    STRICTER,
    SWEEP,
    MeasurementError,
    read_tables,
    table,
)
from sightline.studies.kaduri2025.attention.selection import Kept
from sightline.studies.kaduri2025.attention.shares import decisive_share
from sightline.studies.kaduri2025.images import read_images
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.windows import Window

RESTRICTED: dict[str, tuple[Rows, str]] = {
    AS_PUBLISHED: ("generated", "decoding"),
    STRICTER: (("last", "generated"), "both"),
}
"""Rows and phase of an intervention."""
Scores = Mapping[str, NDArray[np.floating]]


class Restriction(NamedTuple):
    """What generated tokens see: ``keep`` has the image tokens of every layer."""

    selection: str
    family: str
    rows: str
    share: float
    draw: int
    keep: Sequence[Sequence[int]]

    @property
    def kept(self) -> int:
        """Image tokens seen in a layer that sees any."""
        return max(map(len, self.keep))

    def condition(self, name: str) -> Condition:
        """The same as an intervention."""
        queries, phase = RESTRICTED[self.rows]
        if not self.kept:
            return Condition(name, (Knockout(queries, "image", "all", phase=phase),))
        layers = dict(enumerate(self.keep))
        return Condition(name, (KeepKeys.per_layer(queries, layers, phase=phase),))


def restrictions(
    scores: Scores, middle: Window, protocol: Protocol, image_id: int
) -> Iterator[Restriction]:
    """Everything that is tried on one image.

    Top tokens in all layers, and in the middle layers alone with nothing seen elsewhere (the two families of the
    authors' scripts); the same shares by other scores and by chance; at the share that the claim rests on, tokens by
    chance in the middle too, and with the last prompt position restricted as the most attended ones are.

    Args:
        scores: (layers, tokens) by selection, for ATTENTION, FIRST_STEP and NORM.
        middle: of the model.
        protocol: of the run.
        image_id: part of the seed.
    """
    layers, tokens = scores[selection.ATTENTION].shape

    def inside(keep: Sequence[Kept]) -> list[Kept]:
        return [one if layer in middle.layers else () for layer, one in enumerate(keep)]

    everything = [tuple(range(tokens))] * layers
    nothing: list[Kept] = [()] * layers
    for rows in RESTRICTED:
        yield Restriction(NOTHING_SEEN, ALL_LAYERS, rows, 0, 0, nothing)
    yield Restriction(EVERYTHING_SEEN, MIDDLE_ONLY, AS_PUBLISHED, 100, 0, inside(everything))
    decisive = decisive_share(protocol.top_shares, tokens)
    for place, share in enumerate(protocol.top_shares):
        number = selection.count(share, tokens)
        for name, values in scores.items():
            keep = selection.largest(values, number)
            yield Restriction(name, ALL_LAYERS, AS_PUBLISHED, share, 0, keep)
            if name == selection.ATTENTION:
                yield Restriction(name, ALL_LAYERS, STRICTER, share, 0, keep)
                yield Restriction(name, MIDDLE_ONLY, AS_PUBLISHED, share, 0, inside(keep))
        # Beyond a tenth of the tokens chance varies little from draw to draw.
        for draw in range(protocol.random_draws if share <= 10 else 1):
            keep = selection.drawn(layers, tokens, number, (protocol.seed, image_id, place, draw))
            yield Restriction(selection.RANDOM, ALL_LAYERS, AS_PUBLISHED, share, draw, keep)
            if share == decisive:
                yield Restriction(
                    selection.RANDOM, MIDDLE_ONLY, AS_PUBLISHED, share, draw, inside(keep)
                )
                yield Restriction(selection.RANDOM, ALL_LAYERS, STRICTER, share, draw, keep)


def scores_of(clean: CleanRun, maps: pd.DataFrame) -> Scores:
    """What tokens are chosen by, (layers, tokens) each.

    Args:
        clean: run of the prompt.
        maps: of one image, MAP_TABLE.
    """
    found = {
        name: np.stack(maps[maps["map"] == name].sort_values("layer")["values"].to_list())
        for name in MAPS
    }
    image = torch.from_numpy(clean.prompt.roles.image).to(clean.residual[0].device)
    norms = [stream[image].float().norm(dim=-1).cpu().numpy() for stream in clean.residual[:-1]]
    return {
        selection.ATTENTION: found[MEAN_MAP],
        selection.FIRST_STEP: found[FIRST_MAP],
        selection.NORM: np.stack(norms),
    }


def sweep_image(
    vlm: VLM, scene: Scene, reference: str, maps: pd.DataFrame, protocol: Protocol
) -> list[tuple]:
    """Rows of one image, SWEEP.

    Args:
        vlm: the model.
        scene: the image.
        reference: its description by the unmodified model, which stands for everything seen.
        maps: of this image, MAP_TABLE.
        protocol: of the run.
    """
    image = scene.image()
    prompt = vlm.prompt(protocol.question, grid=vlm.grid_of(image))
    clean = CleanRun(vlm, prompt, vlm.encode_images([image])[0])
    middle = protocol.middle(vlm.key, len(clean.blocks))
    tried = list(restrictions(scores_of(clean, maps), middle, protocol, scene.id))
    conditions = [one.condition(str(number)) for number, one in enumerate(tried)]
    answers = replay_decoding(clean, conditions, protocol.max_new_tokens)
    said = [(one, answer.text) for one, answer in zip(tried, answers, strict=True)]
    everything = [range(len(prompt.roles.image))]
    whole = Restriction(EVERYTHING_SEEN, ALL_LAYERS, AS_PUBLISHED, 100, 0, everything)
    return [
        (
            vlm.key, len(clean.blocks), scene.id, one.selection, one.family, one.rows, one.share,
            one.draw, one.kept, text,
        )
        for one, text in [*said, (whole, reference)]
    ]  # fmt: skip


def main(options: argparse.Namespace) -> None:
    """Measure one model on the drawn images."""
    vlm = load_vlm(read_model(options))
    protocol = Protocol.read(options.protocol)
    coco = Coco(options.dataset, options.split)
    texts = read_tables([options.attention], "descriptions").set_index("image_id")["text"]
    maps = dict(iter(read_tables([options.attention], "maps").groupby("image_id")))
    rows = []
    images = options.shard.of(read_images(options.images)["image_id"].tolist())
    for image in tqdm(images, desc="hide tokens", unit="image"):
        if image not in maps:
            raise MeasurementError(
                f"{options.attention}: no maps of image {image}. Measure again "
                "(snakemake --forcerun read_attention)."
            )
        rows += sweep_image(vlm, coco.scene(image), texts[image], maps[image], protocol)
    write_parquet(table(rows, SWEEP), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--attention", type=Path, required=True, help="folder of read_attention")
    parser.add_argument("--protocol", type=Path, required=True)
    add_shard(parser)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
