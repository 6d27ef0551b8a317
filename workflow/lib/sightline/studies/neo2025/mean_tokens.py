"""The mean image token, from images of this run and from the authors, held side by side.

The authors average 50,000 images of ImageNet and publish the vector; from other images any large set should give
nearly the same one (neo2025 section 5.3, B15).

python -m sightline.studies.neo2025.mean_tokens --models llava-1.5-7b --tokens computed/llava-1.5-7b.safetensors \
    published/llava-1.5-7b.safetensors --out mean_tokens
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sightline import cli
from sightline.instruments.mean_token import load_mean_token
from sightline.studies.neo2025.tab1 import PAPER_MODELS
from sightline.studies.published import find_published, load_published
from sightline.studies.tables import write_table

ITEM = "mean_tokens"
IMAGES, AUTHORS = "images", "authors"
SOURCES = {"computed": IMAGES, "published": AUTHORS}
"""Folder of a mean token -> where it comes from."""
PRINTED = ("images", "norm", "smallest", "largest")
LARGEST = 5
CAPTION = (
    "Mean image token: images behind it, its length, its extreme entries, and its cosine with the authors' vector of "
    "the same model (neo2025 section 3.1)."
)


def measure(vector: np.ndarray, about: Mapping[str, Any]) -> dict[str, Any]:
    """Images, tokens, norm, smallest and largest entry, and which entries are the largest in size.

    Args:
        vector: (width,) float32.
        about: what was written beside it: ``images`` and ``tokens``.
    """
    extreme = np.argsort(-np.abs(vector), kind="stable")[:LARGEST]
    return {
        "images": about["images"],
        "tokens": about["tokens"],
        "norm": float(np.linalg.norm(vector.astype(np.float64))),
        "smallest": float(vector.min()),
        "largest": float(vector.max()),
        "extreme_entries": " ".join(map(str, extreme)),
    }


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of two vectors, worked out in float64."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def build(paths: Sequence[Path], models: Sequence[str], published: pd.DataFrame) -> pd.DataFrame:
    """One line per mean token.

    Args:
        paths: safetensors files ``<folder>/<model>.safetensors``, folders as in SOURCES.
        models: keys that stand for the paper's models, in this order.
        published: of `sightline.studies.published.load_published`.

    Returns:
        model, paper_model, source, the columns of `measure`, cosine_to_authors (empty where the authors' vector is
        not at hand), and of PRINTED those with ``_published`` for lines of the authors' vectors.
    """
    vectors = {
        (path.stem, SOURCES[path.parent.name]): load_mean_token(path).numpy() for path in paths
    }
    lines = []
    for path in paths:
        model, source = path.stem, SOURCES[path.parent.name]
        number = models.index(model)
        paper = PAPER_MODELS[number] if number < len(PAPER_MODELS) else ""
        own, theirs = vectors[model, source], vectors.get((model, AUTHORS))
        line = {"model": model, "paper_model": paper, "source": source}
        line |= measure(own, json.loads(path.with_suffix(".json").read_text()))
        line["cosine_to_authors"] = np.nan if theirs is None else cosine(own, theirs)
        for column in PRINTED:
            # The printed values are of the authors' vector: another one is another quantity.
            cell = find_published(published, ITEM, paper, source, column)
            line[f"{column}_published"] = cell.value
        lines.append(line)
    table = pd.DataFrame(lines)
    printed = [f"{column}_published" for column in PRINTED]
    return table.astype(dict.fromkeys(printed, float))


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read."""

    def number(value: float, form: str = "{:.3f}") -> str | None:
        return None if np.isnan(value) else form.format(value)

    return pd.DataFrame(
        {
            "Model": table["model"],
            "From": table["source"],
            "Images": [f"{n:,}" for n in table["images"]],
            "Length": [number(value) for value in table["norm"]],
            "Length, published": [number(value) for value in table["norm_published"]],
            "Smallest": [number(value) for value in table["smallest"]],
            "Largest": [number(value) for value in table["largest"]],
            "Largest entries": table["extreme_entries"],
            "Cosine to the authors'": [number(value) for value in table["cosine_to_authors"]],
        }
    )


def main(options: argparse.Namespace) -> None:
    """Write the table as csv, md and tex."""
    table = build(options.tokens, options.models, load_published("neo2025"))
    write_table(table, options.out, CAPTION, formats=("csv",))
    write_table(display(table), options.out, CAPTION, formats=("md", "tex"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tokens",
        type=Path,
        nargs="+",
        required=True,
        help="computed/<model>.safetensors and published/...",
    )
    parser.add_argument(
        "--models", nargs="+", required=True, help="keys that stand for LLaVA-1.5 and LLaVA-Phi"
    )
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
