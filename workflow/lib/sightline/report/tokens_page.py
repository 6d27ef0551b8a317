"""Object tokens of vision encoders: cosine of any token with all others, one page per encoder (khajuria2025, explorer).

python -m sightline.report.tokens_page --tables khajuria2025/explorer_tables/dino --encoders dino vit \
    --out khajuria2025/explorer/dino.html
python -m sightline.report.tokens_page --pages khajuria2025/explorer/dino.html --out khajuria2025/explorer.html

Cosines of all pairs are many: 576 tokens in 24 layers fill 4 MB an image. A page that would be too large keeps layers
at equal distances, the last one among them, and then fewer images.
"""

import argparse
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sightline.cli import run
from sightline.report.pages.command import page_parser, write_page
from sightline.report.pages.film import names_of, thumbnails
from sightline.report.pages.packing import Blob, pack, quantise_cosines
from sightline.report.pages.page import page
from sightline.report.pages.tables import (
    LIMIT,
    PageError,
    fit_images,
    read_tables,
    shown_object,
)
from sightline.report.pages.templates import TOKENS
from sightline.studies.khajuria2025.page_columns import TABLES, unpack_cosines

log = logging.getLogger(__name__)

RULE = "collect_object_tokens"
FEWEST_LAYERS = 6
"""Layers that a page keeps before it gives up images."""

Tables = dict[str, pd.DataFrame]


def image_blob(image: int, tables: Tables) -> Blob:
    """Arrays of one image: per layer the cosines of all pairs of tokens, see `pack_cosines`.

    Raises:
        PageError: a layer is missing or has another grid.
    """
    cosines = _of(tables["cosines"], image).set_index("layer")["values"]
    arrays = {}
    for layer in tables["layers"].itertuples(index=False):
        tokens = layer.rows * layer.columns
        try:
            found = unpack_cosines(cosines[layer.layer], tokens)
        except (KeyError, ValueError) as error:
            raise PageError(
                f"image {image}: layer {layer.layer} has no cosines of {tokens} tokens ({error}). "
                f"Rebuild them (snakemake --forcerun {RULE})."
            ) from None
        arrays[f"layer-{layer.layer}"] = quantise_cosines(found[np.triu_indices(tokens, 1)])
    return pack(arrays)


def tokens_page(tables: Tables, encoders: Sequence[str], limit: int = LIMIT) -> str:
    """The page of one encoder.

    Args:
        tables: what `sightline.studies.khajuria2025.page_tables` wrote, by name.
        encoders: whose pages lie beside it, in order.
        limit: characters beyond which layers, then images are left out.

    Raises:
        PageError: no image, or tables that do not belong together.
    """
    if tables["images"].empty:
        raise PageError("object tokens: no image to show; raise studies.khajuria2025.page.images.")
    images = len(tables["images"])
    kept = tables["layers"]
    first = tables | {"images": tables["images"][:1]}
    while images * len(_page(first, encoders, kept, 1)) > limit and len(kept) > FEWEST_LAYERS:
        kept = _fewer(tables["layers"], len(kept) - 1)
    if len(kept) < len(tables["layers"]):
        log.warning("%d of %d layers are shown", len(kept), len(tables["layers"]))
    return fit_images(lambda count: _page(tables, encoders, kept, count), images, limit)


def _fewer(layers: pd.DataFrame, count: int) -> pd.DataFrame:
    places = np.linspace(0, len(layers) - 1, count).round().astype(int)
    return layers.iloc[places].reset_index(drop=True)


def _page(tables: Tables, encoders: Sequence[str], layers: pd.DataFrame, count: int) -> str:
    tables = tables | {"layers": layers}
    images = list(tables["images"].itertuples(index=False))[:count]
    encoder, blobs, shown, film = images[0].encoder, {}, [], []
    for row in images:
        blob = image_blob(row.image_id, tables)
        blobs[f"image-{row.image_id}"] = blob
        objects = _objects(tables, row.image_id)
        shown.append(
            {
                "id": row.image_id,
                "frame": [row.width, row.height],
                "objects": objects,
                "layout": blob.layout,
            }
        )
        names = names_of(f"{one['name']} ({one['role']})" for one in objects)
        film.append((row.picture, f"image {row.image_id}", names))
    data = {
        "encoder": encoder,
        "layers": layers.to_dict("records"),
        "images": shown,
    }
    links = "".join(
        f'<a href="{_file(one)}"{" aria-current=page" if one == encoder else ""}>{one}</a>'
        for one in map(_plain, encoders)
    )
    texts = {"encoder": encoder, "shown": len(layers)}
    html = {"thumbnails": thumbnails(film), "encoders": links}
    return page(TOKENS, f"Object tokens · {encoder} · Sightline", texts, html, data, blobs)


def _objects(tables: Tables, image: int) -> list[dict[str, Any]]:
    """Objects with outlines, box, and by layer their tokens and the one in their middle."""
    members, found = _of(tables["members"], image), []
    for row in _of(tables["objects"], image).itertuples(index=False):
        one = shown_object(row)
        places = np.concatenate([np.reshape(points, (-1, 2)) for points in one["polygons"]])
        low, high = places.min(axis=0).tolist(), places.max(axis=0).tolist()
        own = members[(members["role"] == row.role) & (members["category"] == row.category)]
        own = own.set_index("layer")
        by_layer = [
            [int(own["middle"][layer]), list(map(int, own["tokens"][layer]))]
            if layer in own.index
            else [None, []]
            for layer in tables["layers"]["layer"]
        ]
        found.append(
            {
                "name": one["name"],
                "role": row.role,
                "polygons": one["polygons"],
                "box": [*low, *high],
                "members": by_layer,
            }
        )
    return found


def _plain(encoder: str) -> str:
    """A name that can stand in markup as it is: the schema allows letters, digits, dots and hyphens."""
    if not encoder.replace("-", "").replace(".", "").replace("_", "").isalnum():
        raise PageError(f"encoder {encoder!r}: give letters, digits, dots and hyphens alone.")
    return encoder


def _file(encoder: str) -> str:
    return f"{encoder}.html"


def _of(table: pd.DataFrame, image: int) -> pd.DataFrame:
    return table[table["image_id"] == image]


def main(arguments: argparse.Namespace) -> None:
    """Write a page, or the list of pages."""
    write_page(
        arguments,
        lambda folder: tokens_page(read_tables(folder, TABLES, RULE), arguments.encoders),
        "Object tokens of vision encoders",
        "How alike the tokens of an image are, layer by layer, one page per encoder.",
    )


if __name__ == "__main__":
    parser = page_parser("Write the pages of object tokens.")
    parser.add_argument("--encoders", nargs="*", default=[], help="whose pages lie beside it")
    run(main, parser)
