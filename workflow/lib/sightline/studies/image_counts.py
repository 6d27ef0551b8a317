"""How many images of each split a configuration needs at most, before any annotation is read.

The studies of a run take images from the splits of COCO. Some want all of a split, some a number of them; from these
numbers follows whether a split is fetched whole or image by image (`sightline.scenes.single_images.choose_way`).
Whom POPE's questions are about says the user's copy of it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sightline.scenes.pope import COCO_SPLITS, coco_ids

CANDIDATES = 10
"""Images that pass neo2025's filter by size, for every one wanted behind its filter by description: LLaVA-1.5-7B keeps
roughly one in five."""


def count_images(config: Mapping[str, Any]) -> dict[str, int | None]:
    """Split -> most images that the run's studies look at; None where they look at all.

    Args:
        config: a configuration that was checked.

    Raises:
        AnnotationError: names the line at fault in a local copy of POPE.
    """
    counts: dict[str, int | None] = defaultdict(int)
    for split, images in _needs(config["studies"], config.get("datasets", {})):
        held = counts[split]
        counts[split] = None if held is None or images is None else held + images
    return dict(counts)


def _needs(
    studies: Mapping[str, Any], datasets: Mapping[str, Any]
) -> Iterator[tuple[str, int | None]]:
    if neo := studies.get("neo2025"):
        split = neo["ablation_set"]["split"]
        yield split, CANDIDATES * neo["ablation_set"]["accepted"]
        # Questions made from annotations pass over images that give none.
        source = neo["vqa_set"]["source"]
        yield split, neo["vqa_set"]["questions"] * (CANDIDATES if source == "templates" else 1)
        if "images" in neo["reference"]:
            yield neo["reference"]["split"], neo["reference"]["images"]
        yield neo["lens"]["split"], 2 * neo["lens"]["images"] + neo["lens"]["scenes"]
    if kaduri := studies.get("kaduri2025"):
        yield kaduri["images"]["split"], kaduri["images"]["count"]
        pope = datasets.get("pope", {})
        if "mme" in kaduri and "mme" in datasets and pope.get("source") == "local":
            # Which split an image is in, its number does not tell.
            asked = len(coco_ids(pope["path"]))
            yield from ((split, asked) for split in COCO_SPLITS if asked)
    if khajuria := studies.get("khajuria2025"):
        pairs = khajuria["pairs"]
        each = pairs.get("images_per_pair")
        # Two primary and four secondary categories.
        yield pairs["split"], None if each is None else each * 8 * len(pairs["tasks"])
        for part in ("train", "test"):
            images = khajuria["global_probe"][part]
            yield images["split"], images.get("images")
