"""ReasonSeg: ``<split>/X.jpg`` (or ``.png``) with ``X.json`` beside it, read as in qian2025.

The JSON holds ``text`` (phrasings of one query), ``is_sentence`` (long or short query) and
``shapes``: polygons labelled target, ignore or flag. Augmented copies add ``false_premise_QA``:
[query, is_sentence, answer] triples; copies from a hub (see ``reasonseg_mirror``) hold a ``mask``
in place of polygons, and no ignored pixels.

No official file tells what the target is called. Two keys of this project's own can: ``noun``, such
as "antler", and ``others``, names of the image's other things. The embedded world writes them, and
a noun may be added by hand.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sightline.scenes import run_lengths
from sightline.scenes.pictures import MOST_PIXELS, ImageFileError, image_size
from sightline.scenes.records import AnnotationError, field, is_number, read_json, shown
from sightline.scenes.scene import Mask, Scene, SegmentationQuery

_TARGET, _IGNORE = 1, 255


@dataclass(frozen=True)
class PaintedShapes:
    """Polygons that a later, smaller one paints over; flags already dropped.

    Attributes:
        shapes: (value, points) pairs in file order: value 1 for target, 255 for ignore; points in
            whole pixels.
    """

    shapes: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]

    def paint(self, height: int, width: int) -> NDArray[np.uint8]:
        """Labels (height, width): 0 background, 1 target, 255 ignore; smaller shapes lie on top."""
        canvases = []
        for value, points in self.shapes:
            canvas = Image.new("L", (width, height))
            ImageDraw.Draw(canvas).polygon(points, fill=value, outline=value)
            canvases.append(np.asarray(canvas))
        areas = [np.count_nonzero(canvas) for canvas in canvases]
        labels = np.zeros((height, width), np.uint8)
        # The published code reverses an ascending sort, which settles the order of equal areas.
        for row in np.argsort(areas, kind="stable")[::-1]:
            labels = np.where(canvases[row] > 0, canvases[row], labels)
        return labels

    def target(self, height: int, width: int) -> Mask:
        """Wanted pixels, (height, width) bool."""
        return self.paint(height, width) == _TARGET

    def ignore(self, height: int, width: int) -> Mask:
        """Pixels that count neither way, (height, width) bool."""
        return self.paint(height, width) == _IGNORE


@dataclass(frozen=True)
class Runs:
    """A target given as COCO's run lengths.

    Attributes:
        size: height and width in pixels.
        counts: compressed run lengths.
        source: the file they were read from, for error messages.
    """

    size: tuple[int, int]
    counts: str
    source: str

    def target(self, height: int, width: int) -> Mask:
        """Wanted pixels, (height, width) bool.

        Raises:
            AnnotationError: the mask is of another size, or does not decode.
        """
        if (height, width) != self.size:
            raise AnnotationError(
                f"{self.source}: key 'mask' is of size {self.size}, the image {(height, width)}."
            )
        try:
            return run_lengths.decode(self.counts, height, width)
        except run_lengths.RunLengthError as error:
            raise AnnotationError(f"{self.source}: key 'mask' does not decode: {error}.") from error

    def ignore(self, height: int, width: int) -> None:
        """Copies leave no pixels out."""


def load_reasonseg(
    root: Path | str, split: str, false_premises: bool = False
) -> list[SegmentationQuery]:
    """Read a split, one query per JSON file, sorted by file name.

    Where ``<split>.csv`` lists the files, as those that this library writes have it, others are left alone.

    Args:
        root: folder of the splits.
        split: train, val or test.
        false_premises: also give the queries under ``false_premise_QA``, after the true one.

    Raises:
        AnnotationError: the folder is empty, a listed JSON missing or one malformed; the message names file, shape
            and key.
        ImageFileError: a JSON has no image beside it.
    """
    queries = []
    for number, path in enumerate(_find_files(Path(root), split)):
        # Some official files are not UTF-8.
        content = read_json(path, ("utf-8", "cp1252"))
        # Polygons are drawn on what people see; masks of the hub's copy were painted in the frame of the file.
        scene = _scene(number, path, upright="mask" not in content)
        texts = field(content, "text", list, str(path))
        if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
            raise AnnotationError(
                f"{path}: key 'text' must list one or more strings, none of them blank."
            )
        region = _runs(content, path) if "mask" in content else _painted(content, path)
        long = field(content, "is_sentence", bool, str(path))
        noun, others = _names(content, str(path))
        queries.append(
            SegmentationQuery(
                scene, path.stem, tuple(texts), region, long, noun=noun, others=others
            )
        )
        if false_premises:
            queries += _false_premises(scene, path, content)
    return queries


def _find_files(root: Path, split: str) -> list[Path]:
    listed = root / f"{split}.csv"
    if listed.is_file():
        with listed.open(newline="", encoding="utf-8") as lines:
            rows = csv.DictReader(lines)
            if rows.fieldnames == ["file", "sha256"]:
                files = sorted(root / row["file"] for row in rows if row["file"].endswith(".json"))
                for file in files:
                    if not file.is_file():
                        raise AnnotationError(
                            f"{file}: missing, although {listed} lists it. Delete the list and run again."
                        )
                if files:
                    return files
    # A killed writer leaves hidden files, which glob finds.
    files = sorted(file for file in (root / split).glob("*.json") if file.name[0] != ".")
    if not files:
        raise AnnotationError(
            f"{root / split}: no *.json here. Check the data set's root folder and split."
        )
    return files


def _names(content: Any, where: str) -> tuple[str | None, tuple[str, ...]]:
    """What the target and the other things are called; None and nothing where the file does not say."""
    noun = field(content, "noun", str, where) if "noun" in content else None
    others = field(content, "others", list, where) if "others" in content else []
    if noun == "" or not all(isinstance(other, str) and other for other in others):
        raise AnnotationError(
            f"{where}: keys 'noun' and 'others' must hold names, none of them empty."
        )
    return noun, tuple(others)


def _scene(number: int, path: Path, upright: bool) -> Scene:
    for suffix in (".jpg", ".png"):
        image = path.with_suffix(suffix)
        if image.is_file():
            width, height = image_size(image, upright)
            return Scene(number, image, width, height, upright=upright)
    raise ImageFileError(f"{path}: no {path.stem}.jpg or .png beside it. Download the images too.")


def _painted(content: Any, path: Path) -> PaintedShapes:
    shapes = field(content, "shapes", list, str(path))
    painted = [_shape(shape, f"{path}: shape {row}") for row, shape in enumerate(shapes)]
    return PaintedShapes(tuple(shape for shape in painted if shape is not None))


def _runs(content: Any, path: Path) -> Runs:
    mask = field(content, "mask", dict, str(path))
    where = f"{path}: key 'mask'"
    size, counts = field(mask, "size", list, where), field(mask, "counts", str, where)
    if len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
        raise AnnotationError(f"{where}: size {shown(size)} is not [height, width].")
    return Runs((size[0], size[1]), counts, str(path))


def _shape(shape: Any, where: str) -> tuple[int, tuple[tuple[int, int], ...]] | None:
    """One polygon as the published code reads it, or None for a flag."""
    label = field(shape, "label", str, where).lower()
    points = field(shape, "points", list, where)
    if label == "flag":
        return None
    if "target" not in label and "ignore" not in label:
        raise AnnotationError(f"{where}: label {shown(label)} is not target, ignore or flag.")
    pairs = [point for point in points if isinstance(point, list) and len(point) == 2]
    if len(pairs) < len(points) or not all(_is_place(x) and _is_place(y) for x, y in pairs):
        raise AnnotationError(f"{where}: points must be [x, y] pairs of numbers.")
    # Truncation, not rounding: the published masks are painted on integer coordinates.
    whole = tuple((int(x), int(y)) for x, y in pairs)
    if len(whole) < 2:
        raise AnnotationError(f"{where}: {len(whole)} points do not outline anything.")
    return (_IGNORE if "ignore" in label else _TARGET), whole


def _is_place(value: Any) -> bool:
    """Whether a number can be a coordinate: Pillow's C code counts pixels in 32 bits."""
    return is_number(value) and abs(value) <= MOST_PIXELS


def _false_premises(scene: Scene, path: Path, content: Any) -> list[SegmentationQuery]:
    queries = []
    if "false_premise_QA" not in content:
        return queries
    for row, entry in enumerate(field(content, "false_premise_QA", list, str(path))):
        match entry:
            case [str(query), bool(long), str(answer)]:
                name = f"{path.stem}-false-{row}"
                queries.append(SegmentationQuery(scene, name, (query,), None, long, True, answer))
            case _:
                raise AnnotationError(
                    f"{path}: false_premise_QA, row {row}: expected [query, is_sentence, answer]."
                )
    return queries
