"""Features with a planted answer: which object tokens tell which label, layer by layer."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sightline.studies.khajuria2025.feature_writer import FeatureWriter
from sightline.studies.khajuria2025.features import (
    AVG_OBJ,
    CORRECTED,
    GLOBAL_TEST,
    GLOBAL_TRAIN,
    OBJECT,
    PAIRS,
    POOLED,
    PRIMARY,
    PUBLISHED,
    RANDOM,
    RANDOM_OBJ,
    ROLES,
    SAMPLE_COLUMNS,
    SWAPPED,
)

OWN = {AVG_OBJ: 4.0, RANDOM_OBJ: 2.5, RANDOM: 0.6}
"""Strength of an object's own label in its tokens, at the last layer."""
LEAK = {PRIMARY: 1.4, "secondary": 0.7}
"""Strength of a label in the other object's avg_obj tokens, at the last layer."""
IN_CLS = {PRIMARY: 3.0, "secondary": 1.0}


def pair_samples(
    part: str = PAIRS, tasks: int = 2, per_pair: int = 30, seed: int = 0
) -> pd.DataFrame:
    """Two rows per image: its primary and its secondary object; labels independent."""
    rng = np.random.default_rng(seed)
    rows, image = [], 1
    for task in range(tasks):
        for first in range(2):
            for second in range(4):
                for _ in range(per_pair):
                    image += 1
                    for role, label in zip(ROLES, (first, second), strict=True):
                        named = bool(rng.random() < (0.9 if role == PRIMARY else 0.5))
                        rows.append(
                            _row(part, image, task, role, f"{role} {task}{label}", label, named)
                        )
    return _frame(rows)


def global_samples(categories: int = 5, per_category: int = 20, seed: int = 1) -> pd.DataFrame:
    """One row per object; the last category has a name of two words."""
    rng = np.random.default_rng(seed)
    rows, image = [], 100_000
    for part in (GLOBAL_TRAIN, GLOBAL_TEST):
        for label in range(categories):
            name = "two words" if label == categories - 1 else f"thing{label}"
            for _ in range(per_category):
                image += 1
                rows.append(_row(part, image, -1, OBJECT, name, label, bool(rng.random() < 0.5)))
    return _frame(rows)


def write_features(
    folder: Path,
    samples: pd.DataFrame | None = None,
    widths: tuple[int, ...] = (16, 16, 16),
    variants: tuple[str, ...] = (CORRECTED, PUBLISHED),
    bare: tuple[str, ...] = (),
    strength: float = 1.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Write features whose signal grows with depth; returns the samples.

    Args:
        folder: of the encoder; its name is the encoder's.
        samples: as above; by default pairs, swapped pairs and global samples together.
        widths: of the layers.
        variants: with all representations.
        bare: variants with avg_obj alone.
        strength: of every signal.
        seed: of noise and directions.
    """
    if samples is None:
        swapped = pair_samples(SWAPPED, per_pair=12, seed=2).assign(
            image_id=lambda rows: rows["image_id"] + 50_000
        )
        samples = _frame(
            [*_records(pair_samples()), *_records(swapped), *_records(global_samples())]
        )
    rng = np.random.default_rng(seed)
    images = samples[["split", "image_id"]].drop_duplicates().reset_index(drop=True)
    spec = {"encoder": {"key": folder.name}, "widths": list(widths), "has_cls": True, "seed": seed}
    spec |= {"grids": [[8, 8]] * len(widths)}
    labelled = {
        (row.image_id, row.role): f"{row.part[:6]} {row.category}" for row in samples.itertuples()
    }
    directions = _Directions(widths, seed)
    with FeatureWriter(folder, spec, (*variants, *bare)) as writer:
        cls = []
        for layer, width in enumerate(widths):
            depth = strength * (layer + 1) / len(widths)
            states = rng.normal(size=(len(images), width))
            for place, image in enumerate(images["image_id"]):
                for role, power in IN_CLS.items():
                    if (image, role) in labelled:
                        states[place] += depth * power * directions(labelled[image, role], layer)
            cls.append(torch.from_numpy(states))
        writer.add_images(images, cls)
        for variant in (*variants, *bare):
            names = (AVG_OBJ,) if variant in bare else POOLED
            pooled = {
                name: _pooled(name, samples, widths, labelled, directions, strength, rng)
                for name in names
            }
            writer.add_samples(variant, samples.assign(tokens=4), pooled)
    return samples


class _Directions:
    """A fixed direction per label and layer."""

    def __init__(self, widths: tuple[int, ...], seed: int) -> None:
        self._widths, self._seed, self._known = widths, seed, {}

    def __call__(self, label: str, layer: int) -> np.ndarray:
        key = (label, layer)
        if key not in self._known:
            rng = np.random.default_rng([self._seed, layer, *label.encode()])
            vector = rng.normal(size=self._widths[layer])
            self._known[key] = vector / np.linalg.norm(vector)
        return self._known[key]


def _pooled(name, samples, widths, labelled, directions, strength, rng) -> list[torch.Tensor]:
    layers = []
    for layer, width in enumerate(widths):
        depth = strength * (layer + 1) / len(widths)
        states = rng.normal(size=(len(samples), width))
        for place, row in enumerate(samples.itertuples()):
            states[place] += depth * OWN[name] * directions(labelled[row.image_id, row.role], layer)
            for other, power in LEAK.items():
                if other != row.role and (row.image_id, other) in labelled:
                    share = power * OWN[name] / OWN[AVG_OBJ]
                    states[place] += (
                        depth * share * directions(labelled[row.image_id, other], layer)
                    )
        layers.append(torch.from_numpy(states))
    return layers


def _row(part, image, task, role, category, label, named) -> dict:
    return {
        "part": part, "split": "val2017" if part == GLOBAL_TEST else "train2017", "image_id": image,
        "task": task, "role": role, "category": category, "label": label, "instances": 1,
        "share": 0.2, "cells": 39, "captions": 5, "in_caption": named,
        "in_caption_published": named and " " not in category, "in_one_caption": named,
        "in_one_caption_published": named and " " not in category,
    }  # fmt: skip


def _records(frame: pd.DataFrame) -> list[dict]:
    return frame.drop(columns="sample").to_dict("records")


def _frame(rows: list[dict]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    frame.insert(0, "sample", np.arange(len(frame)))
    return frame[list(SAMPLE_COLUMNS)].astype(SAMPLE_COLUMNS)
