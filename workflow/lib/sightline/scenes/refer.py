"""RefCOCO and kin: ``<data set>/refs(<split by>).p`` beside ``instances.json``.

The pickle lists references: an annotation (or several), a split, and sentences that point it out.
False-premise versions add sentences about things that are not there. Pickles can run code when
read, so these are read by an unpickler that builds plain lists, dictionaries, strings and numbers,
and nothing else.
"""

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sightline.scenes.coco import Coco
from sightline.scenes.records import AnnotationError, field, flag, shown
from sightline.scenes.scene import Instance, Mask, Scene, SegmentationQuery

_IMAGES = "images/mscoco/images/train2014"


# The unpickler in Python, because the one in C fills as much memory as a number in the file tells it to.
class _PlainUnpickler(pickle._Unpickler):
    """Refuses everything that has to be imported, and what makes room before it reads."""

    dispatch: ClassVar = {
        code: load
        for code, load in pickle._Unpickler.dispatch.items()
        if code not in (*pickle.BYTEARRAY8, *pickle.NEXT_BUFFER, *pickle.READONLY_BUFFER)
    }

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


@dataclass(frozen=True)
class Union:
    """The pixels of one or several instances."""

    instances: tuple[Instance, ...]

    def target(self, height: int, width: int) -> Mask:
        """Wanted pixels, (height, width) bool."""
        return np.logical_or.reduce([one.mask(height, width) for one in self.instances])

    def ignore(self, height: int, width: int) -> None:
        """These data sets leave no pixels out."""


def read_refs(path: Path) -> list[Mapping[str, Any]]:
    """Unpickle a reference file without running anything in it.

    Raises:
        AnnotationError: no such file, not a pickle, or a pickle of anything but plain data.
    """
    if not path.is_file():
        there = ", ".join(sorted(file.name for file in path.parent.glob("refs(*).p"))) or "none"
        raise AnnotationError(f"{path}: no such file; reference files there: {there}.")
    try:
        # The official files were written by Python 2, whose strings need an encoding.
        refs = _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except Exception as error:  # a damaged pickle can fail in any way
        raise AnnotationError(
            f"{path}: not read, because a reference file holds only lists, dictionaries, strings "
            f"and numbers: {error}. Download it again from a source you trust."
        ) from error
    if not isinstance(refs, list):
        raise AnnotationError(
            f"{path}: expected a list of references, found {type(refs).__name__}."
        )
    return refs


def load_refer(
    root: Path | str, dataset: str, split_by: str, split: str, images: Path | str | None = None
) -> list[SegmentationQuery]:
    """Read a split, one query per sentence, in file order.

    Args:
        root: folder of the data sets (``refer_seg`` in the published layout).
        dataset: refcoco, refcoco+, refcocog, fprefcoco, ...
        split_by: unc, umd, google, berkeley_exclude_unified, ...
        split: train, val, test, testA, testB.
        images: image folder; by default ``images/mscoco/images/train2014`` under ``root``.

    Raises:
        AnnotationError: a file is missing or malformed; the message names file, reference and key.
    """
    folder = Path(root) / dataset
    path = folder / f"refs({split_by}).p"
    refs = read_refs(path)
    coco = Coco.from_files(folder / "instances.json", Path(images or Path(root) / _IMAGES))
    splits = [field(ref, "split", str, f"{path}: row {row}") for row, ref in enumerate(refs)]
    if split not in splits:
        known = ", ".join(sorted(set(splits))) or "none"
        raise AnnotationError(f"{path}: no reference of split '{split}'; there are: {known}.")
    scenes: dict[int, Scene] = {}
    queries = []
    seen: set[int] = set()
    for ref in (ref for ref, its_split in zip(refs, splits, strict=True) if its_split == split):
        where = f"{path}: reference {shown(ref.get('ref_id'))}"
        if (number := field(ref, "ref_id", int, where)) in seen:
            raise AnnotationError(f"{where}: occurs twice in split '{split}'.")
        seen.add(number)
        image_id = field(ref, "image_id", int, where)
        if image_id not in scenes:
            scenes[image_id] = coco.scene(image_id)
        instances = _instances(ref, scenes[image_id], where)
        for row, sentence in enumerate(field(ref, "sentences", list, where)):
            queries.append(_query(ref, row, sentence, scenes[image_id], instances, where))
    return queries


def _instances(ref: Mapping[str, Any], scene: Scene, where: str) -> tuple[Instance, ...]:
    """The annotations a reference points at; none where its id is -1."""
    ids = field(ref, "ann_id", (int, list), where)
    wanted = [one for one in (ids if isinstance(ids, list) else [ids]) if one != -1]
    present = {instance.id: instance for instance in scene.instances}
    for one in wanted:
        if type(one) is not int or one not in present:
            raise AnnotationError(
                f"{where}: annotation {shown(one)} is not one of image {scene.id} in instances.json."
            )
    return tuple(present[one] for one in wanted)


def _query(
    ref: Mapping[str, Any],
    row: int,
    sentence: Any,
    scene: Scene,
    instances: tuple[Instance, ...],
    where: str,
) -> SegmentationQuery:
    text = field(sentence, "sent", str, where)
    # The R- data sets say whether the thing exists, the FP- ones whether it does not.
    if "is_false_premise" in sentence:
        false = flag(sentence, "is_false_premise", where)
    else:
        false = not flag(sentence, "exist", where, default=True)
    correction = sentence.get("gt_sent")
    if not isinstance(correction, str | None):
        raise AnnotationError(f"{where}: key 'gt_sent' must be str, found {shown(correction)}.")
    if not false and not instances:
        raise AnnotationError(
            f"{where}: '{text:.60}' points at no annotation but is not marked is_false_premise."
        )
    return SegmentationQuery(
        scene=scene,
        # By place: false premises may carry the sent_id of the expression they were made from, or none.
        id=f"{ref['ref_id']}-{row}",
        texts=(text,),
        region=None if false else Union(instances),
        is_sentence=False,
        false_premise=false,
        correction=correction,
    )
