"""Filter 1: images simple enough, with one object of the wanted size (neo2025 section 2.2)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sightline.scenes.scene import Instance, Scene
from sightline.studies.neo2025.protocol import Protocol

NO_ANNOTATION = "no annotation"
CROWDED = "too many annotations"
NO_CANDIDATE = "no sole instance of the wanted size"


@dataclass(frozen=True)
class Candidate:
    """An image that passed filter 1, with the object it passed by."""

    scene: Scene
    instance: Instance


def find_candidate(scene: Scene, protocol: Protocol) -> tuple[Instance | None, str]:
    """Filter 1 on one image.

    If several categories qualify, the first in annotation order is taken, as in the authors' code.

    Returns:
        The object, or None, and the reason if there is none.
    """
    if not scene.instances:
        return None, NO_ANNOTATION
    if len(scene.instances) > protocol.max_annotations:
        return None, CROWDED
    names = [instance.category for instance in scene.instances]
    low, high = protocol.area
    for instance in scene.instances:
        if names.count(instance.category) == 1 and low < instance.area < high:
            return instance, ""
    return None, NO_CANDIDATE


def candidates(scenes: Iterable[Scene], protocol: Protocol) -> Iterator[Candidate]:
    """Images that pass filter 1, in the order given."""
    for scene in scenes:
        instance, _ = find_candidate(scene, protocol)
        if instance is not None:
            yield Candidate(scene, instance)
