"""MME and POPE: what the embedded world writes is what the loaders of the official files read."""

import argparse
import json
from collections import Counter

import pytest

from sightline.demo.write_questions import main, write_mme, write_pope
from sightline.demo.yes_no import SUBTASKS
from sightline.errors import SightlineError
from sightline.scenes.mme import read_mme
from sightline.scenes.pope import coco_ids, read_pope
from sightline.scenes.records import AnnotationError

PAIR = "a.jpg\tIs it?\tYes\na.jpg\tIs it not?\tNo\n"


@pytest.fixture(scope="module")
def mme(tmp_path_factory):
    root = tmp_path_factory.mktemp("mme")
    return root, write_mme(root, range(5_000_000, 5_000_400), 4)


@pytest.fixture
def written(tmp_path):
    """A folder with one subtask, whose text and images a test chooses."""

    def write(text, images=("a.jpg",), name="existence", nested=False):
        folder = tmp_path / "eval_tool" / "LaVIN"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        pictures = tmp_path / name / ("images" if nested else "")
        pictures.mkdir(parents=True, exist_ok=True)
        for image in images:
            (pictures / image).write_bytes(b"")
        return tmp_path

    return write


def test_world_writes_what_mme_asks_for(mme):
    """Ten subtasks, one yes and one no per image, each asked to be short."""
    found = read_mme(mme[0])
    assert not found.absent
    assert Counter(one.subtask for one in found.questions) == Counter(
        {name.replace(" ", "_"): 8 for name in SUBTASKS.values()}
    )
    for yes, no in zip(found.questions[::2], found.questions[1::2], strict=True):
        assert (yes.image, yes.answer, no.answer) == (no.image, "yes", "no")
        assert yes.question != no.question
        assert yes.question.endswith("? Please answer yes or no.")
    assert found.questions[0].picture().size == (112, 112)


def test_the_same_scene_is_one_picture_in_every_subtask(mme):
    """The measurement shares work between equal pictures."""
    bytes_of = {file.name: file.read_bytes() for file in mme[1] if file.suffix == ".jpg"}
    assert all(file.read_bytes() == bytes_of[file.name] for file in mme[1] if file.suffix == ".jpg")


def test_too_few_scenes_are_an_error(tmp_path):
    with pytest.raises(SightlineError, match="too few scenes"):
        write_mme(tmp_path, range(5_000_000, 5_000_003), 3)


@pytest.mark.parametrize("nested", [False, True])
def test_official_layouts(written, nested):
    """Images beside the texts or in a folder of their own; a model's output is no part of the question."""
    text = PAIR.replace("\tYes", "\tYes\tYes, it is.").replace("\tNo", "\tNo\tyes")
    found = read_mme(written(text, nested=nested))
    assert [(one.question, one.answer) for one in found.questions] == [
        ("Is it?", "yes"),
        ("Is it not?", "no"),
    ]


def test_official_order_and_no_cognition(written):
    for name in ("OCR", "existence", "code_reasoning", "my_own", "count"):
        root = written(PAIR, name=name)
    subtasks = list(dict.fromkeys(one.subtask for one in read_mme(root).questions))
    assert subtasks == ["existence", "count", "OCR", "my_own"]


def test_what_a_killed_writer_left_is_no_subtask(written):
    root = written(PAIR)
    (root / "eval_tool" / "LaVIN" / ".count-ab12cd34.txt").write_text("a.jpg")
    assert {one.subtask for one in read_mme(root).questions} == {"existence"}


def test_absent_pictures_are_counted(written):
    written(PAIR + PAIR.replace("a.jpg", "gone.jpg"), name="landmark")
    found = read_mme(written(PAIR))
    assert found.absent == {"landmark": 2} and len(found.questions) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg\tIs it?\n", "line 1: 2 columns"),
        ("a.jpg\tIs it?\tYes\tx\ty\n", "5 columns"),
        ("a.jpg\t\tYes\n", "expected image name"),
        ("a.jpg\tIs it?\tMaybe\n", "answer is 'Maybe'"),
        ("a.jpg\tIs it?\tYes\na.jpg\tIs it so?\tYes\n", "2 questions with the answer yes and 0"),
        ("a.jpg\tIs it?\tYes\n", "ACC\\+ rests on it"),
    ],
)
def test_faulty_lines_are_named(written, text, message):
    with pytest.raises(AnnotationError, match=message):
        read_mme(written(text))


def test_a_folder_without_questions_or_pictures(tmp_path, written):
    with pytest.raises(AnnotationError, match=r"datasets\.mme\.path"):
        read_mme(tmp_path)
    with pytest.raises(AnnotationError, match="none of the images"):
        read_mme(written(PAIR, images=()))


def test_world_writes_what_pope_asks_for(tmp_path):
    """Half yes, half no; what is asked in vain is frequent in one kind, and usual company in another."""
    write_pope(tmp_path, range(6_000_000, 6_000_040))
    found = read_pope(tmp_path, [tmp_path / "images"])
    by_kind = Counter((one.subtask, one.answer) for one in found.questions)
    assert len(by_kind) == 6 and len(set(by_kind.values())) == 1
    vain = {
        kind: Counter(o.question for o in found.questions if (o.subtask, o.answer) == (kind, "no"))
        for kind in ("random", "popular", "adversarial")
    }
    assert len(vain["popular"]) < len(vain["adversarial"]) <= len(vain["random"])


def test_pope_finds_pictures_of_coco_2017(tmp_path):
    """The official names are of 2014; the pictures of 2017 have the number alone."""
    record = '{"question_id": 1, "image": "COCO_val2014_000000016631.jpg", "text": "Is it?", "label": "%s"}\n'
    for kind in ("random", "popular", "adversarial"):
        (tmp_path / f"coco_pope_{kind}.json").write_text(record % "yes" + record % "no")
    (tmp_path / "val2017").mkdir()
    (tmp_path / "val2017" / "000000016631.jpg").write_bytes(b"")
    found = read_pope(tmp_path, [tmp_path / "train2017", tmp_path / "val2017"])
    assert len(found.questions) == 6 and found.questions[0].image.parent.name == "val2017"


def test_pictures_that_pope_does_not_bring_are_those_of_coco(tmp_path):
    assert coco_ids(tmp_path) == set()
    for kind, number in (("random", 16631), ("popular", 16631), ("adversarial", 25)):
        record = {"image": f"COCO_val2014_{number:012d}.jpg", "text": "Is it?", "label": "no"}
        (tmp_path / f"coco_pope_{kind}.json").write_text(json.dumps(record))
    assert coco_ids(tmp_path) == {16631, 25}
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "COCO_val2014_000000016631.jpg").write_bytes(b"")
    assert coco_ids(tmp_path) == {25}


def test_questions_of_two_sets_are_not_mixed(tmp_path):
    record = '{"image": "a.jpg", "text": "Is it?", "label": "no"}'
    for name in (
        "coco_pope_random",
        "coco_pope_popular",
        "coco_pope_adversarial",
        "gqa_pope_random",
    ):
        (tmp_path / f"{name}.json").write_text(record)
    with pytest.raises(
        AnnotationError, match=r"both coco_pope_random\.json and gqa_pope_random\.json"
    ):
        read_pope(tmp_path, [tmp_path])


def test_a_file_without_a_question_is_named(tmp_path, written):
    root = written("", name="color")
    with pytest.raises(AnnotationError, match=r"color\.txt: no question in it"):
        read_mme(root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("\n", "coco_pope_random.json: no question in it"),
        ("{", "line 1: not valid JSON"),
        ('{"image": "a.jpg", "text": "?"}', "key 'label' is missing"),
        ('{"image": "a.jpg", "text": "?", "label": "maybe"}', "answer is 'maybe'"),
    ],
)
def test_faulty_pope_lines_are_named(tmp_path, line, message):
    for kind in ("random", "popular", "adversarial"):
        (tmp_path / f"coco_pope_{kind}.json").write_text(line)
    with pytest.raises(AnnotationError, match=message):
        read_pope(tmp_path, [tmp_path])
    (tmp_path / "coco_pope_popular.json").unlink()
    with pytest.raises(AnnotationError, match="pope_popular"):
        read_pope(tmp_path, [tmp_path])


@pytest.mark.parametrize(
    ("dataset", "images", "most"), [("mme", 2501, 2500), ("mme", -1, 2500), ("pope", 0, 100_000)]
)
def test_refused_numbers_of_images_are_told_as_they_were_given(tmp_path, dataset, images, most):
    asked = argparse.Namespace(dataset=dataset, images=images, seed=0, out=tmp_path)
    with pytest.raises(SightlineError, match=f"--images {images}: use 1 to {most} for {dataset}"):
        main(asked)
