"""Simple tasks in scenes of several objects: the failure modes that v1 claims and never showed (dossier section 6).

zero-shot   each object of the global probe is named by CLS and words alone, in and not in captions; corrected,
            as the mean over the categories that both have enough objects of
matching    of two words the image is matched with the right one, for its primary and its secondary object
retrieval   the nearest other image by CLS shows the same primary, the same secondary

python -m sightline.studies.khajuria2025.probes.failures --encoder encoder.json --features features/<encoder> \
    --settings probes.json --global-probe global.parquet --global-images images.parquet --out failures.csv
"""

import argparse
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sightline import cli
from sightline.files import write_csv
from sightline.models.encoders.encoder import Encoder
from sightline.models.encoders.source import EncoderSource
from sightline.models.registry import ModelError
from sightline.studies.khajuria2025 import names as stored
from sightline.studies.khajuria2025.features import Features
from sightline.studies.khajuria2025.probes.captioned import (
    accuracy_by_category,
    accuracy_of_all,
    global_cells,
    shared_categories,
)
from sightline.studies.khajuria2025.probes.global_probe import named
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    CORRECTED,
    read_decoding,
    read_images,
)
from sightline.studies.khajuria2025.probes.resampling import Estimate, ImageWeights, combine
from sightline.studies.khajuria2025.probes.settings import ProbeSettings

log = logging.getLogger(__name__)

COLUMNS = ("encoder", "variant", "test", "value", "ci_low", "ci_high", "n")
ZERO_SHOT, MATCHING, RETRIEVAL = "zero-shot", "matching", "retrieval"
VARIANTS = ((CORRECTED, stored.CORRECTED), (AS_PUBLISHED, stored.PUBLISHED))

Tests = Iterator[tuple[str, Estimate]]


def _accuracy(weights: ImageWeights, images: Sequence[int], right: NDArray[np.bool_]) -> Estimate:
    """Accuracy over images."""
    tested = np.ones((1, len(images)), bool)
    drawn = weights.accuracies(images, tested, right[None])[0]
    return Estimate(float(right.mean()), drawn, len(images))


def zero_shot(
    encoder: Encoder,
    features: Features,
    placing: str,
    variant: str,
    settings: ProbeSettings,
    weights: ImageWeights,
) -> Tests:
    """Accuracy of naming objects, in and not in captions, the difference, and what guessing gives."""
    objects = features.samples(stored.GLOBAL_TEST, placing)
    learnt = features.samples(stored.GLOBAL_TRAIN, placing)
    both = pd.concat([learnt.rows, objects.rows]).drop_duplicates("label").sort_values("label")
    texts = encoder.embed_texts(
        [settings.prompt.format(category=name) for name in both["category"]]
    )
    cls = torch.from_numpy(objects.tokens(stored.CLS, features.layers - 1))
    scores = encoder.embed_images(cls).float().cpu() @ texts.float().cpu().T
    right = both["label"].to_numpy()[scores.argmax(1).numpy()] == objects.labels
    flags = named(objects.rows, variant, settings)
    ids = objects.rows["image_id"].to_numpy()
    if not flags.any() or flags.all():
        return
    labels = objects.labels
    if variant == AS_PUBLISHED:
        sides = [accuracy_of_all(weights, ids, right, some) for some in (flags, ~flags)]
    else:
        categories = shared_categories(labels, flags)
        if not len(categories):
            log.info("%s: no category has enough objects in and not in captions", variant)
            return
        sides = [
            accuracy_by_category(weights, ids, right, some, labels, categories)
            for some in (flags, ~flags)
        ]
    inside, outside = sides
    yield f"{ZERO_SHOT}, in caption", inside
    yield f"{ZERO_SHOT}, not in caption", outside
    yield f"{ZERO_SHOT}, in minus not in caption", inside - outside
    # Words of all categories are offered, also where the mean is over those in and not in captions.
    chance = 1 / len(both)
    yield f"{ZERO_SHOT}, chance", Estimate(chance, np.full(len(inside.draws), chance), len(labels))


def _wins(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of the wrong columns that the right one beats, (rows,); a tie counts half."""
    own = np.take_along_axis(scores, labels[:, None], 1)
    beaten = (own > scores).sum(1) + 0.5 * ((own == scores).sum(1) - 1)
    return beaten / (scores.shape[1] - 1)


def matching(
    encoder: Encoder, features: Features, placing: str, prompt: str, weights: ImageWeights
) -> Tests:
    """How often words for the right object fit better than words for another of its role.

    ``both`` names the right pair against the pair of the two other roles' objects.
    """
    found: dict[str, list[Estimate]] = {role: [] for role in (*stored.ROLES, "both")}
    for number in features.tasks(stored.PAIRS, placing):
        task = features.pair_task(number, placing)
        cls = torch.from_numpy(task.tokens(stored.PRIMARY, stored.CLS, features.layers - 1))
        images = encoder.embed_images(cls).float().cpu()
        scores = {}
        for role, categories in zip(stored.ROLES, task.names, strict=True):
            words = [prompt.format(category=name) for name in categories]
            texts = encoder.embed_texts(words).float().cpu()
            scores[role] = (images @ texts.T).numpy()
            # Every other category of the role is the wrong one once: chance is a half for both roles.
            wins = _wins(scores[role], task.labels(role))
            ids = task.image_ids
            drawn = weights.of(ids)
            found[role].append(Estimate(float(wins.mean()), drawn @ wins / drawn.sum(1), len(ids)))
        first, second = task.names
        pairs = [(one, other) for other in second for one in first]
        words = [prompt.format(category=f"{one} and a {other}") for one, other in pairs]
        sums = (images @ encoder.embed_texts(words).float().cpu().T).numpy()
        wins = _wins(sums, task.labels("combination"))
        found["both"].append(Estimate(float(wins.mean()), drawn @ wins / drawn.sum(1), len(ids)))
    means = {name: combine(lambda v: v.mean(0), parts) for name, parts in found.items() if parts}
    for name, one in means.items():
        yield f"{MATCHING}, {name}", one
    if set(stored.ROLES) <= set(means):
        yield (
            f"{MATCHING}, primary minus secondary",
            means[stored.PRIMARY] - means[stored.SECONDARY],
        )


def retrieval(features: Features, placing: str, weights: ImageWeights) -> Tests:
    """How often the nearest image of the same task shares a label, above what a random one would."""
    found: dict[str, list[Estimate]] = {role: [] for role in stored.ROLES}
    for number in features.tasks(stored.PAIRS, placing):
        task = features.pair_task(number, placing)
        cls = torch.from_numpy(task.tokens(stored.PRIMARY, stored.CLS, features.layers - 1))
        unit = torch.nn.functional.normalize(cls - cls.mean(0), dim=1)
        near = unit @ unit.T
        near.fill_diagonal_(-2)
        nearest = near.argmax(1).numpy()
        for role in stored.ROLES:
            labels = task.labels(role)
            shares = np.bincount(labels) / len(labels)
            chance = float((shares**2).sum())
            one = _accuracy(weights, task.image_ids, labels[nearest] == labels)
            found[role].append((one - chance) / (1 - chance))
    means = {role: combine(lambda v: v.mean(0), parts) for role, parts in found.items() if parts}
    for role, one in means.items():
        yield f"{RETRIEVAL}, {role}, above chance", one
    if len(means) == len(stored.ROLES):
        yield (
            f"{RETRIEVAL}, primary minus secondary",
            means[stored.PRIMARY] - means[stored.SECONDARY],
        )


def _with_words(source: EncoderSource) -> Encoder | None:
    """The encoder if it shares a space with texts; others need not be loaded, their CLS is on disk."""
    if source.family != "clip" or source.weights != "trained":
        return None
    folder = source.folder
    if folder is not None and not (folder / "tokenizer_config.json").is_file():
        log.info("no words: %s has no tokenizer", folder)
        return None
    # Transformers takes seconds to import.
    from sightline.models.encoders.loading import load_encoder

    encoder = load_encoder(source)
    try:
        encoder.embed_texts(["a"])
    except ModelError as error:
        log.info("no words: %s", error)
        return None
    return encoder


def main(options: argparse.Namespace) -> None:
    """Write the table of one encoder."""
    settings = ProbeSettings.read(options.settings)
    features = Features(options.features)
    weights = ImageWeights(settings.bootstrap, settings.seed)
    outcomes = read_decoding([options.global_probe])
    probes = global_cells(outcomes, read_images([options.global_images]), settings)
    source = replace(EncoderSource.read(options.encoder), device=options.device)
    encoder = _with_words(source)
    lines = []
    for variant, placing in VARIANTS:
        if placing not in features.variants:
            continue
        tests = dict(retrieval(features, placing, weights))
        if encoder is not None:
            tests |= dict(zero_shot(encoder, features, placing, variant, settings, weights))
            tests |= dict(matching(encoder, features, placing, settings.prompt, weights))
            lost, probe = tests.get(f"{ZERO_SHOT}, in minus not in caption"), probes.get(variant)
            if lost is not None and probe is not None:
                inside, outside = (
                    probe.cell(source.key, features.layers - 1, stored.AVG_OBJ, named)
                    for named in (True, False)
                )
                tests["avg_obj loss minus half the zero-shot loss"] = inside - outside - lost * 0.5
        lines += [
            (source.key, variant, name, one.value, *one.interval, one.n)
            for name, one in tests.items()
        ]
    write_csv(pd.DataFrame(lines, columns=list(COLUMNS)), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", type=Path, required=True, help="encoder file, JSON")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--features", type=Path, required=True, help="folder of the encoder")
    parser.add_argument("--settings", type=Path, required=True, help="of the probes, JSON")
    parser.add_argument("--global-probe", type=Path, required=True)
    parser.add_argument("--global-images", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
