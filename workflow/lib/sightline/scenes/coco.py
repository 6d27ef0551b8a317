"""COCO: ``annotations/{instances,captions}_<split>.json``, images in ``<split>/``.

The official 2017 download unpacks to this layout, and the embedded world is written in it. Loading
costs one pass over the JSON; instances become objects only when their scene is asked for.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sightline.scenes.pictures import MOST_PIXELS
from sightline.scenes.records import (
    AnnotationError,
    field,
    file_name,
    flag,
    is_number,
    read_json,
    shown,
)
from sightline.scenes.scene import Instance, Scene

_IMAGE_KEYS = {
    *("id", "file_name", "width", "height", "license", "coco_url", "flickr_url", "date_captured")
}
_ANNOTATION_KEYS = {
    *("id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "attributes")
}


class Coco:
    """The scenes of one split, in the order of the annotation file.

    Attributes:
        categories: id -> name, in file order.
        image_ids: in file order.

    Raises:
        AnnotationError: a file is missing or a record malformed; the message names file, record
            and key.
    """

    def __init__(self, root: Path | str, split: str) -> None:
        """Read a split of an unpacked COCO download."""
        annotations = Path(root) / "annotations"
        captions = annotations / f"captions_{split}.json"
        self._read(
            annotations / f"instances_{split}.json",
            Path(root) / split,
            captions if captions.is_file() else None,
        )

    @classmethod
    def from_files(cls, instances: Path, images: Path, captions: Path | None = None) -> "Coco":
        """Read an instance file that lies elsewhere, with the folder of its images."""
        coco = cls.__new__(cls)
        coco._read(instances, images, captions)
        return coco

    def _read(self, instances: Path, images: Path, captions: Path | None) -> None:
        content = read_json(instances)
        self._source, self._folder = instances, images
        self.categories: dict[int, str] = {}
        for row, record in enumerate(field(content, "categories", list, str(instances))):
            where = f"{instances}: categories, row {row}"
            number, name = field(record, "id", int, where), field(record, "name", str, where)
            if self.categories.setdefault(number, name) is not name:
                raise AnnotationError(f"{where}: category id {number} occurs twice.")
            if not name.strip() or list(self.categories.values()).count(name) > 1:
                raise AnnotationError(
                    f"{where}: name {shown(name)} is empty or occurs twice; every category needs its own."
                )
        self._images: dict[int, Mapping[str, Any]] = {}
        for row, record in enumerate(field(content, "images", list, str(instances))):
            where = f"{instances}: images, row {row}"
            if self._images.setdefault(field(record, "id", int, where), record) is not record:
                raise AnnotationError(f"{where}: image id {record['id']} occurs twice.")
        self._annotations = self._by_image(instances, content, "category_id", self.categories)
        self._captions: dict[int, list[Mapping[str, Any]]] = {}
        if captions is not None:
            self._captions = self._by_image(captions, read_json(captions))

    def _by_image(
        self,
        path: Path,
        content: Any,
        key: str | None = None,
        known: Mapping[int, str] | None = None,
    ) -> dict[int, list[Mapping[str, Any]]]:
        """Group annotations by image; the value of ``key`` must be among the ``known``."""
        grouped: dict[int, list[Mapping[str, Any]]] = {image: [] for image in self._images}
        seen: set[int] = set()
        for row, record in enumerate(field(content, "annotations", list, str(path))):
            try:
                image = record["image_id"]
                grouped[image].append(record)
                named = known is None or (record[key] in known and type(record[key]) is int)
                # Numbers that are equal without being the same type, such as true and 1, are no ids.
                if named and type(image) is int and record["id"] not in seen:
                    seen.add(record["id"])
                    continue
            except (KeyError, TypeError):
                pass
            raise _misplaced(record, f"{path}: annotations, row {row}", grouped, key, known)
        return grouped

    @property
    def image_ids(self) -> list[int]:
        """Ids of all images, in file order."""
        return list(self._images)

    def __len__(self) -> int:
        """Number of images."""
        return len(self._images)

    def scenes(self) -> Iterator[Scene]:
        """All scenes, one at a time, in the order of the annotation file."""
        return map(self.scene, self._images)

    def scene(self, image_id: int) -> Scene:
        """One scene with its instances and captions.

        Raises:
            AnnotationError: no such image, or a malformed record.
        """
        record = self._images.get(image_id)
        if record is None:
            raise AnnotationError(
                f"{self._source}: no image with id {image_id} among {len(self)} images. "
                "Check that ids and split belong together."
            )
        where = f"{self._source}: image {image_id}"
        width, height = field(record, "width", int, where), field(record, "height", int, where)
        if width < 1 or height < 1 or width * height > MOST_PIXELS:
            raise AnnotationError(f"{where}: {width} x {height} px is no size of an image.")
        return Scene(
            id=image_id,
            path=self._folder / file_name(record, "file_name", where),
            width=width,
            height=height,
            instances=tuple(self._instance(one) for one in self._annotations[image_id]),
            captions=tuple(
                field(one, "caption", str, f"{self._source.parent}: a caption of image {image_id}")
                for one in self._captions.get(image_id, ())
            ),
            attributes={key: value for key, value in record.items() if key not in _IMAGE_KEYS},
        )

    def _instance(self, record: Mapping[str, Any]) -> Instance:
        name = record.get("id", f"of image {record['image_id']}")
        where = f"{self._source}: annotation {name}"
        box = field(record, "bbox", list, where)
        if len(box) != 4 or not all(map(is_number, box)) or min(box[2:]) < 0:
            raise AnnotationError(f"{where}: bbox {shown(box)} is not x, y, width, height.")
        area = field(record, "area", (int, float), where)
        if not is_number(area) or area < 0:
            raise AnnotationError(f"{where}: area {shown(area)} is no number of pixels.")
        extra = {key: value for key, value in record.items() if key not in _ANNOTATION_KEYS}
        if "attributes" in record:
            extra |= field(record, "attributes", dict, where)
        return Instance(
            id=field(record, "id", int, where),
            category=self.categories[record["category_id"]],
            box=tuple(float(side) for side in box),
            area=float(area),
            crowd=flag(record, "iscrowd", where),
            segmentation=field(record, "segmentation", (list, dict), where),
            attributes=extra,
            source=str(self._source),
        )


def _misplaced(
    record: Any,
    where: str,
    images: Mapping[int, Any],
    key: str | None,
    known: Mapping[int, str] | None,
) -> AnnotationError:
    """What is wrong with an annotation that does not fit in; spelled out only once something is."""
    image = field(record, "image_id", int, where)
    if image not in images:
        return AnnotationError(f"{where}: image id {image} is not among the images.")
    value = field(record, key, int, where) if key else None
    if known is not None and value not in known:
        return AnnotationError(f"{where}: {key} {value} is not among the categories.")
    return AnnotationError(
        f"{where}: annotation id {field(record, 'id', int, where)} occurs twice."
    )
