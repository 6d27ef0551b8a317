"""Maps of every layer of the gallery's queries as one JSON file: what a page needs to look around in them.

    python -m sightline.studies.qian2025.items.explorer --measurements m/demo-llava --model model.json \
        --protocol qian2025.json --out explorer.json

Of the model: where its own masks read [SEG], and what the table of masks calls them. Per query: text, image file, the
part of the image that the map's cells divide, and points; per position, metric and entry the map's rows as whole
numbers from 0 to 255, with the smallest and largest value.
"""

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from sightline import cli
from sightline.files import write_json
from sightline.models.registry import ModelSource
from sightline.scenes.geometry import ImageTransform, transform_of
from sightline.studies.qian2025.items.shown import read_shown
from sightline.studies.qian2025.masks.names import OWN, OWN_WITH_POINTS
from sightline.studies.qian2025.protocol import METRICS, POSITIONS, Protocol
from sightline.studies.qian2025.similarity.store import load_maps

STEPS = 255


def explorer_data(folder: Path, transform: ImageTransform, protocol: Protocol) -> dict[str, Any]:
    """Everything of one model.

    Args:
        folder: of its measurements.
        transform: from an image to the frame whose cells have maps; of one tile.
        protocol: of the run.
    """
    maps = load_maps(folder)
    split = maps.queries["split"].iloc[0]
    # Splits may name queries alike; only the first is shown.
    first = maps.queries["query"][maps.queries["split"] == split]
    place = {query: number for number, query in first.items()}
    queries = []
    for one in read_shown(folder):
        row = maps.queries.iloc[place[one.query]]
        found = [
            {"position": position, "metric": metric, "entry": entry}
            | _whole(maps.maps[place[one.query], p, m, entry])
            for p, position in enumerate(POSITIONS)
            for m, metric in enumerate(METRICS)
            for entry in range(maps.entries)
        ]
        queries.append(
            {"query": one.query, "text": one.text, "image": Path(row["image"]).name, "split": split,
             "within": _within(transform, row["width"], row["height"]),
             "places": one.arrays["places"].tolist(), "labels": one.arrays["labels"].tolist(),
             "maps": found}
        )  # fmt: skip
    model = str(maps.queries["model"].iloc[0])
    own = OWN_WITH_POINTS if model in protocol.taught_points else OWN
    return {"model": model, "normed": maps.entries - 1, "position": protocol.position, "own": own,
            "queries": queries}  # fmt: skip


def load_transform(source: ModelSource) -> ImageTransform:
    """From an image to the frame that a model's tower sees, without its weights."""
    config = AutoConfig.from_pretrained(source.location, revision=source.revision)
    adapter = import_module(f"sightline.models.adapters.{source.family}")
    return transform_of(adapter.load_processor(source, config).image_processor)


def _within(transform: ImageTransform, width: int, height: int) -> list[float]:
    """Left, top, right and bottom of the frame in pixels of the image; it may reach beyond."""
    (view,) = transform.views(int(width), int(height))
    corners = *view.backward(0, 0), *view.backward(view.window[1], view.window[0])
    return [round(float(one), 3) for one in corners]


def _whole(scores: torch.Tensor) -> dict[str, Any]:
    low, high = float(scores.min()), float(scores.max())
    span = high - low or 1.0
    rows = ((scores - low) / span * STEPS).round().int().tolist()
    return {"rows": rows, "low": round(low, 4), "high": round(high, 4)}


def main(options: argparse.Namespace) -> None:
    """Write one model's file."""
    transform = load_transform(ModelSource.read(options.model))
    protocol = Protocol.read(options.protocol)
    write_json(explorer_data(options.measurements, transform, protocol), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
