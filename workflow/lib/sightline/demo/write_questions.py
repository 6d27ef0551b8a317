"""Write yes/no questions about scenes of the embedded world in the layouts of MME and POPE.

mme    eval_tool/Your_Results/<subtask>.txt, <subtask>/scene7.jpg (one yes and one no per image)
pope   world_pope_<kind>.json, images/scene7.jpg (kinds random, popular, adversarial)

    python -m sightline.demo.write_questions --dataset mme --images 150 --out results/demo/data/mme
"""

import argparse
import itertools
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.demo.language import EXISTS, SHORTLY
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import describe_objects
from sightline.demo.world import DrawnScene, draw_scene
from sightline.demo.write_world import SEEDS_OF_A_SPLIT, save_scene, scene_seeds
from sightline.demo.yes_no import SUBTASKS, yes_no
from sightline.errors import SightlineError
from sightline.files import atomic_path, sha256, write_csv

MOST_SCENES = 40
"""Scenes looked at for every image wanted: not every scene allows every question."""
POPE_QUESTIONS = 3
"""With either answer, about every image."""


def write_mme(out: Path, seeds: Iterable[int], images: int) -> list[Path]:
    """Ten subtasks, each about the first scenes that allow its questions.

    Args:
        out: folder.
        seeds: of scenes, in the order they are looked at.
        images: wanted for each subtask.

    Returns:
        The files written, images first.

    Raises:
        SightlineError: the scenes run out before every subtask has its images.
    """
    lines: dict[str, list[str]] = {name: [] for name in SUBTASKS.values()}
    pictures: list[Path] = []
    for number, seed in enumerate(seeds, 1):
        wanted = {name for name, written in lines.items() if len(written) < 2 * images}
        if not wanted:
            break
        scene = draw_scene(seed)
        turns = yes_no(scene.theme, describe_objects(scene), random.Random(f"mme {seed}"))
        name, first = f"scene{number}.jpg", None
        for turn in turns:
            subtask = SUBTASKS[turn.kind]
            if subtask not in wanted:
                continue
            path = out / _file(subtask) / name
            if path not in pictures[-len(SUBTASKS) :]:
                path.parent.mkdir(parents=True, exist_ok=True)
                first = _put(scene, path, first)
                pictures.append(path)
            lines[subtask].append(f"{name}\t{turn.question}{SHORTLY}\t{turn.answer.capitalize()}")
    short = [name for name, written in lines.items() if len(written) < 2 * images]
    if short:
        raise SightlineError(
            f"{out}: too few scenes allow the subtask {short[0]}; ask for fewer images."
        )
    texts = []
    for subtask, written in lines.items():
        path = out / "eval_tool" / "Your_Results" / f"{_file(subtask)}.txt"
        with atomic_path(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in written), encoding="utf-8")
        texts.append(path)
    return [*pictures, *texts]


def write_pope(out: Path, seeds: Sequence[int]) -> list[Path]:
    """Three objects that are there and three that are not, about every scene with three categories.

    Objects that are not there are drawn at random, the most frequent over all scenes, or those that most often go
    with the ones that are.

    Returns:
        The files written, images first.
    """
    scenes = [draw_scene(seed) for seed in seeds]
    present = [sorted({thing.category for thing in scene.objects}) for scene in scenes]
    frequency = Counter(category for names in present for category in names)
    together = Counter(pair for names in present for pair in itertools.permutations(names, 2))
    files, records = [], {kind: [] for kind in ("random", "popular", "adversarial")}
    for number, (scene, names) in enumerate(zip(scenes, present, strict=True), 1):
        if len(names) < POPE_QUESTIONS:
            continue
        path = out / "images" / f"scene{number}.jpg"
        save_scene(scene, path)
        files.append(path)
        rng = random.Random(f"pope {scene.seed}")
        there = rng.sample(names, POPE_QUESTIONS)
        absent = [category for category in CATEGORIES if category not in names]
        company = {c: sum(together[c, name] for name in names) for c in absent}
        chosen = {
            "random": rng.sample(absent, POPE_QUESTIONS),
            "popular": sorted(absent, key=lambda c: -frequency[c])[:POPE_QUESTIONS],
            "adversarial": sorted(absent, key=lambda c, of=company: -of[c])[:POPE_QUESTIONS],
        }
        for kind, missing in chosen.items():
            for right, wrong in zip(there, missing, strict=True):
                for category, label in ((right, "yes"), (wrong, "no")):
                    records[kind].append(
                        {
                            "question_id": len(records[kind]) + 1,
                            "image": path.name,
                            "text": EXISTS[1].format(x=category),
                            "label": label,
                        }
                    )
    for kind, rows in records.items():
        path = out / f"world_pope_{kind}.json"
        with atomic_path(path) as temporary:
            temporary.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        files.append(path)
    return files


def _put(scene: DrawnScene, path: Path, first: Path | None) -> Path:
    """Save a scene, or copy it from where it was saved first."""
    if first is None:
        save_scene(scene, path)
        return path
    shutil.copyfile(first, path)
    return first


def _file(subtask: str) -> str:
    return subtask.replace(" ", "_")


def main(arguments: argparse.Namespace) -> None:
    """Write one set and the list of its files."""
    most = SEEDS_OF_A_SPLIT // (MOST_SCENES if arguments.dataset == "mme" else 1)
    if not 1 <= arguments.images <= most:
        raise SightlineError(
            f"--images {arguments.images}: use 1 to {most} for {arguments.dataset}."
        )
    listed = arguments.out / f"{arguments.dataset}.csv"
    listed.unlink(missing_ok=True)
    if arguments.dataset == "mme":
        # Scenes are drawn one by one until every subtask is full.
        seeds = scene_seeds("mme", arguments.seed, MOST_SCENES * arguments.images)
        files = write_mme(arguments.out, seeds, arguments.images)
    else:
        files = write_pope(arguments.out, scene_seeds("pope", arguments.seed, arguments.images))
    rows = [
        {"file": str(file.relative_to(arguments.out)), "sha256": sha256(file)} for file in files
    ]
    # Written last: its presence says that the set is whole.
    write_csv(pd.DataFrame(rows), listed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=("mme", "pope"), required=True)
    parser.add_argument(
        "--images",
        type=int,
        required=True,
        help="of every subtask of MME; scenes looked at for POPE",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
