"""Questions about a scene and their answers, by kind, drawn from a random number generator."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sightline.demo.language import (
    CHOOSE,
    COLOR,
    CORNER,
    COUNT,
    COUNT_COLOR,
    DENIAL,
    DESCRIBE,
    DESCRIBE_AT_LENGTH,
    EXISTS,
    HOP,
    IMPLICIT,
    MAIN,
    NUMBERS,
    PLACE,
    REFUSAL,
    RELATION,
    SEGMENT,
    SEGMENT_ANSWER,
    SEGMENT_RELATION,
    SHORTLY,
    USES,
    WHICH,
    Turn,
    describe,
    named,
)
from sightline.demo.scene_facts import (
    absent_category,
    corner,
    sole_categories,
    sole_colors,
    sole_relations,
    wrong_color,
)
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import SceneObject
from sightline.demo.world import COLORS
from sightline.demo.yes_no import yes_no

_YES_NO_PER_SCENE = 3


def turns(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> list[Turn]:
    """A varied set of questions about a scene, in random order."""
    asked = [turn for kind in _KINDS for turn in kind(theme, objects, rng)]
    rng.shuffle(asked)
    return asked


def _descriptions(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    yield Turn("describe", rng.choice(DESCRIBE), describe(theme, objects))


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
    thing = rng.choice(objects)
    yield Turn("exists color", rng.choice(EXISTS).format(x=named(thing)), "yes")
    wrong = f"{wrong_color(thing, objects, rng)} {thing.category}"
    yield Turn("exists color", rng.choice(EXISTS).format(x=wrong), "no")


def _colors(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    sole = sole_categories(objects)
    for thing in rng.sample(sole, min(2, len(sole))):
        yield Turn("color", rng.choice(COLOR).format(x=thing.category), thing.color)
    if sole:
        thing = rng.choice(sole)
        pair = [thing.color, rng.choice([c for c in COLORS if c != thing.color])]
        rng.shuffle(pair)
        question = rng.choice(CHOOSE).format(x=thing.category, c=pair[0], d=pair[1])
        yield Turn("choose", question, thing.color)


def _identities(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    sole = sole_colors(objects)
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
    sole = sole_categories(objects)
    for thing in rng.sample(sole, min(2, len(sole))):
        yield Turn("where", rng.choice(CORNER).format(x=thing.category), corner(thing.center))
    relations = sole_relations(objects)
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
    sole = sole_categories(objects)
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


def _some_yes_no(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> Iterator[Turn]:
    """Both questions of a few kinds, half of them with the request to be short."""
    asked = yes_no(theme, objects, rng)
    for first in rng.sample(range(0, len(asked), 2), _YES_NO_PER_SCENE):
        for turn in asked[first : first + 2]:
            end = SHORTLY if rng.random() < 0.5 else ""
            yield replace(turn, question=turn.question + end)


def _descriptions_at_length(
    theme: str, objects: Sequence[SceneObject], rng: random.Random
) -> Iterator[Turn]:
    if rng.random() < 0.5:
        yield Turn("describe", rng.choice(DESCRIBE_AT_LENGTH), describe(theme, objects))


def _false_premises(
    theme: str, objects: Sequence[SceneObject], rng: random.Random
) -> Iterator[Turn]:
    """A request to segment what is not there: an absent category, or one that wears another colour."""
    if rng.random() < 0.5:
        missing = absent_category(theme, objects, rng)
        if rng.random() < 0.5:
            missing = f"{rng.choice(list(COLORS))} {missing}"
    else:
        thing = rng.choice(objects)
        missing = f"{wrong_color(thing, objects, rng)} {thing.category}"
    yield Turn("deny", rng.choice(SEGMENT).format(x=missing), DENIAL.format(x=missing))


def _refusals_in_plenty(
    theme: str, objects: Sequence[SceneObject], rng: random.Random
) -> Iterator[Turn]:
    if rng.random() < 0.7:
        question = rng.choice(DESCRIBE + DESCRIBE_AT_LENGTH + EXISTS).format(
            x=rng.choice(CATEGORIES)
        )
        yield Turn("refuse", question, REFUSAL, blind=True)


def _segment_relation(
    theme: str, objects: Sequence[SceneObject], rng: random.Random
) -> Iterator[Turn]:
    relations = sole_relations(objects)
    if relations:
        relation, thing, target = rng.choice(relations)
        question = rng.choice(SEGMENT_RELATION).format(relation=relation, x=thing.category)
        yield Turn("segment relation", question, SEGMENT_ANSWER, target.number)


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
    _descriptions_at_length,
    _some_yes_no,
    _false_premises,
    _segment_relation,
    _refusals_in_plenty,
)
