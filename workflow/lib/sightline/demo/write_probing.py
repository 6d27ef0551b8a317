"""Write the split for probing pairs of objects (khajuria2025), in the layout of COCO.

Every scene is drawn for one task: one primary and one secondary category of it, drawn independently of each
other and of theme and colours, and one or two further objects from outside the task. In the part "pairs" the
primary object is the large one, in the part "swapped" the secondary object is. All pairs are equally frequent.

    python -m sightline.demo.write_probing --protocol settings/khajuria2025.json --out results/demo/data/coco
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sightline import cli
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.world import COLORS, THEMES, VERSION, DrawnObject, DrawnScene, compose
from sightline.demo.write_world import (
    clear_coco_split,
    coco_image,
    save_scene,
    scene_seeds,
    write_coco_split,
)
from sightline.errors import SightlineError
from sightline.instruments.workers import side_by_side

SPLIT = "probing"
PAIRS, SWAPPED = "pairs", "swapped"

_RADII = ((23.0, 28.0), (15.0, 19.0), (9.5, 12.5))
"""Of the large object, the small one and all others, in pixels. Details of the world at large are at most 15 px in
radius and have a token or two; with those, the mean over an object's tokens would be a single token."""


@dataclass(frozen=True)
class Plan:
    """What a scene is drawn for.

    Attributes:
        task: number.
        part: "pairs" or "swapped".
        large: category of the large object.
        small: category of the other one.
        outside: categories of all others.
    """

    task: int
    part: str
    large: str
    small: str
    outside: tuple[str, ...]


def plans(pairs: dict[str, Any]) -> Iterator[Plan]:
    """All scenes, round after round of all pairs, so that any beginning is balanced.

    Args:
        pairs: tasks, images_per_pair and swapped_per_pair, as in the configuration.

    Raises:
        SightlineError: a category that the world does not have, or no number of images.
    """
    counts = {PAIRS: pairs.get("images_per_pair"), SWAPPED: pairs.get("swapped_per_pair", 0)}
    if not counts[PAIRS]:
        raise SightlineError(
            "pairs.images_per_pair: the world needs a number; give for example 60."
        )
    for task in pairs["tasks"]:
        for name in (*task["primary"], *task["secondary"]):
            if name not in CATEGORIES:
                known = ", ".join(CATEGORIES)
                raise SightlineError(f"pairs.tasks: the world has no {name!r}; it has {known}.")
    for part, count in counts.items():
        for _ in range(count):
            for number, task in enumerate(pairs["tasks"]):
                own = (*task["primary"], *task["secondary"])
                outside = tuple(name for name in CATEGORIES if name not in own)
                for second in task["secondary"]:
                    for first in task["primary"]:
                        large, small = (first, second) if part == PAIRS else (second, first)
                        yield Plan(number, part, large, small, outside)


def draw_planned(seed: int, plan: Plan) -> DrawnScene:
    """The scene of a plan; drawn anew until the small object has found room, and covers less than the large one."""
    rng = random.Random(f"sightline world {VERSION} probing {seed}")
    while True:
        theme = rng.choice(list(THEMES))
        scene = compose(
            seed,
            rng,
            theme,
            lambda: rng.choice((2, 3)),
            lambda there: _identity(rng, plan, there),
            lambda place, _: _RADII[min(place, 2)],
        )
        # A radius alone does not decide: a chair covers 0.29 of its circle, a cat 0.58.
        if len(scene.objects) > 1 and scene.objects[0].area > scene.objects[1].area:
            return scene


def _identity(rng: random.Random, plan: Plan, there: Sequence[DrawnObject]) -> tuple[str, str]:
    color = rng.choice(list(COLORS))
    if len(there) < 2:
        return (plan.large, plan.small)[len(there)], color
    present = {thing.category for thing in there}
    return rng.choice([name for name in plan.outside if name not in present]), color


def _write(job: tuple[int, Plan, Path]) -> DrawnScene:
    seed, plan, path = job
    scene = draw_planned(seed, plan)
    save_scene(scene, path)
    return scene


def main(options: argparse.Namespace) -> None:
    """Draw and save all scenes."""
    wanted = list(plans(json.loads(options.protocol.read_text())["pairs"]))
    seeds = scene_seeds(SPLIT, options.seed, len(wanted))
    jobs = [
        (seed, plan, coco_image(options.out, SPLIT, number))
        for number, (seed, plan) in enumerate(zip(seeds, wanted, strict=True), 1)
    ]
    clear_coco_split(options.out, SPLIT)
    written = side_by_side(_write, jobs, options.processes, chunk=20)
    drawn = tqdm(written, total=len(jobs), mininterval=5)
    write_coco_split(
        options.out,
        SPLIT,
        (
            (number, scene, {"task": plan.task, "part": plan.part})
            for number, (scene, plan) in enumerate(zip(drawn, wanted, strict=True), 1)
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", type=Path, required=True, help="settings of khajuria2025")
    parser.add_argument("--seed", type=int, default=0, help="which world is drawn")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="root of the data set")
    cli.run(main, parser)
