"""What the objects of the embedded world look like: 24 silhouettes made of polygons.

Coordinates run from -1 to 1 in both axes (y down) and are scaled by the object's radius. Every part has a shade: the
object's own colour, or a darker or lighter tone of it, so that colour never gives the category away.
"""

import math
from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]
Shade = Literal["plain", "dark", "light"]


@dataclass(frozen=True)
class Part:
    """One filled polygon of a silhouette."""

    outline: tuple[Point, ...]
    shade: Shade = "plain"


def _ellipse(
    x: float, y: float, rx: float, ry: float, start: float = 0, stop: float = 360, steps: int = 22
) -> tuple[Point, ...]:
    angles = [math.radians(start + (stop - start) * step / steps) for step in range(steps + 1)]
    return tuple((x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles)


def _rectangle(x0: float, y0: float, x1: float, y1: float) -> tuple[Point, ...]:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def _ring(
    x: float, y: float, outer: float, inner: float, start: float = 0, stop: float = 360
) -> tuple[Point, ...]:
    return _ellipse(x, y, outer, outer, start, stop) + _ellipse(x, y, inner, inner, stop, start)


def _star(points: int, outer: float, inner: float) -> tuple[Point, ...]:
    return tuple(
        (
            (outer if step % 2 == 0 else inner) * math.cos(-math.pi / 2 + step * math.pi / points),
            (outer if step % 2 == 0 else inner) * math.sin(-math.pi / 2 + step * math.pi / points),
        )
        for step in range(2 * points)
    )


def _mirrored(outline: tuple[Point, ...]) -> tuple[Point, ...]:
    return tuple((-x, y) for x, y in outline)


_WING = ((0.05, -0.1), (0.55, -0.85), (0.95, -0.7), (0.85, -0.05), (0.3, 0.1))
_LOWER_WING = ((0.05, 0.05), (0.7, 0.1), (0.75, 0.6), (0.4, 0.8))
_CAT_EAR = ((0.68, 0.05), (0.64, -0.92), (0.1, -0.48))

SILHOUETTES: dict[str, tuple[Part, ...]] = {
    "cat": (
        Part(_CAT_EAR),
        Part(_mirrored(_CAT_EAR)),
        Part(_ellipse(0, 0.14, 0.72, 0.66)),
        Part(_ellipse(-0.28, 0, 0.11, 0.15), "dark"),
        Part(_ellipse(0.28, 0, 0.11, 0.15), "dark"),
        Part(((-0.13, 0.3), (0.13, 0.3), (0, 0.46)), "dark"),
    ),
    "car": (
        Part(
            ((-1, 0.42), (-1, 0), (-0.64, -0.06), (-0.4, -0.52), (0.36, -0.52), (0.68, -0.06), (1, 0.06), (1, 0.42))
        ),
        Part(((-0.5, -0.06), (-0.32, -0.4), (0.28, -0.4), (0.48, -0.06)), "light"),
        Part(_ellipse(-0.52, 0.44, 0.26, 0.26), "dark"),
        Part(_ellipse(0.52, 0.44, 0.26, 0.26), "dark"),
    ),
    "tree": (
        Part(_rectangle(-0.15, 0.45, 0.15, 1), "dark"),
        Part(((-0.78, 0.56), (0, -0.25), (0.78, 0.56))),
        Part(((-0.62, 0.1), (0, -0.65), (0.62, 0.1))),
        Part(((-0.44, -0.3), (0, -1), (0.44, -0.3))),
    ),
    "mug": (
        Part(_ring(0.38, 0.05, 0.52, 0.28, -95, 95)),
        Part(((-0.76, -0.7), (0.44, -0.7), (0.36, 0.88), (-0.68, 0.88))),
        Part(_ellipse(-0.16, -0.7, 0.6, 0.17), "dark"),
    ),
    "chair": (
        Part(_rectangle(-0.64, -0.98, -0.38, 0.2)),
        Part(_rectangle(-0.64, 0.02, 0.64, 0.3)),
        Part(_rectangle(-0.64, 0.28, -0.42, 0.98), "dark"),
        Part(_rectangle(0.42, 0.28, 0.64, 0.98), "dark"),
    ),
    "house": (
        Part(_rectangle(-0.66, -0.14, 0.66, 0.88)),
        Part(((-0.96, -0.1), (0, -0.95), (0.96, -0.1)), "dark"),
        Part(_rectangle(-0.18, 0.3, 0.18, 0.88), "light"),
    ),
    "bird": (
        Part(_ellipse(0, 0.14, 0.62, 0.38)),
        Part(_ellipse(-0.5, -0.32, 0.29, 0.29)),
        Part(((-0.72, -0.42), (-1, -0.26), (-0.72, -0.18)), "dark"),
        Part(((0.42, 0.06), (1, -0.28), (0.95, 0.22))),
        Part(((-0.16, 0.06), (0.36, -0.8), (0.42, 0.16)), "dark"),
        Part(_rectangle(-0.12, 0.46, -0.02, 0.86), "dark"),
        Part(_rectangle(0.12, 0.46, 0.22, 0.86), "dark"),
    ),
    "book": (
        Part(((-0.98, -0.52), (0, -0.28), (0, 0.72), (-0.98, 0.48))),
        Part(((0.98, -0.52), (0, -0.28), (0, 0.72), (0.98, 0.48))),
        Part(((-0.82, -0.3), (-0.14, -0.14), (-0.14, 0.04), (-0.82, -0.12)), "light"),
        Part(((0.82, -0.3), (0.14, -0.14), (0.14, 0.04), (0.82, -0.12)), "light"),
        Part(_rectangle(-0.05, -0.28, 0.05, 0.72), "dark"),
    ),
    "boat": (
        Part(((-0.96, 0.38), (0.96, 0.38), (0.6, 0.88), (-0.6, 0.88))),
        Part(_rectangle(-0.07, -0.92, 0.05, 0.4), "dark"),
        Part(((0.1, -0.9), (0.1, 0.25), (0.84, 0.25))),
        Part(((-0.12, -0.62), (-0.12, 0.25), (-0.64, 0.25)), "light"),
    ),
    "ball": (
        Part(_ellipse(0, 0, 0.84, 0.84)),
        Part(_ring(-0.88, 0, 0.96, 0.78, -46, 46), "dark"),
        Part(_ring(0.88, 0, 0.96, 0.78, 134, 226), "dark"),
    ),
    "clock": (
        Part(_ellipse(-0.52, -0.7, 0.27, 0.25), "dark"),
        Part(_ellipse(0.52, -0.7, 0.27, 0.25), "dark"),
        Part(((-0.5, 0.6), (-0.72, 0.98), (-0.5, 0.98), (-0.28, 0.7)), "dark"),
        Part(((0.5, 0.6), (0.72, 0.98), (0.5, 0.98), (0.28, 0.7)), "dark"),
        Part(_ellipse(0, 0.05, 0.8, 0.8)),
        Part(_ellipse(0, 0.05, 0.54, 0.54), "light"),
        Part(_rectangle(-0.06, -0.36, 0.06, 0.1), "dark"),
        Part(_rectangle(-0.02, 0.01, 0.35, 0.13), "dark"),
    ),
    "key": (
        Part(_ring(-0.52, 0, 0.48, 0.2)),
        Part(_rectangle(-0.1, -0.14, 1, 0.14)),
        Part(_rectangle(0.42, 0.1, 0.6, 0.48)),
        Part(_rectangle(0.8, 0.1, 0.98, 0.56)),
    ),
    "fish": (
        Part(_ellipse(-0.18, 0, 0.76, 0.46)),
        Part(((0.4, 0), (1, -0.52), (0.86, 0), (1, 0.52))),
        Part(((-0.22, -0.4), (0.16, -0.74), (0.22, -0.3)), "dark"),
        Part(_ellipse(-0.56, -0.1, 0.11, 0.11), "dark"),
    ),
    "umbrella": (
        Part(
            (
                *_ellipse(0, 0.05, 0.98, 0.98, 180, 360),
                (0.65, -0.1), (0.32, 0.05), (0, -0.1), (-0.32, 0.05), (-0.65, -0.1),
            )
        ),
        Part(_rectangle(-0.07, -0.1, 0.07, 0.75), "dark"),
        Part(_ring(0.16, 0.72, 0.24, 0.1, 0, 180), "dark"),
    ),
    "apple": (
        Part(_ellipse(-0.3, 0.18, 0.56, 0.66)),
        Part(_ellipse(0.3, 0.18, 0.56, 0.66)),
        Part(((-0.06, -0.3), (0.02, -0.92), (0.16, -0.9), (0.08, -0.3)), "dark"),
        Part(_ellipse(0.42, -0.66, 0.3, 0.15), "light"),
    ),
    "leaf": (
        Part(
            tuple((-0.96 + 1.76 * t / 12, -0.54 * math.sin(math.pi * t / 12)) for t in range(13))
            + tuple((-0.96 + 1.76 * t / 12, 0.54 * math.sin(math.pi * t / 12)) for t in range(12, -1, -1))
        ),
        Part(((-0.7, -0.04), (1, -0.07), (1, 0.07), (-0.7, 0.04)), "dark"),
    ),
    "traffic light": (
        Part(_rectangle(-0.36, -0.98, 0.36, 0.62)),
        Part(_rectangle(-0.1, 0.6, 0.1, 1), "dark"),
        Part(_ellipse(0, -0.68, 0.2, 0.2), "light"),
        Part(_ellipse(0, -0.18, 0.2, 0.2), "dark"),
        Part(_ellipse(0, 0.32, 0.2, 0.2), "light"),
    ),
    "star": (Part(_star(5, 1, 0.42)),),
    "bottle": (
        Part(_rectangle(-0.14, -0.98, 0.14, -0.4)),
        Part(_rectangle(-0.18, -0.98, 0.18, -0.8), "dark"),
        Part(((-0.14, -0.45), (0.14, -0.45), (0.4, -0.1), (0.4, 0.96), (-0.4, 0.96), (-0.4, -0.1))),
        Part(_rectangle(-0.4, 0.15, 0.4, 0.6), "light"),
    ),
    "hat": (
        Part(_ellipse(0, 0.5, 0.98, 0.26)),
        Part(((-0.52, 0.5), (-0.46, -0.7), (0.46, -0.7), (0.52, 0.5))),
        Part(((-0.52, 0.36), (-0.5, 0.08), (0.5, 0.08), (0.52, 0.36)), "dark"),
    ),
    "mushroom": (
        Part(_rectangle(-0.24, 0, 0.24, 0.92), "light"),
        Part(_ellipse(0, 0.05, 0.96, 0.92, 180, 360)),
        Part(_ellipse(-0.4, -0.3, 0.16, 0.14), "light"),
        Part(_ellipse(0.3, -0.45, 0.18, 0.15), "light"),
    ),
    "butterfly": (
        Part(_WING),
        Part(_mirrored(_WING)),
        Part(_LOWER_WING, "dark"),
        Part(_mirrored(_LOWER_WING), "dark"),
        Part(_ellipse(0, 0, 0.11, 0.7), "dark"),
    ),
    "anchor": (
        Part(_ring(0, -0.74, 0.26, 0.1)),
        Part(_rectangle(-0.12, -0.55, 0.12, 0.85)),
        Part(_rectangle(-0.5, -0.4, 0.5, -0.16)),
        Part(_ring(0, 0.12, 0.88, 0.62, 10, 170)),
    ),
    "kite": (
        Part(((0, -1), (0.66, -0.3), (0, 0.5), (-0.66, -0.3))),
        Part(((0, -1), (0.66, -0.3), (0, -0.3)), "light"),
        Part(((0, 0.5), (-0.66, -0.3), (0, -0.3)), "dark"),
        Part(((-0.05, 0.45), (0.05, 0.45), (0.35, 0.8), (0.1, 1), (0, 0.95), (0.2, 0.8)), "dark"),
    ),
}  # fmt: skip
"""Categories in falling order of how often they occur in the world: the order is part of the scene grammar."""

CATEGORIES: tuple[str, ...] = tuple(SILHOUETTES)
