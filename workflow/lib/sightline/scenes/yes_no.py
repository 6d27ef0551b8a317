"""Yes/no questions about images, whatever set they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sightline.scenes.pictures import open_image
from sightline.scenes.records import AnnotationError, shown

YES, NO = "yes", "no"


@dataclass(frozen=True)
class YesNoQuestion:
    """One question with its answer.

    Attributes:
        subtask: part of the set, such as existence.
        image: path of the image file.
        question: as it is put to the model.
        answer: "yes" or "no".
    """

    subtask: str
    image: Path
    question: str
    answer: str

    def picture(self) -> Image.Image:
        """The image in RGB.

        Raises:
            ImageFileError: the file is missing, damaged or absurd.
        """
        return open_image(self.image)


@dataclass(frozen=True)
class QuestionSet:
    """Questions whose images are there, and how many are left out for want of an image.

    Attributes:
        questions: in the order of the files.
        absent: subtask -> questions without an image file; only those with any.
    """

    questions: tuple[YesNoQuestion, ...]
    absent: dict[str, int]


def read_answer_key(text: str, where: str) -> str:
    """The annotated answer, "yes" or "no", written in any case.

    Raises:
        AnnotationError: it is neither.
    """
    answer = text.strip().lower()
    if answer not in (YES, NO):
        raise AnnotationError(f"{where}: the answer is {shown(text)}; expected Yes or No.")
    return answer


def present(questions: Sequence[YesNoQuestion], source: Path) -> QuestionSet:
    """Leave out questions about images that are not there, and count them.

    Raises:
        AnnotationError: no image at all is there.
    """
    absent: dict[str, int] = {}
    here = []
    for one in questions:
        if one.image.is_file():
            here.append(one)
        else:
            absent[one.subtask] = absent.get(one.subtask, 0) + 1
    if not here:
        raise AnnotationError(
            f"{source}: none of the images of its {len(questions)} questions is there, such as "
            f"{questions[0].image if questions else 'any'}. Put the images where the set's own guide says."
        )
    return QuestionSet(tuple(here), absent)
