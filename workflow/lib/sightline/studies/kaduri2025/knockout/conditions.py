"""What is hidden from whom: the three knockouts, the layers they hold in, and controls (kaduri2025 section 3.1).

img->gen         image tokens are hidden from generated tokens, in decoding only: the last prompt position, which
                 predicts the first word, still sees the image
img->query       image tokens are hidden from the prompt after the image, its last position included
img->query+gen   both

The paper calls the query "txt", which here is all text of the prompt.

The stricter variant hides the image from the last prompt position too, which changes img->gen alone.

No name here needs a model: describing turns a condition into interventions.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sightline.studies.kaduri2025 import windows
from sightline.studies.kaduri2025.windows import Window

NONE = "none"
SHUFFLED = "shuffled image"
GENERATED = "image to generated"
QUERY = "image to query"
BOTH = "image to query and generated"
KNOCKOUTS = (GENERATED, QUERY, BOTH)
LABELS = {NONE: "unmodified", GENERATED: "img→gen", QUERY: "img→query", BOTH: "img→query+gen"}

AS_PUBLISHED = "as published"
STRICT = "last prompt position too"
VARIANTS = (AS_PUBLISHED, STRICT)

MAIN, SECOND = "main", "second"
WORDINGS = (MAIN, SECOND)

ALL, AFTER, UP_TO, EXCEPT_MIDDLE, EXCEPT_WINDOW = FAMILIES = (
    "all", "after", "up to", "except middle", "except window",
)  # fmt: skip


@dataclass(frozen=True)
class Cut:
    """A knockout in certain layers.

    Attributes:
        condition: of KNOCKOUTS.
        variant: of VARIANTS.
        family: of FAMILIES, how the layers were chosen.
        first: first and ``last`` layer that the image is hidden in; for windows, that it stays open in.
        last: see ``first``.
        hidden: the layers that the image is hidden in.
    """

    condition: str
    variant: str
    family: str
    first: int
    last: int
    hidden: tuple[int, ...]

    @property
    def layers(self) -> str:
        """Name of the layers in results."""
        return layers_name(self.family, self.first, self.last)

    @property
    def key(self) -> tuple:
        """Equal for cuts that do the same."""
        strict = self.variant == STRICT and self.condition == GENERATED
        return self.condition, strict, self.hidden


def layers_name(family: str, first: int, last: int) -> str:
    """all, after 10, up to 10, except middle, or except 20-40."""
    names = {
        ALL: ALL,
        AFTER: f"after {first - 1}",
        UP_TO: f"up to {last}",
        EXCEPT_MIDDLE: EXCEPT_MIDDLE,
        EXCEPT_WINDOW: f"except {first}-{last}",
    }
    return names[family]


def after_name(layer: int) -> str:
    """Layers strictly after one, as results name them; after -1 are all."""
    return ALL if layer < 0 else f"after {layer}"


def except_name(window: Window) -> str:
    """All layers but a window, as results name them."""
    return layers_name(EXCEPT_WINDOW, window.first, window.last)


@dataclass(frozen=True)
class Layout:
    """Where the knockouts hold in a model.

    Attributes:
        depth: layers of the model.
        middle: the layers that the paper leaves open.
        points: layers after which, and up to which, the image is hidden; -1 first.
        open_windows: equally wide windows that stay open, one at a time.
    """

    depth: int
    middle: Window
    points: tuple[int, ...]
    open_windows: tuple[Window, ...]

    @classmethod
    def of(cls, depth: int, middle: Window, points: int, step: int) -> "Layout":
        """The layout of a model of that depth, with at most ``step`` layers between the starts of two windows."""
        width = windows.narrow(middle, depth)
        opened = windows.sliding(depth, width, windows.fitting_step(width, step))
        return cls(depth, middle, windows.points(depth, points), opened)

    def cuts(self, wording: str) -> Iterator[Cut]:
        """All that is measured under a wording; the second one is a control and measures less."""
        for condition in KNOCKOUTS:
            yield from self._cuts(condition, AS_PUBLISHED, wording == MAIN, wording == MAIN)
        yield from self._cuts(GENERATED, STRICT, wording == MAIN, False)

    def _cuts(self, condition: str, variant: str, sweep: bool, up_to: bool) -> Iterator[Cut]:
        def cut(family: str, first: int, last: int, hidden: tuple[int, ...]) -> Cut:
            return Cut(condition, variant, family, first, last, hidden)

        end = self.depth - 1
        yield cut(ALL, 0, end, windows.everything(self.depth))
        if hidden := windows.outside(self.middle, self.depth):
            yield cut(EXCEPT_MIDDLE, self.middle.first, self.middle.last, hidden)
        if not sweep:
            return
        for layer in self.points[1:]:
            yield cut(AFTER, layer + 1, end, windows.after(layer, self.depth))
        for window in self.open_windows:
            hidden = windows.outside(window, self.depth)
            yield cut(EXCEPT_WINDOW, window.first, window.last, hidden)
        for layer in self.points[1:] if up_to else ():
            yield cut(UP_TO, 0, layer, windows.up_to(layer))
