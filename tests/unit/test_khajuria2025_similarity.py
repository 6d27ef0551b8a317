"""Similarity maps: the published image and its tokens are those that published values stand beside."""

import numpy as np
import pandas as pd
import pytest

from sightline.scenes.geometry import Grid
from sightline.studies.khajuria2025.names import PAIRS, PRIMARY, ROLES, SECONDARY
from sightline.studies.khajuria2025.probes.measurements import AS_PUBLISHED, CORRECTED
from sightline.studies.khajuria2025.probes.published_image import IMAGE_ID, published_token
from sightline.studies.khajuria2025.probes.roster import Roster
from sightline.studies.khajuria2025.probes.similarity import COLUMNS, MAP_COLUMNS, choose
from sightline.studies.khajuria2025.probes.similarity_figure import (
    PAPER,
    SAME_IMAGE,
    draw,
    figure_data,
)
from sightline.studies.published import load_published

ROSTER = Roster.build(
    [
        {"key": "clip", "objective": "contrastive"},
        {"key": "mine", "objective": "contrastive", "stands_for": "clip"},
    ]
)


@pytest.mark.parametrize(
    ("side", "dog", "bed"), [(24, 295, 384), (14, 102, 126), (16, 133, 176)]
)  # fmt: skip
def test_tokens_are_those_of_the_published_maps(side: int, dog: int, bed: int):
    """On BLIP's grid and on the coarser ones (dossier, section 4.4)."""
    grid = Grid(side, side, 16)
    assert [published_token(role, grid) for role in ROLES] == [dog, bed]


def samples(image: int, first: str = "dog", second: str = "bed") -> list[dict]:
    """Two large objects of an image."""
    return [
        {"part": PAIRS, "task": 0, "split": "train2017", "image_id": image, "role": role,
         "category": category, "cells": 40}
        for role, category in zip(ROLES, (first, second), strict=True)
    ]  # fmt: skip


def test_published_image_comes_first_if_it_is_there():
    rows = samples(1) + samples(2) + samples(IMAGE_ID)
    assert choose(pd.DataFrame(rows), 1)["image_id"].tolist() == [IMAGE_ID] * 2
    # Another data set's image of that number is an image like any other.
    rows = samples(1) + samples(IMAGE_ID, "cat", "chair")
    assert choose(pd.DataFrame(rows), 1)["image_id"].tolist() == [1, 1]


def tables(encoder: str, image: int, category: str = "dog") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Numbers and maps of one image, two layers."""
    grid, rows, maps = Grid(4, 4, 1), [], []
    for variant in (CORRECTED, AS_PUBLISHED):
        for role in ROLES:
            for layer in range(2):
                base = (encoder, variant, "train2017", image, 0, role, layer, 5)
                rows.append((*base, 0.8, 0.2, 0.6, 0.3, 0.1))
                if variant == CORRECTED:
                    kind = category if role == PRIMARY else "bed"
                    key = (encoder, image, role, kind, layer, grid.rows, grid.columns, 5)
                    values, members = np.zeros(16, np.float32), np.arange(3, dtype=np.int64)
                    picture = np.zeros((2, 2, 3), np.uint8)
                    parts = (part.tobytes() for part in (values, members, picture))
                    maps.append((*key, *parts, 2, 2))
    return pd.DataFrame(rows, columns=list(COLUMNS)), pd.DataFrame(maps, columns=list(MAP_COLUMNS))


def test_published_values_stand_beside_the_published_image_alone():
    """Not beside another image, nor beside an encoder that only stands in for a published one."""
    published = load_published("khajuria2025")
    for encoder, image, category, expected in (
        ("clip", IMAGE_ID, "dog", True),
        ("clip", 7, "dog", False),
        ("clip", IMAGE_ID, "cat", False),
        ("mine", IMAGE_ID, "dog", False),
    ):
        rows, maps = tables(encoder, image, category)
        data = figure_data(rows, maps, published, ROSTER, "similarity_base")
        assert (
            {PAPER, SAME_IMAGE} <= set(data["variant"])
            if expected
            else (set(data["variant"]) == {CORRECTED, AS_PUBLISHED})
        )
        assert draw(data, maps, ROSTER).axes
        if expected:
            known = data[(data["measure"] == "adjacent") & (data["role"] == SECONDARY)]
            paper = known[known["variant"] == PAPER].set_index("layer")["value"]
            # The paper's labels 1 to 12 are the embedding and the outputs of blocks 1 to 11.
            assert paper.index.tolist() == [-1, 1, 3, 5, 7, 10]
            assert paper.iloc[-1] == pytest.approx(0.57, abs=0.006)
            assert (known.loc[known["variant"] == SAME_IMAGE, "value"] == 0.6).all()


def test_curves_share_a_scale_and_maps_have_theirs():
    """Of two encoders, one with cosines far below 0."""
    parts = [tables(encoder, 7) for encoder in ("clip", "mine")]
    rows, maps = (pd.concat(one, ignore_index=True) for one in zip(*parts, strict=True))
    rows.loc[rows["encoder"] == "mine", "outside"] = -0.4
    data = figure_data(rows, maps, load_published("khajuria2025"), ROSTER, "similarity_base")
    axes = draw(data, maps, ROSTER).axes
    limits = {one.get_ylim() for one in axes if one.get_xlabel() == "layer"}
    assert len(limits) == 1
    assert limits.pop()[0] < -0.4
    (scale,) = [one for one in axes if one.get_title(loc="left") == "cosine"]
    assert list(scale.get_yticks()) == [0, 0.5, 1]
