"""The global probe: which of twenty categories an object is, learnt on train images, asked on others (section 3).

python -m sightline.studies.khajuria2025.probes.global_probe --features features/<encoder> --settings probes.json \
    --out global.parquet --images global_images.parquet
"""

import argparse
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sightline import cli
from sightline.files import write_parquet
from sightline.studies.khajuria2025 import names as stored
from sightline.studies.khajuria2025.features import Features
from sightline.studies.khajuria2025.probes.decode import add_arguments
from sightline.studies.khajuria2025.probes.decoding import solver
from sightline.studies.khajuria2025.probes.lanes import Lane, solver_device, stacks
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CATEGORY,
    COLUMNS,
    CORRECTED,
    IMAGE,
    IMAGE_COLUMNS,
    LOGISTIC,
    PERCEPTRON,
    WHOLE,
    outcome,
)
from sightline.studies.khajuria2025.probes.problems import Problem
from sightline.studies.khajuria2025.probes.settings import ONE, ProbeSettings

log = logging.getLogger(__name__)

# (variant of the measurements, variant of the features, probe)
VARIANTS = (
    (CORRECTED, stored.CORRECTED, LOGISTIC),
    (AS_PUBLISHED, stored.PUBLISHED, PERCEPTRON),
)
WANTED = (stored.AVG_OBJ, stored.RANDOM_OBJ, stored.CLS)


def decode_global(
    features: Features, settings: ProbeSettings, device: str
) -> Iterator[dict[str, Any]]:
    """Outcomes on all test objects, COLUMNS."""
    for variant, placing, kind in VARIANTS:
        if placing not in features.variants:
            continue
        learnt = features.samples(stored.GLOBAL_TRAIN, placing)
        asked = features.samples(stored.GLOBAL_TEST, placing)
        if not len(learnt) or not len(asked):
            log.warning("%s: no objects for the global probe", variant)
            continue
        log.info("%s: %d objects to learn from, %d asked", variant, len(learnt), len(asked))
        train = np.arange(len(learnt) + len(asked)) < len(learnt)
        problem = Problem(np.concatenate([learnt.labels, asked.labels]), train)
        lanes = [
            Lane(layer, name, IMAGE if name == stored.CLS else stored.OBJECT)
            for layer in range(features.layers)
            for name in features.representations(placing)
            if name in WANTED
        ]
        rows = np.arange(len(train))

        def read(lane: Lane, sides: tuple = (learnt, asked)) -> np.ndarray:
            return np.concatenate([side.tokens(lane.representation, lane.layer) for side in sides])

        solve = solver(kind, settings)
        for some, stack in stacks(
            lanes, features.widths, lambda lane, all_=rows: all_, read, device
        ):
            (guesses,) = solve(stack, [problem])
            for lane, line in zip(some, guesses[:, ~train] == asked.labels, strict=True):
                yield {
                    "encoder": features.encoder,
                    "part": stored.GLOBAL_TEST,
                    "variant": variant,
                    "probe": kind,
                    "subset": WHOLE,
                    "task": -1,
                    "layer": lane.layer,
                    "representation": lane.representation,
                    "source": lane.source,
                    "target": CATEGORY,
                    **outcome(np.ones(len(asked), bool), line, asked.labels),
                }


def named(rows: pd.DataFrame, variant: str, settings: ProbeSettings) -> NDArray[np.bool_]:
    """Whether captions name the objects, (rows,) bool, as a variant sees it."""
    column = "in_one_caption" if settings.captions == ONE else "in_caption"
    return rows[f"{column}_published" if variant == AS_PUBLISHED else column].to_numpy(bool)


def image_rows(features: Features, settings: ProbeSettings) -> Iterator[dict[str, Any]]:
    """Test objects behind the bits, IMAGE_COLUMNS."""
    for variant, placing, _ in VARIANTS:
        if placing not in features.variants:
            continue
        asked = features.samples(stored.GLOBAL_TEST, placing).rows
        inside, as_published = (named(asked, v, settings) for v in (CORRECTED, AS_PUBLISHED))
        for place, row in enumerate(asked.itertuples(index=False)):
            yield {
                "encoder": features.encoder,
                "part": stored.GLOBAL_TEST,
                "variant": variant,
                "task": -1,
                "place": place,
                "image_id": int(row.image_id),
                "label": int(row.label),
                "in_caption": bool(inside[place]),
                "in_caption_published": bool(as_published[place]),
            }


def main(options: argparse.Namespace) -> None:
    """Decode and write outcomes and objects."""
    torch.set_num_threads(options.threads)
    features = Features(options.features)
    settings = ProbeSettings.read(options.settings)
    rows = list(decode_global(features, settings, solver_device(options.device)))
    write_parquet(pd.DataFrame(rows, columns=list(COLUMNS)), options.out)
    objects = pd.DataFrame(image_rows(features, settings), columns=list(IMAGE_COLUMNS))
    write_parquet(objects, options.images)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    cli.run(main, parser)
