"""POPE: is an object there that is not? JSON lines of yes/no questions in three kinds of sampling.

coco_pope_random.json, coco_pope_popular.json, coco_pope_adversarial.json, one record per line:
{"question_id": 1, "image": "COCO_val2014_000000016631.jpg", "text": "Is there a person in the image?", "label": "yes"}

The objects asked about in vain are drawn at random, from the most frequent ones, or from those that most often go
with what is there. The official images are of COCO 2014; COCO 2017 has the same ones under a shorter name.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from sightline.scenes.records import AnnotationError, field, file_name, parse_json, read_text
from sightline.scenes.yes_no import QuestionSet, YesNoQuestion, present, read_answer_key

KINDS = ("random", "popular", "adversarial")
_FILE = re.compile(rf"(?:.*_)?pope_({'|'.join(KINDS)})\.json")
COCO_SPLITS = ("val2017", "train2017")
"""Splits of COCO 2017 over which the official images lie scattered."""
_NAME_2014 = re.compile(r"COCO_\w+2014_(\d{12}\.jpg)")
_NAME = re.compile(r"(?:COCO_\w+2014_)?(\d{12})\.jpg")


def read_pope(root: Path | str, images: Sequence[Path | str]) -> QuestionSet:
    """Questions of all three kinds whose images are there.

    Args:
        root: folder of the question files.
        images: folders to look for images in, the first that has one wins.

    Raises:
        AnnotationError: names file and line at fault, or the kind without a file.
    """
    root = Path(root)
    files = _question_files(root)
    absent = [kind for kind in KINDS if kind not in files]
    if absent:
        raise AnnotationError(f"{root}: no *pope_{absent[0]}.json. Check datasets.pope.path.")
    folders = [Path(folder) for folder in images]
    found = [one for kind in KINDS for one in _read_kind(kind, files[kind], folders)]
    return present(found, root)


def coco_ids(root: Path | str) -> set[int]:
    """Images of COCO that are asked about and not in the set's own folder of images; from what files there are.

    Args:
        root: folder of the question files, with the images, if they are there, in images/.

    Raises:
        AnnotationError: names file and line at fault.
    """
    root = Path(root)
    asked = {
        one.image
        for kind, file in _question_files(root).items()
        for one in _read_kind(kind, file, [root / "images"])
    }
    names = [_NAME.fullmatch(image.name) for image in asked if not image.is_file()]
    return {int(name[1]) for name in names if name}


def _question_files(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(root.glob("*.json")):
        if kind := _FILE.fullmatch(file.name):
            first = found.setdefault(kind[1], file)
            if first is not file:
                raise AnnotationError(
                    f"{root}: both {first.name} and {file.name}. Leave the questions of one data set there."
                )
    return found


def _read_kind(kind: str, file: Path, folders: Sequence[Path]) -> list[YesNoQuestion]:
    questions = []
    for number, line in enumerate(read_text(file).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{file} line {number}"
        record = parse_json(line, where)
        image = _image(folders, file_name(record, "image", where))
        answer = read_answer_key(field(record, "label", str, where), where)
        text = field(record, "text", str, where)
        if not text.strip():
            raise AnnotationError(f"{where}: key 'text' is empty; expected a question.")
        questions.append(YesNoQuestion(kind, image, text, answer))
    if not questions:
        raise AnnotationError(f"{file}: no question in it. Download it again.")
    return questions


def _image(folders: Sequence[Path], name: str) -> Path:
    names = [name]
    if old := _NAME_2014.fullmatch(name):
        names.append(old[1])
    places = [folder / one for folder in folders for one in names]
    return next((place for place in places if place.is_file()), places[0])
