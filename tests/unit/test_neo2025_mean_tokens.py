"""Mean image tokens side by side: this run's images and the authors'."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sightline.instruments.mean_token import MeanToken, save_mean_token
from sightline.studies.neo2025.mean_tokens import build, cosine, display
from sightline.studies.published import load_published

PUBLISHED = load_published("neo2025")


def write(folder: Path, kind: str, model: str, values: list[float], images: int = 10) -> Path:
    """A mean token where the workflow puts it."""
    path = folder / kind / f"{model}.safetensors"
    save_mean_token(MeanToken(torch.tensor(values), images, 4 * images), path)
    return path


def test_both_vectors_of_a_model_are_compared(tmp_path: Path):
    """At a right angle but for one shared entry."""
    paths = [
        write(tmp_path, "computed", "one", [3.0, 4.0, 0.0]),
        write(tmp_path, "published", "one", [0.0, 1.0, 0.0], images=50_000),
        write(tmp_path, "computed", "two", [0.0, -2.0, 1.0]),
    ]
    table = build(paths, ["one", "two"], PUBLISHED)
    assert table["source"].tolist() == ["images", "authors", "images"]
    assert table["norm"].tolist() == pytest.approx([5, 1, 5**0.5])
    assert table["cosine_to_authors"].tolist()[:2] == pytest.approx([0.8, 1])
    assert np.isnan(table["cosine_to_authors"][2])
    assert table["extreme_entries"].tolist() == ["1 0 2", "1 0 2", "1 2 0"]
    assert (table["smallest"][2], table["largest"][2]) == (-2, 1)


def test_printed_values_stand_beside_the_authors_vector_only(tmp_path: Path):
    """Another vector is another quantity; a third model has no counterpart in the paper."""
    paths = [write(tmp_path, kind, "one", [1.0, 0.0]) for kind in ("computed", "published")]
    paths.append(write(tmp_path, "computed", "three", [1.0, 0.0]))
    table = build(paths, ["one", "two", "three"], PUBLISHED)
    assert table["norm_published"][1] == 25.566
    assert table["norm_published"][[0, 2]].isna().all()
    shown = display(table)
    assert shown["Length, published"][1] == "25.566"
    assert shown["Cosine to the authors'"][0] == "1.000"
    assert pd.isna(shown["Cosine to the authors'"][2])


def test_cosine_is_worked_out_in_double_precision():
    """Equal vectors of many small numbers have a cosine of one."""
    vector = np.full(100_000, 1e-3, np.float32)
    assert cosine(vector, vector) == pytest.approx(1, abs=1e-12)
