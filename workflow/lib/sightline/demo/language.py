"""What is said about scenes: descriptions, questions with their answers, and the closed vocabulary of both.

The first wording of each kind is the one the studies use. The article is always "a", as in the studies' prompts.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import SceneObject
from sightline.demo.world import COLORS, SIZE, THEMES

SEGMENT_TOKEN = "[SEG]"
SEGMENT_ANSWER = f"sure , {SEGMENT_TOKEN} ."
REFUSAL = "i see no image ."
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

DESCRIBE = (
    "Describe this image.",
    "Describe the image.",
    "What do you see?",
    "Describe the image in detail.",
)
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


@dataclass(frozen=True)
class Turn:
    """One question with its answer.

    Attributes:
        kind: what is asked.
        question: as a user would type it.
        answer: in the words of the vocabulary.
        target: number of the object to segment, or None.
        blind: the question comes without an image.
    """

    kind: str
    question: str
    answer: str
    target: int | None = None
    blind: bool = False


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


def corner(center: tuple[float, float]) -> str:
    """Quadrant of a centre in pixels: "top left"."""
    x, y = center
    return f"{'top' if y < SIZE / 2 else 'bottom'} {'left' if x < SIZE / 2 else 'right'}"


def related(relation: str, thing: SceneObject, objects: Sequence[SceneObject]) -> list[SceneObject]:
    """Objects whose centre lies on one side of another object's centre, by 8 pixels or more."""
    axis, sign = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}[
        relation
    ]
    return [
        o for o in objects if o is not thing and sign * (o.center[axis] - thing.center[axis]) >= 8
    ]


def turns(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> list[Turn]:
    """A varied set of questions about a scene, in random order."""
    asked = [turn for kind in _KINDS for turn in kind(theme, objects, rng)]
    rng.shuffle(asked)
    return asked


def _sole_categories(objects: Sequence[SceneObject]) -> list[SceneObject]:
    names = [o.category for o in objects]
    return [o for o in objects if names.count(o.category) == 1]


def _sole_colors(objects: Sequence[SceneObject]) -> list[SceneObject]:
    colors = [o.color for o in objects]
    return [o for o in objects if colors.count(o.color) == 1]


def _descriptions(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    yield Turn("describe", rng.choice(DESCRIBE), describe(theme, objects))


def absent_category(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> str:
    """A category that is not there; half of the time one that the theme suggests."""
    present = {o.category for o in objects}
    usual = [c for c in (THEMES[theme].signature, *THEMES[theme].company) if c not in present]
    if usual and rng.random() < 0.5:
        return rng.choice(usual)
    return rng.choice([c for c in CATEGORIES if c not in present])


def _existence(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    details = [o for o in objects if not o.dominant] or list(objects)
    for thing in (rng.choice(objects), rng.choice(details)):
        yield Turn("exists", rng.choice(EXISTS).format(x=thing.category), "yes")
    for _ in range(2):
        absent = absent_category(theme, objects, rng)
        yield Turn("exists", rng.choice(EXISTS).format(x=absent), "no")


def _colored_existence(
    theme: str, objects: Sequence[SceneObject], rng: random.Random
) -> Iterator[Turn]:
    pairs = {(o.color, o.category) for o in objects}
    thing = rng.choice(objects)
    yield Turn("exists color", rng.choice(EXISTS).format(x=named(thing)), "yes")
    # Half of the wrong colours are worn by something else in the scene, so colour alone does not tell.
    worn = [o.color for o in objects if (o.color, thing.category) not in pairs]
    anywhere = [c for c in COLORS if (c, thing.category) not in pairs]
    wrong = rng.choice(worn if worn and rng.random() < 0.5 else anywhere)
    yield Turn("exists color", rng.choice(EXISTS).format(x=f"{wrong} {thing.category}"), "no")


def _colors(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    sole = _sole_categories(objects)
    for thing in rng.sample(sole, min(2, len(sole))):
        yield Turn("color", rng.choice(COLOR).format(x=thing.category), thing.color)
    if sole:
        thing = rng.choice(sole)
        pair = [thing.color, rng.choice([c for c in COLORS if c != thing.color])]
        rng.shuffle(pair)
        question = rng.choice(CHOOSE).format(x=thing.category, c=pair[0], d=pair[1])
        yield Turn("choose", question, thing.color)


def _identities(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    sole = _sole_colors(objects)
    for thing in rng.sample(sole, min(2, len(sole))):
        question = rng.choice(WHICH).format(c=thing.color)
        yield Turn("which", question, f"it is a {thing.category} .")
    dominant = [o for o in objects if o.dominant]
    if dominant:
        yield Turn("main", rng.choice(MAIN), f"it is a {dominant[0].category} .")


def _counts(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    if rng.random() < 0.5:
        yield Turn("count", rng.choice(COUNT), NUMBERS[len(objects)])
    else:
        color = rng.choice([o.color for o in objects] + [rng.choice(list(COLORS))])
        number = sum(o.color == color for o in objects)
        yield Turn("count color", rng.choice(COUNT_COLOR).format(c=color), NUMBERS[number])


def _positions(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    sole = _sole_categories(objects)
    for thing in rng.sample(sole, min(2, len(sole))):
        yield Turn("where", rng.choice(CORNER).format(x=thing.category), corner(thing.center))
    relations = [
        (relation, thing, found[0])
        for thing in sole
        for relation in RELATIONS
        if len(found := related(relation, thing, objects)) == 1
    ]
    if relations:
        relation, thing, answer = rng.choice(relations)
        question = rng.choice(RELATION).format(relation=relation, x=thing.category)
        yield Turn("relation", question, f"it is a {answer.category} .")
        relation, thing, answer = rng.choice(relations)
        question = rng.choice(HOP).format(relation=relation, x=thing.category)
        yield Turn("hop", question, answer.color)


def _places(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    if rng.random() < 0.3:
        yield Turn("place", rng.choice(PLACE), f"a {theme} .")


def segmentations(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    """One object to segment by its name, and one by its use."""
    sole = _sole_categories(objects)
    thing = rng.choice(objects)
    name = thing.category if thing in sole and rng.random() < 0.4 else named(thing)
    yield Turn("segment", rng.choice(SEGMENT).format(x=name), SEGMENT_ANSWER, thing.number)
    if sole:
        thing = rng.choice(sole)
        use = rng.choice(USES[thing.category])
        yield Turn("implicit", rng.choice(IMPLICIT).format(x=use), SEGMENT_ANSWER, thing.number)


def _refusals(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    if rng.random() < 0.3:
        question = rng.choice(DESCRIBE + EXISTS + COLOR).format(x=rng.choice(CATEGORIES))
        yield Turn("refuse", question, REFUSAL, blind=True)


_KINDS: tuple[Callable[..., Iterator[Turn]], ...] = (
    _descriptions,
    _existence,
    _colored_existence,
    _colors,
    _identities,
    _counts,
    _positions,
    _places,
    segmentations,
    _refusals,
)
KINDS = (
    "describe", "exists", "exists color", "color", "choose", "which", "main", "count", "count color",
    "where", "relation", "place", "segment", "implicit", "refuse",
    "hop",
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
