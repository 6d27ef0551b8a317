"""What a language model is told when it judges, and how its answer is read.

The steps are those of kaduri2025 (section 2.5 of the dossier): list the tangible objects of both descriptions
without colours, attributes and places; match synonyms; count what is shared, missed and invented. The wording and
the worked examples are our own, and the answer ends in one JSON object, so that no second call has to fish numbers out
of it.
"""

import json
from json import JSONDecoder

from sightline.studies.judging.comparison import Comparison, JudgeError

INSTRUCTIONS = """\
You are an expert at judging descriptions of images. Compare two descriptions of the same image by the objects \
they name.

1. For each description, list the tangible physical objects it names: things and living beings one could touch. Leave \
out colors, materials, sizes, numbers, positions, moods and kinds of places. Name every kind of object once, in the \
singular.
2. Match the two lists. Different words for the same object match (a cyclist is a person, a sofa is a couch).
3. Sort the objects: "both" holds objects of the reference that the prediction has too, in the words of the \
reference; "missed" holds those that only the reference has; "invented" those that only the prediction has.

End your answer with one JSON object of this form and write nothing after it:
{"both": [...], "missed": [...], "invented": [...]}

Example 1
Reference: A woman rides a brown horse along the beach, a small dog runs beside her. Two boats lie on the sand.
Prediction: A rider on a horse by the sea, with a dog. There is an umbrella.
{"both": ["woman", "horse", "dog"], "missed": ["boat"], "invented": ["umbrella"]}

Example 2
Reference: A wooden desk with a laptop, a lamp and three pens.
Prediction: A laptop computer, a lamp and some pens stand on a table.
{"both": ["desk", "laptop", "lamp", "pen"], "missed": [], "invented": []}

Example 3
Reference: A plate with a slice of pizza next to a glass of water and a fork.
Prediction: I cannot see an image. Please upload one.
{"both": [], "missed": ["plate", "pizza", "glass", "fork"], "invented": []}
"""

LISTS = ("both", "missed", "invented")


class UnreadableAnswer(JudgeError):
    """A judge's answer does not end in the lists that were asked for."""


def ask_for_comparison(reference: str, prediction: str) -> str:
    """The message to the judge about one pair of descriptions."""
    return (
        f"{INSTRUCTIONS}\nNow judge this pair.\nReference: {reference}\nPrediction: {prediction}\n"
    )


def read_comparison(answer: str) -> Comparison:
    """Objects in the last JSON object of an answer that has the three lists.

    Raises:
        UnreadableAnswer: there is none, or it holds something else than lists of words.
    """
    for place in reversed([n for n, letter in enumerate(answer) if letter == "{"]):
        try:
            found, _ = JSONDecoder().raw_decode(answer[place:])
        except json.JSONDecodeError:
            continue
        if isinstance(found, dict) and all(_is_words(found.get(name)) for name in LISTS):
            both, missed, invented = ({_plain(word) for word in found[name]} for name in LISTS)
            # A word in two lists is a slip; what is shared counts.
            return Comparison.of_sets(both | (missed - both), both | (invented - both))
    raise UnreadableAnswer(
        f"judge: no JSON object with the lists {', '.join(LISTS)} in the answer {answer[-200:]!r}. "
        "Ask again, or take a model that follows instructions."
    )


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _plain(word: str) -> str:
    # Names are joined by semicolons in tables.
    return " ".join(word.lower().replace(";", " ").split())
