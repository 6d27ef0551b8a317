"""Every family that must equal plain transformers, as (ours, plain model, plain processor)."""

from typing import NamedTuple

import pytest
import torch
from transformers import AutoProcessor, LlavaForConditionalGeneration

from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.models.vlm import VLM
from tiny import build_llava

VARIANTS = {"llava-1.5": "llama", "llava-phi-3": "phi3"}


class Pair(NamedTuple):
    """A model loaded by us and the same files loaded without us."""

    vlm: VLM
    model: LlavaForConditionalGeneration
    processor: object


@pytest.fixture(scope="session", params=VARIANTS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Both published prompt templates, each with its kind of language model."""
    torch.set_num_threads(1)
    folder = build_llava(tmp_path_factory.mktemp(request.param), VARIANTS[request.param])
    source = ModelSource(request.param, str(folder), prompt=request.param, device="cpu")
    return Pair(
        load_vlm(source),
        LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval(),
        AutoProcessor.from_pretrained(folder, backend="pil"),
    )


@pytest.fixture(scope="session")
def vlm(pair: Pair) -> VLM:
    """Our side of the pair."""
    return pair.vlm
