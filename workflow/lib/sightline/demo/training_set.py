"""Scenes in memory for training: pixels, instance maps and objects of a range of seeds."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from sightline.demo.world import SIZE, VERSION, DrawnObject, DrawnScene, draw_scene
from sightline.files import atomic_path
from sightline.instruments.workers import side_by_side

TRAINING_SEEDS = 10_000_000
"""First seed of the training scenes. Everything a study or a quality gate looks at has a smaller seed."""

VALIDATION_SEEDS = 9_000_000
"""First seed of the scenes that training curves are measured on; no study and no gate uses them."""

PIXEL_MEAN = (0.60, 0.58, 0.55)
PIXEL_STD = (0.22, 0.22, 0.22)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SceneObject:
    """What training needs to know of an object; its mask is where the instance map equals ``number``."""

    number: int
    category: str
    color: str
    dominant: bool
    center: tuple[float, float]


@dataclass(frozen=True)
class TrainingSet:
    """A range of scenes.

    Attributes:
        pixels: (scenes, 3, SIZE, SIZE) uint8.
        instances: (scenes, SIZE, SIZE) uint8, 0 for background, else the object's number.
        themes: one word per scene.
        objects: the objects of each scene, the dominant one first.
    """

    pixels: Tensor
    instances: Tensor
    themes: list[str]
    objects: list[tuple[SceneObject, ...]]

    def __len__(self) -> int:
        return len(self.themes)

    def first(self, number: int) -> "TrainingSet":
        """The first scenes of the range."""
        return TrainingSet(
            self.pixels[:number],
            self.instances[:number],
            self.themes[:number],
            self.objects[:number],
        )


def describe_object(number: int, drawn: DrawnObject) -> SceneObject:
    """The training view of a drawn object; its centre is the centroid of its mask."""
    rows, columns = np.nonzero(drawn.mask)
    center = (float(columns.mean()), float(rows.mean()))
    return SceneObject(number, drawn.category, drawn.color, drawn.dominant, center)


def describe_objects(scene: DrawnScene) -> tuple[SceneObject, ...]:
    """The training view of all objects of a scene, numbered from 1 as in its instance map."""
    return tuple(describe_object(number, drawn) for number, drawn in enumerate(scene.objects, 1))


def instance_map(scene: DrawnScene) -> np.ndarray:
    """(SIZE, SIZE) uint8: 0 for background, k for the k-th object."""
    instances = np.zeros((SIZE, SIZE), np.uint8)
    for number, drawn in enumerate(scene.objects, 1):
        instances[drawn.mask] = number
    return instances


def _row(seed: int) -> tuple[np.ndarray, np.ndarray, str, tuple[SceneObject, ...]]:
    scene = draw_scene(seed)
    return scene.pixels, instance_map(scene), scene.theme, describe_objects(scene)


def draw_training_set(
    first_seed: int, scenes: int, processes: int, folder: Path | None = None
) -> TrainingSet:
    """Draw scenes ``first_seed ...``; with a folder, keep them there for the next call.

    Args:
        first_seed: seed of the first scene.
        scenes: how many.
        processes: drawing runs on this many cores; the scenes do not depend on it.
        folder: where drawn scenes are kept between training stages, or None.
    """
    kept = folder / f"scenes-v{VERSION}-{first_seed}-{scenes}.pt" if folder else None
    if kept and kept.exists():
        return TrainingSet(**_load(kept))
    _log.info("drawing %d scenes from seed %d", scenes, first_seed)
    pixels = torch.empty((scenes, 3, SIZE, SIZE), dtype=torch.uint8)
    instances = torch.empty((scenes, SIZE, SIZE), dtype=torch.uint8)
    themes, objects = [], []
    rows = side_by_side(_row, range(first_seed, first_seed + scenes), processes, chunk=100)
    for place, (image, numbers, theme, present) in enumerate(tqdm(rows, total=scenes)):
        pixels[place] = torch.from_numpy(image).permute(2, 0, 1)
        instances[place] = torch.from_numpy(numbers)
        themes.append(theme)
        objects.append(present)
    drawn = TrainingSet(pixels, instances, themes, objects)
    if kept:
        plain = [[vars(thing) for thing in present] for present in objects]
        stored = {"pixels": pixels, "instances": instances, "themes": themes, "objects": plain}
        # Another training may draw the same scenes at the same time.
        with atomic_path(kept) as temporary:
            torch.save(stored, temporary)
    return drawn


def _load(path: Path) -> dict:
    stored = torch.load(path, weights_only=True, mmap=True)
    stored["objects"] = [
        tuple(SceneObject(**thing) for thing in present) for present in stored["objects"]
    ]
    return stored


def normalise(pixels: Tensor) -> Tensor:
    """uint8 (batch, 3, height, width) to float32 as the image processor of the demo models does it."""
    mean = torch.tensor(PIXEL_MEAN).view(3, 1, 1)
    std = torch.tensor(PIXEL_STD).view(3, 1, 1)
    return (pixels.float() / 255 - mean) / std


def jitter(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Change contrast by a few percent and tint by a little, so that exact colours are not memorised."""
    batch = len(pixels)
    contrast = 1 + 0.1 * torch.randn(batch, 1, 1, 1, generator=generator)
    return pixels * contrast + 0.1 * torch.randn(batch, 3, 1, 1, generator=generator)
