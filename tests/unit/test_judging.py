"""Judges of free text: the parser, the answers of language models, the file of recorded answers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.studies.judging.answers import read_answer
from sightline.studies.judging.chat import LanguageModelJudge, RecordedChat
from sightline.studies.judging.comparison import Comparison, JudgeError
from sightline.studies.judging.instructions import UnreadableAnswer, read_comparison
from sightline.studies.judging.opening import open_judge
from sightline.studies.judging.vocabulary import VocabularyJudge

NAMES = st.sets(st.sampled_from(["mug", "cat", "tree", "hot dog", "book"]))
GOOD = '{"both": ["Cat"], "missed": ["mug"], "invented": ["tree"]}'


class Script:
    """A language model that says what it is told to, and counts."""

    name = "script"

    def __init__(self, *answers):
        self.answers, self.seeds = list(answers), []

    def ask(self, message, seed):
        self.seeds.append(seed)
        return self.answers.pop(0)


def test_worked_case_of_the_paper():
    """The old man in a kitchen: three objects found, six missed, three invented."""
    reference = "man glasses hat jacket cabinets countertop window curtains chair".split()
    found = Comparison.of_sets(reference, ["man", "glasses", "hat", "beard", "mustache", "trees"])
    assert (len(found.tp), len(found.fn), len(found.fp)) == (3, 6, 3)
    assert found.precision == 0.5 and found.recall == pytest.approx(1 / 3)
    assert found.f1 == pytest.approx(0.4)


def test_a_refusal_scores_nothing():
    judge = VocabularyJudge(["mug", "cat"])
    found = judge.compare("a room with a mug .", "i see no image .")
    assert (found.precision, found.recall, found.f1) == (0, 0, 0)
    assert found.to_row() == {
        "tp": "", "fn": "mug", "fp": "", "precision": 0, "recall": 0, "f1": 0,
    }  # fmt: skip


@given(NAMES, NAMES)
def test_swapping_the_texts_swaps_precision_and_recall(first, second):
    judge = VocabularyJudge(["mug", "cat", "tree", "hot dog", "book"])
    texts = " and a ".join(sorted(first)), " and a ".join(sorted(second))
    there, back = judge.compare(*texts), judge.compare(*reversed(texts))
    assert (there.fn, there.fp, there.tp) == (back.fp, back.fn, back.tp)
    assert there.precision == back.recall and there.f1 == pytest.approx(back.f1)
    assert (there.f1 == 1) == (first == second and bool(first))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes", "yes"),
        ("yes .", "yes"),
        ("No, there is not.", "no"),
        ("i see no image .", "other"),
        ("Not sure", "no"),
        ("a yes", "other"),
        ("I think yes", "other"),
        ("", "other"),
    ],
)
def test_answers_are_read_as_published(text, said):
    """Only the first four letters count, with all the oddities that has."""
    assert read_answer(text) == said


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        f"Reference: cat, mug.\n```json\n{GOOD}\n```",
        f'{{"both": []}} is wrong. {GOOD} Done.',
        '{"both": ["cat"], "missed": ["mug", "cat"], "invented": ["  TREE "]}',
    ],
)
def test_lists_are_found_in_an_answer(answer):
    assert read_comparison(answer) == Comparison(("cat",), ("mug",), ("tree",))


@pytest.mark.parametrize("answer", ["", "both: cat", '{"both": ["cat"]}', '{"both": 3', GOOD[:-1]])
def test_an_answer_without_lists_is_refused(answer):
    with pytest.raises(UnreadableAnswer, match="no JSON object"):
        read_comparison(answer)


def test_garbage_is_asked_again_with_another_seed():
    script = Script("hm", "well", GOOD)
    assert LanguageModelJudge(script).compare("a", "b").tp == ("cat",)
    assert script.seeds == [42, 43, 44]
    with pytest.raises(UnreadableAnswer):
        LanguageModelJudge(Script("hm", "hm"), attempts=2).compare("a", "b")


def test_recorded_answers_replay_without_the_model(tmp_path):
    path = tmp_path / "judge" / "answers.jsonl"
    recorder = RecordedChat("script", path, Script(GOOD, "x" * 3))
    first = LanguageModelJudge(recorder).compare("one", "two")
    assert recorder.ask("hello", 1) == "xxx" and recorder.asked == 2
    settings = {"kind": "recorded", "model": "script"}
    again = open_judge(settings, [], path)
    assert again.compare("one", "two") == first
    with pytest.raises(JudgeError, match="no answer of script"):
        again.compare("one", "three")


def test_a_line_cut_off_by_a_kill_is_asked_again(tmp_path):
    path = tmp_path / "answers.jsonl"
    RecordedChat("script", path, Script("one")).ask("a", 1)
    whole = path.read_text()
    path.write_text(whole + whole[:20])
    recorder = RecordedChat("script", path, Script("two"))
    assert (recorder.ask("a", 1), recorder.ask("b", 1)) == ("one", "two")
    assert len(path.read_text().splitlines()) == 2
    path.write_text("{}\n" + whole)
    with pytest.raises(JudgeError, match="line 1"):
        RecordedChat("script", path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "oracle"}, "'oracle' is none of"),
        ({"kind": "endpoint", "url": "http://127.0.0.1"}, "judge.model is missing"),
        ({"kind": "local"}, "judge.path is missing"),
        ({"kind": "endpoint", "url": "example.org", "model": "m"}, "give an address"),
        ({"kind": "endpoint", "url": "https://key@host/v1", "model": "m"}, "without a name or key"),
        ({"kind": "recorded", "model": "m"}, "a file to record"),
    ],
)
def test_settings_that_make_no_judge(settings, message):
    with pytest.raises(JudgeError, match=message):
        open_judge(settings, ["cat"])


def test_vocabulary_is_the_default():
    assert open_judge({}, ["cat"]).compare("cats", "a cat").f1 == 1


def test_records_hold_the_message_and_no_more(tmp_path):
    path = tmp_path / "answers.jsonl"
    RecordedChat("script", path, Script("one")).ask("a", 1)
    assert json.loads(path.read_text()) == {
        "answer": "one", "message": "a", "model": "script", "seed": 1,
    }  # fmt: skip
