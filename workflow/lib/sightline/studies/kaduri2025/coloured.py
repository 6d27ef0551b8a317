"""Descriptions with the objects in them in colours, broken into lines, on a canvas whose unit is the inch."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from sightline.studies.drawing import INK, MUTED

GAP = 0.035
"""Between two words, in inches."""


@dataclass(frozen=True)
class Word:
    """A word, or what stands behind one.

    Attributes:
        text: without blanks.
        colour: of the group that its object is in, or INK.
        glued: no blank before it.
    """

    text: str
    colour: str = INK
    glued: bool = False


def split_names(joined: str) -> list[str]:
    """Names of objects as the tables join them."""
    return [name for name in joined.split(";") if name]


def words_of(text: str, marks: Mapping[str, str]) -> list[Word]:
    """Words of a text, those that name an object in its colour.

    Args:
        text: of a description.
        marks: object -> colour; a judge may name objects that the text words otherwise, which stay plain.
    """
    found: list[Word] = []
    names = sorted(marks, key=len, reverse=True)
    pattern = "|".join(rf"\b{re.escape(name)}s?\b" for name in names)
    end = 0
    for match in re.finditer(pattern, text, re.IGNORECASE) if pattern else ():
        said = match[0].lower()
        colour = marks.get(said, marks.get(said.removesuffix("s"), INK))
        found += _split(text, end, match.start(), INK)
        found += _split(text, match.start(), match.end(), colour)
        end = match.end()
    found += _split(text, end, len(text), INK)
    return found or [Word("(nothing)", MUTED)]


def _split(text: str, start: int, end: int, colour: str) -> list[Word]:
    return [
        Word(match[0], colour, start + match.start() > 0 and text[start + match.start() - 1] != " ")
        for match in re.finditer(r"\S+", text[start:end])
    ]


def lines_of(words: Sequence[Word], letters: int, most: int | None = None) -> list[list[Word]]:
    """Words broken into lines of so many letters; beyond the most lines a mark stands for the rest."""
    lines: list[list[Word]] = [[]]
    for word in words:
        length = sum(len(known.text) + (not known.glued) for known in lines[-1])
        if lines[-1] and not word.glued and length + len(word.text) > letters:
            lines.append([])
        lines[-1].append(word)
    if most is not None and len(lines) > most:
        lines = lines[:most]
        lines[-1][-1] = Word("…", MUTED)
    return lines


def write_line(axes: Axes, x: float, y: float, line: Sequence[Word], font: float) -> None:
    """One line, its top at ``y``; objects are bold."""
    pixels = axes.figure.dpi
    for place, word in enumerate(line):
        x += GAP if place and not word.glued else 0
        weight = "normal" if word.colour in (INK, MUTED) else "bold"
        written = axes.text(
            x, y, word.text, fontsize=font, color=word.colour, fontweight=weight, va="baseline"
        )
        x += written.get_window_extent().width / pixels
