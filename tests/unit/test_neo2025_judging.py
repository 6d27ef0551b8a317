"""What counts as naming the object, corrected and as published."""

import pytest

from sightline.scenes.mentions import Vocabulary
from sightline.studies.neo2025.judging import judge_description, judge_polling, judge_token

VOCABULARY = Vocabulary(("car", "dog", "hot dog", "traffic light"))


@pytest.mark.parametrize(
    ("text", "category", "corrected", "as_published"),
    [
        ("a man carrying a box", "car", False, True),
        ("Two Dogs run.", "dog", True, False),
        ("a hot dog on a plate", "dog", False, True),
        ("a traffic  light", "traffic light", True, False),
        ("a red car", "car", True, True),
        ("a red bus", "car", False, False),
    ],
)
def test_description(text: str, category: str, corrected: bool, as_published: bool):
    """Substrings inside longer words fool the published judge alone; plurals only it misses."""
    assert judge_description(text, category, VOCABULARY) == (corrected, as_published)


@pytest.mark.parametrize(
    ("text", "corrected", "as_published"),
    [
        ("Yes, there is.", True, True),
        ("No, those are its eyes.", False, True),
        ("No.", False, False),
        ("No, it was there yesterday.", False, True),
        ("No. Yes?", False, True),
        ("", False, False),
    ],
)
def test_polling(text: str, corrected: bool, as_published: bool):
    """The first yes or no decides, not a yes inside a word or behind a no."""
    assert judge_polling(text) == (corrected, as_published)


def test_vqa_as_published_accepts_an_empty_and_a_one_letter_token():
    """Only the exact sub-token is right; the published match direction lets both slips pass."""
    assert judge_token(7, "frisbee", 7, "frisbee") == (True, True)
    assert judge_token(3, "", 7, "fr") == (False, True)
    assert judge_token(4, " F", 7, "fr") == (False, True)
    assert judge_token(5, "frisbees", 7, "fr") == (False, False)
