"""Features on disk: what was pooled comes back, sample by sample, whatever the order of asking."""

import numpy as np
import pandas as pd
import pytest
import torch

from khajuria2025_fakes import pair_samples, write_features
from sightline.studies.khajuria2025.feature_writer import FeatureWriter
from sightline.studies.khajuria2025.features import (
    AVG_OBJ,
    CLS,
    CORRECTED,
    GLOBAL_TEST,
    PAIRS,
    PUBLISHED,
    RANDOM,
    REPRESENTATIONS,
    SWAPPED,
    FeatureError,
    Features,
)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features") / "planted"
    write_features(folder, bare=("shift_1",))
    return Features(folder)


def test_variants_and_representations_are_listed(features):
    assert features.encoder == "planted"
    assert features.variants == (CORRECTED, PUBLISHED, "shift_1")
    assert features.representations() == REPRESENTATIONS
    assert features.representations("shift_1") == (AVG_OBJ, CLS)
    assert features.layers == 3 and features.widths == (16, 16, 16)


def test_a_task_has_both_objects_of_every_image_in_one_order(features):
    task = features.pair_task(1)
    assert len(task) == 2 * 4 * 30
    assert (task.primary.rows["image_id"] == task.secondary.rows["image_id"]).all()
    assert task.names[0] == ("primary 10", "primary 11")
    assert set(task.labels("combination")) == set(range(8))
    assert (task.labels("combination") % 2 == task.labels("primary")).all()
    np.testing.assert_array_equal(task.tokens("primary", CLS, 2), task.tokens("secondary", CLS, 2))
    assert task.tokens("primary", AVG_OBJ, 0).shape == (240, 16)


def test_rows_follow_the_lines_asked_for(features):
    samples = features.samples(GLOBAL_TEST)
    whole = samples.tokens(RANDOM, 1)
    backwards = samples.rows.iloc[::-1]
    np.testing.assert_array_equal(features.read(CORRECTED, RANDOM, 1, backwards), whole[::-1])


def test_parts_stay_apart(features):
    assert len(features.pair_task(0, part=SWAPPED)) == 2 * 4 * 12
    assert features.tasks(PAIRS) == [0, 1]


def test_an_image_with_one_object_left_is_dropped(tmp_path):
    samples = pair_samples(tasks=1, per_pair=2)
    write_features(tmp_path / "few", samples.drop(index=3).reset_index(drop=True))
    task = Features(tmp_path / "few").pair_task(0)
    assert len(task) == 15
    assert samples["image_id"][3] not in task.image_ids


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f.samples(PAIRS, "squash"), "no variant squash; it holds corrected, published"),
        (lambda f: f.pair_task(7), "no image of task 7 in part pairs; tasks here are"),
        (lambda f: f.samples(PAIRS).tokens(AVG_OBJ, 3), "no layer 3; it has 0 to 2"),
        (
            lambda f: f.samples(PAIRS, "shift_1").tokens(RANDOM, 0),
            "no random; it holds avg_obj, CLS",
        ),
    ],
)
def test_what_is_not_there_is_named(features, call, message):
    with pytest.raises(FeatureError, match=message):
        call(features)


def test_large_states_do_not_become_infinite(tmp_path):
    samples = pair_samples(tasks=1, per_pair=1).assign(tokens=1)
    spec = {"widths": [2], "has_cls": True}
    images = samples[["split", "image_id"]].drop_duplicates()
    with FeatureWriter(tmp_path / "e", spec, [CORRECTED]) as writer:
        writer.add_images(images, [torch.full((len(images), 2), 1e6)])
        writer.add_samples(CORRECTED, samples, {AVG_OBJ: [torch.full((len(samples), 2), -1e6)]})
        writer.add_samples(CORRECTED, pd.DataFrame(columns=samples.columns), {})
    task = Features(tmp_path / "e").pair_task(0)
    assert (task.tokens("primary", CLS, 0) == 65504).all()
    assert (task.tokens("primary", AVG_OBJ, 0) == -65504).all()
