"""Every family that must equal plain transformers, as (ours, plain model, plain processor)."""

from typing import Any, NamedTuple

import pytest
import torch
from transformers import AutoModelForImageTextToText, PreTrainedModel

from plain import plain_processor
from sightline.models.loading import load_vlm
from sightline.models.vlm import VLM
from tiny import TINY


class Pair(NamedTuple):
    """A model loaded by us and the same files loaded without us."""

    vlm: VLM
    model: PreTrainedModel
    processor: Any


@pytest.fixture(scope="session", params=TINY)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Every family, with every kind of language model."""
    torch.set_num_threads(1)
    source = TINY[request.param].write(tmp_path_factory.mktemp("models") / request.param)
    return Pair(
        load_vlm(source),
        AutoModelForImageTextToText.from_pretrained(source.path, dtype=torch.float32).eval(),
        plain_processor(source),
    )


@pytest.fixture(scope="session")
def vlm(pair: Pair) -> VLM:
    """Our side of the pair."""
    return pair.vlm
