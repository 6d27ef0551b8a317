"""The embedded world: a deterministic generator of small multi-object scenes with exact masks.

A scene has two levels of content. Its gist is a theme (background and usual company) and one big dominant object; its
details are two to eight small objects. The dominant object is drawn from the world's long-tailed category frequencies
whatever the theme; details follow the theme: each theme has a signature object that most of its scenes hold, and a
pool from which most other details come. A model that only knows the theme can therefore guess a plausible description,
and often a wrong one.

Objects never overlap, so the visible mask is the union of an object's polygons, rasterised by pycocotools like any
COCO polygon: what the annotation says is what is drawn.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask

from sightline.demo.silhouettes import CATEGORIES, SILHOUETTES, Shade

VERSION = 1
"""Raised whenever equal seeds no longer give equal bytes: part of every spec, model card and settings file."""

SIZE = 112
"""Side of a scene in pixels."""

_SUPERSAMPLING = 3

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "green": (46, 160, 67),
    "blue": (38, 84, 214),
    "yellow": (244, 208, 40),
    "purple": (140, 58, 178),
    "orange": (242, 132, 30),
    "white": (245, 245, 245),
    "black": (30, 30, 34),
}


@dataclass(frozen=True)
class Theme:
    """A kind of place: two background colours, one signature category, and the usual company."""

    ground: tuple[tuple[int, int, int], tuple[int, int, int]]
    signature: str
    company: tuple[str, ...]


THEMES: dict[str, Theme] = {
    "room": Theme(
        ((196, 178, 158), (168, 150, 140)),
        "chair",
        ("cat", "clock", "book", "mug", "hat", "bottle", "key"),
    ),
    "street": Theme(
        ((150, 152, 158), (178, 176, 170)),
        "traffic light",
        ("car", "house", "tree", "umbrella", "bird", "hat"),
    ),
    "beach": Theme(
        ((120, 164, 190), (214, 200, 160)),
        "boat",
        ("fish", "anchor", "ball", "umbrella", "kite", "star", "bird"),
    ),
    "garden": Theme(
        ((150, 178, 130), (190, 200, 160)),
        "tree",
        ("leaf", "butterfly", "mushroom", "apple", "bird", "cat", "kite"),
    ),
    "desk": Theme(
        ((178, 150, 118), (160, 140, 120)),
        "mug",
        ("book", "key", "clock", "apple", "bottle", "star", "leaf"),
    ),
}

_FREQUENCY = {category: 1 / (1 + 0.12 * rank) for rank, category in enumerate(CATEGORIES)}
_USUAL_COLOR = {
    "tree": "green", "leaf": "green", "car": "red", "fish": "orange", "star": "yellow", "cat": "black",
    "ball": "white", "boat": "blue", "apple": "red", "mushroom": "red", "traffic light": "black", "anchor": "blue",
}  # fmt: skip
_DETAIL_COUNTS = {2: 0.34, 3: 0.24, 4: 0.16, 5: 0.10, 6: 0.08, 7: 0.05, 8: 0.03}
_SIGNATURE_RATE = 0.6
_COMPANY_RATE = 0.65
_USUAL_COLOR_RATE = 0.25
_TWIN_RATE = 0.1


@dataclass(frozen=True)
class DrawnObject:
    """One object of a scene; polygons and centre in pixels of the scene."""

    category: str
    color: str
    dominant: bool
    center: tuple[float, float]
    radius: float
    polygons: tuple[tuple[float, ...], ...]
    mask: NDArray[np.bool_]

    @property
    def area(self) -> int:
        """Visible pixels."""
        return int(self.mask.sum())

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Tight box of the mask: x, y, width, height."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        x, y = int(columns[0]), int(rows[0])
        return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


@dataclass(frozen=True)
class DrawnScene:
    """One scene: pixels (SIZE, SIZE, 3) uint8, its theme, and its objects, the dominant one first."""

    seed: int
    theme: str
    objects: tuple[DrawnObject, ...]
    pixels: NDArray[np.uint8]


def draw_scene(seed: int) -> DrawnScene:
    """The scene of a seed: always the same objects and the same pixels."""
    rng = random.Random(f"sightline world {VERSION} scene {seed}")
    theme = rng.choice(list(THEMES))
    return compose(
        seed,
        rng,
        theme,
        lambda: rng.choices(list(_DETAIL_COUNTS), list(_DETAIL_COUNTS.values()))[0],
        lambda objects: _identity(rng, theme, objects, len(objects)),
    )


def compose(
    seed: int,
    rng: random.Random,
    theme: str,
    count: Callable[[], int],
    identify: Callable[[list[DrawnObject]], tuple[str, str]],
    radii: Callable[[int, int], tuple[float, float]] | None = None,
) -> DrawnScene:
    """Draw a scene object by object, the dominant one first.

    Args:
        seed: for the record.
        rng: of all that is drawn.
        theme: of the background.
        count: gives the number of details; asked once the background is there.
        identify: category and colour of the next object, by those that are there.
        radii: smallest and largest radius in pixels, by an object's place and the number of details.
    """
    canvas = _background(rng, theme)
    brush = ImageDraw.Draw(canvas)
    objects: list[DrawnObject] = []
    taken = np.zeros((SIZE, SIZE), bool)
    details = count()
    for place in range(details + 1):
        category, color = identify(objects)
        sizes = (radii or _radii)(place, details)
        placed = _place(rng, category, color, place == 0, sizes, objects, taken)
        if placed is None:
            break
        drawn, outlines = placed
        _paint(rng, brush, drawn, outlines)
        taken |= drawn.mask
        objects.append(drawn)
    return DrawnScene(seed, theme, tuple(objects), _develop(rng, canvas))


def _identity(
    rng: random.Random, theme: str, objects: list[DrawnObject], place: int
) -> tuple[str, str]:
    """Category and colour of the next object; a category occurs at most twice, never twice in one colour."""
    while True:
        if place == 1 and rng.random() < _SIGNATURE_RATE:
            category = THEMES[theme].signature
        elif objects and rng.random() < _TWIN_RATE:
            category = rng.choice(objects).category
        else:
            usual = place > 0 and rng.random() < _COMPANY_RATE
            pool = THEMES[theme].company if usual else CATEGORIES
            category = rng.choices(pool, [_FREQUENCY[name] for name in pool])[0]
        color = rng.choice(list(COLORS))
        if category in _USUAL_COLOR and rng.random() < _USUAL_COLOR_RATE:
            color = _USUAL_COLOR[category]
        twins = [other.color for other in objects if other.category == category]
        if len(twins) < 2 and color not in twins:
            return category, color


def _radii(place: int, details: int) -> tuple[float, float]:
    if place == 0:
        return 21.0, 27.0
    return (10.5, 15.0) if details <= 3 else (9.5, 12.5)


def _place(
    rng: random.Random,
    category: str,
    color: str,
    dominant: bool,
    radii: tuple[float, float],
    objects: list[DrawnObject],
    taken: NDArray[np.bool_],
) -> tuple[DrawnObject, list[tuple[list[tuple[float, float]], Shade]]] | None:
    """Find room for an object, or give up after many tries (the scene then holds fewer details)."""
    for attempt in range(80):
        radius = rng.uniform(*radii) * (1 - 0.002 * attempt)
        x, y = (rng.uniform(radius, SIZE - radius) for _ in range(2))
        near = 0.85
        if any(math.dist((x, y), o.center) < near * (radius + o.radius) for o in objects):
            continue
        outlines = _outlines(rng, category, x, y, radius)
        polygons = tuple(
            tuple(round(float(v), 2) for point in outline for v in point) for outline, _ in outlines
        )
        mask = rasterise(polygons)
        if not (mask & taken).any():
            return DrawnObject(category, color, dominant, (x, y), radius, polygons, mask), outlines
    return None


def rasterise(polygons: tuple[tuple[float, ...], ...]) -> NDArray[np.bool_]:
    """Union of COCO polygons as a (SIZE, SIZE) mask, by pycocotools."""
    runs = coco_mask.frPyObjects([list(polygon) for polygon in polygons], SIZE, SIZE)
    return coco_mask.decode(coco_mask.merge(runs)).astype(bool)


def _outlines(
    rng: random.Random, category: str, x: float, y: float, radius: float
) -> list[tuple[list[tuple[float, float]], Shade]]:
    """A silhouette turned by up to 25 degrees, perhaps mirrored, slightly stretched, in pixels."""
    angle = math.radians(rng.uniform(-25, 25))
    stretch = rng.choice((-1, 1)) * rng.uniform(0.88, 1.08)
    cosine, sine = math.cos(angle) * radius, math.sin(angle) * radius
    return [
        (
            [
                (x + u * stretch * cosine - v * sine, y + u * stretch * sine + v * cosine)
                for u, v in part.outline
            ],
            part.shade,
        )
        for part in SILHOUETTES[category]
    ]


def _paint(
    rng: random.Random,
    brush: ImageDraw.ImageDraw,
    drawn: DrawnObject,
    outlines: list[tuple[list[tuple[float, float]], Shade]],
) -> None:
    plain = np.array(COLORS[drawn.color], float) + [rng.uniform(-14, 14) for _ in range(3)]
    bright = plain.mean()
    tones = {
        "plain": plain,
        "dark": plain * 0.55 if bright > 60 else plain + 55,
        "light": plain * 0.45 + 140 if bright < 225 else plain * 0.8,
    }
    fills = {shade: tuple(int(v) for v in tone.clip(0, 255)) for shade, tone in tones.items()}
    for outline, shade in outlines:
        brush.polygon(
            [(u * _SUPERSAMPLING, v * _SUPERSAMPLING) for u, v in outline], fill=fills[shade]
        )


def _background(rng: random.Random, theme: str) -> Image.Image:
    """Gradient, soft texture and grain in the theme's colours, with strokes and specks as clutter."""
    noise = np.random.default_rng(rng.getrandbits(32))
    start, end = (np.array(c, float) + noise.uniform(-18, 18, 3) for c in THEMES[theme].ground)
    angle = noise.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] / SIZE - 0.5
    ramp = ((np.cos(angle) * columns + np.sin(angle) * rows + 0.7) / 1.4)[..., None]
    blotches = Image.fromarray(noise.standard_normal((7, 7)).astype(np.float32))
    texture = np.asarray(blotches.resize((SIZE, SIZE), Image.Resampling.BICUBIC))[..., None]
    grain = noise.standard_normal((SIZE, SIZE, 1)) * noise.uniform(1, 5)
    pixels = start * (1 - ramp) + end * ramp + texture * noise.uniform(3, 9) + grain
    side = SIZE * _SUPERSAMPLING
    canvas = Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).resize(
        (side, side), Image.Resampling.BILINEAR
    )
    brush = ImageDraw.Draw(canvas)
    for _ in range(rng.randint(2, 9)):
        x, y = rng.uniform(0, side), rng.uniform(0, side)
        fill = tuple(int(v + rng.uniform(-45, 45)) for v in start)
        if rng.random() < 0.5:
            turn, length = rng.uniform(0, 2 * math.pi), rng.uniform(10, 60)
            tip = (x + length * math.cos(turn), y + length * math.sin(turn))
            brush.line([(x, y), tip], fill=fill, width=rng.randint(2, 5))
        else:
            r = rng.uniform(2, 9)
            brush.ellipse([x - r, y - r, x + r, y + r], fill=fill)
    return canvas


def _develop(rng: random.Random, canvas: Image.Image) -> NDArray[np.uint8]:
    """Average the supersampled canvas down and add sensor grain."""
    small = np.asarray(canvas.resize((SIZE, SIZE), Image.Resampling.BOX), dtype=np.int16)
    grain = np.random.default_rng(rng.getrandbits(32)).integers(-4, 5, (SIZE, SIZE, 1))
    return (small + grain).clip(0, 255).astype(np.uint8)
