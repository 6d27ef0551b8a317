"""How every figure of the study draws the same thing: one dictionary for each kind of thing.

Kinds have to share the palette, so that a colour means the same within one kind, and one thing only within a figure.
"""

from typing import Any

from sightline.studies.drawing import INK, LINES, MARKERS, MUTED, PALETTE
from sightline.studies.kaduri2025.attention import measurements as tokens
from sightline.studies.kaduri2025.attention import selection
from sightline.studies.kaduri2025.attention.layer_bins import EARLY, LATE, MIDDLE
from sightline.studies.kaduri2025.knockout import conditions


def _line(colour: str, number: int) -> dict[str, Any]:
    """A colour with the marker and dash of that number, which tell lines apart without it."""
    return {"color": PALETTE[colour], "marker": MARKERS[number], "linestyle": LINES[number]}


# Those of the page of attention routes.
TOKENS = {
    tokens.FIRST: {"color": MUTED},
    tokens.SYSTEM: {"color": MUTED},
    tokens.IMAGE: _line("blue", 1),
    tokens.QUERY: _line("vermilion", 0),
    tokens.TEXT: _line("vermilion", 0),
    tokens.GENERATED: _line("green", 2),
}
"""By role; all text of the prompt is what the paper calls the query."""

KNOCKOUTS = {
    conditions.GENERATED: _line("green", 0),
    conditions.QUERY: _line("vermilion", 1),
    conditions.BOTH: _line("purple", 2),
}
"""Hiding the image from one type of token has the colour of that type."""

STRICT = {"color": INK, "marker": "x", "linestyle": ":", "linewidth": 1}
"""The image, or most of it, is hidden from the last prompt position too."""

SELECTIONS = {
    selection.ATTENTION: _line("blue", 0),
    selection.FIRST_STEP: _line("sky", 1),
    selection.NORM: _line("purple", 2),
    selection.RANDOM: _line("orange", 3),
}
"""By way to choose image tokens."""

IN_MIDDLE = _line("green", 1)
"""Tokens chosen by attention that are seen in the middle layers only."""

LAYERS = {EARLY: _line("purple", 4), MIDDLE: _line("vermilion", 5), LATE: _line("sky", 6)}
"""By group of layers."""

COMPARED = {"tp": PALETTE["green"], "fn": PALETTE["blue"], "fp": PALETTE["vermilion"]}
"""Objects in both descriptions, missed, and invented; and what is right and wrong."""
