"""What is true of a scene, as far as questions need it."""

import random
from collections.abc import Sequence

from sightline.demo.language import RELATIONS
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import SceneObject
from sightline.demo.world import COLORS, SIZE, THEMES


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


def sole_categories(objects: Sequence[SceneObject]) -> list[SceneObject]:
    """Objects whose category is there once."""
    names = [o.category for o in objects]
    return [o for o in objects if names.count(o.category) == 1]


def sole_colors(objects: Sequence[SceneObject]) -> list[SceneObject]:
    """Objects whose colour is there once."""
    colors = [o.color for o in objects]
    return [o for o in objects if colors.count(o.color) == 1]


def sole_relations(
    objects: Sequence[SceneObject],
) -> list[tuple[str, SceneObject, SceneObject]]:
    """(relation, a thing of a category that is there once, the only object in that relation to it)."""
    return [
        (relation, thing, found[0])
        for thing in sole_categories(objects)
        for relation in RELATIONS
        if len(found := related(relation, thing, objects)) == 1
    ]


def absent_category(theme: str, objects: Sequence[SceneObject], rng: random.Random) -> str:
    """A category that is not there; half of the time one that the theme suggests."""
    present = {o.category for o in objects}
    usual = [c for c in (THEMES[theme].signature, *THEMES[theme].company) if c not in present]
    if usual and rng.random() < 0.5:
        return rng.choice(usual)
    return rng.choice([c for c in CATEGORIES if c not in present])


def wrong_color(thing: SceneObject, objects: Sequence[SceneObject], rng: random.Random) -> str:
    """A colour that no object of this category wears.

    Half of the time something else in the scene wears it, so colour alone does not tell.
    """
    pairs = {(o.color, o.category) for o in objects}
    worn = [o.color for o in objects if (o.color, thing.category) not in pairs]
    anywhere = [c for c in COLORS if (c, thing.category) not in pairs]
    return rng.choice(worn if worn and rng.random() < 0.5 else anywhere)
