"""The mean image token of a reference set, put in place of others (neo2025 section 3.1)."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from sightline import cli
from sightline.cache.store import TraceReader
from sightline.errors import SightlineError
from sightline.files import atomic_path, write_json
from sightline.instruments.capture import TRACE

NAME = "mean_token"
_IMAGES_AT_A_TIME = 64


class MeanTokenError(SightlineError):
    """The mean token cannot be computed or read."""


@dataclass(frozen=True, eq=False)
class MeanToken:
    """A mean over all image tokens of all images.

    Attributes:
        vector: (width,) float32.
        images: number of images.
        tokens: number of image tokens.
        spec: settings of the trace set they come from; empty where there is none.
    """

    vector: torch.Tensor
    images: int
    tokens: int
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def norm(self) -> float:
        """Euclidean length of the vector."""
        return float(self.vector.double().norm())


def average(traces: TraceReader) -> MeanToken:
    """Mean of a trace set ``image_tokens``, summed in float64 so that neither order nor size shows.

    Raises:
        MeanTokenError: the trace set holds numbers that are not finite.
    """
    images = len(traces)
    tokens, width = traces.shape(TRACE)
    total = torch.zeros(width, dtype=torch.float64)
    for first in tqdm(range(0, images, _IMAGES_AT_A_TIME), desc="mean token", unit="batch"):
        rows = np.arange(first, min(first + _IMAGES_AT_A_TIME, images))
        total += traces.rows(TRACE, rows).double().sum((0, 1))
    if not torch.isfinite(total).all():
        raise MeanTokenError(
            f"{traces.folder}: some image tokens are not finite. Give this model a wider dtype, "
            "such as bfloat16 or float32, and run snakemake again."
        )
    return MeanToken((total / (images * tokens)).float(), images, images * tokens, traces.spec)


def save_mean_token(mean: MeanToken, path: Path) -> None:
    """Write the vector, and beside it as JSON how it came about."""
    with atomic_path(path) as temporary:
        save_file({NAME: mean.vector}, temporary)
    about = {"images": mean.images, "tokens": mean.tokens, "norm": mean.norm}
    about["traces"] = dict(mean.spec)
    write_json(about, Path(path).with_suffix(".json"))


def load_mean_token(path: Path | str) -> torch.Tensor:
    """The vector that ``save_mean_token`` wrote, (width,) float32.

    Raises:
        MeanTokenError: no such file, or another kind of file.
    """
    try:
        return load_file(path)[NAME]
    except (OSError, SafetensorError, KeyError) as error:
        raise MeanTokenError(
            f"{path}: not a mean token ({error}). "
            "Run python -m sightline.instruments.mean_token to write it."
        ) from None


def main(options: argparse.Namespace) -> None:
    """Average one trace set."""
    save_mean_token(average(TraceReader(options.cache)), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", required=True, help="trace set image_tokens, or its address")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file")
    cli.run(main, parser)
