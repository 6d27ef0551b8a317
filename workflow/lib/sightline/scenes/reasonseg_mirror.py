"""Write a copy of ReasonSeg on the Hugging Face hub out in the layout of the official folder.

    python -m sightline.scenes.reasonseg_mirror --mirror Ricky06662/ReasonSeg_val --split val --out data/reasonseg

The copies are Parquet: image, text (one string), mask (rows of booleans), image_id. They lack the ignored regions, so
that scores differ a little from those on the official files, and the mark of long queries: a text that ends like a
sentence is taken for one, and the JSON says that this was assumed.
"""

import argparse
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
from pycocotools import mask as coco_mask

from sightline import cli
from sightline.files import atomic_path, clear_files, sha256, write_csv, write_json
from sightline.scenes.pictures import inspect_encoded
from sightline.scenes.records import AnnotationError, field

_SUFFIX = {"JPEG": ".jpg", "PNG": ".png"}
_log = logging.getLogger(__name__)


def is_sentence(text: str) -> bool:
    """Whether a query ends like a sentence; short queries are phrases without a full stop."""
    return text.rstrip().endswith((".", "?", "!"))


def read_mirror(mirror: str) -> Iterator[Mapping[str, Any]]:
    """Rows of a copy, images as encoded bytes.

    Args:
        mirror: owner/name on the hub, or a folder of Parquet files.

    Raises:
        AnnotationError: it cannot be read, or holds several splits.
    """
    files = sorted(map(str, Path(mirror).glob("**/*.parquet")))
    try:
        if files:
            found = datasets.load_dataset("parquet", data_files={"test": files})
        else:
            found = datasets.load_dataset(mirror)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise AnnotationError(
            f"{mirror}: cannot be read ({error}). Give owner/name on the hub and allow the network, or a folder of "
            "Parquet files."
        ) from error
    if len(found) != 1:
        raise AnnotationError(f"{mirror}: {len(found)} splits ({', '.join(found)}); expected one.")
    (rows,) = found.values()
    lacking = {"image", "text", "mask"} - set(rows.column_names)
    if lacking:
        raise AnnotationError(
            f"{mirror}: columns {', '.join(sorted(lacking))} are missing; it has "
            f"{', '.join(rows.column_names)}."
        )
    rows = rows.cast_column("image", datasets.Image(decode=False))
    # As arrays: a list of a million Python booleans per image takes a hundred times the memory.
    masks = rows.select_columns("mask").with_format("numpy")
    for number, row in enumerate(rows.remove_columns("mask")):
        yield row | {"mask": np.stack(list(masks[number]["mask"])).astype(bool)}


def write_row(row: Mapping[str, Any], number: int, folder: Path, mirror: str) -> list[Path]:
    """Write one row as image and JSON; returns both.

    Raises:
        AnnotationError: mask and image do not fit, or the image is neither JPEG nor PNG.
        ImageFileError: the image is none, or too large.
    """
    where = f"{mirror}: row {number}"
    text = field(row, "text", str, where)
    data = field(field(row, "image", dict, where), "bytes", bytes, where)
    kind, (width, height) = inspect_encoded(data, f"{where}: image")
    if kind not in _SUFFIX:
        raise AnnotationError(f"{where}: image is neither JPEG nor PNG but {kind}.")
    suffix = _SUFFIX[kind]
    mask = row["mask"]
    if mask.shape != (height, width):
        raise AnnotationError(f"{where}: mask of {mask.shape}, image of {(height, width)}.")
    runs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    name = re.sub(r"[^\w.-]", "_", str(row.get("image_id") or ""))
    stem = f"{number:04d}-{name}" if name else f"{number:04d}"
    files = [folder / f"{stem}{suffix}", folder / f"{stem}.json"]
    with atomic_path(files[0]) as temporary:
        temporary.write_bytes(data)
    content = {
        "text": [text],
        "is_sentence": is_sentence(text),
        "assumed": ["is_sentence"],
        "mask": {"size": [height, width], "counts": runs["counts"].decode()},
        "mirror": mirror,
    }
    write_json(content, files[1])
    return files


def main(arguments: argparse.Namespace) -> None:
    """Write one split in place of what a former call wrote and, last, the list of its files."""
    folder, listed = arguments.out / arguments.split, arguments.out / f"{arguments.split}.csv"
    listed.unlink(missing_ok=True)
    clear_files(folder, r"\d{4,}(-[\w.-]+)?", r"\.(json|jpg|png)")
    files = [
        file
        for number, row in enumerate(read_mirror(arguments.mirror))
        for file in write_row(row, number, folder, arguments.mirror)
    ]
    _log.info("%s: %d queries", arguments.mirror, len(files) // 2)
    rows = [{"file": f"{arguments.split}/{file.name}", "sha256": sha256(file)} for file in files]
    write_csv(pd.DataFrame(rows), listed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", required=True, help="owner/name, or a folder of Parquet files")
    parser.add_argument("--split", required=True, help="name of the split that is written")
    parser.add_argument("--out", type=Path, required=True, help="folder of the splits")
    cli.run(main, parser)
