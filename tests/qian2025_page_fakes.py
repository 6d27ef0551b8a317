"""Measurements behind a page of [SEG] similarity, made up: two queries on pictures of which the tower sees a part."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from safetensors.numpy import save_file

from neo2025_page_fakes import EVIL
from sightline.files import write_json, write_parquet
from sightline.report.seg_page import Measured
from sightline.studies.qian2025.masks.names import MAP, OWN, OWN_WITH_POINTS, POINTS, PUBLISHED
from sightline.studies.qian2025.protocol import METRICS, POSITIONS

ENTRIES, ROWS, COLUMNS = 4, 4, 4
WIDTH, HEIGHT = 48, 32
WITHIN = [8.0, 0.0, 40.0, 32.0]
"""The tower sees the middle of the picture."""
QUERIES = {"scene1": "the animal", "scene2": EVIL}
SCORES = ("precision", "area", "overlap", "hit", "share")


def write_measurements(folder: Path, seed: int = 0) -> Path:
    """Write what `sightline.report.seg_page.Measured` reads."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    arrays, queries, explorer, layers, masks = {}, [], [], [], []
    # A query of the same name in another split must not be mixed up with the one that is shown.
    for split in ("val", "test"):
        for name in QUERIES:
            layers += [
                {"query": name, "split": split, "model": "toy", "position": p, "metric": m, "entry": e}
                | dict(zip(SCORES, rng.random(5).astype(np.float32), strict=True))
                for p in POSITIONS
                for m in METRICS
                for e in range(ENTRIES)
            ]  # fmt: skip
    for number, (name, text) in enumerate(QUERIES.items()):
        pixels = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        path = folder / f"{name}.png"
        Image.fromarray(pixels).save(path)
        queries.append({"model": "toy", "query": name, "split": "val", "text": text, "image": str(path)})  # fmt: skip
        shown = {}
        for place, mask in enumerate(("target", "own", "clicked")):
            shown[mask] = np.zeros((HEIGHT, WIDTH), np.uint8)
            shown[mask][4 + place : 16 + number, 10 : 24 + place] = 1
        shown["places"] = np.array([[12.0, 6.0], [30.0, 20.0], [41.0, 30.0]])
        shown["labels"] = np.array([1, 0, -1])
        arrays |= {f"{number} {key}": one for key, one in shown.items()}
        target = shown["target"].astype(bool)
        for method in (OWN, OWN_WITH_POINTS, POINTS, MAP):
            one = shown["own" if method == OWN else "clicked"].astype(bool)
            counts = [(one & target).sum(), (one | target).sum(), one.sum()]
            for split, more in (("val", 0), ("test", 7)):
                found = dict(zip(("intersection", "union", "predicted"), counts, strict=True))
                found["predicted"] += more
                row = {"number": number, "method": method, "variant": PUBLISHED} | found
                masks.append(row | {"model": "toy", "split": split, "query": name})
        maps = [
            {"position": p, "metric": m, "entry": e, "low": -1.5 * e, "high": 2.0 + e,
             "rows": rng.integers(0, 256, (ROWS, COLUMNS)).tolist()}
            for p in POSITIONS
            for m in METRICS
            for e in range(ENTRIES)
        ]  # fmt: skip
        explorer.append(
            {"query": name, "text": text, "image": path.name, "split": "val", "within": WITHIN,
             "places": shown["places"].tolist(), "labels": shown["labels"].tolist(), "maps": maps}
        )  # fmt: skip
    save_file(arrays, folder / "gallery.safetensors")
    write_parquet(pd.DataFrame(queries), folder / "queries.parquet")
    write_parquet(pd.DataFrame(layers), folder / "layers.parquet")
    write_parquet(pd.DataFrame(masks), folder / "masks.parquet")
    about = {"model": "toy", "normed": ENTRIES - 1, "position": "at", "own": OWN}
    write_json(about | {"queries": explorer}, folder / "explorer.json")
    return folder


def measured(folder: Path) -> Measured:
    """The same, read."""
    return Measured.read(write_measurements(folder))
