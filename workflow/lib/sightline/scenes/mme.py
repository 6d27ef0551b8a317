"""MME in the text format of its evaluation tool: one file per subtask, an image's two questions one after the other.

eval_tool/LaVIN/<subtask>.txt           image name, question, answer and a model's output, parted by tabs
eval_tool/Your_Results/<subtask>.txt    the same without the output
<subtask>/<image>  or  <subtask>/images/<image>

The official release unpacks to this layout (its images must be asked for; landmark and artwork pictures have to be
fetched from their owners one by one, so that some may be missing). The embedded world is written in it.
"""

from collections import Counter
from pathlib import Path

from sightline.scenes.records import AnnotationError, file_name, read_text
from sightline.scenes.yes_no import NO, YES, QuestionSet, YesNoQuestion, present, read_answer_key

PERCEPTION = (
    "existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR",
)  # fmt: skip
COGNITION = (
    "commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning",
)  # fmt: skip
_FOLDERS = ("eval_tool/Your_Results", "eval_tool/LaVIN")


def read_mme(root: Path | str, questions: Path | str | None = None) -> QuestionSet:
    """Questions of all subtasks whose images are there; the cognition subtasks of the official set are left out.

    Args:
        root: folder of the images.
        questions: folder of the text files, where it is not within ``root``.

    Raises:
        AnnotationError: names file and line: a wrong number of columns, an answer that is neither yes nor no, or an
            image without exactly one question of each answer.
    """
    root = Path(root)
    folder = Path(questions) if questions else _find_folder(root)
    # A killed writer leaves hidden files, which glob finds.
    files = [file for file in sorted(folder.glob("*.txt")) if file.name[0] != "."]
    files = [file for file in files if file.stem not in COGNITION]
    if not files:
        raise AnnotationError(f"{folder}: no <subtask>.txt. Check datasets.mme.path.")
    # The official order, then the rest by name.
    order = {name: number for number, name in enumerate(PERCEPTION)}
    files.sort(key=lambda file: (order.get(file.stem, len(order)), file.stem))
    found = [one for file in files for one in _read_subtask(root, file)]
    return present(found, root)


def _read_subtask(root: Path, file: Path) -> list[YesNoQuestion]:
    questions = []
    for number, line in enumerate(read_text(file, ("utf-8-sig",)).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{file} line {number}"
        cells = line.split("\t")
        if len(cells) not in (3, 4) or not all(cell.strip() for cell in cells[:3]):
            raise AnnotationError(
                f"{where}: {len(cells)} columns; expected image name, question and answer (and perhaps a "
                "model's output), parted by tabs."
            )
        name = file_name({"image": cells[0].strip()}, "image", where)
        image = _image(root, file.stem, name)
        answer = read_answer_key(cells[2], where)
        questions.append(YesNoQuestion(file.stem, image, cells[1].strip(), answer))
    if not questions:
        raise AnnotationError(f"{file}: no question in it. Download it again.")
    counts: dict[Path, Counter[str]] = {}
    for one in questions:
        counts.setdefault(one.image, Counter())[one.answer] += 1
    for image, answers in counts.items():
        if answers != Counter({YES: 1, NO: 1}):
            raise AnnotationError(
                f"{file}: {image.name} has {answers[YES]} questions with the answer yes and "
                f"{answers[NO]} with no; MME has one of each, and ACC+ rests on it."
            )
    return questions


def _image(root: Path, subtask: str, name: str) -> Path:
    nested = root / subtask / "images" / name
    return nested if nested.is_file() else root / subtask / name


def _find_folder(root: Path) -> Path:
    for name in _FOLDERS:
        if (root / name).is_dir():
            return root / name
    raise AnnotationError(
        f"{root}: neither {' nor '.join(_FOLDERS)} is there. Check datasets.mme.path."
    )
