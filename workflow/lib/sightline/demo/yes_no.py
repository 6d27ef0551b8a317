"""Yes/no questions in pairs, as MME asks them: one whose answer is yes, one whose answer is no."""

import random
from collections.abc import Callable, Iterator, Sequence

from sightline.demo.language import (
    ARE_THERE,
    ARE_THERE_COLOR,
    EXISTS,
    IS_COLOR,
    IS_CORNER,
    IS_MAIN,
    IS_POSITION,
    IS_SCENE,
    NUMBERS,
    RELATIONS,
    SAME_COLOR,
    Turn,
    named,
)
from sightline.demo.scene_facts import (
    absent_category,
    corner,
    related,
    sole_categories,
    wrong_color,
)
from sightline.demo.training_set import SceneObject
from sightline.demo.world import THEMES

SUBTASKS = {
    "exists": "existence",
    "is count": "count",
    "is color count": "color count",
    "is position": "position",
    "is color": "color",
    "is scene": "scene",
    "is main": "main object",
    "is corner": "corner",
    "exists color": "attribute",
    "is same color": "same color",
}
"""Kinds of yes/no question -> name of the subtask in MME's format."""


_OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def yes_no(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> list[Turn]:
    """For every kind in SUBTASKS that the scene allows, a question whose answer is yes, then one whose answer is no."""
    pairs = [pair for kind in _YES_NO for pair in kind(theme, objects, rng)]
    return [turn for pair in pairs for turn in pair]


_Pairs = Iterator[tuple[Turn, Turn]]


def _pair(
    kind: str, wording: str, right: dict[str, str], wrong: dict[str, str]
) -> tuple[Turn, Turn]:
    return (
        Turn(kind, wording.format(**right), "yes"),
        Turn(kind, wording.format(**(right | wrong)), "no"),
    )


def _is_there(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> _Pairs:
    right = {"x": rng.choice(objects).category}
    yield _pair("exists", EXISTS[0], right, {"x": absent_category(theme, objects, rng)})


def _is_there_colored(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> _Pairs:
    thing = rng.choice(objects)
    wrong = f"{wrong_color(thing, objects, rng)} {thing.category}"
    yield _pair("exists color", EXISTS[0], {"x": named(thing)}, {"x": wrong})


def _is_count(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> _Pairs:
    right, wrong = {"n": NUMBERS[len(objects)]}, {"n": _near(len(objects), rng)}
    yield _pair("is count", rng.choice(ARE_THERE), right, wrong)


def _is_color_count(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> _Pairs:
    colors = [o.color for o in objects]
    several = sorted({c for c in colors if colors.count(c) >= 2})
    if several:
        color = rng.choice(several)
        right = {"n": NUMBERS[colors.count(color)], "c": color}
        wrong = {"n": _near(colors.count(color), rng)}
        yield _pair("is color count", rng.choice(ARE_THERE_COLOR), right, wrong)


def _near(number: int, rng: random.Random) -> str:
    """A plural number beside the right one."""
    return NUMBERS[rng.choice([n for n in (number - 1, number + 1) if n in range(2, 11)])]


def _is_position(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> _Pairs:
    sole = sole_categories(objects)
    facts = [
        (relation, thing, other)
        for thing in sole
        for relation in RELATIONS
        for other in related(relation, thing, objects)
        if other in sole
    ]
    if facts:
        relation, thing, other = rng.choice(facts)
        right = {"x": other.category, "relation": relation, "y": thing.category}
        wrong = {"relation": _OPPOSITE[relation]}
        yield _pair("is position", rng.choice(IS_POSITION), right, wrong)


def _is_color(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> _Pairs:
    sole = sole_categories(objects)
    if sole:
        thing = rng.choice(sole)
        right = {"x": thing.category, "c": thing.color}
        wrong = {"c": wrong_color(thing, objects, rng)}
        yield _pair("is color", rng.choice(IS_COLOR), right, wrong)


def _is_scene(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> _Pairs:
    wrong = {"x": rng.choice([other for other in THEMES if other != theme])}
    yield _pair("is scene", rng.choice(IS_SCENE), {"x": theme}, wrong)


def _is_main(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> _Pairs:
    dominant = next((o.category for o in objects if o.dominant), None)
    others = sorted({o.category for o in objects} - {dominant})
    if dominant:
        # Half of the wrong answers are in the scene, so presence alone does not tell.
        seen = others and rng.random() < 0.5
        wrong = rng.choice(others) if seen else absent_category(theme, objects, rng)
        yield _pair("is main", rng.choice(IS_MAIN), {"x": dominant}, {"x": wrong})


def _is_corner(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> _Pairs:
    sole = sole_categories(objects)
    if sole:
        thing = rng.choice(sole)
        here = corner(thing.center)
        corners = [f"{y} {x}" for y in ("top", "bottom") for x in ("left", "right")]
        wrong = {"corner": rng.choice([one for one in corners if one != here])}
        right = {"x": thing.category, "corner": here}
        yield _pair("is corner", rng.choice(IS_CORNER), right, wrong)


def _is_same_color(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> _Pairs:
    sole = sole_categories(objects)
    both = [(a, b) for a in sole for b in sole if a is not b]
    same = [(a, b) for a, b in both if a.color == b.color]
    different = [(a, b) for a, b in both if a.color != b.color]
    if same and different:
        (a, b), (c, d) = rng.choice(same), rng.choice(different)
        right, wrong = {"x": a.category, "y": b.category}, {"x": c.category, "y": d.category}
        yield _pair("is same color", rng.choice(SAME_COLOR), right, wrong)


_YES_NO: tuple[Callable[..., _Pairs], ...] = (
    _is_there,
    _is_count,
    _is_color_count,
    _is_position,
    _is_color,
    _is_scene,
    _is_main,
    _is_corner,
    _is_there_colored,
    _is_same_color,
)
