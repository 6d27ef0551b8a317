"""Attention routes: where every token of a question and of its answer looks, one page per model (kaduri2025, explorer).

python -m sightline.report.routes_page --tables kaduri2025/explorer_tables/demo-llava \
    --out kaduri2025/explorer/demo-llava.html
python -m sightline.report.routes_page --pages kaduri2025/explorer/demo-llava.html --out kaduri2025/explorer.html
"""

import argparse

import numpy as np
import pandas as pd

from sightline.cli import run
from sightline.report.pages.command import page_parser, write_page
from sightline.report.pages.film import names_of, thumbnails
from sightline.report.pages.packing import Blob, pack, quantise
from sightline.report.pages.page import page
from sightline.report.pages.tables import (
    LIMIT,
    PageError,
    fit_images,
    read_tables,
    shown_object,
)
from sightline.report.pages.templates import ROUTES
from sightline.studies.kaduri2025.attention.measurements import ROLES
from sightline.studies.kaduri2025.attention.page_columns import TABLES

RULE = "collect_attention_routes"


def image_blob(image: int, tables: dict[str, pd.DataFrame], layers: int) -> Blob:
    """Arrays of one image.

    shares         of attention, (token, layer, role), in the order of ROLES
    maps, peaks    share of the largest patch, (token, layer, patch); that one, (token, layer)

    Raises:
        PageError: rows are missing.
    """
    shares = _of(tables["shares"], image)
    maps = _of(tables["maps"], image).sort_values(["token", "layer"])
    tokens = len(_of(tables["tokens"], image))
    order = {role: place for place, role in enumerate(ROLES)}
    shares = shares.assign(place=shares["role"].map(order)).sort_values(["token", "layer", "place"])
    try:
        by_role = shares["share"].to_numpy(np.float32).reshape(tokens, layers, len(ROLES))
        weights = np.stack(maps["values"].to_list()).reshape(tokens, layers, -1)
    except ValueError:
        raise PageError(
            f"image {image}: {len(shares)} shares and {len(maps)} maps do not fill {tokens} tokens in {layers} "
            f"layers. Rebuild them (snakemake --forcerun {RULE})."
        ) from None
    peaks = weights.max(axis=2)
    return pack(
        {
            "shares": by_role,
            "maps": quantise(weights / np.maximum(peaks, 1e-30)[..., None]),
            "peaks": peaks.astype(np.float32),
        }
    )


def routes_page(tables: dict[str, pd.DataFrame], limit: int = LIMIT) -> str:
    """The page of one model.

    Args:
        tables: what `sightline.studies.kaduri2025.attention.page_tables` wrote, by name.
        limit: characters beyond which the last images are left out.

    Raises:
        PageError: no image, or tables that do not belong together.
    """
    if tables["images"].empty:
        raise PageError("attention routes: no image to show; raise studies.kaduri2025.page.images.")
    return fit_images(lambda count: _page(tables, count), len(tables["images"]), limit)


def _page(tables: dict[str, pd.DataFrame], count: int) -> str:
    images = list(tables["images"].itertuples(index=False))[:count]
    first, blobs, shown, film = images[0], {}, [], []
    for row in images:
        blob = image_blob(row.image_id, tables, first.layers)
        blobs[f"image-{row.image_id}"] = blob
        objects = [
            shown_object(one)
            for one in _of(tables["objects"], row.image_id).itertuples(index=False)
        ]
        tokens = _of(tables["tokens"], row.image_id).sort_values("token")
        shown.append(
            {
                "id": row.image_id,
                "rows": row.rows,
                "columns": row.columns,
                "frame": [row.columns * row.patch, row.rows * row.patch],
                "objects": objects,
                "tokens": list(zip(tokens["role"], tokens["text"], strict=True)),
                "layout": blob.layout,
            }
        )
        film.append(
            (row.picture, f"image {row.image_id}", names_of(one["name"] for one in objects))
        )
    data = {
        "model": first.model,
        "layers": first.layers,
        "middle": [first.middle_first, first.middle_last],
        "roles": ROLES,
        "images": shown,
    }
    texts = {"model": first.model, "question": first.question, "last": first.layers - 1}
    title = f"Attention routes · {first.model} · Sightline"
    return page(ROUTES, title, texts, {"thumbnails": thumbnails(film)}, data, blobs)


def _of(table: pd.DataFrame, image: int) -> pd.DataFrame:
    return table[table["image_id"] == image]


def main(arguments: argparse.Namespace) -> None:
    """Write a page, or the list of pages."""
    write_page(
        arguments,
        lambda folder: routes_page(read_tables(folder, TABLES, RULE)),
        "Attention routes",
        "Where every token of a question and of its answer looks, layer by layer, one page per model.",
    )


if __name__ == "__main__":
    parser = page_parser("Write the pages of attention routes.")
    run(main, parser)
