"""Sets of layers, as functions of a model's depth.

The paper hides the image in all layers, strictly after a layer, up to a layer, or in all but the middle ones
(kaduri2025 section 3.1). Its middle, layers 20 to 40 of 80 with both ends open, becomes a closed interval between two
fractions of the depth. The dossier's controls (section 6) are windows as wide as that at every other place; in
shallow models they are narrowed to 30 % of the layers, because a wider one would say nothing about where.
"""

from dataclasses import dataclass

from sightline.errors import SightlineError

WIDEST = 0.3
"""Largest share of the layers that a window may hold when its place is in question."""
FIRST, MIDDLE, LAST = THIRDS = ("first", "middle", "last")


class WindowError(SightlineError):
    """A window that the model has no layers for."""


@dataclass(frozen=True)
class Window:
    """Consecutive layers.

    Attributes:
        first: layer, counted from 0.
        last: layer, included.
    """

    first: int
    last: int

    @property
    def layers(self) -> tuple[int, ...]:
        """All layers in it."""
        return tuple(range(self.first, self.last + 1))

    @property
    def width(self) -> int:
        """Number of layers."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        """As results name it: 20-40."""
        return f"{self.first}-{self.last}"


def middle(depth: int, first: float, last: float) -> Window:
    """The middle of a model between two fractions of its depth, both ends included.

    Raises:
        WindowError: no layers, or fractions that are no interval within 0 and 1.
    """
    if depth < 1 or not 0 <= first < last < 1:
        raise WindowError(
            f"middle: {depth} layers between {first} and {last}; give a depth of 1 or more and fractions "
            "such as 0.25 and 0.5."
        )
    # Halves round up: round() would take 2.5 down and 3.5 up.
    return Window(int(first * depth + 0.5), min(depth - 1, int(last * depth + 0.5)))


def named_middle(depth: int, first: int, last: int) -> Window:
    """The middle where its layers are given.

    Raises:
        WindowError: the model has not these layers.
    """
    if not 0 <= first <= last < depth:
        raise WindowError(
            f"middle: layers {first} to {last} of a model with {depth} layers, which are numbered "
            f"0 to {depth - 1}. Correct studies.kaduri2025.middle."
        )
    return Window(first, last)


def everything(depth: int) -> tuple[int, ...]:
    """All layers."""
    return tuple(range(depth))


def after(layer: int, depth: int) -> tuple[int, ...]:
    """Layers strictly after one; -1 gives all, as published."""
    return tuple(range(layer + 1, depth))


def up_to(layer: int) -> tuple[int, ...]:
    """Layers up to one, which is included."""
    return tuple(range(layer + 1))


def outside(window: Window, depth: int) -> tuple[int, ...]:
    """All layers but those of a window, which stays open."""
    return tuple(layer for layer in range(depth) if not window.first <= layer <= window.last)


def points(depth: int, wanted: int) -> tuple[int, ...]:
    """Layers after which a knockout begins, ascending, from -1 (all layers).

    As published, ``wanted`` of them at equal distance (-1, 10, ..., 70 of 80 layers with 8). A model with no more
    layers than that gets one for every layer. The last point always leaves a layer to hide the image in.

    Raises:
        WindowError: fewer than two layers or points.
    """
    if depth < 2 or wanted < 2:
        raise WindowError(f"{wanted} points over {depth} layers; both need to be 2 or more.")
    if depth <= wanted:
        return tuple(range(-1, depth - 1))
    return (-1, *sorted({min(n * depth // wanted, depth - 2) for n in range(1, wanted)}))


def narrow(middle: Window, depth: int) -> int:
    """Width of the windows that are compared: the middle's, but no more than 30 % of the layers."""
    return max(1, min(middle.width, int(WIDEST * depth)))


def fitting_step(width: int, most: int) -> int:
    """Layers between the starts of two windows: as wanted, but no more than half a window's width.

    The same setting serves models of any depth: 10 layers lie between windows 21 wide of 80 layers, and 4 between
    windows 9 wide of 32.
    """
    return max(1, min(most, width // 2))


def sliding(depth: int, width: int, step: int = 1) -> tuple[Window, ...]:
    """Windows of equal width, from the first layer to the last.

    With a step above 1 the last one is added, so that the end of the model is never left out.

    Raises:
        WindowError: the step would leave out layers between two windows.
    """
    if not 1 <= step <= width:
        raise WindowError(
            f"window_step: {step} layers between windows that are {width} wide would leave layers out; give 1 to "
            f"{width}, or take fitting_step."
        )
    latest = depth - width
    starts = sorted({*range(0, latest + 1, step), latest})
    return tuple(Window(start, start + width - 1) for start in starts)


def third(window: Window, depth: int) -> str:
    """Third of the model that holds the whole window; the middle one for a window that crosses a border."""
    if window.last + 1 <= depth / 3:
        return FIRST
    return LAST if window.first >= 2 * depth / 3 else MIDDLE
