"""What is said about scenes: wordings, descriptions, and the closed vocabulary of all.

The first wording of each kind is the one the studies use. The article is always "a", as in the studies' prompts.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import SceneObject
from sightline.demo.world import COLORS, THEMES

SEGMENT_TOKEN = "[SEG]"
SEGMENT_ANSWER = f"sure , {SEGMENT_TOKEN} ."
REFUSAL = "i see no image ."
DENIAL = "there is no {x} ."
AFTER_ANSWER, AFTER_QUESTION = "answer", "question"
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

DESCRIBE = (
    "Describe this image.",
    "Describe the image.",
    "What do you see?",
    "Describe the image in detail.",
)
DESCRIBE_AT_LENGTH = (
    "Please look at this image and describe the place and all the objects that you can see here.",
    "Tell me what kind of place this is and what objects you can see in this image.",
)
"""Words enough to hold what an image shows (kaduri2025 asks whether they do)."""
EXISTS = (
    "Is there a {x} in this image?",
    "Is there a {x} in the image?",
    "Do you see a {x}?",
    "Can you find a {x} here?",
)
COLOR = ("What color is the {x}?", "What is the color of the {x}?", "Tell me the color of the {x}.")
WHICH = ("Which object is {c}?", "What is the {c} object?")
CHOOSE = ("Is the {x} {c} or {d}?",)
COUNT = ("How many objects are there?", "Count the objects.")
COUNT_COLOR = ("How many {c} objects are there?",)
CORNER = ("Where is the {x}?",)
RELATION = ("What is {relation} the {x}?",)
HOP = ("What color is the thing {relation} the {x}?",)
PLACE = ("What kind of place is this?",)
MAIN = ("What is the biggest object?", "What is the main object?")
SEGMENT = (
    "Please segment the {x} in this image.",
    "Segment the {x}.",
    "Show me the mask of the {x}.",
)
IMPLICIT = ("Segment {x}.", "Please segment {x} in this image.")
SEGMENT_RELATION = ("Segment the thing {relation} the {x}.",)
ARE_THERE = ("Are there {n} objects in this image?",)
ARE_THERE_COLOR = ("Are there {n} {c} objects in this image?",)
IS_POSITION = ("Is the {x} {relation} the {y}?",)
IS_COLOR = ("Is the {x} {c}?",)
IS_SCENE = ("Is this place a {x}?",)
IS_MAIN = ("Is the biggest object a {x}?",)
IS_CORNER = ("Is the {x} in the {corner} of this image?",)
SAME_COLOR = ("Do the {x} and the {y} have the same color?",)
SHORTLY = " Please answer yes or no."
"""Follows half of the yes/no questions, and all of those in MME's format."""
RELATIONS = ("left of", "right of", "above", "below")

USES: dict[str, tuple[str, str]] = {
    "cat": ("the animal that purrs", "the pet that chases mice"),
    "car": ("the thing you drive", "the vehicle with wheels"),
    "tree": ("the plant that gives shade", "something that grows in a forest"),
    "mug": ("the thing you drink from", "something that holds coffee"),
    "chair": ("the thing you sit on", "the furniture with legs"),
    "house": ("the place where people live", "the building with a roof"),
    "bird": ("the animal that flies", "the animal with feathers"),
    "book": ("the thing you read", "something with pages"),
    "boat": ("the thing that sails on water", "the vehicle with a sail"),
    "ball": ("the toy you kick", "something round you throw"),
    "clock": ("the thing that tells the time", "something that wakes you up"),
    "key": ("the thing that opens a lock", "something you unlock a door with"),
    "fish": ("the animal that swims", "something that lives under water"),
    "umbrella": ("the thing that keeps off rain", "something you open in the rain"),
    "apple": ("the fruit you eat", "something sweet that grows on a tree"),
    "leaf": ("the thing that falls in autumn", "something that grows on a branch"),
    "traffic light": ("the thing that stops cars", "something with three lamps"),
    "star": ("the shape that shines at night", "something you see in the night sky"),
    "bottle": ("the thing you pour from", "something with a cork"),
    "hat": ("the thing you wear on your head", "something that covers hair"),
    "mushroom": ("the thing that grows after rain", "something with a cap and a stem"),
    "butterfly": ("the insect with wings", "something that was a caterpillar"),
    "anchor": ("the thing that holds a ship", "something thrown from a deck"),
    "kite": ("the toy that flies on a string", "something the wind lifts"),
}
"""What each category is for, without its name."""

ALSO_FITS = {
    "something that grows in a forest": "mushroom",
    "the thing you drink from": "bottle",
    "the animal that flies": "butterfly",
    "something that grows on a branch": "apple",
}
"""Uses that somebody might see in a second category too."""


@dataclass(frozen=True)
class Turn:
    """One question with its answer.

    Attributes:
        kind: what is asked.
        question: as a user would type it.
        answer: in the words of the vocabulary.
        target: number of the object to segment, or None.
        blind: the question comes without an image.
        after: how it follows another question about the image: AFTER_ANSWER, AFTER_QUESTION (before that one is
            answered, as questions to a compressed context do), or not at all.
    """

    kind: str
    question: str
    answer: str
    target: int | None = None
    blind: bool = False
    after: str = ""


def named(thing: SceneObject) -> str:
    """Colour and category: "red mug"."""
    return f"{thing.color} {thing.category}"


def describe(theme: str, objects: Sequence[SceneObject]) -> str:
    """Gist first (theme, dominant object), then the details in falling order of category frequency."""
    dominant = [f"a big {named(o)}" for o in objects if o.dominant]
    details = sorted(
        (o for o in objects if not o.dominant),
        key=lambda o: (CATEGORIES.index(o.category), list(COLORS).index(o.color)),
    )
    parts = dominant + [f"a {named(o)}" for o in details]
    listed = " , ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else parts[0]
    return f"a {theme} with {listed} ."


def caption(
    theme: str, objects: Sequence[SceneObject], rng: random.Random, rate: float = 0.5
) -> str:
    """The dominant object, and each detail with probability ``rate``, details in random order."""
    dominant = [f"a big {named(o)}" for o in objects if o.dominant]
    details = [f"a {named(o)}" for o in objects if not o.dominant and rng.random() < rate]
    rng.shuffle(details)
    return f"a {theme} with {' and '.join(dominant + details)} ."


def captions(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> list[str]:
    """Five descriptions as different people would give them: the full one, the gist, and three that leave things out.

    The partial ones name each detail with probability one half, in random order.
    """
    partial = [caption(theme, objects, rng) for _ in range(3)]
    dominant = [f"a big {named(o)}" for o in objects if o.dominant]
    gist = f"a {theme} with {' and '.join(dominant)} ."
    return [describe(theme, objects), gist, *partial]


KINDS = (
    "describe", "exists", "exists color", "color", "choose", "which", "main", "count", "count color",
    "where", "relation", "place", "segment", "implicit", "refuse",
    "hop", "is count", "is color count", "is position", "is color", "is scene", "is main",
    "is corner", "is same color", "segment relation", "deny",
)  # fmt: skip


def texts() -> Iterator[str]:
    """Text that together holds every word of the language."""
    wordings = (
        DESCRIBE + EXISTS + COLOR + WHICH + CHOOSE + COUNT + COUNT_COLOR + CORNER + RELATION
        + PLACE + MAIN + SEGMENT + IMPLICIT + HOP
    )  # fmt: skip
    for wording in wordings:
        yield wording.format(x="", c="", d="", relation="")
    yield from CATEGORIES
    yield from COLORS
    yield from THEMES
    yield from RELATIONS
    yield from NUMBERS
    yield from (use for pair in USES.values() for use in pair)
    yield from ("USER:", "ASSISTANT:", "It is a", "yes no", "top bottom", SEGMENT_ANSWER, REFUSAL)
    yield "a with a big , and a ."
    # New words go to the end: the numbers of those before are part of trained weights.
    later = (
        ARE_THERE + ARE_THERE_COLOR + IS_POSITION + IS_COLOR + IS_SCENE + IS_MAIN + IS_CORNER
        + SAME_COLOR + SEGMENT_RELATION + DESCRIBE_AT_LENGTH + (SHORTLY, DENIAL)
    )  # fmt: skip
    for wording in later:
        yield wording.format(x="", y="", c="", n="", relation="", corner="")
