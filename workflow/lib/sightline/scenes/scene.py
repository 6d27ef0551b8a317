"""What every loader hands out: a scene with its instances, and a query for a region of a scene."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from sightline.scenes import run_lengths
from sightline.scenes.pictures import ImageFileError, image_size, open_image
from sightline.scenes.records import AnnotationError, is_number, shown

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Instance:
    """One annotated object.

    Attributes:
        id: annotation id.
        category: category name.
        box: x, y, width, height in pixels of the image.
        area: px^2 as annotated (COCO counts the mask, not the box).
        crowd: one region that covers many objects.
        segmentation: polygons [[x, y, x, y, ...], ...] or a run-length mapping, as in the file.
        attributes: further keys of the annotation, such as a colour; empty on official data.
        source: the file the annotation was read from, for error messages.
    """

    id: int
    category: str
    box: tuple[float, float, float, float]
    area: float
    crowd: bool
    segmentation: Any = field(repr=False, compare=False)
    attributes: Mapping[str, Any] = field(default_factory=dict, compare=False)
    source: str = field(default="", repr=False, compare=False)

    def polygons(self) -> list[list[float]] | None:
        """Outlines as lists x, y, x, y, ... in pixels, or None where the file holds runs.

        Raises:
            AnnotationError: there is no outline, or one is not three or more pairs of numbers.
        """
        if isinstance(self.segmentation, Mapping):
            return None
        if not isinstance(self.segmentation, list) or not self.segmentation:
            raise self._malformed(f"segmentation is {shown(self.segmentation)}")
        for row, polygon in enumerate(self.segmentation):
            if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
                raise self._malformed(f"polygon {row} is {shown(polygon)}")
            if not all(map(is_number, polygon)):
                raise self._malformed(f"polygon {row} holds something that is not a number")
        return self.segmentation

    def mask(self, height: int, width: int) -> Mask:
        """Pixels of the object, (height, width) bool, in the image the annotation belongs to.

        Raises:
            AnnotationError: malformed polygons, or polygons or runs of another image.
        """
        polygons = self.polygons()
        if polygons is None:
            return self._unpacked(height, width)
        for row, polygon in enumerate(polygons):
            # Painting steps along an outline pixel by pixel, in C, with no end to it.
            if not _is_near(polygon[::2], width) or not _is_near(polygon[1::2], height):
                raise self._malformed(f"polygon {row} lies far outside the image")
        runs = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
        return coco_mask.decode(runs).astype(bool)

    def _unpacked(self, height: int, width: int) -> Mask:
        counts, size = self.segmentation.get("counts"), self.segmentation.get("size")
        if size != [height, width]:
            raise self._malformed(
                f"run lengths are of size {shown(size)}, the image is {[height, width]}"
            )
        if not isinstance(counts, str | bytes | list):
            raise self._malformed(f"run lengths are {shown(counts)}")
        try:
            return run_lengths.decode(counts, height, width)
        except run_lengths.RunLengthError as error:
            raise self._malformed(f"run lengths do not decode: {error}") from error

    def _malformed(self, what: str) -> AnnotationError:
        place = f"{self.source}: " if self.source else ""
        return AnnotationError(
            f"{place}annotation {self.id} ({self.category}): {what}; expected polygons of three or "
            "more x, y pairs, or run lengths {counts, size}. Mend or remove the annotation."
        )


@dataclass(frozen=True)
class Scene:
    """One image and everything annotated in it.

    Attributes:
        id: image id, unique within a data set.
        path: image file.
        width: pixels, as annotated.
        height: pixels, as annotated.
        instances: in annotation order.
        captions: in annotation order.
        attributes: further keys of the image record, such as a theme; empty on official data.
        upright: annotated on the picture as it is turned by what the camera noted.
    """

    id: int
    path: Path
    width: int
    height: int
    instances: tuple[Instance, ...] = ()
    captions: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict, compare=False)
    upright: bool = False

    def image(self) -> Image.Image:
        """The image in RGB.

        Raises:
            ImageFileError: the file is missing, damaged, absurd, or of another size than annotated.
        """
        size = image_size(self.path, self.upright)
        if size != (self.width, self.height):
            raise ImageFileError(
                f"{self.path}: {size[0]} x {size[1]} px, but scene {self.id} is annotated as "
                f"{self.width} x {self.height} px. Use the annotations that belong to these images."
            )
        return open_image(self.path, self.upright)

    def mask(self, instance: Instance) -> Mask:
        """Pixels of one of the instances, (height, width) bool."""
        return instance.mask(self.height, self.width)


def _is_near(places: Sequence[float], side: int) -> bool:
    """Whether places along one side of an image lie within it, or less than its length beyond either end."""
    return -side <= min(places) and max(places) <= 2 * side


class Region(Protocol):
    """What a query asks for, painted when wanted."""

    def target(self, height: int, width: int) -> Mask:
        """Wanted pixels, (height, width) bool."""

    def ignore(self, height: int, width: int) -> Mask | None:
        """Pixels that count neither way, (height, width) bool, or None where there are none."""


@dataclass(frozen=True)
class SegmentationQuery:
    """A text that asks for a region of a scene.

    Attributes:
        scene: the image.
        id: unique within data set and split.
        texts: phrasings of one query; evaluation uses the first (qian2025).
        region: the answer, or None when the query asks for something that is not there.
        is_sentence: a long query (a sentence) rather than a short phrase.
        false_premise: the query asks for something that is not there.
        correction: what would have been right to say, for some false premises.
        noun: what the wanted thing is called, where the data set knows it; the text need not say it.
        others: what the image's other things are called, where the data set knows it.
    """

    scene: Scene
    id: str
    texts: tuple[str, ...]
    region: Region | None = field(repr=False)
    is_sentence: bool
    false_premise: bool = False
    correction: str | None = None
    noun: str | None = None
    others: tuple[str, ...] = ()

    @property
    def target(self) -> Mask | None:
        """Wanted pixels, (height, width) bool, painted at each access; None for a false premise."""
        return self.region and self.region.target(self.scene.height, self.scene.width)

    @property
    def ignore(self) -> Mask | None:
        """Pixels left out of every score, (height, width) bool, or None."""
        return self.region and self.region.ignore(self.scene.height, self.scene.width)
