"""Which attention the knockout cuts: from which tokens, to which rows, in which layers.

The pairs and windows of Table 2, and pairs that the paper has not: its reviewers and a port of its code point
to the missing path over the question tokens (neo2025 section 8), a knockout needs as many random tokens beside
it, and cutting all text off the image shows that the mask bites.

Windows are given for 32 layers. A model of another depth gets windows of the same relative place and width
(neo2025 section 8); the last one reaches to the last layer, as published.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sightline.errors import SightlineError
from sightline.studies.neo2025 import subsets

NONE = "none"
LAST, LAST_ROW = "last position", "last visual row"
QUESTION, TEXT = "question tokens", "all text"
TARGETS = (LAST, LAST_ROW, QUESTION, TEXT)

OBJECT, PLUS_1, PLUS_2 = (subsets.object_condition(buffer) for buffer in (0, 1, 2))
CONTEXT = f"image without {PLUS_1}"
UPPER_ROWS = "image without last visual row"
IMAGE = "image"
RANDOM = subsets.matched_condition(subsets.RANDOM, 1)

EARLY, EARLY_MID, MID, MID_LATE, LATE, ALL = NAMES = (
    "early", "early_mid", "mid", "mid_late", "late", "all",
)  # fmt: skip
# Of 32 layers: first layer of each window but the last, and the layers in it.
_STARTS = {EARLY: 0, EARLY_MID: 5, MID: 11, MID_LATE: 15, LATE: 21}
_WIDTH, _DEPTH = 10, 32
_SLIDING = "from_"


@dataclass(frozen=True)
class Pair:
    """Tokens that certain rows no longer see.

    Attributes:
        source: the tokens, keys of the cut edges.
        target: the rows, their queries.
        title: for tables, in the paper's notation: O object, I image, LVR last visual row, LTP last position.
        in_paper: whether Table 2 has it.
        slides: whether it is measured from every first layer too.
    """

    source: str
    target: str
    title: str
    in_paper: bool = False
    slides: bool = False

    @property
    def name(self) -> str:
        """Unique, and how published values name the row."""
        return f"{self.source} to {self.target}"

    @property
    def variants(self) -> tuple[str, ...]:
        """How the source is found: by the corrected geometry, and where it is published by the authors' too."""
        if self.source in (IMAGE, UPPER_ROWS):
            return ("",)
        if self.source == RANDOM:
            return (subsets.OUTSIDE,)
        return (subsets.MASK, subsets.CODE_GEOMETRY) if self.in_paper else (subsets.MASK,)

    def variant(self, geometry: str) -> str:
        """The variant that a geometry means for this pair."""
        return geometry if geometry in self.variants else self.variants[0]


PAIRS = (
    Pair(OBJECT, LAST, "O → LTP", in_paper=True),
    Pair(PLUS_1, LAST, "O+1 → LTP", in_paper=True, slides=True),
    Pair(PLUS_2, LAST, "O+2 → LTP", in_paper=True),
    Pair(CONTEXT, LAST, "I−(O+1) → LTP", in_paper=True, slides=True),  # noqa: RUF001
    Pair(PLUS_1, LAST_ROW, "O+1 → LVR", in_paper=True),
    Pair(UPPER_ROWS, LAST_ROW, "I−LVR → LVR", in_paper=True),  # noqa: RUF001
    Pair(IMAGE, LAST, "I → LTP", slides=True),
    Pair(PLUS_1, QUESTION, "O+1 → question", slides=True),
    Pair(IMAGE, QUESTION, "I → question", slides=True),
    Pair(PLUS_1, TEXT, "O+1 → all text", slides=True),
    Pair(CONTEXT, TEXT, "I−(O+1) → all text"),  # noqa: RUF001
    Pair(IMAGE, TEXT, "I → all text", slides=True),
    Pair(RANDOM, LAST, "random → LTP", slides=True),
    Pair(RANDOM, QUESTION, "random → question", slides=True),
    Pair(RANDOM, TEXT, "random → all text", slides=True),
)


@dataclass(frozen=True)
class Window:
    """Consecutive layers.

    Attributes:
        name: early to all, or from_<first layer> for one that slides.
        first: layer, counted from 0.
        last: layer, included.
    """

    name: str
    first: int
    last: int

    @property
    def layers(self) -> tuple[int, ...]:
        """All layers in it."""
        return tuple(range(self.first, self.last + 1))


def width(layers: int) -> int:
    """Layers of a window in a model of so many."""
    return math.ceil(_WIDTH * layers / _DEPTH)


def named_windows(layers: int) -> list[Window]:
    """The windows of Table 2 in a model of so many layers.

    Raises:
        SightlineError: no layers.
    """
    if layers < 1:
        raise SightlineError(f"windows of a model with {layers} layers; it needs one at least.")
    latest = layers - width(layers)
    # Halves round up: round() would send two neighbouring windows to the same even layer.
    starts = {
        name: min(latest, math.floor(start * layers / _DEPTH + 0.5))
        for name, start in _STARTS.items()
    }
    windows = [Window(name, start, start + width(layers) - 1) for name, start in starts.items()]
    return [*windows[:-1], Window(LATE, starts[LATE], layers - 1), Window(ALL, 0, layers - 1)]


def sliding_windows(layers: int) -> list[Window]:
    """Windows of equal width from every first layer that has room for one."""
    span = width(layers)
    return [
        Window(f"{_SLIDING}{first}", first, first + span - 1) for first in range(layers - span + 1)
    ]


def is_sliding(name: str) -> bool:
    """Whether a window's name is that of a sliding one."""
    return name.startswith(_SLIDING)


def cuts(layers: int) -> Iterator[tuple[Pair, str, Window]]:
    """All that is measured: pair, variant of its source, window."""
    for pair in PAIRS:
        for variant in pair.variants:
            for window in named_windows(layers):
                yield pair, variant, window
        if pair.slides:
            for window in sliding_windows(layers):
                yield pair, pair.variants[0], window
