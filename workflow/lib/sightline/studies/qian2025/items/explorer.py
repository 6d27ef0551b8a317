"""Maps of every layer of the gallery's queries as one JSON file: what a page needs to look around in them.

    python -m sightline.studies.qian2025.items.explorer --measurements m/demo-llava --out explorer.json

Per query: text, image file, target and points; per position, metric and entry the map's rows as whole numbers from 0 to
255, with the smallest and largest value.
"""

import argparse
from pathlib import Path
from typing import Any

import torch

from sightline import cli
from sightline.files import write_json
from sightline.studies.qian2025.items.shown import read_shown
from sightline.studies.qian2025.protocol import METRICS, POSITIONS
from sightline.studies.qian2025.similarity.store import load_maps

STEPS = 255


def explorer_data(folder: Path) -> dict[str, Any]:
    """Everything of one model."""
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
             "places": one.arrays["places"].tolist(), "labels": one.arrays["labels"].tolist(),
             "maps": found}
        )  # fmt: skip
    return {"model": maps.queries["model"].iloc[0], "normed": maps.entries - 1, "queries": queries}


def _whole(scores: torch.Tensor) -> dict[str, Any]:
    low, high = float(scores.min()), float(scores.max())
    span = high - low or 1.0
    rows = ((scores - low) / span * STEPS).round().int().tolist()
    return {"rows": rows, "low": round(low, 4), "high": round(high, 4)}


def main(options: argparse.Namespace) -> None:
    """Write one model's file."""
    write_json(explorer_data(options.measurements), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
