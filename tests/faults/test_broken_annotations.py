"""Broken annotation files: refused with the name of the file, or read as what is plainly written in them."""

import io
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from broken_files import broken, damaged, either, json_bytes, pickle_bytes, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sightline.errors import SightlineError
from sightline.scenes.coco import Coco
from sightline.scenes.mme import read_mme
from sightline.scenes.pope import KINDS, read_pope
from sightline.scenes.reasonseg import load_reasonseg
from sightline.scenes.refer import load_refer
from sightline.scenes.scene import Scene

LONG, SHORT = 2200, 60
"""Files per format; together more than 10,000, and some hundreds in the run of every day."""

COCO = {
    "categories": [{"id": 3, "name": "car"}, {"id": 10, "name": "traffic light"}],
    "images": [
        {"id": 9, "file_name": "b.png", "width": 8, "height": 6},
        {"id": 2, "file_name": "a.png", "width": 8, "height": 6, "theme": "street"},
    ],
    "annotations": [
        {
            "id": 5, "image_id": 9, "category_id": 10, "bbox": [1, 1, 4, 3], "area": 12.0, "iscrowd": 0,
            "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]], "attributes": {"color": "red"},
        },
        {
            "id": 4, "image_id": 9, "category_id": 3, "bbox": [0, 0, 8, 6], "area": 48.0, "iscrowd": 1,
            "segmentation": {"counts": [0, 40, 8], "size": [6, 8]},
        },
        {
            "id": 6, "image_id": 2, "category_id": 3, "bbox": [0, 0, 8, 6], "area": 40.0, "iscrowd": 1,
            "segmentation": {"counts": "0X18", "size": [6, 8]},
        },
    ],
}  # fmt: skip
CAPTIONS = {"annotations": [{"id": 1, "image_id": 9, "caption": "a street"}]}
REASONSEG = {
    "text": ["the thing", "it"],
    "is_sentence": False,
    "shapes": [
        {"label": "target", "points": [[1, 1], [6.5, 1], [6, 4.2], [1, 4]]},
        {"label": "ignore", "points": [[3, 3], [5, 3], [5, 5]]},
        {"label": "flag", "points": [[0, 0], [1, 1]]},
    ],
    "false_premise_QA": [["the cow", False, "there is none"]],
}
MIRRORED = {
    "text": ["the thing."],
    "is_sentence": True,
    "mask": {"size": [6, 8], "counts": "0X18"},
}
REFS = [
    {
        "ref_id": 5, "ann_id": 5, "image_id": 9, "split": "val",
        "sentences": [
            {"sent_id": 0, "sent": "the light"},
            {"sent_id": 1, "sent": "the cow", "is_false_premise": True, "gt_sent": "the light"},
            {"sent_id": 2, "sent": "the bus", "exist": False},
        ],
    },
    {"ref_id": 6, "ann_id": [4, -1], "image_id": 9, "split": "test", "sentences": [{"sent": "car"}]},
]  # fmt: skip
MME = b"""0001.png	Is it red? Please answer yes or no.	Yes
0001.png	Is it blue?	No
0002.png	One?	yes	no
0002.png	Two?	no	no
"""
POPE = [
    {"question_id": 1, "image": "0001.png", "text": "Is there a car in the image?", "label": "yes"},
    {"question_id": 2, "image": "0002.png", "text": "Is there a cow in the image?", "label": "no"},
]


def lines(records: list) -> bytes:
    return b"".join(json_bytes(record) + b"\n" for record in records)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6)).save(buffer, "PNG")
    return buffer.getvalue()


def check_scene(scene: Scene) -> None:
    """Everything a study takes from a scene is of the right kind and within the image."""
    assert type(scene.id) is int and scene.width > 0 and scene.height > 0
    assert scene.path.name and ".." not in scene.path.parts
    ids = [one.id for one in scene.instances]
    assert len(set(ids)) == len(ids)
    for one in scene.instances:
        assert type(one.id) is int and isinstance(one.category, str) and type(one.crowd) is bool
        assert all(math.isfinite(number) for number in (*one.box, one.area)) and one.area >= 0
        mask = scene.mask(one)
        assert mask.shape == (scene.height, scene.width) and mask.dtype == bool
    assert all(isinstance(caption, str) for caption in scene.captions)


def read_coco(root: Path) -> None:
    for scene in Coco(root, "val").scenes():
        check_scene(scene)


def read_queries(queries: list) -> None:
    assert len({query.id for query in queries}) == len(queries)
    for query in queries:
        assert query.texts and all(isinstance(text, str) for text in query.texts)
        assert (query.region is None) == query.false_premise
        assert type(query.is_sentence) is bool and isinstance(query.correction, str | None)
        for mask in (query.target, query.ignore):
            if mask is not None:
                assert mask.shape == (query.scene.height, query.scene.width)
                assert mask.dtype == bool


def read_questions(found) -> None:
    for one in found.questions:
        assert one.answer in ("yes", "no") and one.question.strip()
        assert one.image.is_file() and ".." not in one.image.parts


def in_coco(root: Path, content: bytes) -> Callable[[], None]:
    put(root / "annotations" / "instances_val.json", content)
    return lambda: read_coco(root)


def in_captions(root: Path, content: bytes) -> Callable[[], None]:
    put(root / "annotations" / "instances_val.json", json_bytes(COCO))
    put(root / "annotations" / "captions_val.json", content)
    return lambda: read_coco(root)


def in_reasonseg(root: Path, content: bytes) -> Callable[[], None]:
    put(root / "val" / "x.json", content)
    put(root / "val" / "x.png", picture())
    return lambda: read_queries(load_reasonseg(root, "val", false_premises=True))


def in_refs(root: Path, content: bytes) -> Callable[[], None]:
    put(root / "refcoco" / "instances.json", json_bytes(COCO))
    put(root / "refcoco" / "refs(unc).p", content)
    return lambda: read_queries(load_refer(root, "refcoco", "unc", "val"))


def in_mme(root: Path, content: bytes) -> Callable[[], None]:
    put(root / "eval_tool" / "LaVIN" / "count.txt", content)
    for name in ("0001.png", "0002.png"):
        put(root / "count" / name, picture())
    return lambda: read_questions(read_mme(root))


def in_pope(root: Path, content: bytes) -> Callable[[], None]:
    for kind in KINDS:
        put(root / f"coco_pope_{kind}.json", lines(POPE) if kind != "popular" else content)
    for name in ("0001.png", "0002.png"):
        put(root / "images" / name, picture())
    return lambda: read_questions(read_pope(root, [root / "images"]))


FORMATS = {
    "coco": (in_coco, either(COCO)),
    "captions": (in_captions, either(CAPTIONS)),
    "reasonseg": (in_reasonseg, st.one_of(either(REASONSEG), either(MIRRORED))),
    "refs": (in_refs, either(REFS, pickle_bytes)),
    "mme": (in_mme, damaged(MME)),
    "pope": (in_pope, st.one_of(broken(POPE).map(lines), damaged(lines(POPE)))),
}  # fmt: skip


def test_what_is_broken_below_is_read_when_it_is_whole(tmp_path):
    """Else every file would be refused for the wrong reason."""
    whole = {
        "coco": json_bytes(COCO), "captions": json_bytes(CAPTIONS), "reasonseg": json_bytes(REASONSEG),
        "refs": pickle_bytes(REFS), "mme": MME, "pope": lines(POPE),
    }  # fmt: skip
    for name, content in whole.items():
        FORMATS[name][0](tmp_path / name, content)()
    in_reasonseg(tmp_path / "mirrored", json_bytes(MIRRORED))()
    masks = [
        scene.mask(one).sum()
        for scene in Coco(tmp_path / "coco", "val").scenes()
        for one in scene.instances
    ]
    assert masks == [12, 40, 40]  # fmt: skip


def fuzz(name: str, files: int, folder: Path) -> Counter[str]:
    """Read that many broken files of a format; what comes of each is counted."""
    prepare, contents = FORMATS[name]
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=files, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(content=contents)
    def read(content: bytes) -> None:
        reader = prepare(folder, content)
        try:
            reader()
        except SightlineError as error:
            # Someone has to find the place: the message begins with a file of this data set.
            assert str(error).startswith(str(folder)), str(error)
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1

    read()
    return outcomes


@pytest.mark.parametrize("name", FORMATS)
def test_broken_files_are_refused_or_read_as_written(name, tmp_path, tell):
    outcomes = fuzz(name, SHORT, tmp_path)
    tell(f"{name}: {SHORT} broken files tried, {dict(outcomes)}; tracebacks: none.")
    assert outcomes["refused"] > 0


@pytest.mark.faults
@pytest.mark.parametrize("name", FORMATS)
def test_thousands_of_broken_files_are_refused_or_read_as_written(name, tmp_path, tell):
    outcomes = fuzz(name, LONG, tmp_path)
    tell(f"{name}: {LONG} broken files tried, {dict(outcomes)}; tracebacks: none.")
    assert outcomes["refused"] > 0
    assert outcomes.total() >= LONG
