"""Vectors that authors saved with PyTorch become mean tokens."""

import pickle

import pytest
import torch

from sightline.instruments.mean_token import MeanTokenError, load_mean_token, save_mean_token
from sightline.instruments.published_mean import published_mean, read_vector


@pytest.mark.parametrize("shape", [(5,), (1, 5), (1, 1, 5)])
def test_vector_survives(tmp_path, shape):
    vector = torch.arange(5.0)
    torch.save(vector.half().reshape(shape), tmp_path / "mean.pt")
    save_mean_token(published_mean(tmp_path / "mean.pt"), tmp_path / "mean.safetensors")
    assert load_mean_token(tmp_path / "mean.safetensors").equal(vector)


def test_other_content_is_refused(tmp_path):
    torch.save(torch.zeros(2, 3), tmp_path / "matrix.pt")
    (tmp_path / "code.pt").write_bytes(pickle.dumps(print))
    for name in ("matrix.pt", "code.pt", "absent.pt"):
        with pytest.raises(MeanTokenError, match=name):
            read_vector(tmp_path / name)
