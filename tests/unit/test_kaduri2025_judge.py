"""kaduri2025: labels, agreement with them, claim C13, and the drawings of the judge."""

import pytest

from sightline.scenes.mentions import Vocabulary
from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, NOT_RUN, REPLICATED
from sightline.studies.judging.comparison import Comparison
from sightline.studies.judging.vocabulary import VocabularyJudge
from sightline.studies.kaduri2025.judge.agreement import (
    PARSER,
    decide,
    display,
    judge_agreement,
    summarise,
    translate,
)
from sightline.studies.kaduri2025.judge.instructions_text import write_text
from sightline.studies.kaduri2025.judge.labels import CATEGORY_NAMES, LabelledPair, labelled_pairs
from sightline.studies.kaduri2025.judge.worked_case import draw_worked_case, worked_case
from sightline.studies.published import load_published

PUBLISHED = load_published("kaduri2025")


class Answers:
    """Says what it is told to, pair by pair."""

    def __init__(self, *comparisons):
        self.comparisons = list(comparisons)

    def compare(self, reference, prediction):
        return self.comparisons.pop(0)


def verdict(right, wrong):
    """Of a language model that sorts so many objects as the labels do, and so many otherwise."""
    names = CATEGORY_NAMES[: right + wrong]
    pairs, said = [], []
    for number in range(2):
        label = Comparison(names, (), ())
        pairs.append(LabelledPair(str(number), "", label))
        said.append(Comparison(names[:right], names[right:], ()))
    table = summarise(decide(pairs, Answers(*said), "a model"), 0, 200)
    return next(iter(judge_agreement(table, PUBLISHED))).verdict


def test_labels_are_enough_and_in_order():
    """At least fifty pairs and a hundred decisions; every label is a category, once per pair."""
    pairs = labelled_pairs()
    decisions = sum(len(p.label.tp) + len(p.label.fn) + len(p.label.fp) for p in pairs)
    assert len(pairs) >= 50 and decisions >= 100
    assert len(CATEGORY_NAMES) == len(set(CATEGORY_NAMES)) == 80


def test_the_parser_agrees_where_words_decide():
    """It reads plurals, synonyms and compounds; what takes a reader (a batter is a person) it gets wrong."""
    table = summarise(
        decide(labelled_pairs(), VocabularyJudge(CATEGORY_NAMES), PARSER), 0, 200
    ).iloc[0]
    assert table["agreement"] > 85 and table["decisions"] >= 150
    assert abs(table["f1"] - table["label_f1"]) < 0.05


def test_decisions_of_one_pair_depend_on_each_other():
    """All of one pair right and all of another wrong says less than sixty decisions of their own would."""
    names = CATEGORY_NAMES[:60]
    pairs = [LabelledPair(str(number), "", Comparison(names, (), ())) for number in range(2)]
    said = Comparison(names, (), ()), Comparison((), names, ())
    found = summarise(decide(pairs, Answers(*said), "a model"), 0, 200).iloc[0]
    assert (found["agreement"], found["ci_low"], found["ci_high"]) == (50, 0, 100)


def test_every_object_is_a_decision():
    pair = LabelledPair("", "", Comparison(("cat",), ("dog",), ("bus",)))
    found = decide([pair], Answers(Comparison(("cat",), (), ("dog", "car"))), "a model")
    assert dict(zip(found["object"], found["agree"], strict=True)) == {
        "cat": True, "dog": False, "bus": False, "car": False,
    }  # fmt: skip
    assert dict(zip(found["object"], found["said"], strict=True))["bus"] == "not named"


def test_a_language_models_words_become_categories():
    """Men are persons; walls are nothing that the labels know of."""
    said = Comparison(("man",), ("sofa", "wall"), ("puppy", "sofa"))
    found = translate(said, Vocabulary(CATEGORY_NAMES))
    assert found == Comparison(("couch", "person"), (), ("dog",))


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [(60, 0, REPLICATED), (30, 30, NOT_REPLICATED), (52, 8, INCONCLUSIVE), (20, 0, INCONCLUSIVE)],
)
def test_a_language_model_is_judged(right, wrong, expected):
    """Both pairs count, so that 60 objects are 120 decisions and 20 too few."""
    assert verdict(right, wrong) == expected


def test_without_a_language_model_the_claim_is_not_run():
    table = summarise(decide(labelled_pairs(), VocabularyJudge(CATEGORY_NAMES), PARSER), 0, 200)
    first, second = judge_agreement(table, PUBLISHED)
    assert first.verdict == NOT_RUN and "endpoint or local" in first.criterion
    assert second.verdict == INCONCLUSIVE and "decides nothing" in second.criterion
    assert "95 (second-hand)" in set(display(table, PUBLISHED)["Agreement, %"])


def test_the_worked_case_is_computed_and_agrees_with_what_is_printed():
    numbers = worked_case().set_index("quantity")
    assert numbers["computed"].to_dict() == pytest.approx(numbers["published"].to_dict(), abs=0.005)


def test_drawing_stays_within_its_frame():
    figure = draw_worked_case()
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for axes in figure.axes:
        for text in axes.texts:
            box = text.get_window_extent()
            assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1


def test_instructions_are_our_own_and_written_out():
    text = write_text()
    assert "{" in text and '"invented"' in text and "letters before the descriptions" in text
