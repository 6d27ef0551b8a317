"""Names and axes that the figures of the probes share.

Values of the paper are called "paper" in all of them: "as published" is this run by the published protocol.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sightline.studies.khajuria2025.names import AVG_OBJ, CLS, PRIMARY, SECONDARY
from sightline.studies.khajuria2025.probes.measurements import IMAGE
from sightline.studies.khajuria2025.probes.roster import PUBLISHED_ENCODERS

PAPER = "paper"

QUANTITIES = {
    "A_pp": (AVG_OBJ, PRIMARY, PRIMARY),
    "A_ss = M1": (AVG_OBJ, SECONDARY, SECONDARY),
    "A_sp": (AVG_OBJ, SECONDARY, PRIMARY),
    "A_ps": (AVG_OBJ, PRIMARY, SECONDARY),
    "CLS primary": (CLS, IMAGE, PRIMARY),
    "CLS secondary": (CLS, IMAGE, SECONDARY),
}
"""Accuracies that M1 and M2 are made of, and those of CLS: representation, whose tokens, whose label."""


def paper_name(published: str) -> str:
    """What the paper's values of one of its encoders are headed with."""
    return f"{PAPER}: {PUBLISHED_ENCODERS[published]}"


def broken(name: str, most: int) -> str:
    """A name in lines of at most some characters, broken after hyphens alone."""
    lines = [""]
    for part in name.replace("-", "-\n").split("\n"):
        if lines[-1] and len(lines[-1] + part) > most:
            lines.append(part)
        else:
            lines[-1] += part
    return "\n".join(lines)


def encoder_ticks(panel: Axes, encoders: Sequence[str], below: Sequence[str] = ()) -> None:
    """Encoders below the bars of a figure of two columns, broken or turned where neighbours would collide.

    Args:
        panel: as wide as the figure.
        encoders: at 0, 1, 2, ...
        below: a further line for each.
    """
    size = 5.5
    # Points of the panel that belong to one encoder, over those of a character.
    most = int(450 / max(1, len(encoders)) / (0.62 * size))
    names = [broken(name, most) for name in encoders]
    upright = all(len(line) <= most for name in names for line in name.split("\n"))
    names = names if upright else list(encoders)
    if below:
        names = [f"{name}\n{note}" for name, note in zip(names, below, strict=True)]
    panel.set_xticks(range(len(encoders)), names, fontsize=size, rotation=0 if upright else 90)


def layer_ticks(panel: Axes, layers: Iterable[int]) -> None:
    """Six layers at most, from the first."""
    known = sorted(set(layers))
    panel.set_xticks(known[:: max(1, -(-len(known) // 6))])


def label_layers(axes: NDArray[np.object_]) -> None:
    """The last panel of every column that is not blank says what is along x."""
    for column in axes.T:
        shown = [panel for panel in column if panel.axison]
        if shown:
            shown[-1].set_xlabel("layer")
