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

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from sightline import cli
from sightline.demo.language import ALSO_FITS, USES, captions, named
from sightline.demo.scene_facts import absent_category, wrong_color
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import describe_objects
from sightline.demo.world import SIZE, VERSION, DrawnObject, DrawnScene, draw_scene
from sightline.errors import SightlineError
from sightline.files import atomic_path, clear_files, sha256, write_csv, write_json
from sightline.instruments.workers import side_by_side
from sightline.scenes.outline import painted_outlines

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
SEEDS_OF_A_SPLIT = 100_000
_LARGEST_SEED = 9
_CATEGORY_IDS = {category: number for number, category in enumerate(CATEGORIES, 1)}
_COCO_KINDS = ("instances", "captions")
_INFO = {"description": "Sightline embedded world", "version": str(VERSION), "year": 2026}


def scene_seeds(split: str, seed: int, images: int) -> range:
    """Seeds of a split's scenes; splits of one world never share a scene.

    Raises:
        SightlineError: a seed or a size outside the room that each split has.
    """
    if not 0 <= seed <= _LARGEST_SEED:
        raise SightlineError(f"seed of the world: {seed}; use 0 to {_LARGEST_SEED}.")
    if not 1 <= images <= SEEDS_OF_A_SPLIT:
        raise SightlineError(f"images of {split}: {images}; use 1 to {SEEDS_OF_A_SPLIT}.")
    first = FIRST_SEEDS[split] + seed * SEEDS_OF_A_SPLIT
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
    clear_coco_split(out, split)
    scenes = _write_images(seeds, lambda number: coco_image(out, split, number), processes)
    write_coco_split(out, split, ((number, scene, {}) for number, scene in scenes))


def clear_coco_split(out: Path, split: str) -> None:
    """Remove what says that a split is whole, before its images are drawn anew."""
    for file in (f"{split}.csv", *(f"annotations/{kind}_{split}.json" for kind in _COCO_KINDS)):
        (out / file).unlink(missing_ok=True)


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
    contents = (
        _instances(images, annotations),
        {"info": _INFO, "images": images, "annotations": spoken},
    )
    for kind, content in zip(_COCO_KINDS, contents, strict=True):
        write_json(content, out / "annotations" / f"{kind}_{split}.json")
    # Written last: its presence says that the split is whole.
    write_csv(pd.DataFrame(files), out / f"{split}.csv")


def write_reasonseg(out: Path, split: str, seeds: range, processes: int) -> None:
    """One query per scene: what an object is for, as a short phrase or a sentence, that fits no other category there.

    All objects of the category are targets; another one, where its mask touches the box of a target, is marked as
    ``ignore``; a ``flag`` point lies on every target, as in the official files. Unlike those, each file tells what the
    target and the other objects are called, which no query says. Scenes that a former call wrote are removed first.
    """
    (out / f"{split}.csv").unlink(missing_ok=True)
    clear_files(out / split, r"scene\d+", r"\.(json|jpg)")
    files = []
    for number, scene in _write_images(seeds, lambda n: out / split / f"scene{n}.jpg", processes):
        rng = random.Random(f"reasonseg {scene.seed}")
        names = [thing.category for thing in scene.objects]
        noun = rng.choice([name for name in names if names.count(name) == 1] or names)
        targets = [thing for thing in scene.objects if thing.category == noun]
        sentence = rng.random() < 0.5
        use = rng.choice([use for use in USES[noun] if ALSO_FITS.get(use) not in names])
        shapes = [shape for thing in targets for shape in _shapes("target", thing)]
        shapes += [
            shape for thing in _touching(scene, targets) for shape in _shapes("ignore", thing)
        ]
        shapes += [_shape("flag", [_inner_pixel(thing)] * 2, "line") for thing in targets]
        content = {
            "text": [f"Please segment {use} in this image." if sentence else use],
            "is_sentence": sentence,
            "shapes": [shape | {"image_name": f"scene{number}.jpg"} for shape in shapes],
            "noun": noun,
            "others": sorted(set(names) - {noun}),
        }
        write_json(content, out / split / f"scene{number}.json")
        for name in (f"scene{number}.jpg", f"scene{number}.json"):
            files.append({"file": f"{split}/{name}", "sha256": sha256(out / split / name)})
    # Written last, and read by the loader: its presence says that the split is whole.
    write_csv(pd.DataFrame(files), out / f"{split}.csv")


def _shapes(label: str, thing: DrawnObject) -> list[dict[str, Any]]:
    # The loader paints polygons with their edges, as the official code does, not as COCO's masks are made.
    return [_shape(label, polygon) for polygon in painted_outlines(thing.mask)]


def _shape(label: str, points: Sequence[tuple[int, int]], kind: str = "polygon") -> dict[str, Any]:
    return {
        "label": label,
        "labels": [label],
        "shape_type": kind,
        "points": [list(point) for point in points],
        "group_id": None,
    }


def _inner_pixel(thing: DrawnObject) -> tuple[int, int]:
    """The pixel of an object nearest to its centre."""
    pixels = np.argwhere(thing.mask)[:, ::-1]
    x, y = pixels[np.square(pixels - np.array(thing.center)).sum(1).argmin()].tolist()
    return x, y


def _touching(scene: DrawnScene, targets: Sequence[DrawnObject]) -> list[DrawnObject]:
    boxes = np.zeros((SIZE, SIZE), bool)
    for x, y, width, height in (thing.box for thing in targets):
        boxes[y : y + height, x : x + width] = True
    others = (thing for thing in scene.objects if all(thing is not one for one in targets))
    return [thing for thing in others if (thing.mask & boxes).any()]


def write_refer(out: Path, seeds: range, processes: int) -> None:
    """RefCOCO (train, val, testA, testB) and its false-premise version on the same scenes."""
    references = [out / dataset / "refs(unc).p" for dataset in ("refcoco", "fprefcoco")]
    for file in references:
        file.unlink(missing_ok=True)
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
    for file, rows in zip(references, (refs, false_refs), strict=True):
        write_json(content, file.parent / "instances.json")
        # Written last: without it nothing is loaded.
        with atomic_path(file) as temporary:
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
