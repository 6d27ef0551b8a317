"""Similarity of [SEG]: its map in every layer, points, masks and scores, one page per model (qian2025, explorer).

python -m sightline.report.seg_page --tables qian2025/measurements/demo-llava \
    --out qian2025/explorer/demo-llava.html
python -m sightline.report.seg_page --pages qian2025/explorer/demo-llava.html --out qian2025/explorer.html
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from sightline.cli import run
from sightline.report.pages.command import page_parser, write_page
from sightline.report.pages.film import thumbnails
from sightline.report.pages.packing import Blob, pack
from sightline.report.pages.page import page
from sightline.report.pages.tables import LIMIT, PageError, fit_images
from sightline.report.pages.templates import SEG
from sightline.scenes.outline import outlines
from sightline.studies.qian2025.items.shown import Shown, read_shown
from sightline.studies.qian2025.masks.names import MAP, POINTS, PUBLISHED
from sightline.studies.qian2025.protocol import METRICS, POSITIONS

RULE = "explore_similarity"
SCORES = ("precision", "area", "overlap", "hit", "share")
"""Columns of layers.parquet that the page shows, see `sightline.studies.qian2025.similarity.cells.CellScores`."""
FINE = 448
"""Side of a picture on which outlines are true to 0.75 px."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of one model.

    Attributes:
        explorer: maps of the gallery's queries, see `sightline.studies.qian2025.items.explorer`.
        shown: pictures and masks of the same queries.
        layers: scores of maps by layer.
        masks: pixels of masks.
    """

    explorer: Mapping[str, Any]
    shown: list[Shown]
    layers: pd.DataFrame
    masks: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> "Measured":
        """Read a model's folder.

        Raises:
            PageError: a file is missing, or the maps are of other queries than the pictures.
        """
        try:
            explorer = json.loads((folder / "explorer.json").read_text())
            layers, masks = (pd.read_parquet(folder / f"{n}.parquet") for n in ("layers", "masks"))
            shown = read_shown(folder)
        except OSError as error:
            raise PageError(
                f"{folder}: cannot be read ({error}). Measure again (snakemake --forcerun {RULE})."
            ) from None
        names = [one["query"] for one in explorer["queries"]]
        if names != [one.query for one in shown] or "within" not in explorer["queries"][0]:
            raise PageError(
                f"{folder / 'explorer.json'}: its maps do not belong to gallery.safetensors. "
                f"Write it again (snakemake --forcerun {RULE})."
            )
        return cls(explorer, shown, layers, masks)


def query_blob(query: Mapping[str, Any], layers: pd.DataFrame) -> Blob:
    """Arrays of one query, first axes position, metric and entry.

    maps      of the cells, 255 where it is highest, (row, column)
    ranges    lowest and highest value
    scores    SCORES

    Raises:
        PageError: layers without scores.
    """
    shape = len(POSITIONS), len(METRICS), -1
    order = {(p, m): (i, j) for i, p in enumerate(POSITIONS) for j, m in enumerate(METRICS)}
    found = sorted(
        query["maps"], key=lambda one: (*order[one["position"], one["metric"]], one["entry"])
    )
    maps = np.array([one["rows"] for one in found], np.uint8)
    ranges = np.array([[one["low"], one["high"]] for one in found], np.float32)
    scores = layers.set_index(["position", "metric", "entry"])[list(SCORES)]
    wanted = [(one["position"], one["metric"], one["entry"]) for one in found]
    if set(wanted) - set(scores.index):
        raise PageError(
            f"query {query['query']}: layers.parquet lacks scores of some maps. Measure again "
            "(snakemake --forcerun read_similarity_maps)."
        )
    table = scores.loc[wanted].to_numpy(np.float32)
    return pack(
        {
            "maps": maps.reshape(*shape, *maps.shape[1:]),
            "ranges": ranges.reshape(*shape, 2),
            "scores": table.reshape(*shape, len(SCORES)),
        }
    )


def seg_page(measured: Measured, limit: int = LIMIT) -> str:
    """The page of one model.

    Raises:
        PageError: no query, or measurements that do not belong together.
    """
    if not measured.shown:
        raise PageError("[SEG] similarity: no query to show; raise studies.qian2025.gallery.")
    return fit_images(lambda count: _page(measured, count), len(measured.shown), limit)


def _page(measured: Measured, count: int) -> str:
    explorer, blobs, queries, film = measured.explorer, {}, [], []
    for query, shown in zip(explorer["queries"][:count], measured.shown, strict=False):
        own = _of(measured.layers, query)
        blob = query_blob(query, own)
        blobs[f"image-{query['query']}"] = blob
        height, width = shown.image.shape[:2]
        polygons = {name: _polygons(shown.arrays[name]) for name in ("target", "own", "clicked")}
        queries.append(
            {
                "id": query["query"],
                "text": query["text"],
                "split": query["split"],
                "frame": [width, height],
                "within": query["within"],
                "rows": len(query["maps"][0]["rows"]),
                "columns": len(query["maps"][0]["rows"][0]),
                "points": [
                    [round(x, 2), round(y, 2), label]
                    for (x, y), label in zip(query["places"], query["labels"], strict=True)
                ],
                "masks": polygons,
                "pixels": _pixels(_of(measured.masks, query), explorer["own"]),
                "layout": blob.layout,
            }
        )
        film.append((_jpeg(shown.image), query["query"], query["text"]))
    data = {
        "model": explorer["model"],
        "positions": POSITIONS,
        "metrics": METRICS,
        "normed": explorer["normed"],
        "position": explorer["position"],
        "scores": SCORES,
        "images": queries,
    }
    texts = {name: explorer[name] for name in ("model", "normed", "position")}
    title = f"Similarity of [SEG] · {explorer['model']} · Sightline"
    return page(SEG, title, texts, {"thumbnails": thumbnails(film)}, data, blobs)


def _pixels(masks: pd.DataFrame, own: str) -> dict[str, list[int]]:
    """Intersection with the ground truth, union with it, and size of each mask, in pixels."""
    published = masks[masks["variant"] == PUBLISHED].set_index("method")
    names = {"own": own, "clicked": POINTS, "map": MAP}
    return {
        name: [int(published.loc[method, c]) for c in ("intersection", "union", "predicted")]
        for name, method in names.items()
    }


def _polygons(mask: np.ndarray) -> list[list[float]]:
    tolerance = 0.75 * max(mask.shape) / FINE
    return [
        [round(float(value), 1) for value in one.reshape(-1)]
        for one in outlines(mask.astype(bool), tolerance)
    ]


def _jpeg(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def _of(table: pd.DataFrame, query: Mapping[str, Any]) -> pd.DataFrame:
    return table[(table["query"] == query["query"]) & (table["split"] == query["split"])]


def main(arguments: argparse.Namespace) -> None:
    """Write a page, or the list of pages."""
    write_page(
        arguments,
        lambda folder: seg_page(Measured.read(folder)),
        "Similarity of [SEG]",
        "Which parts of an image [SEG] resembles in every layer, and the masks from it, one page per model.",
    )


if __name__ == "__main__":
    parser = page_parser("Write the pages of [SEG] similarity.")
    run(main, parser)
