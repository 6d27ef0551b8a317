"""How many images, questions and samples the studies look at: counted where a table is there, else bounded."""

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from sightline.report.plan.run import Run
from sightline.scenes.inventory import find_file
from sightline.studies.image_counts import CANDIDATES

EXACT, AT_MOST, ESTIMATE = "exact", "at most", "estimate"
OBJECTS = 50 / 66
"""Objects of the global probe's 20 categories per image, a category counted once: as in 66 images of COCO val2017."""
QUERIES = {"val": 200, "test": 779}
"""Of ReasonSeg."""


@dataclass(frozen=True)
class Count:
    """A number and how far it may be trusted: EXACT, AT_MOST or ESTIMATE."""

    number: float
    kind: str


def split_size(run: Run, split: str) -> float:
    """Images of a split of COCO, of the embedded world's, or endless where nobody says."""
    coco = run.config["datasets"]["coco"]
    if coco["source"] == "world":
        return coco.get("images", {}).get(split, inf)
    if coco["source"] == "download":
        return find_file(run.table("datasets.csv"), f"{split}.zip").files or inf
    return {"train2017": 118_287, "val2017": 5_000}.get(split, inf)


def reference_images(run: Run) -> Count:
    """Images whose mean token stands for nothing."""
    reference = run.study("neo2025")["reference"]
    return Count(min(reference["images"], split_size(run, reference["split"])), EXACT)


def lens_images(run: Run) -> Count:
    """Images that the lens reads: those of three samples, which overlap."""
    table = run.folder / "neo2025/lens/images.parquet"
    if table.is_file():
        frame = _read(table)
        return Count(int(frame[["main", "wide", "scene"]].any(axis=1).sum()), EXACT)
    lens = run.study("neo2025")["lens"]
    most = 2 * lens["images"] + lens["scenes"]
    return Count(min(most, split_size(run, lens["split"])), AT_MOST)


def candidates(run: Run) -> Count:
    """Images that are described to find those whose object a model names."""
    settings = run.study("neo2025")["ablation_set"]
    most = CANDIDATES * settings["accepted"]
    return Count(min(most, split_size(run, settings["split"])), AT_MOST)


def tasks(run: Run) -> Count:
    """Images of neo2025 whose tokens are ablated: accepted ones, and those with a question for it."""
    settings = run.study("neo2025")
    asked = settings["vqa_set"]
    most = settings["ablation_set"]["accepted"] + asked.get("ablated", asked["questions"])
    return Count(min(most, split_size(run, settings["ablation_set"]["split"])), AT_MOST)


def questions(run: Run) -> Count:
    """Questions of neo2025 under which attention is knocked out."""
    settings = run.study("neo2025")
    split = split_size(run, settings["ablation_set"]["split"])
    return Count(min(settings["vqa_set"]["questions"], split), AT_MOST)


@dataclass(frozen=True)
class Probed:
    """What the features of an encoder hold.

    Attributes:
        images: read.
        pairs: samples of pairs of objects, the swapped ones left out.
        others: swapped ones, and those of the global probe.
        kind: of Count.
    """

    images: float
    pairs: float
    others: float
    kind: str


def probed(run: Run) -> Probed:
    """Images and samples of khajuria2025."""
    table = run.folder / "khajuria2025/samples.parquet"
    if table.is_file():
        frame = _read(table)
        pairs = int((frame["part"] == "pairs").sum())
        images = len(frame[["split", "image_id"]].drop_duplicates())
        # A sample whose object has no token on an encoder's grid is left out: few are.
        return Probed(images, pairs, len(frame) - pairs, AT_MOST)
    settings = run.study("khajuria2025")
    images, swapped = _pair_images(settings)
    probe = settings["global_probe"]
    size = sum(
        min(probe[part].get("images") or inf, split_size(run, probe[part]["split"]))
        for part in ("train", "test")
    )
    # Categories may share an image: the share of images with an object is below the objects per image.
    seen = images + swapped + size * min(1, OBJECTS)
    return Probed(seen, 2 * images, 2 * swapped + size * OBJECTS, ESTIMATE)


def _pair_images(settings: Any) -> tuple[float, float]:
    """Images with a pair of objects over all tasks, and those with swapped roles."""
    pairs = settings["pairs"]
    each = pairs.get("images_per_pair")
    if each is not None:
        all_pairs = 8 * len(pairs["tasks"])
        return each * all_pairs, pairs.get("swapped_per_pair", 0) * all_pairs
    from sightline.studies.published import load_published

    published = load_published("khajuria2025")
    tasks = (published["item"] == "aux_tasks") & (published["column"] == "images")
    found = published[tasks & (published["model"] == "COCO train2017")]
    return float(found["value"].astype(float).sum()), 0


def queries(run: Run) -> Count:
    """Queries of ReasonSeg that are asked."""
    settings = run.study("qian2025")["queries"]
    drawn = run.config["datasets"].get("reasonseg", {}).get("images", QUERIES)
    return Count(sum(min(most, drawn.get(name, most)) for name, most in settings.items()), EXACT)


def expressions(run: Run) -> Count:
    """Referring expressions that are asked: at most so many of every split."""
    study = run.study("qian2025")
    splits = sum(len(one["splits"]) for one in study.get("refer", {}).values())
    return Count(study["expressions"] * splits, AT_MOST)


def _read(path: Path) -> Any:
    # Pandas takes a second to import, and most plans are made before there is a table.
    import pandas as pd

    return pd.read_parquet(path)
