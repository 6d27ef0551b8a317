"""The interactive logit lens: one page per model, and the list of pages (neo2025, extra4).

python -m sightline.report.lens_page --tables neo2025/lens_page/demo-llava --out neo2025/extra4/demo-llava.html
python -m sightline.report.lens_page --pages neo2025/extra4/demo-llava.html --out neo2025/extra4.html

A page of 12 images stays below 5 MB for a model of 32 layers, 576 tokens and 32,000 words: of each patch and state it
keeps the best words as numbers of a list of the words that occur, and their shares in one byte.
"""

import argparse
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from sightline.cli import run
from sightline.report.pages.command import page_parser, write_page
from sightline.report.pages.film import names_of, thumbnails
from sightline.report.pages.packing import Blob, pack, pack_json, quantise
from sightline.report.pages.page import page
from sightline.report.pages.tables import PageError, read_tables, shown_object
from sightline.report.pages.templates import LENS
from sightline.studies.neo2025.lens.page_columns import TABLES

log = logging.getLogger(__name__)

OTHER = "…"
"""Stands for words beyond those that two bytes can number, the rarest of a very large vocabulary."""
MOST_WORDS = 2**16
LIMIT = 5_000_000
"""Characters of a page; of images with very many patches fewer words are kept."""
FIRST_DEPTH = 0.72
"""Where the page opens: the middle-to-late layers in which words appear."""


@dataclass(frozen=True, eq=False)
class Tables:
    """What `sightline.studies.neo2025.lens.page_tables` wrote; attributes are its tables."""

    images: pd.DataFrame
    words: pd.DataFrame
    objects: pd.DataFrame
    attention: pd.DataFrame
    answer: pd.DataFrame

    @classmethod
    def read(cls, folder: Path | str) -> "Tables":
        """Read a folder of tables.

        Raises:
            PageError: a table is missing or has other columns.
        """
        return cls(**read_tables(folder, TABLES, "collect_lens_page"))


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words of a page, the most frequent first, behind OTHER.

    Attributes:
        words: by number.
        numbers: of the words.
    """

    words: list[str]
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, texts: Sequence[pd.Series], most: int = MOST_WORDS) -> "Vocabulary":
        """Number all words that occur."""
        counts: Counter[str] = Counter()
        for one in texts:
            counts.update(one.value_counts().to_dict())
        ranked = sorted(counts, key=lambda word: (-counts[word], word))[: most - 1]
        return cls([OTHER, *ranked], {word: number for number, word in enumerate(ranked, 1)})

    def number(self, texts: pd.Series) -> np.ndarray:
        """Numbers of words, uint16; 0 for those left out."""
        codes, unique = pd.factorize(texts)
        return np.array([self.numbers.get(word, 0) for word in unique], np.uint16)[codes]


def image_blob(image: int, tables: Tables, vocabulary: Vocabulary, states: int) -> Blob:
    """Arrays of one image.

    words, shares              best words, (rank, state, token)
    attention, peaks, totals   share of the largest patch, (block, token); that one, and the sum, (block,)
    answerWords, answerShares  of the last position, (state, rank)
    """
    words = _sorted(tables.words, image, ["rank", "state", "token"])
    answer = _sorted(tables.answer, image, ["state", "rank"])
    attention = _sorted(tables.attention, image, ["block", "token"])
    ranks, blocks = words["rank"].nunique(), attention["block"].nunique()
    try:
        weights = attention["attention"].to_numpy().reshape(blocks, -1)
        cells = ranks, states, weights.shape[1]
        numbers = vocabulary.number(words["text"]).reshape(cells)
        shares = quantise(words["probability"].to_numpy()).reshape(cells)
        said = vocabulary.number(answer["text"]).reshape(states, ranks)
    except ValueError:
        raise PageError(
            f"image {image}: {len(words)} words, {len(attention)} attention weights and {len(answer)} words of "
            f"the answer do not fill {states} states. Rebuild them (snakemake --forcerun collect_lens_page)."
        ) from None
    peaks = weights.max(axis=1)
    return pack(
        {
            "words": numbers,
            "shares": shares,
            "attention": quantise(weights / np.maximum(peaks, 1e-30)[:, None]),
            "peaks": peaks.astype(np.float32),
            "totals": weights.sum(axis=1).astype(np.float32),
            "answerWords": said,
            "answerShares": quantise(answer["probability"].to_numpy()).reshape(states, ranks),
        }
    )


def lens_page(tables: Tables, limit: int = LIMIT) -> str:
    """The page of one model.

    Args:
        tables: what it shows.
        limit: characters beyond which words of the last ranks are left out, down to the best one.

    Raises:
        PageError: no image, or tables that do not belong together.
    """
    if tables.images.empty:
        raise PageError("the lens page has no image to show; raise studies.neo2025.lens.scenes.")
    top = int(tables.words["rank"].max()) + 1
    text = _lens_page(tables, top)
    while len(text) > limit and top > 1:
        fewer = max(1, min(top - 1, int(top * limit / len(text))))
        log.warning("%.1f MB with %d words a patch: going on with %d", len(text) / 1e6, top, fewer)
        top = fewer
        text = _lens_page(tables, top)
    return text


def _lens_page(tables: Tables, top: int) -> str:
    words, answer = (one[one["rank"] < top] for one in (tables.words, tables.answer))
    tables = replace(tables, words=words, answer=answer)
    images = list(tables.images.itertuples(index=False))
    first = images[0]
    vocabulary = Vocabulary.of([tables.words["text"], tables.answer["text"]])
    blobs, shown, film = {"words": pack_json(vocabulary.words)}, [], []
    for row in images:
        blob = image_blob(row.image_id, tables, vocabulary, row.states)
        blobs[f"image-{row.image_id}"] = blob
        things = tables.objects[tables.objects["image_id"] == row.image_id].itertuples(index=False)
        objects = [shown_object(one) for one in things]
        shown.append(
            {
                "id": row.image_id,
                "rows": row.rows,
                "columns": row.columns,
                "frame": [row.columns * row.patch, row.rows * row.patch],
                "objects": objects,
                "layout": blob.layout,
            }
        )
        names = names_of(one["name"] for one in objects)
        film.append((row.picture, f"image {row.image_id}", names))
    data = {
        "model": first.model,
        "states": first.states,
        "top": top,
        "first": round(FIRST_DEPTH * (first.states - 1)),
        "words": len(vocabulary.words),
        "images": shown,
    }
    texts = {
        "model": first.model, "last": first.states - 1, "top": top, "question": first.question,
    }  # fmt: skip
    title = f"Logit lens · {first.model} · Sightline"
    return page(LENS, title, texts, {"thumbnails": thumbnails(film)}, data, blobs)


def _sorted(table: pd.DataFrame, image: int, order: list[str]) -> pd.DataFrame:
    return table[table["image_id"] == image].sort_values(order)


def main(arguments: argparse.Namespace) -> None:
    """Write a page, or the list of pages."""
    write_page(
        arguments,
        lambda folder: lens_page(Tables.read(folder)),
        "Logit lens of single images",
        "Which words image patches turn into on their way through the language model, one page per model.",
    )


if __name__ == "__main__":
    parser = page_parser("Write the interactive logit lens.")
    run(main, parser)
