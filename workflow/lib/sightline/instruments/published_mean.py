"""Take over a mean image token that authors published as a PyTorch file (neo2025 section 3.1).

python -m sightline.instruments.published_mean --vector vector.pt --out mean_token.safetensors
"""

import argparse
import pickle
from pathlib import Path

import torch

from sightline import cli
from sightline.files import sha256
from sightline.instruments.mean_token import MeanToken, MeanTokenError, save_mean_token

# The set that the published vectors average: 50,000 ImageNet validation images of 24 x 24 tokens.
IMAGES = 50_000
TOKENS = IMAGES * 24 * 24


def read_vector(path: Path | str) -> torch.Tensor:
    """The vector in a PyTorch file, (width,) float32; nothing but tensors is unpickled.

    Raises:
        MeanTokenError: the file holds something else.
    """
    try:
        vector = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise MeanTokenError(f"{path}: not a tensor saved by PyTorch ({error}).") from None
    if not isinstance(vector, torch.Tensor) or vector.squeeze().dim() != 1:
        raise MeanTokenError(f"{path}: expected one vector, found {type(vector).__name__}.")
    return vector.detach().squeeze().float()


def published_mean(path: Path) -> MeanToken:
    """The published vector with what is known of the images behind it."""
    spec = {"published": path.name, "sha256": sha256(path), "dataset": "ImageNet validation"}
    return MeanToken(read_vector(path), IMAGES, TOKENS, spec)


def main(options: argparse.Namespace) -> None:
    """Write the vector in this library's form."""
    save_mean_token(published_mean(options.vector), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vector", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="safetensors file")
    cli.run(main, parser)
