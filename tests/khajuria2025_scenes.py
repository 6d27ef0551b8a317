"""Settings of the study and a small probing world, drawn once."""

import json
from pathlib import Path
from typing import Any

TASKS = [
    {"primary": ["cat", "bird"], "secondary": ["chair", "book", "umbrella", "hat"]},
    {"primary": ["car", "boat"], "secondary": ["traffic light", "anchor", "key", "star"]},
]


def settings(**changes: Any) -> dict[str, Any]:
    """Settings as the configuration gives them."""
    return {
        "seed": 0,
        "pairs": {
            "split": "probing",
            "images_per_pair": 2,
            "swapped_per_pair": 1,
            "tasks": TASKS,
        },
        "global_probe": {
            "train": {"split": "train2017", "images": 12},
            "test": {"split": "val2017"},
            "categories": ["cat", "car", "tree", "traffic light"],
        },
        "variants": ["corrected", "published"],
        "defects": {"shifts": [1], "wrong_grid": 3},
    } | changes


def write_settings(folder: Path, **changes: Any) -> Path:
    """The same as a file."""
    path = folder / "khajuria2025.json"
    path.write_text(json.dumps(settings(**changes)))
    return path
