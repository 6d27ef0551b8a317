"""Decode the paired-object tasks of one encoder in all variants.

python -m sightline.studies.khajuria2025.probes.decode --features features/<encoder> --settings probes.json \
    --out decoding.parquet --images images.parquet
"""

import argparse
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sightline import cli
from sightline.files import write_parquet
from sightline.studies.khajuria2025 import names as stored
from sightline.studies.khajuria2025.features import Features, PairTask, Samples
from sightline.studies.khajuria2025.naming import CaptionJudge
from sightline.studies.khajuria2025.probes.decoding import (
    decode_once,
    decode_redrawn,
    decode_subset,
)
from sightline.studies.khajuria2025.probes.lanes import Lane, pair_lanes, solver_device
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    COLUMNS,
    CORRECTED,
    IMAGE,
    IMAGE_COLUMNS,
    IN_CAPTION,
    LOGISTIC,
    MLP,
    NOT_IN_CAPTION,
    PERCEPTRON,
    REDRAWN,
    SWAPPED,
    WHOLE,
)
from sightline.studies.khajuria2025.probes.problems import ProbeError
from sightline.studies.khajuria2025.probes.settings import ProbeSettings
from sightline.studies.khajuria2025.probes.splits import match_classes
from sightline.studies.khajuria2025.protocol import EQUAL_GRID

log = logging.getLogger(__name__)

Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class Scheme:
    """One variant of the paired decoding.

    Attributes:
        variant: name in the measurements.
        part: of the samples.
        placing: variant of the features.
        probe: kind of probe.
        decode: draws, splits and fits.
        layers: to be read; None for all.
        tasks: how many; None for all.
        by_caption: also in and not in caption.
    """

    variant: str
    part: str
    placing: str
    probe: str
    decode: Callable[..., Rows]
    layers: Sequence[int] | None = None
    tasks: int | None = None
    by_caption: bool = False


def schemes(features: Features, settings: ProbeSettings) -> list[Scheme]:
    """What can be decoded from the features at hand."""
    here = features.variants
    found = [
        Scheme(CORRECTED, stored.PAIRS, stored.CORRECTED, LOGISTIC, decode_once, by_caption=True)
    ]
    if stored.PUBLISHED in here:
        published = (stored.PAIRS, stored.PUBLISHED)
        found.append(Scheme(AS_PUBLISHED, *published, PERCEPTRON, decode_redrawn, by_caption=True))
        if features.encoder in settings.mlp_encoders:
            layers = range(features.layers - 1, -1, -settings.mlp_layers)[::-1]
            found.append(
                Scheme(AS_PUBLISHED, *published, MLP, decode_redrawn, layers, settings.mlp_tasks)
            )
    if features.tasks(stored.SWAPPED):
        found.append(Scheme(SWAPPED, stored.SWAPPED, stored.CORRECTED, LOGISTIC, decode_once))
    if EQUAL_GRID in here:
        found.append(Scheme(EQUAL_GRID, stored.PAIRS, EQUAL_GRID, LOGISTIC, decode_once))
    if settings.defect_encoders is None or features.encoder in settings.defect_encoders:
        found.append(Scheme(REDRAWN, stored.PAIRS, stored.CORRECTED, LOGISTIC, decode_redrawn))
        found += [
            Scheme(name, stored.PAIRS, name, LOGISTIC, decode_once)
            for name in here
            if name not in (stored.CORRECTED, stored.PUBLISHED, EQUAL_GRID)
        ]
    return found


class CaptionFlags:
    """Whether a caption names the object of a sample.

    Args:
        captions: the encoder's own captions, columns image_id and caption; None takes one human caption per image.
    """

    def __init__(self, captions: pd.DataFrame | None = None) -> None:
        self._captions = None
        if captions is not None:
            self._captions = captions.set_index("image_id")["caption"].to_dict()

    def of(self, samples: Samples, as_published: bool) -> NDArray[np.bool_]:
        """(samples,) bool; as published, any letters of the caption may spell the name."""
        rows = samples.rows
        if self._captions is None:
            return rows["in_one_caption"].to_numpy(bool)
        judge = CaptionJudge(rows["category"].unique())
        found = []
        for image, name in zip(rows["image_id"], rows["category"], strict=True):
            caption = self._captions.get(image, "").lower()
            found.append(name in caption if as_published else name in judge.named([caption]))
        return np.array(found, bool)


def decode_all(
    features: Features,
    settings: ProbeSettings,
    device: str,
    captions: CaptionFlags | None = None,
) -> Rows:
    """All outcomes of an encoder, COLUMNS."""
    captions = captions or CaptionFlags()
    for scheme in schemes(features, settings):
        base = {
            "encoder": features.encoder,
            "part": scheme.part,
            "variant": scheme.variant,
            "probe": scheme.probe,
            "subset": WHOLE,
        }
        layers = range(features.layers) if scheme.layers is None else scheme.layers
        lanes = pair_lanes(features.representations(scheme.placing), layers)
        shared = (features.widths, scheme.probe, settings, device)
        for number in features.tasks(scheme.part, scheme.placing)[: scheme.tasks]:
            task = features.pair_task(number, scheme.placing, scheme.part)
            log.info("%s, %s, task %d: %d images", scheme.variant, scheme.probe, number, len(task))
            try:
                for row in scheme.decode(task, lanes, *shared):
                    yield base | row
                if scheme.by_caption:
                    for subset, row in _by_caption(captions, task, lanes, *shared):
                        yield base | row | {"subset": subset}
            except ProbeError as error:
                log.warning("%s, task %d is left out: %s", scheme.variant, number, error)


def _by_caption(
    captions: CaptionFlags,
    task: PairTask,
    lanes: list[Lane],
    widths: Sequence[int],
    probe: str,
    settings: ProbeSettings,
    device: str,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Own label of both objects, in images whose caption names the object and in those where it does not."""
    for side, target in ((task.primary, stored.PRIMARY), (task.secondary, stored.SECONDARY)):
        named = captions.of(side, probe == PERCEPTRON)
        if probe == PERCEPTRON:
            sets = (np.flatnonzero(named), np.flatnonzero(~named))
        else:
            generator = np.random.default_rng([settings.seed, task.task, len(target)])
            sets = match_classes(task.labels(target), named, generator)
        if min(map(len, sets)) < settings.caption_samples:
            continue
        own = [lane for lane in lanes if lane.source in (target, IMAGE)]
        try:
            rows = [
                (name, row)
                for name, some in zip((IN_CAPTION, NOT_IN_CAPTION), sets, strict=True)
                for row in decode_subset(task, some, target, own, widths, probe, settings, device)
            ]
        except ProbeError as error:
            log.warning("captions, task %d, %s is left out: %s", task.task, target, error)
            continue
        yield from rows


def image_rows(features: Features, settings: ProbeSettings) -> Rows:
    """Images behind the bits, IMAGE_COLUMNS, once per part, variant and task."""
    seen = set()
    for scheme in schemes(features, settings):
        for number in features.tasks(scheme.part, scheme.placing):
            if (scheme.variant, number) in seen:
                continue
            seen.add((scheme.variant, number))
            task = features.pair_task(number, scheme.placing, scheme.part)
            for place, image in enumerate(task.image_ids):
                yield {
                    "encoder": features.encoder,
                    "part": scheme.part,
                    "variant": scheme.variant,
                    "task": number,
                    "place": place,
                    "image_id": int(image),
                    "label": int(task.labels("combination")[place]),
                    "in_caption": bool(task.secondary.rows["in_caption"].iloc[place]),
                    "in_caption_published": bool(
                        task.secondary.rows["in_caption_published"].iloc[place]
                    ),
                }


def main(options: argparse.Namespace) -> None:
    """Decode and write outcomes and images."""
    torch.set_num_threads(options.threads)
    features = Features(options.features)
    settings = ProbeSettings.read(options.settings)
    captions = CaptionFlags(pd.read_parquet(options.captions[0]) if options.captions else None)
    found = decode_all(features, settings, solver_device(options.device), captions)
    rows = pd.DataFrame(found, columns=list(COLUMNS))
    write_parquet(rows, options.out)
    images = pd.DataFrame(image_rows(features, settings), columns=list(IMAGE_COLUMNS))
    write_parquet(images, options.images)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What every command that fits probes is given."""
    parser.add_argument("--features", type=Path, required=True, help="folder of an encoder")
    parser.add_argument("--settings", type=Path, required=True, help="of the probes, JSON")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="auto", help="of the solver")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument(
        "--captions", type=Path, nargs="*", default=[], help="the encoder's own, if it has any"
    )
    cli.run(main, parser)
