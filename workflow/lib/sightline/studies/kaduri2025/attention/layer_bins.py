"""Groups of layers: bins of equal width, as in the paper's Figure 7, and the groups of its Figure 4."""

from itertools import pairwise

from sightline.studies.kaduri2025.windows import Window

BINS = 8
"""Bins of the published figure: ten layers each of 80."""
FEWEST = 4
EARLY, MIDDLE, LATE = GROUPS = ("early", "middle", "late")


def layer_bins(depth: int) -> tuple[Window, ...]:
    """Bins from the first layer to the last.

    As many of equal width as divide the depth, at most eight. A depth without a divisor between four and eight
    gets eight bins, or one for each layer, that differ by one layer.
    """
    count = next((n for n in range(BINS, FEWEST - 1, -1) if depth % n == 0), min(BINS, depth))
    edges = [number * depth // count for number in range(count + 1)]
    return tuple(Window(first, end - 1) for first, end in pairwise(edges))


def mostly_in(one: Window, middle: Window) -> bool:
    """Whether more than half of a bin's layers lie in the middle."""
    shared = min(one.last, middle.last) - max(one.first, middle.first) + 1
    return 2 * max(0, shared) > one.width


def groups(depth: int, middle: Window) -> dict[str, tuple[int, ...]]:
    """Layers before, in and after the middle; a group may be empty."""
    return {
        EARLY: tuple(range(middle.first)),
        MIDDLE: middle.layers,
        LATE: tuple(range(middle.last + 1, depth)),
    }
