"""What must be found for a claim to count as replicated: one table for the published checkpoints, one for stand-ins.

They are sections 7.1 and 7.2 of the dossier; that of C2 stands with its verdict, in `nouns.verdicts`. Limits stand
beside the words that state them, so that what is judged is what the scorecard says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sightline.studies.qian2025.reproduction import is_checkpoint
from sightline.studies.verdicts import FEWEST


@dataclass(frozen=True)
class Criterion:
    """What one claim is judged by.

    Attributes:
        words: with the limits in braces.
        limits: name -> number.
        metric: score of masks that decides, where either could: giou or ciou.
        split: of ReasonSeg that decides; empty for the last one, which nothing was chosen on.
    """

    words: str
    limits: Mapping[str, float] = field(default_factory=dict)
    metric: str = "giou"
    split: str = ""

    @property
    def text(self) -> str:
        """The criterion as the scorecard prints it."""
        return f"{self.words.format(**self.limits)}; {FEWEST} queries or more"


_C12 = Criterion(
    "gradient of the mask loss in the map above zero with points made continuous on pixels, and zero without, in at "
    "least {share:g} of the queries",
    {"share": 0.95},
)
_C3_CONTROL = "; testable only where points of the truth reach {own:g} of the model's own"

CHECKPOINT = {
    "C1": Criterion(
        "on val, median rank correlation of the two maps above {median:g} and above the 95th percentile of that with "
        "another image's map; the highest place of either map on the object at least {pointing:g} times as often as "
        "by chance",
        {"median": 0.3, "pointing": 2.0},
        split="val",
    ),
    "C3": Criterion(
        "cIoU from points at least {own:g} of the model's own, and at least {another:g} times that with points from "
        "another image's map" + _C3_CONTROL,
        {"own": 0.75, "another": 2.0},
        metric="ciou",
    ),
    "C4": Criterion(
        "cIoU of the map, cut at its mean plus half a standard deviation, at least {own:g} times that of the model's "
        "own masks",
        {"own": 1.0},
        metric="ciou",
    ),
    "C9": Criterion(
        "the checkpoint uses its points: gIoU at least {use:g} points above that without, and points of another image "
        "or random ones below that without; that points, or continuous ones, made it better in training is not shown "
        "by this",
        {"use": 2.0, "inert": 0.1},
    ),
    "C11": Criterion(
        "gIoU of the model given the points it never saw, minus its own, above {gain:g} with its interval; no weight "
        "is added, as counted in the graph behind a mask; added time is left out, which no two runs share",
        {"gain": 0.0},
    ),
    "C12": _C12,
}
STAND_IN = {
    "C1": Criterion(
        "rank correlation of the two maps at least {beyond:g} above that with another image's map; the highest place "
        "of either map on the object at least {pointing:g} times as often as by chance; that of an untrained model's "
        "map no more often than by chance",
        {"beyond": 0.2, "pointing": 3.0, "untrained": 1.0},
    ),
    "C3": Criterion(
        "gIoU from points at least {own:g} of the model's own, and at least {another:g} times that with points from "
        "another image's map" + _C3_CONTROL,
        {"own": 0.6, "another": 2.0},
    ),
    "C4": Criterion(
        "cIoU of the map, cut at its mean plus half a standard deviation, above {own:g} times that of the model's own "
        "masks; whether it exceeds them, as published, is told beside",
        {"own": 0.5},
        metric="ciou",
    ),
    "C5": Criterion(
        "gIoU with points at least {gain:g} point above that without, interval above zero, three trainings or more",
        {"gain": 1.0},
    ),
    "C9": Criterion(
        "gIoU: with points above [SEG] alone, and continuous points above others, intervals above zero, three "
        "trainings or more; an interval of the second step that holds zero is not replicated",
    ),
    "C10": Criterion(
        "cIoU rises with every size of the mask decoder in at least two of three trainings; the demo varies the "
        "decoder, the paper the image encoder",
        {"share": 2 / 3},
    ),
    "C11": Criterion(
        "gIoU of two models or more, differently built, given the points they never saw, minus their own, above "
        "{gain:g} with its interval for each; no weight is added, as counted in the graph behind a mask; added time is "
        "left out, which no two runs share",
        {"gain": 0.0, "models": 2},
    ),
    "C12": _C12,
}  # fmt: skip
ASKED = 1000
"""Test queries that the dossier asks for where models are one's own (section 7.2), beside three trainings."""
TRAINED = ("C5", "C9", "C10")
"""Claims whose numbers tell how many trainings are behind them."""


def criteria_of(model: str) -> Mapping[str, Criterion]:
    """The table that a model is judged by."""
    return CHECKPOINT if is_checkpoint(model) else STAND_IN


def sample_note(claim: str, criterion: Criterion, queries: int) -> str:
    """What a stand-in's sample lacks of what the dossier asks for; empty where it lacks nothing.

    Args:
        claim: such as C5.
        criterion: its own.
        queries: that were judged.
    """
    if STAND_IN.get(claim) is not criterion or criterion is _C12:
        return ""
    lacks = [] if claim in TRAINED else ["one training instead of three"]
    if queries < ASKED:
        lacks.append(f"{queries} test queries instead of {ASKED}")
    return f"; a small sample: {', '.join(lacks)}" if lacks else ""
