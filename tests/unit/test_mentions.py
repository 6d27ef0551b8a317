"""The judge of mentions, and how the published one differs."""

import os
from pathlib import Path

import inflect
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.demo.silhouettes import CATEGORIES
from sightline.scenes.coco import Coco
from sightline.scenes.mentions import (
    Vocabulary,
    VocabularyError,
    coco_synonyms,
    mentioned_as_published,
    plural,
    tabled_plurals,
)

COCO_NAMES = (
    "person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant "
    "stop_sign parking_meter bench bird cat dog horse sheep cow elephant bear zebra giraffe "
    "backpack umbrella handbag tie suitcase frisbee skis snowboard sports_ball kite baseball_bat "
    "baseball_glove skateboard surfboard tennis_racket bottle wine_glass cup fork knife spoon bowl "
    "banana apple sandwich orange broccoli carrot hot_dog pizza donut cake chair couch "
    "potted_plant bed dining_table toilet tv laptop mouse remote keyboard cell_phone microwave "
    "oven toaster sink refrigerator book clock vase scissors teddy_bear hair_drier toothbrush"
).split()
NAMES = tuple(name.replace("_", " ") for name in COCO_NAMES)
COCO = Vocabulary(NAMES)
REAL = Path(
    os.environ.get("SIGHTLINE_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data")
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A cat sits on a car.", {"cat", "car"}),
        ("Someone is carrying scattered category cards", set()),
        ("two BUSES and three knives, mice!", {"bus", "knife", "mouse"}),
        ("people, men and children", {"person"}),
        ("a sofa by the television", {"couch", "tv"}),
        ("the dog's cellphone", {"dog", "cell phone"}),
        ("a hot dog and a teddy bear", {"hot dog", "teddy bear"}),
        ("a hot-dog, hotdogs and a dog", {"hot dog", "dog"}),
        ("a light; then traffic\nlights", {"traffic light"}),
        ("a stove beside a microwave oven", {"oven", "microwave"}),
        ("wine glasses on the table", {"wine glass", "dining table"}),
        ("a baby elephant", {"elephant"}),
        ("a ski, a pair of skis, scissors and sheep", {"skis", "scissors", "sheep"}),
        ("bu\u017f", set()),
        ("", set()),
    ],
)
def test_what_is_mentioned(text, names):
    """Whole words, plurals, synonyms, and the longest phrase first."""
    assert COCO.mentioned(text) == names


def test_the_table_of_plurals_is_what_inflect_makes_of_every_noun_a_run_looks_for():
    """So that no run waits for inflect to be imported, and none gets another plural."""
    synonyms = coco_synonyms()
    nouns = {
        *NAMES,
        *CATEGORIES,
        *synonyms,
        *(word for words in synonyms.values() for word in words),
    }
    engine = inflect.engine()
    assert tabled_plurals() == {noun.lower(): engine.plural_noun(noun.lower()) for noun in nouns}


def test_a_noun_beyond_the_table_has_a_plural():
    """Data sets of one's own bring other names."""
    assert "axolotl" not in tabled_plurals()
    assert plural("axolotl") == "axolotls"


def test_longer_phrases_hide_names_even_when_they_are_not_asked_for():
    """A vocabulary of dogs and bears still knows that a hot dog is no dog."""
    animals = Vocabulary(("dog", "bear"))
    assert animals.mentioned("a hot dog, a teddy bear and a cat") == set()
    assert animals.mentioned("a puppy and a bear") == {"dog", "bear"}


def test_a_name_is_never_a_synonym_of_another_category():
    """The embedded world has mugs and balls; in COCO these are cups and sports balls."""
    world = Vocabulary(("mug", "ball", "traffic light", "leaf", "fish"))
    assert world.mentioned("a mug, a ball, two leaves and fish") == {"mug", "ball", "leaf", "fish"}
    assert world.mentioned("a cup") == set()


@given(st.sampled_from(NAMES), st.sampled_from(["a {}", "{}s-like", "({})", "two {}, maybe"]))
def test_every_name_is_found_as_itself_alone(name, frame):
    """No name is hidden by the phrases of another category."""
    text = frame.format(name)
    assert COCO.mentioned(text) <= {name}
    if "{}s" not in frame:
        assert COCO.mentioned(text.upper()) == {name}


@given(st.text(max_size=60))
def test_any_text_is_judged(text):
    """Whatever a model says, the judge answers with names."""
    assert COCO.mentioned(text) <= set(NAMES)


def test_places_are_those_of_the_text_where_a_letter_gets_longer_in_lower_case():
    """The Turkish capital I with a dot becomes two."""
    text = "\u0130\u0130 a Cat"
    ((name, first, last),) = Vocabulary(["cat"]).spans(text)
    assert (name, text[first:last]) == ("cat", "Cat")


def test_the_table_belongs_to_coco_and_gives_each_word_to_one_category():
    """A synonym of two categories, or one that is a category, would count twice."""
    table = coco_synonyms()
    assert set(table) <= set(NAMES)
    words = [word for synonyms in table.values() for word in synonyms]
    assert len(words) == len(set(words))
    assert not set(words) & set(NAMES)
    assert all(word == word.strip().lower() and word for word in words)


def test_an_ambiguous_table_is_refused():
    """Better no run than a run that counts bags as handbags and as suitcases."""
    with pytest.raises(VocabularyError, match="'bag' belongs to 'handbag' and to 'suitcase'"):
        Vocabulary(("handbag", "suitcase"), {"handbag": ["bag"], "suitcase": ["bag"]})


@pytest.mark.parametrize("names", [(), ("cat", " ")])
def test_empty_vocabularies_and_names_are_refused(names):
    """An empty pattern would match everywhere."""
    with pytest.raises(VocabularyError, match="name"):
        Vocabulary(names)


def test_the_published_judge_sees_names_inside_words_and_misses_plurals_and_capitals():
    """The defect that is kept as a variant."""
    assert mentioned_as_published("carrying", "car")
    assert not mentioned_as_published("Car", "car")
    assert not mentioned_as_published("some mice", "mouse")


@pytest.mark.skipif(
    not (REAL / "coco").is_dir(), reason=f"no COCO captions at {REAL}; set SIGHTLINE_REAL_DATA"
)
def test_official_captions_mention_mostly_what_is_annotated():
    """Of the categories that people's captions mention, at least four in five are annotated."""
    found = present = 0
    coco = Coco(REAL / "coco", "val2017")
    assert tuple(coco.categories.values()) == NAMES
    for scene in coco.scenes():
        mentioned = COCO.mentioned(" ".join(scene.captions))
        found += len(mentioned)
        present += len(mentioned & {instance.category for instance in scene.instances})
    assert found > 66
    assert present / found >= 0.8
