"""Questions: unambiguous, and never naming the object."""

import json
from pathlib import Path

import pytest

from neo2025_fakes import PROTOCOL
from sightline.scenes.scene import Instance, Scene
from sightline.studies.neo2025.candidates import find_candidate
from sightline.studies.neo2025.questions import (
    QuestionError,
    color_question,
    from_authors,
    from_templates,
    place_questions,
)


def thing(
    number: int, category: str, x: float, y: float, color: str, area: float = 200
) -> Instance:
    """An object of 10 x 10 px around a centre."""
    box = (x - 5, y - 5, 10, 10)
    return Instance(number, category, box, area, False, [], {"color": color})


def scene(*things: Instance, number: int = 1) -> Scene:
    """A scene of 100 x 100 px."""
    return Scene(number, Path("no.jpg"), 100, 100, things)


CAR = thing(1, "car", 20, 50, "red")
DOG = thing(2, "dog", 80, 50, "blue")
MUG = thing(3, "mug", 78, 20, "red")


def test_color_is_asked_only_where_one_object_wears_it():
    """Two red things make "which object is red" ambiguous."""
    assert color_question(scene(CAR, DOG), CAR) == "Which object is red?"
    assert color_question(scene(CAR, DOG, MUG), CAR) is None
    assert color_question(scene(CAR, DOG, MUG), DOG) == "Which object is blue?"


def test_place_is_asked_only_where_one_object_is_there():
    """A second object on that side, or one that nearly is, leaves the question out."""
    assert place_questions(scene(CAR, DOG), CAR) == ["What is left of the dog?"]
    far = thing(4, "dog", 95, 50, "blue")
    assert "What is left of the dog?" not in place_questions(scene(CAR, far, MUG), CAR)
    above = place_questions(scene(CAR, DOG, MUG), MUG)
    assert above == ["What is above the car?", "What is above the dog?"]


def test_another_object_of_the_same_kind_is_no_landmark():
    """Two dogs make "left of the dog" mean nothing."""
    twin = thing(5, "dog", 60, 50, "green")
    assert place_questions(scene(CAR, DOG, twin), CAR) == []


def test_template_questions_do_not_name_the_answer():
    """The object must be seen, not read."""
    scenes = [scene(CAR, DOG, MUG, number=number) for number in range(20)]
    table = from_templates(scenes, PROTOCOL)
    assert len(table) == PROTOCOL.questions
    assert set(table["kind"]) <= {"color", "place"}
    assert not any(row.category in row.question for row in table.itertuples())


def test_authors_questions_are_joined_by_image_id(tmp_path, caplog):
    """The answer is the object that passes filter 1; questions about other images are counted."""
    path = tmp_path / "clean_questions.json"
    path.write_text(json.dumps({"7": ["What is on the road?", "x"], "8": [], "9": ["What?"]}))
    table = from_authors([scene(CAR, DOG, number=7), scene(CAR, DOG, number=8)], PROTOCOL, path)
    assert table.to_dict("records") == [
        {
            "image_id": 7,
            "object_id": 1,
            "category": "car",
            "question": "What is on the road?",
            "kind": "authors",
        }
    ]
    assert "1 of 2 questions" in caplog.text


def test_malformed_question_file_is_named(tmp_path):
    """The message says what the file should hold."""
    path = tmp_path / "clean_questions.json"
    path.write_text("[1]")
    with pytest.raises(QuestionError, match=r"clean_questions\.json: expected a JSON object"):
        from_authors([], PROTOCOL, path)


def test_filter_1_takes_the_first_sole_object_of_the_wanted_size():
    """Sole of its category, area inside the open interval, at most three things in the image."""
    small, large = thing(6, "cup", 0, 0, "red", 100), thing(7, "bus", 0, 0, "red", 420)
    assert find_candidate(scene(small, large, DOG), PROTOCOL) == (DOG, "")
    assert find_candidate(scene(small, large), PROTOCOL)[1] == "no sole instance of the wanted size"
    assert find_candidate(scene(CAR, DOG, MUG, small), PROTOCOL)[1] == "too many annotations"
    assert find_candidate(scene(), PROTOCOL)[1] == "no annotation"
    twin = thing(8, "dog", 0, 0, "red", 5000)
    assert find_candidate(scene(DOG, twin), PROTOCOL)[0] is None
