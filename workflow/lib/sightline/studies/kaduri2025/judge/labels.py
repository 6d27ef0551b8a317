"""Pairs of descriptions whose objects were sorted by hand: what a judge's agreement is measured on.

labelled.csv holds fifty pairs in free wording, written and labelled by the makers of this software (this is not the
paper's user study, whose items are unknown). Labels say what a reader understands, so that some cannot be found by
looking for words: a batter is a person, a surfboard may be called a board. Object names are COCO's.
"""

import csv
from dataclasses import dataclass
from importlib import resources

from sightline.errors import SightlineError
from sightline.studies.judging.comparison import Comparison

FILE = "labelled.csv"
_NAMES = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella,
handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv,
laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase,
scissors, teddy bear, hair drier, toothbrush
"""
CATEGORY_NAMES = tuple(" ".join(name.split()) for name in _NAMES.split(","))


class LabelError(SightlineError):
    """The labelled set is malformed."""


@dataclass(frozen=True)
class LabelledPair:
    """Two descriptions and the objects they share, miss and invent."""

    reference: str
    prediction: str
    label: Comparison


def labelled_pairs() -> list[LabelledPair]:
    """The labelled set.

    Raises:
        LabelError: an object is no category, or stands in two lists.
    """
    path = resources.files("sightline.studies.kaduri2025.judge") / FILE
    pairs = []
    for number, row in enumerate(csv.DictReader(path.read_text("utf-8").splitlines()), 2):
        both, missed, invented = (
            tuple(sorted(filter(None, row[name].split(";"))))
            for name in ("both", "missed", "invented")
        )
        names = [*both, *missed, *invented]
        if len(set(names)) < len(names) or not set(names) <= set(CATEGORY_NAMES):
            raise LabelError(f"{FILE} line {number}: {names}; expected different names of COCO.")
        pairs.append(
            LabelledPair(row["reference"], row["prediction"], Comparison(both, missed, invented))
        )
    return pairs
