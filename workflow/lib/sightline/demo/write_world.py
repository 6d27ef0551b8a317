"""Write scenes of the embedded world in the official layouts, for the loaders of the official data.

coco       annotations/instances_<split>.json, annotations/captions_<split>.json, <split>/000000000007.jpg
reasonseg  <split>/scene7.jpg, <split>/scene7.json (target, ignore and flag shapes; short and long queries)
refer      refcoco/refs(unc).p, refcoco/instances.json, fprefcoco/refs(unc).p, fprefcoco/instances.json,
           images/mscoco/images/train2014/COCO_train2014_000000000007.jpg

    python -m sightline.demo.write_world --dataset coco --split train2017 --images 1200 --out results/demo/data/coco
"""

import argparse
import pickle
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from tqdm import tqdm

from sightline import cli
from sightline.demo.language import USES, captions, named
from sightline.demo.scene_facts import absent_category, wrong_color
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import describe_objects
from sightline.demo.world import SIZE, VERSION, DrawnScene, draw_scene
from sightline.errors import SightlineError
from sightline.files import atomic_path, clear_files, sha256, write_csv, write_json
from sightline.instruments.workers import side_by_side

FIRST_SEEDS = {
    "train2017": 0, "val2017": 1_000_000, "reasonseg": 2_000_000, "refer": 3_000_000,
    "mme": 5_000_000, "pope": 6_000_000, "probing": 7_000_000,
    "reasonseg test": 8_000_000,
}  # fmt: skip
"""First scene of each split when the world's seed is 0. All lie below the scenes that models train on."""

_SPLITS = {
    "coco": {"train2017": "train2017", "val2017": "val2017"},
    "reasonseg": {"val": "reasonseg", "test": "reasonseg test"},
    "refer": {"all": "refer"},
}
"""Data set -> split -> its name among the first seeds."""
_SEED_STRIDE = 100_000
_LARGEST_SEED = 9
_CATEGORY_IDS = {category: number for number, category in enumerate(CATEGORIES, 1)}
_INFO = {"description": "Sightline embedded world", "version": str(VERSION), "year": 2026}


def scene_seeds(split: str, seed: int, images: int) -> range:
    """Seeds of a split's scenes; splits of one world never share a scene.

    Raises:
        SightlineError: a seed or a size outside the room that each split has.
    """
    if not 0 <= seed <= _LARGEST_SEED:
        raise SightlineError(f"seed of the world: {seed}; use 0 to {_LARGEST_SEED}.")
    if not 1 <= images <= _SEED_STRIDE:
        raise SightlineError(f"images of {split}: {images}; use 1 to {_SEED_STRIDE}.")
    first = FIRST_SEEDS[split] + seed * _SEED_STRIDE
    return range(first, first + images)


def save_scene(scene: DrawnScene, path: Path) -> None:
    """Save a scene as JPEG, colours at full resolution."""
    # Chroma subsampling would smear the colours of objects that are ten pixels wide.
    with atomic_path(path) as temporary:
        Image.fromarray(scene.pixels).save(temporary, quality=95, subsampling=0)


def _write(job: tuple[int, Path]) -> DrawnScene:
    seed, path = job
    scene = draw_scene(seed)
    save_scene(scene, path)
    return scene


def _write_images(
    seeds: range, path_of: Callable[[int], Path], processes: int
) -> Iterator[tuple[int, DrawnScene]]:
    """Draw and save every scene; yields its number (from 1) and the scene, in order."""
    jobs = [(seed, path_of(number)) for number, seed in enumerate(seeds, 1)]
    drawn = side_by_side(_write, jobs, processes, chunk=20)
    yield from enumerate(tqdm(drawn, total=len(jobs), desc="drawing", mininterval=5), 1)


def _image_record(number: int, file_name: str, scene: DrawnScene) -> dict[str, Any]:
    size = {"width": SIZE, "height": SIZE}
    world = {"seed": scene.seed, "theme": scene.theme}
    return {"id": number, "file_name": file_name, "license": 0, **size, **world}


def _annotations(number: int, scene: DrawnScene, first_id: int) -> list[dict[str, Any]]:
    return [
        {
            "id": first_id + place,
            "image_id": number,
            "category_id": _CATEGORY_IDS[thing.category],
            "segmentation": [list(polygon) for polygon in thing.polygons],
            "area": float(thing.area),
            "bbox": [float(side) for side in thing.box],
            "iscrowd": 0,
            "attributes": {"color": thing.color, "dominant": thing.dominant},
        }
        for place, thing in enumerate(scene.objects)
    ]


def _instances(images: list[dict], annotations: list[dict]) -> dict[str, Any]:
    categories = [
        {"id": n, "name": name, "supercategory": "thing"} for name, n in _CATEGORY_IDS.items()
    ]
    licence = [{"id": 0, "name": "CC0 1.0", "url": ""}]
    parts = {"images": images, "annotations": annotations, "categories": categories}
    return {"info": _INFO, "licenses": licence, **parts}


def write_coco(out: Path, split: str, seeds: range, processes: int) -> None:
    """Instances, five captions per image, and ``<split>.csv`` with the checksum of every image."""
    scenes = _write_images(seeds, lambda number: coco_image(out, split, number), processes)
    write_coco_split(out, split, ((number, scene, {}) for number, scene in scenes))


def coco_image(out: Path, split: str, number: int) -> Path:
    """Where an image of a split belongs."""
    return out / split / f"{number:012d}.jpg"


def write_coco_split(
    out: Path, split: str, scenes: Iterable[tuple[int, DrawnScene, dict[str, Any]]]
) -> None:
    """Annotations and captions of scenes whose images are saved.

    Args:
        out: root of the data set.
        split: name.
        scenes: number of the image, scene, further keys of the image's record.
    """
    images, annotations, spoken, files = [], [], [], []
    for number, scene, extra in scenes:
        path = coco_image(out, split, number)
        images.append(_image_record(number, path.name, scene) | extra)
        annotations += _annotations(number, scene, len(annotations) + 1)
        rng = random.Random(f"captions {scene.seed}")
        for text in captions(scene.theme, describe_objects(scene), rng):
            spoken.append({"id": len(spoken) + 1, "image_id": number, "caption": text})
        files.append({"file": f"{split}/{path.name}", "sha256": sha256(path)})
    write_json(_instances(images, annotations), out / "annotations" / f"instances_{split}.json")
    write_json(
        {"info": _INFO, "images": images, "annotations": spoken},
        out / "annotations" / f"captions_{split}.json",
    )
    # Written last: its presence says that the split is whole.
    write_csv(pd.DataFrame(files), out / f"{split}.csv")


def write_reasonseg(out: Path, split: str, seeds: range, processes: int) -> None:
    """One query per scene: the use of an object as a short phrase or a sentence, in two phrasings for the split train.

    A second object, where its mask touches the first one's box, is marked as ``ignore``; a ``flag`` point sits on
    every target, as in the official files. Unlike those, each file tells what the target and the other objects are
    called, which no query says. Scenes that a former call wrote are removed first.
    """
    (out / f"{split}.csv").unlink(missing_ok=True)
    clear_files(out / split, r"scene\d+", r"\.(json|jpg)")
    files = []
    for number, scene in _write_images(seeds, lambda n: out / split / f"scene{n}.jpg", processes):
        rng = random.Random(f"reasonseg {scene.seed}")
        names = [thing.category for thing in scene.objects]
        sole = [thing for thing in scene.objects if names.count(thing.category) == 1]
        target = rng.choice(sole or list(scene.objects))
        sentence = rng.random() < 0.5
        uses = rng.sample(USES[target.category], 2 if split == "train" else 1)
        texts = [f"Please segment {use} in this image." if sentence else use for use in uses]
        shapes = [_shape("target", polygon) for polygon in target.polygons]
        shapes += [
            _shape("ignore", p) for thing in _touching(scene, target) for p in thing.polygons
        ]
        shapes.append(_shape("flag", [*target.center, *target.center], "line"))
        others = sorted(set(names) - {target.category})
        content = {"text": texts, "is_sentence": sentence, "shapes": shapes}
        content |= {"noun": target.category, "others": others}
        for shape in shapes:
            shape["image_name"] = f"scene{number}.jpg"
        write_json(content, out / split / f"scene{number}.json")
        for name in (f"scene{number}.jpg", f"scene{number}.json"):
            files.append({"file": f"{split}/{name}", "sha256": sha256(out / split / name)})
    # Written last, and read by the loader: its presence says that the split is whole.
    write_csv(pd.DataFrame(files), out / f"{split}.csv")


def _shape(label: str, polygon: Sequence[float], kind: str = "polygon") -> dict[str, Any]:
    points = [list(point) for point in zip(polygon[::2], polygon[1::2], strict=True)]
    return {
        "label": label,
        "labels": [label],
        "shape_type": kind,
        "points": points,
        "group_id": None,
    }


def _touching(scene: DrawnScene, target: Any) -> list[Any]:
    x, y, width, height = target.box
    return [
        thing
        for thing in scene.objects
        if thing is not target and thing.mask[y : y + height, x : x + width].any()
    ]


def write_refer(out: Path, seeds: range, processes: int) -> None:
    """RefCOCO (train, val, testA, testB) and its false-premise version on the same scenes."""
    folder = out / "images" / "mscoco" / "images" / "train2014"
    images, annotations, refs, false_refs = [], [], [], []
    for number, scene in _write_images(
        seeds, lambda n: folder / f"COCO_train2014_{n:012d}.jpg", processes
    ):
        rng = random.Random(f"refer {scene.seed}")
        name = f"COCO_train2014_{number:012d}.jpg"
        images.append(_image_record(number, name, scene))
        here = _annotations(number, scene, len(annotations) + 1)
        annotations += here
        split = rng.choices(("train", "val", "testA", "testB"), (0.4, 0.3, 0.15, 0.15))[0]
        chosen = rng.randrange(len(scene.objects))
        thing = scene.objects[chosen]
        names = [other.category for other in scene.objects]
        phrases = [f"the {named(thing)}"]
        if names.count(thing.category) == 1:
            phrases.append(f"the {thing.category}")
        ref = _reference(number, name, split, here[chosen], phrases, len(refs) + 1)
        refs.append(ref)
        present = describe_objects(scene)
        absent = absent_category(scene.theme, present, rng)
        if rng.random() < 0.5:
            absent = f"{wrong_color(present[chosen], present, rng)} {thing.category}"
        false_refs.append(_with_false_premise(ref, f"the {absent}"))
    content = _instances(images, annotations)
    for dataset, rows in (("refcoco", refs), ("fprefcoco", false_refs)):
        write_json(content, out / dataset / "instances.json")
        with atomic_path(out / dataset / "refs(unc).p") as temporary:
            temporary.write_bytes(pickle.dumps(rows, protocol=2))


def _reference(
    number: int, name: str, split: str, annotation: dict, phrases: list[str], ref_id: int
) -> dict[str, Any]:
    sentences = [
        {"tokens": text.split(), "raw": text, "sent": text, "sent_id": 10 * ref_id + place}
        for place, text in enumerate(phrases)
    ]
    return {
        "ref_id": ref_id,
        "ann_id": annotation["id"],
        "category_id": annotation["category_id"],
        "image_id": number,
        "file_name": name,
        "split": split,
        "sentences": sentences,
        "sent_ids": [sentence["sent_id"] for sentence in sentences],
    }


def _with_false_premise(ref: dict[str, Any], text: str) -> dict[str, Any]:
    false_id = 10 * ref["ref_id"] + 9
    true = [sentence | {"is_false_premise": False} for sentence in ref["sentences"]]
    false = {"tokens": text.split(), "raw": text, "sent": text, "sent_id": false_id}
    false |= {"is_false_premise": True, "gt_sent": true[0]["sent"]}
    sentences = [*true, false]
    return ref | {"sentences": sentences, "sent_ids": [s["sent_id"] for s in sentences]}


def main(arguments: argparse.Namespace) -> None:
    """Write one split of one data set."""
    chosen = _SPLITS[arguments.dataset]
    if arguments.split not in chosen:
        raise SightlineError(
            f"--split {arguments.split}: the embedded world has {', '.join(chosen)} of {arguments.dataset}."
        )
    seeds = scene_seeds(chosen[arguments.split], arguments.seed, arguments.images)
    if arguments.dataset == "coco":
        write_coco(arguments.out, arguments.split, seeds, arguments.processes)
    elif arguments.dataset == "reasonseg":
        write_reasonseg(arguments.out, arguments.split, seeds, arguments.processes)
    else:
        write_refer(arguments.out, seeds, arguments.processes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=("coco", "reasonseg", "refer"), required=True)
    parser.add_argument("--split", default="all", help="train2017 or val2017; val or test")
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
