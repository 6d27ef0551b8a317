"""Sizes of the models that benchmarks run on."""

from dataclasses import dataclass

from sightline.errors import SightlineError


class BenchError(SightlineError):
    """A benchmark that cannot be run as asked."""


@dataclass(frozen=True)
class Shape:
    """A LLaVA with random weights, and a prompt for it.

    Attributes:
        name: for the command line.
        layers: blocks of the text model.
        width: of its states.
        heads: of queries.
        key_heads: of keys and values.
        inner: width inside the MLP.
        vocabulary: words.
        side: image tokens from left to right, and from top to bottom.
        length: positions of the prompt, image tokens included.
        new_tokens: of an answer.
        dtype: of weights and activations.
        device: where it runs unless another is asked for.
    """

    name: str
    layers: int
    width: int
    heads: int
    key_heads: int
    inner: int
    vocabulary: int
    side: int
    length: int
    new_tokens: int
    dtype: str
    device: str

    @property
    def windows(self) -> dict[str, tuple[int, ...]]:
        """Layers of the six windows; for 32 layers those of the authors' code (neo2025 section 3.6).

        Other depths keep the windows' relative places.
        """
        total = self.layers
        width = -(-10 * total // 32)
        starts = {"early": 0, "early-mid": 5, "mid": 11, "mid-late": 15}
        found = {}
        for name, start in starts.items():
            first = round(start * total / 32)
            found[name] = tuple(range(first, min(first + width, total)))
        found["late"] = tuple(range(round(21 * total / 32), total))
        found["all"] = tuple(range(total))
        return found

    def object_tokens(self, buffer: int = 0) -> tuple[int, ...]:
        """Image tokens of an object in the middle of the image, with rings of neighbours around it.

        On a 24 x 24 grid 12, 30 and 56 tokens, about what objects of neo2025 cover (section 3.2).
        """
        height, width = max(1, self.side // 8), max(1, self.side // 6)
        top, left = (self.side - height) // 2, (self.side - width) // 2
        rows = range(max(0, top - buffer), min(self.side, top + height + buffer))
        columns = range(max(0, left - buffer), min(self.side, left + width + buffer))
        return tuple(row * self.side + column for row in rows for column in columns)


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("tiny", 4, 32, 4, 2, 48, 120, 6, 50, 6, "float32", "cpu"),
        Shape("small", 32, 512, 8, 8, 1376, 32064, 24, 616, 64, "float32", "cpu"),
        # LLaVA-1.5-7B.
        Shape("7b", 32, 4096, 32, 32, 11008, 32064, 24, 616, 64, "bfloat16", "cuda"),
    )
}


def find_shape(name: str) -> Shape:
    """The shape of that name.

    Raises:
        BenchError: there is none; the message lists those there are.
    """
    if name not in SHAPES:
        raise BenchError(f"bench: no shape {name!r}; give one of {', '.join(SHAPES)}.")
    return SHAPES[name]
